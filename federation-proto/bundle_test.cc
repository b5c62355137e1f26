#include "federation-proto/bundle.h"

#include <gtest/gtest.h>

namespace bourse::federation {
namespace {

EnrolRequest signed_request(std::uint64_t seed) {
  SeededRng rng(seed);
  const KeyPair identity = make_key_pair(rng), billing = make_key_pair(rng);
  EnrolRequest request{.name = "north", .identity_key = identity.public_key, .billing_key = billing.public_key, .csr_pem = "-----BEGIN…"};
  request.identity_proof = sign(identity.secret, kEnrolType, enrol_payload(request));
  request.billing_proof = sign(billing.secret, kEnrolType, enrol_payload(request));
  return request;
}

JoinBundle bundle() {
  SeededRng rng(9);
  return {.audience = "bourse.test", .center = CenterId{Uuid{1, 2}}, .center_name = "north", .connector = ConnectorId{Uuid{3, 4}},
          .epoch = 1, .connect = "127.0.0.1:8443", .server_name = "link.bourse.internal", .root_pem = "root", .certificate_pem = "chain",
          .order_key = make_key_pair(rng).public_key, .ack_key = make_key_pair(rng).public_key};
}

TEST(EnrolRequest, GoesThroughJsonAndProves) {
  const EnrolRequest request = signed_request(1);
  const auto read = parse_enrol_request(to_json(request));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_TRUE(verify_proofs(*read));
}

TEST(EnrolRequest, ProofsCoverEveryField) {
  const auto spoilt = [](auto change) {
    EnrolRequest request = signed_request(1);
    change(request);
    return verify_proofs(request).has_value();
  };
  EXPECT_FALSE(spoilt([](EnrolRequest& r) { r.name = "south"; }));
  EXPECT_FALSE(spoilt([](EnrolRequest& r) { r.csr_pem += " "; }));
  EXPECT_FALSE(spoilt([](EnrolRequest& r) { r.identity_key = signed_request(2).identity_key; }));
  EXPECT_FALSE(spoilt([](EnrolRequest& r) { r.billing_key = signed_request(2).billing_key; }));
  EXPECT_FALSE(spoilt([](EnrolRequest& r) { std::swap(r.identity_proof, r.billing_proof); }));
  EXPECT_FALSE(spoilt([](EnrolRequest& r) { r.billing_key = r.identity_key, r.billing_proof = r.identity_proof; }));
  EXPECT_FALSE(spoilt([](EnrolRequest& r) { r.billing_key = {1}; }));
}

TEST(JoinBundle, GoesThroughJson) {
  const JoinBundle made = bundle();
  const auto read = parse_join_bundle(to_json(made));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(to_json(*read), to_json(made));
}

TEST(JoinBundle, NamesTheFieldThatIsWrong) {
  const auto error = [](const std::string& from, const std::string& to) {
    std::string json = to_json(bundle());
    json.replace(json.find(from), from.size(), to);
    const auto read = parse_join_bundle(json);
    return read ? std::string("accepted") : read.error().detail;
  };
  EXPECT_NE(error("\"version\": 1", "\"version\": 2").find("version"), std::string::npos);
  EXPECT_NE(error("\"epoch\": 1", "\"epoch\": -1").find("epoch"), std::string::npos);
  EXPECT_NE(error("\"epoch\": 1", "\"epoch\": 1e9").find("epoch"), std::string::npos);
  EXPECT_NE(error("\"connect\": \"127.0.0.1:8443\"", "\"connect\": 8443").find("connect"), std::string::npos);
  EXPECT_FALSE(parse_join_bundle("[]"));
  EXPECT_FALSE(parse_join_bundle("{"));
  EXPECT_FALSE(parse_join_bundle(std::string(1 << 20, ' ')));
}

}  // namespace
}  // namespace bourse::federation
