// Every bound of the HTTP server, in one place.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace bourse::http {

struct Limits {
  std::size_t header_bytes = 8 * 1024;  // request line and fields
  std::size_t header_count = 100;
  std::size_t target_bytes = 4 * 1024;
  std::size_t query_parameters = 32;
  std::size_t body_bytes = 2 * 1024 * 1024;                // a route may ask for less
  std::size_t bodies_in_flight_bytes = 256 * 1024 * 1024;  // of all connections together
  std::size_t connections = 8192;
  Duration idle = seconds(75);    // between two requests of a connection
  Duration header = seconds(10);  // from a request's first byte to the end of its header, however it trickles
  Duration body = seconds(30);    // from there to the end of its body
  Duration write = seconds(30);   // for the client to take a response, or one piece of a streamed one
  Duration stop = seconds(10);    // for requests under way when the server stops
};

}  // namespace bourse::http
