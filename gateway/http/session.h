// One connection: requests one after another, each checked, routed, answered. Used by the server alone.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstddef>
#include <unordered_set>

#include "gateway/http/server.h"

namespace bourse::http {

using Local = boost::asio::local::stream_protocol;

class Session;

// What the connections of all loops share.
struct Shared {
  const Router& router;
  const Clock& clock;
  Rng& rng;
  ServerOptions options;
  std::atomic<std::size_t> connections = 0;
  std::atomic<std::size_t> body_bytes = 0;  // taken from Limits::bodies_in_flight_bytes
  std::atomic<bool> stopping = false;
};

// The open connections of one loop; touched on it only.
struct Open {
  std::unordered_set<Session*> sessions;
};

// Serves until the peer goes, a limit is passed, or the server stops.
Task<void> serve(Local::socket socket, Shared& shared, Open& open);
// Tells the peer that there are too many connections, and closes.
Task<void> turn_away(Local::socket socket, Shared& shared);
// On the session's loop: idle ones, or all.
void close_sessions(Open& open, bool busy_ones_too);

}  // namespace bourse::http
