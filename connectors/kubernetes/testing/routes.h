// From an HTTP request to the cluster's verbs.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "connectors/kubernetes/testing/cluster.h"

namespace bourse::kubernetes::testing {

struct Asked {
  std::string method, target, body, content_type, authorization;
};

struct WatchAsked {
  Collection which;
  std::uint64_t version = 0;
  bool bookmarks = false;
  int timeout_s = 300;
};

struct Routed {
  Response response;
  std::optional<WatchAsked> watch;  // instead of the response
  bool swallow = false;             // close without an answer
};

Routed route(Cluster& cluster, const Asked& asked);

}  // namespace bourse::kubernetes::testing
