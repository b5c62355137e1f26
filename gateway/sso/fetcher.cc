#include "gateway/sso/fetcher.h"

#include <algorithm>

#include "gateway/http/text.h"

namespace bourse::sso {
namespace {

// "host" or "host:port" of the URL; empty if it has a user part or is no http(s) URL.
std::string_view authority_of(std::string_view url) {
  if (url.starts_with("https://")) {
    url.remove_prefix(8);
  } else if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else {
    return {};
  }
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  return authority.find_first_of("@\\") == std::string_view::npos ? authority : std::string_view{};
}

}  // namespace

bool is_loopback(std::string_view url) {
  const std::string_view authority = authority_of(url);
  for (const std::string_view host : {"127.0.0.1", "[::1]", "localhost"}) {
    if (!authority.starts_with(host)) continue;
    const std::string_view rest = authority.substr(host.size());
    if (rest.empty()) return true;
    if (rest.size() > 1 && rest.size() <= 6 && rest.front() == ':' &&
        std::ranges::all_of(rest.substr(1), [](char c) { return c >= '0' && c <= '9'; }))
      return true;
  }
  return false;
}

bool may_be_fetched(std::string_view url) {
  if (url.size() > 2048 || authority_of(url).empty() || url.find('#') != std::string_view::npos) return false;
  if (!http::is_free_of_controls(url) || url.find(' ') != std::string_view::npos) return false;
  return url.starts_with("https://") || is_loopback(url);
}

}  // namespace bourse::sso
