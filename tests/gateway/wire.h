// Raw bytes to a Unix socket and back: for requests that no client library would send.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/time.h"

namespace bourse::testing {

class Wire {
 public:
  explicit Wire(const std::string& socket);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  void send(std::string_view bytes);  // what the peer no longer wants is dropped
  void end();                         // no more from our side
  // All until the peer closes; what came by then if it doesn't within twenty seconds, with "<open>" after it.
  std::string read_all();
  // Until `text` has come; what came so far if the peer closes before.
  std::string read_until(std::string_view text);

 private:
  int fd_ = -1;
  std::string unread_;
};

// One request with "Connection: close", all of the answer.
std::string ask(const std::string& socket, std::string_view request);
// The parts of an answer.
int status_of(std::string_view answer);
std::string body_of(std::string_view answer);
// The value of a header field; empty when it is not there.
std::string header_of(std::string_view answer, std::string_view name);

}  // namespace bourse::testing
