// The stream for logs and files, beside the link and apart from money: lives as long as the session whose token it has.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "connectors/core/link.h"

namespace grpc {
class Channel;
}

namespace bourse::connector {

class LogStream {
 public:
  // Starts with construction; opened again when the network ends it, given up when the broker no longer knows the token.
  LogStream(std::shared_ptr<grpc::Channel> channel, std::vector<std::pair<std::string, std::string>> metadata,
            std::string token, LogSource source);
  ~LogStream();  // stops
  // Cancels and joins. Idempotent, but from one thread.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::connector
