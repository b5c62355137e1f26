// From a request to the person behind it: a session cookie or a bearer token, and what a cookie alone may not do.
#pragma once

#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "gateway/sso/people.h"

namespace bourse::sso {

inline constexpr std::string_view kSessionCookie = "__Host-bourse";

struct Credential {
  Hash256 token;
  bool from_cookie = false;
};

// The cookie of that name; nothing when there is none or more than one (a second one could be planted).
std::optional<std::string> cookie(const http::Headers& headers, std::string_view name);

// What the request shows, without asking anybody. A bearer token wins over a cookie; both must have the form of ours.
// Errors: unauthenticated.
Result<Credential> credential_of(const http::Headers& headers);

// A cookie comes along by itself, so a state change by cookie must show that our own page made it: Origin equal to
// `origin` and the header X-Bourse-Request: 1, which no other site's form can send. Errors: forbidden.
Status check_own_page(const http::Headers& headers, std::string_view origin);
// The first half, for plain HTML forms of ours.
Status check_origin(const http::Headers& headers, std::string_view origin);

// Resolves credentials; remembers answers for 30 seconds, which is how long a session ended elsewhere may live on here.
// Safe to use from every loop.
class Authenticator {
 public:
  Authenticator(People& people, const Clock& clock) : people_(people), clock_(clock) {}
  // Errors: unauthenticated, unavailable, timeout.
  http::Task<Result<Principal>> resolve(Credential credential);
  void forget(const Hash256& token);

 private:
  static constexpr Duration kKept = seconds(30);
  static constexpr std::size_t kMostKept = 20'000;
  struct Known {
    Principal principal;
    Duration until;
    std::list<Hash256>::iterator place;
  };
  std::optional<Principal> remembered(const Hash256& token);
  void remember(const Hash256& token, const Principal& principal);
  void erase(std::map<Hash256, Known>::iterator found);

  People& people_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<Hash256, Known> known_;
  std::list<Hash256> order_;  // oldest first
};

}  // namespace bourse::sso
