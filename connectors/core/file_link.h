// What moves files between the broker and us: three calls, apart from the link and from money.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"
#include "bourse/federation/v1/federation.pb.h"

namespace bourse::connector {

// Safe from any thread; calls block, also for long, and end when the link does. Errors of all: unavailable (there is no link now,
// or it broke: the same call may be made again), overloaded, integrity (the bytes' hash is wrong), and others for good.
class FileLink {
 public:
  virtual ~FileLink() = default;
  // Gives the file from `offset` to its end to `sink`, piece by piece; what `sink` fails with ends it. Returns the file's size.
  virtual Result<std::int64_t> pull(JobId job, AttemptId attempt, const Hash256& hash, std::int64_t offset,
                                    const std::function<Status(std::string_view)>& sink) = 0;
  virtual Result<federation::v1::OutputsWanted> tell(federation::v1::OutputsTold told) = 0;
  // `first` names the file and where it goes on; `next` gives a piece, an empty one at the end.
  virtual Result<federation::v1::PushReply> push(federation::v1::PushPiece first, const std::function<Result<std::string>()>& next) = 0;
};

}  // namespace bourse::connector
