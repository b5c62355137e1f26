// ApiServer: HTTP/1.1 before a Cluster, plain or TLS, on a port of the loopback. Threads of its own; the destructor ends them all.
#pragma once

#include <memory>
#include <string>

#include "connectors/kubernetes/testing/cluster.h"

namespace bourse::kubernetes::testing {

struct ServerTls {
  std::string certificate, key;  // PEM
  std::string client_ca;         // clients must have a certificate of it, if there is one
};

class ApiServer {
 public:
  // `cluster` must live longer.
  explicit ApiServer(Cluster& cluster, ServerTls tls = {});
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  std::string address() const;  // "http://127.0.0.1:40001"
  int connections() const;      // taken so far
  int watches() const;          // open now
  // Ends every connection; new ones are taken.
  void cut();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::kubernetes::testing
