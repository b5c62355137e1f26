// One identity provider: discovery, the address to send a browser to, and the exchange of a code for an identity.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "gateway/sso/fetcher.h"
#include "gateway/sso/id_token.h"
#include "gateway/sso/people.h"

namespace bourse::sso {

struct ProviderSettings {
  std::string name;  // in our URLs and on the chooser: [a-z0-9-]
  std::string url;   // the issuer, compared byte for byte
  std::string client_id;
  std::string client_secret;  // empty: a public client
  std::string tenant;         // whose people these are
  std::string algorithm = "RS256";
  std::string groups_claim = "groups";
  std::string scope = "openid profile groups";
  std::map<std::string, std::string> roles;  // group → role; whoever is in none of them has no role
};

struct Departure {
  std::string redirect_uri, state, nonce, challenge;
};
struct Return {
  std::string redirect_uri, code, verifier, nonce;
};

// Thread-safe. Every call may block for a few fetches: run it on workers.
class Provider {
 public:
  Provider(ProviderSettings settings, Fetcher& fetcher, const Clock& clock)
      : settings_(std::move(settings)), fetcher_(fetcher), clock_(clock) {}

  const ProviderSettings& settings() const { return settings_; }
  // Errors: unavailable, timeout (the provider); failed_precondition (what it says of itself doesn't fit).
  Result<std::string> authorization_url(const Departure& departure);
  // Errors: also unauthenticated (the code or the token was refused).
  Result<Identity> identify(const Return& back);

 private:
  struct Discovery {
    std::string authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint;
    bool basic_authentication = true;  // else the secret goes into the form
    Duration read_at;
  };
  struct Tokens {
    std::string id_token, access_token;
  };
  Result<Discovery> discover();
  Result<Discovery> read_discovery(std::string_view text) const;
  Result<Tokens> exchange(const Discovery& discovery, const Return& back);
  Result<PublicKey> key_for(const Discovery& discovery, const std::optional<std::string>& kid);
  Result<IdClaims> complete(const Discovery& discovery, const Tokens& tokens, IdClaims claims);

  const ProviderSettings settings_;
  Fetcher& fetcher_;
  const Clock& clock_;
  std::mutex discovery_mutex_;
  std::optional<Discovery> discovery_;
  std::mutex keys_mutex_;  // held over the fetch, so that a crowd with a new key id makes one
  KeySet keys_;
  std::optional<Duration> keys_read_at_;
};

}  // namespace bourse::sso
