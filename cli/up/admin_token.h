// The first administrator's token: how an operator enters a market that has no identity provider yet.
#pragma once

#include <string>

#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"

namespace bourse::embedded {

// Makes a token, registers its hash at the broker for a user "administrator" of the tenant "Operators" with the roles
// operator and finance, good for 30 days, and returns it. Who may open the broker's socket may do this. Errors:
// unavailable, timeout.
Result<std::string> register_admin_token(const std::string& market_address, const Clock& clock, Rng& rng);

}  // namespace bourse::embedded
