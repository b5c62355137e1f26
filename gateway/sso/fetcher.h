// The port for asking an identity provider over HTTP. Blocks; used on workers only.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "gateway/http/message.h"

namespace bourse::sso {

struct Fetch {
  std::string url;
  http::Headers headers;
  std::string form;  // not empty: a POST of application/x-www-form-urlencoded
  std::size_t most_bytes = 64 * 1024;
  Duration timeout = seconds(5);
};

struct Fetched {
  int status = 0;
  std::string body;
};

class Fetcher {
 public:
  virtual ~Fetcher() = default;
  // Redirects are not followed. Errors: unavailable (no answer, or one over most_bytes), timeout.
  virtual Result<Fetched> fetch(const Fetch& request) = 0;
};

// Whether a URL may be asked at all: https, or http when its host is a literal loopback address; no user in it, no
// fragment.
bool may_be_fetched(std::string_view url);
// The host is 127.0.0.1, [::1] or localhost.
bool is_loopback(std::string_view url);

}  // namespace bourse::sso
