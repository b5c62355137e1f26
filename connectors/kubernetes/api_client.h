// ApiClient: HTTP/1.1 to one Kubernetes API server. Every call ends within its share of the budget, answers are bounded, nothing is
// repeated but a question whose idle connection had died. One thread a client; its watches belong to the same thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "connectors/kubernetes/kubeconfig.h"

namespace bourse::kubernetes {

struct ClientLimits {
  Duration call = seconds(10);
  std::size_t answer_bytes = 32 << 20;
  std::size_t watch_line_bytes = 4 << 20;  // one event
};

enum class Method : std::uint8_t { get, post, patch, remove };

// What came of one request.
struct Answer {
  int status = 0;         // HTTP's; 0 = none came
  bool sent = false;      // something of the request may have reached the server
  std::string body;
  std::string problem;    // why none came
  bool whole = true;      // false: the body was cut at the bound that was asked for
  bool ok() const { return status >= 200 && status < 300; }
};

// An answer that isn't ok, as an error. `changes`: the request was to change something. Reads the Status object that the API answers with.
//   rejected   400, 403, 404, 405, 409, 413, 415, 422 (of a question: unavailable, but for not_found and forbidden's words)
//   transient  nothing was sent; 401; 429; 503
//   unknown    no answer after a change was sent; 500, 502, 504 to a change
Error failure(const std::string& what, const Answer& answer, bool changes);
// "AlreadyExists", "Expired", "Forbidden"…: `reason` of the Status object, "" without one.
std::string reason_of(const std::string& body);

// A stream of events, a line each. Reading never waits.
class Watch {
 public:
  virtual ~Watch() = default;
  enum class State : std::uint8_t { open, ended, broken };  // ended: by the server, after all that it had to say
  // The next whole line; nothing: none is there now, and state() says whether one may come.
  virtual std::optional<std::string> next() = 0;
  virtual State state() const = 0;
  virtual int status() const = 0;  // 0 until the header came
};

class ApiClient {
 public:
  // `clock` must live longer. Errors: invalid_argument (a PEM text that can't be read).
  static Result<std::unique_ptr<ApiClient>> open(Access access, ClientLimits limits, const Clock& clock);
  virtual ~ApiClient() = default;

  // From now on all calls together have this long.
  virtual void begin(Duration all) = 0;
  // `target` begins with '/'. At most `most_bytes` of the answer (0 = the limit, beyond which the answer is a problem; given, it is cut).
  virtual Answer call(Method method, const std::string& target, const std::string& body = {}, std::size_t most_bytes = 0) = 0;
  // Opens a connection of its own and asks; the header is waited for within the budget. A status that isn't 200 is an Answer with it.
  virtual std::unique_ptr<Watch> watch(const std::string& target, Answer& refused) = 0;
};

}  // namespace bourse::kubernetes
