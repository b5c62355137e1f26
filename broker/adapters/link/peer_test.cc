#include "broker/adapters/link/peer.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>

namespace bourse::broker {
namespace {

constexpr Instant kNow{1'800'000'000'000};
const std::string kOurs = "URI:spiffe://bourse.test/center/" + to_text(CenterId{Uuid{1, 2}}) + "/connector/" + to_text(ConnectorId{Uuid{3, 4}});

// The header for a certificate with these names and purposes; who signed it is the edge's to check.
std::string header(const std::string& names, const char* usage = "clientAuth", Instant from = kNow - hours(1), Instant until = kNow + hours(1)) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_TIME_set(X509_getm_notBefore(certificate), static_cast<time_t>(from.unix_ms / 1000));
  ASN1_TIME_set(X509_getm_notAfter(certificate), static_cast<time_t>(until.unix_ms / 1000));
  X509_set_pubkey(certificate, key);
  const auto add = [&](int nid, const std::string& value) {
    if (value.empty()) return;
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  };
  add(NID_subject_alt_name, names);
  add(NID_ext_key_usage, usage);
  X509_sign(certificate, key, EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string escaped;
  for (long i = 0; i < size; ++i) {
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02x", static_cast<unsigned>(static_cast<unsigned char>(data[i])));
    escaped += hex;
  }
  BIO_free(bio);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return escaped;
}

std::string why(const std::string& head) {
  const auto peer = read_peer(head, "bourse.test", kNow);
  return peer ? "" : peer.error().detail;
}

TEST(Peer, IsWhomTheCertificateNames) {
  const auto peer = read_peer(header(kOurs), "bourse.test", kNow);
  ASSERT_TRUE(peer) << peer.error().message();
  EXPECT_EQ(peer->center, CenterId({Uuid{1, 2}}));
  EXPECT_EQ(peer->connector, ConnectorId({Uuid{3, 4}}));
  EXPECT_EQ(peer->until, kNow + hours(1));
}

TEST(Peer, HasExactlyOneNameAndItIsOurs) {
  EXPECT_NE(why(header("")), "");
  EXPECT_NE(why(header(kOurs + "," + kOurs)), "") << "two";
  EXPECT_NE(why(header(kOurs + ",DNS:link.bourse.internal")), "");
  EXPECT_NE(why(header("URI:spiffe://another.market" + kOurs.substr(kOurs.find("/center")))), "");
  EXPECT_NE(why(header(kOurs + "/more")), "");
  EXPECT_NE(why(header("URI:spiffe://bourse.test/center/")), "");
  EXPECT_NE(why(header("URI:https://bourse.test/")), "");
}

TEST(Peer, ItsCertificateIsForClientsAndInTime) {
  EXPECT_NE(why(header(kOurs, "serverAuth")), "");
  EXPECT_NE(why(header(kOurs, "clientAuth,serverAuth")), "");
  EXPECT_NE(why(header(kOurs, "")), "");
  EXPECT_NE(why(header(kOurs, "clientAuth", kNow - hours(2), kNow - seconds(1))), "");
  EXPECT_NE(why(header(kOurs, "clientAuth", kNow + seconds(1), kNow + hours(2))), "");
}

TEST(Peer, RefusesNonsense) {
  for (const char* head : {"", "x", "%", "%4", "%zz", "-----BEGIN CERTIFICATE-----"}) EXPECT_NE(why(head), "") << head;
  EXPECT_NE(why(std::string(20'000, 'x')), "");
}

}  // namespace
}  // namespace bourse::broker
