// Sign-in of the command line (RFC 8252): a browser at the market, a one-time code back on a loopback port, PKCE S256.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"
#include "cli/client/client.h"

namespace bourse::cli {

struct LoginOptions {
  std::string issuer;                               // empty = the market asks, or there is only one
  Duration patience = minutes(5);
  std::function<void(const std::string& url)> show;  // told where to go
};

// Waits for the browser to come back and exchanges the code for an access token. Errors: timeout (nobody came),
// unauthenticated (refused at the market), unavailable.
Result<std::string> log_in(Client& client, const LoginOptions& options, const Clock& clock, Rng& rng);

}  // namespace bourse::cli
