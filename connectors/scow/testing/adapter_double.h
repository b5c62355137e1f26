// AdapterDouble: a gRPC server that speaks like a SCOW scheduler adapter, in this process.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "connectors/scow/testing/world.h"

namespace bourse::scow::testing {

struct ServerTls {
  std::string ca, certificate, key;  // PEM; clients must have a certificate of `ca`
};

class AdapterDouble {
 public:
  // `world` must live longer.
  explicit AdapterDouble(World& world, std::optional<ServerTls> tls = {}, std::string address = "127.0.0.1:0");
  ~AdapterDouble();
  AdapterDouble(const AdapterDouble&) = delete;
  AdapterDouble& operator=(const AdapterDouble&) = delete;

  std::string address() const;
  // The process ends, and starts again on the same address; the world goes on.
  void stop();
  void start();

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace bourse::scow::testing
