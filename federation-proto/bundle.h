// The join bundle: what the broker's operator hands to a center, as one JSON file, and the request it answers.
//
// There is no secret in either. The bundle pins the broker's root, so a connector trusts nothing at first use.
#pragma once

#include <string>

#include "base/id.h"
#include "federation-proto/envelope.h"

namespace bourse::federation {

// {"version":1,"name":…,"identity_key":hex,"billing_key":hex,"csr_pem":…,"identity_proof":hex,"billing_proof":hex}
struct EnrolRequest {
  std::string name;  // the center's: [a-z0-9-]
  PublicKey identity_key{};
  PublicKey billing_key{};
  std::string csr_pem;
  Signature identity_proof{};
  Signature billing_proof{};
};

std::string to_json(const EnrolRequest& request);
Result<EnrolRequest> parse_enrol_request(const std::string& json);  // errors: invalid_argument

// What both proofs sign, under kEnrolType: name ‖ 0x00 ‖ csr ‖ identity key ‖ billing key.
std::string enrol_payload(const EnrolRequest& request);
// Both keys acceptable and different, both proofs good. Errors: invalid_argument, bad_signature.
Status verify_proofs(const EnrolRequest& request);

// {"version":1,"audience":…,"center":"ctr_…","center_name":…,"connector":"con_…","epoch":1,
//  "connect":"127.0.0.1:8443","server_name":"link.bourse.internal","root_pem":…,"certificate_pem":…,
//  "order_key":hex,"ack_key":hex}
struct JoinBundle {
  std::string audience;
  CenterId center;
  std::string center_name;
  ConnectorId connector;
  std::uint64_t epoch = 1;      // of the report chain
  std::string connect;          // host:port of the edge
  std::string server_name;      // for SNI and the certificate check
  std::string root_pem;         // the pin
  std::string certificate_pem;  // leaf first, intermediate after
  PublicKey order_key{};        // K_order
  PublicKey ack_key{};          // K_ack
};

std::string to_json(const JoinBundle& bundle);
Result<JoinBundle> parse_join_bundle(const std::string& json);  // errors: invalid_argument, naming the field

}  // namespace bourse::federation
