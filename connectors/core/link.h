// The link port: a stream to the broker that comes and goes. The connector sends into it and is told what arrives.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "connectors/core/driver.h"

namespace bourse::federation::v1 {
class BrokerFrame;
class ConnectorFrame;
}  // namespace bourse::federation::v1

namespace bourse::connector {

class FileLink;  // file_link.h

struct LinkEvent {
  enum class Kind : std::uint8_t { opened, frame, closed } kind{};
  std::uint64_t session = 0;  // rises with every stream; what belongs to an older one is stale
  std::shared_ptr<const federation::v1::BrokerFrame> frame;
  std::string detail;         // closed: why, for people
};

// Members are safe from any thread. A session that is over ignores what is asked of it.
class Link {
 public:
  virtual ~Link() = default;
  // False: the session is over, or its queue is full (then it is dropped: what mattered is in the spool).
  virtual bool send(std::uint64_t session, federation::v1::ConnectorFrame frame) = 0;
  // After the welcome: heartbeats this often, and the stream is given up after three without a word.
  virtual void established(std::uint64_t session, Duration heartbeat, const std::string& files_token) = 0;
  // Ends the stream; the next one is tried after at least `pause`.
  virtual void drop(std::uint64_t session, Duration pause) = 0;
  // Where files travel; nullptr: nowhere. As long as the link itself.
  virtual FileLink* files() { return nullptr; }
};

// Answers the broker's questions for logs; called from the link's own thread.
using LogSource = std::function<Result<LogPiece>(JobId, AttemptId, std::int64_t offset, std::int64_t max_bytes)>;

}  // namespace bourse::connector
