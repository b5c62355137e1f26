// The HTTP/1.1 server behind nginx: one Unix socket, connections dealt to the loops in turn.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/rng.h"
#include "base/time.h"
#include "gateway/http/limits.h"
#include "gateway/http/loops.h"
#include "gateway/http/router.h"

namespace bourse::http {

// One answered request, for the log. The views are valid during the call only. `path` is without the query, which may
// carry secrets.
struct Served {
  std::string_view request_id;
  Method method = Method::other;
  std::string_view path;
  int status = 0;
  std::uint64_t body_bytes = 0;  // sent
  Duration took;
};

struct ServerOptions {
  std::string socket;  // path; at most 107 bytes
  Limits limits;
  std::function<void(const Served&)> served;         // called on the loops
  std::function<void(std::string_view what)> fault;  // an exception left a handler; called on the loops
  std::function<void()> cut;                         // stopping, and the patience is over: end what handlers wait for
};

class Server {
 public:
  // All references outlive the server; `rng` is safe to use from several threads.
  Server(Loops& loops, const Router& router, const Clock& clock, Rng& rng, ServerOptions options);
  ~Server();

  // Binds (a socket that a dead process left is replaced, one that answers is not) and starts to accept. Mode 0660.
  // Errors: unavailable.
  Status listen();
  // Stops accepting, closes idle connections, gives requests under way Limits::stop to end, then cuts them (`cut`).
  // Blocks; call it from outside the loops.
  void stop();

 private:
  class Acceptance;
  std::unique_ptr<Acceptance> acceptance_;
};

}  // namespace bourse::http
