// The join bundle: what the broker's operator hands to a center, as one JSON file. It pins the broker's root and keys, so a
// connector trusts nothing at first use. Its token is a secret until a connector has joined by it.
#pragma once

#include <string>

#include "base/id.h"
#include "base/time.h"
#include "federation-proto/envelope.h"

namespace bourse::federation {

// {"version":1,"audience":…,"center":"ctr_…","center_name":…,"token":"bjt_…","expires_at":…,
//  "connect":"127.0.0.1:8443","server_name":"link.bourse.internal","join_server_name":"join.bourse.internal",
//  "root_pem":…,"order_key":hex,"ack_key":hex}
struct JoinBundle {
  std::string audience;          // the market's name
  CenterId center;
  std::string center_name;
  std::string token;             // good for one connector, until it expires
  Instant expires_at;
  std::string connect;           // host:port of the edge
  std::string server_name;       // of the link, for SNI and the certificate check
  std::string join_server_name;  // of joining and renewing
  std::string root_pem;          // the pin
  PublicKey order_key{};         // K_order
  PublicKey ack_key{};           // K_ack
};

std::string to_json(const JoinBundle& bundle);
Result<JoinBundle> parse_join_bundle(const std::string& json);  // errors: invalid_argument, naming the field

// "bjt_" ‖ the center's id ‖ "." ‖ 32 random bytes in hexadecimal ‖ "." ‖ the first 8 digits of the SHA-256 of what precedes,
// so that a token cut short or mistyped is told from a wrong one.
std::string make_join_token(CenterId center, Rng& rng);
Result<CenterId> center_of_token(const std::string& token);  // errors: invalid_argument
// What the broker keeps of a token.
Hash256 token_hash(const std::string& token);

// Of a connector's both keys, for people to compare: SHA-256(K_id ‖ K_bill), and that in groups of four digits.
Hash256 keys_fingerprint(const PublicKey& identity, const PublicKey& billing);
std::string shown_fingerprint(const Hash256& fingerprint);
// As a person types it: spaces, colons, dashes and case don't matter. Errors: invalid_argument.
Result<Hash256> read_fingerprint(const std::string& typed);

}  // namespace bourse::federation
