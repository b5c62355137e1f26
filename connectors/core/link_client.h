// The link over gRPC: dials, keeps one stream, dials again with jittered, bounded backoff.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "connectors/core/link.h"

namespace grpc {
class Channel;
}

namespace bourse::connector {

struct LinkClientOptions {
  std::function<std::shared_ptr<grpc::Channel>()> channel;  // called for every dial
  std::vector<std::pair<std::string, std::string>> metadata;
  Duration backoff_min = milliseconds(500);
  Duration backoff_max = seconds(30);
  Duration hello_deadline = seconds(20);  // from the dial to `established`
  std::size_t max_queued = 256;           // frames to be sent
};

class LinkClient final : public Link {
 public:
  // `sink` is called from the link's threads, in order, and may block (that is the flow control); not after stop().
  using Sink = std::function<void(LinkEvent)>;
  LinkClient(LinkClientOptions options, Sink sink, LogSource logs, const Clock& clock, Rng& rng);
  ~LinkClient() override;  // stops

  void start();
  // Ends the stream and joins all threads. The sink must not be blocked for ever. Idempotent.
  void stop();

  bool send(std::uint64_t session, federation::v1::ConnectorFrame frame) override;
  void established(std::uint64_t session, Duration heartbeat, const std::string& files_token) override;
  void drop(std::uint64_t session, Duration pause) override;
  FileLink* files() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::connector
