// A center's side of joining: keys that are made here and never leave, a request that carries their public halves, and
// the bundle that comes back.
#pragma once

#include <string>

#include "base/rng.h"
#include "base/time.h"
#include "federation-proto/bundle.h"

namespace bourse::connector {

struct ConnectorKeys {
  federation::KeyPair identity;  // K_id
  federation::KeyPair billing;   // K_bill
  std::string tls_key_pem;       // K_tls, P-256
};

// Makes the folder, the keys that are missing, and <directory>/request.json. May be repeated: keys that exist stay.
// Errors: invalid_argument (name), integrity, unavailable, internal.
Result<federation::EnrolRequest> initialise(const std::string& directory, const std::string& name, Rng& rng);

// Errors: not_found (initialise first), integrity, unavailable.
Result<ConnectorKeys> load_keys(const std::string& directory);

// Checks that the bundle answers this folder's keys (certificate of our TLS key, chain to its root, in time) and keeps it
// as <directory>/bundle.json. A later bundle of the same center and connector replaces it (a renewed certificate); one of
// another center is refused. Errors: invalid_argument, conflict, not_found, unavailable.
Result<federation::JoinBundle> install(const std::string& bundle_json, const std::string& directory, Instant now);

// Errors: not_found (install first), integrity.
Result<federation::JoinBundle> load_bundle(const std::string& directory);

}  // namespace bourse::connector
