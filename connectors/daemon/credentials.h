// The connector's own folder: its keys, the bundle that it was invited by, and the credentials that the broker gave it.
//
//   keys/identity.key  keys/billing.key   Ed25519 seeds (K_id, K_bill), made here, never sent
//   bundle.json                           where the market is, and what it is known by
//   credentials.json                      the newest certificate with its key; replaced whole at each renewal
//
// All 0600 in a folder of 0700.
#pragma once

#include <string>

#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"
#include "federation-proto/bundle.h"
#include "federation-proto/envelope.h"

namespace bourse::connector {

struct ConnectorKeys {
  federation::KeyPair identity, billing;
};
// Makes the folder and what is missing of it. Errors: unavailable, integrity (open to others, damaged).
Result<ConnectorKeys> make_keys(const std::string& directory, Rng& rng);
Result<ConnectorKeys> load_keys(const std::string& directory);  // errors also: not_found

// Keeps the bundle. Another one of the same center replaces it; of another center: conflict.
Result<federation::JoinBundle> adopt_bundle(const std::string& bundle_json, const std::string& directory);
Result<federation::JoinBundle> load_bundle(const std::string& directory);  // errors: not_found, integrity

struct Credentials {
  ConnectorId connector;
  std::uint64_t epoch = 1;       // of the report chain
  std::uint64_t generation = 0;  // 0: admitted, and no certificate yet
  Instant since, until;          // of the certificate
  std::string tls_key_pem;
  std::string certificate_pem;   // leaf first, intermediate after
};
Status save(const Credentials& credentials, const std::string& directory);
Result<Credentials> load_credentials(const std::string& directory);  // errors: not_found (not admitted yet), integrity

}  // namespace bourse::connector
