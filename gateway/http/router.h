// Routes: method and path pattern to handler.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/http/message.h"
#include "gateway/http/text.h"

namespace bourse::http {

struct Route {
  Method method = Method::get;
  std::string pattern;                 // "/api/v1/jobs/{id}": a segment is literal or one {name}
  std::size_t body_bytes = 64 * 1024;  // the largest body it takes
  Handler handler;
};

struct Match {
  const Route* route = nullptr;  // nothing: no route for that method
  Parameters values;
  std::string allow;  // methods of the path, for 405; empty: no such path
};

// Filled before the server starts, read-only after.
class Router {
 public:
  // A literal segment wins over a {name}. Two routes of one method and shape are a programmer's mistake.
  void add(Route route);
  // HEAD finds the GET route.
  Match match(Method method, const Target& target) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
  std::vector<std::vector<std::string>> patterns_;  // of routes_, split
};

}  // namespace bourse::http
