// The port to the broker for people: who signed in, and which sessions there are.
#pragma once

#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "base/time.h"
#include "gateway/http/message.h"

namespace bourse::sso {

// Whom a request comes from; made by the broker.
struct Principal {
  std::string user;    // usr_…
  std::string tenant;  // ten_…
  std::string name;
  std::vector<std::string> roles;
  std::vector<std::string> accounts;  // billing accounts, the default first
};

// What an identity provider vouched for. A person is (issuer, subject) and never an e-mail address.
struct Identity {
  std::string issuer;
  std::string subject;
  std::string name;
  std::string tenant;              // from the configuration of that issuer
  std::vector<std::string> roles;  // by the configuration's allow-list
};

struct NewSession {
  Hash256 token;  // SHA-256 of the token; the token itself leaves the gateway to its owner only
  std::string user;
  std::vector<std::string> roles;
  Instant expires;
  std::string kind;  // "browser", "cli"
};

// Safe to use from every loop; every call has a deadline.
class People {
 public:
  virtual ~People() = default;
  virtual http::Task<Result<Principal>> sign_in(Identity identity) = 0;
  virtual http::Task<Status> open_session(NewSession session) = 0;
  // Errors: unauthenticated (no such session, or it has ended).
  virtual http::Task<Result<Principal>> resolve(Hash256 token) = 0;
  virtual http::Task<Status> end_session(Hash256 token) = 0;
};

}  // namespace bourse::sso
