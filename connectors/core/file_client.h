// The file link over gRPC, good for as long as a session is: it is told of each by the link's client.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "connectors/core/file_link.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace bourse::connector {

class FileClient final : public FileLink {
 public:
  using Metadata = std::vector<std::pair<std::string, std::string>>;

  // A session has begun, whose token this is.
  void begin(std::shared_ptr<grpc::Channel> channel, Metadata metadata, std::string token);
  // It is over: calls under way end, new ones fail.
  void end();

  Result<std::int64_t> pull(JobId job, AttemptId attempt, const Hash256& hash, std::int64_t offset,
                            const std::function<Status(std::string_view)>& sink) override;
  Result<federation::v1::OutputsWanted> tell(federation::v1::OutputsTold told) override;
  Result<federation::v1::PushReply> push(federation::v1::PushPiece first, const std::function<Result<std::string>()>& next) override;

 private:
  class Call;

  std::mutex mutex_;
  std::shared_ptr<grpc::Channel> channel_;
  Metadata metadata_;
  std::string token_;
  std::set<grpc::ClientContext*> calls_;
};

}  // namespace bourse::connector
