// The certificates as others see them: checked with the openssl program.
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "broker/adapters/ca/keys.h"
#include "broker/adapters/ca/x509.h"

namespace bourse::broker {
namespace {

constexpr Instant kNow{1'800'000'000'000};

std::string csr_of(EVP_PKEY* key, const char* san = nullptr, EVP_PKEY* signer = nullptr) {
  X509_REQ* request = X509_REQ_new();
  X509_REQ_set_pubkey(request, key);
  X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), NID_commonName, MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("root of all"), -1, -1, 0);
  if (san != nullptr) {
    STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(extensions, X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, san));
    X509_REQ_add_extensions(request, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  }
  X509_REQ_sign(request, signer != nullptr ? signer : key, EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509_REQ(bio, request);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  X509_REQ_free(request);
  return pem;
}

class Authority : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "bourse-ca-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    auto opened = open();
    ASSERT_TRUE(opened) << opened.error().message();
    authority_ = std::make_unique<CertificateAuthority>(std::move(*opened));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Result<CertificateAuthority> open() { return CertificateAuthority::open(directory_ + "/keys", directory_ + "/root", kNow); }
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  // `openssl verify` of the chain's leaf; its output names what is wrong.
  bool verifies(const std::string& chain, const char* purpose) {
    const std::string root = file("root.pem", authority_->root_pem()), leaf = file("leaf.pem", chain);
    std::vector<std::string> argv = {"openssl", "verify", "-x509_strict", "-attime", std::to_string(kNow.unix_ms / 1000), "-purpose", purpose,
                                     "-CAfile", root, "-untrusted", leaf, leaf};
    std::vector<char*> raw;
    for (std::string& argument : argv) raw.push_back(argument.data());
    raw.push_back(nullptr);
    pid_t pid = 0;
    if (::posix_spawnp(&pid, "openssl", nullptr, nullptr, raw.data(), environ) != 0) return false;
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  Result<std::string> issue(const std::string& csr) {
    return authority_->issue_connector(csr, "bourse.test", CenterId{Uuid{1, 2}}, ConnectorId{Uuid{3, 4}}, kNow, hours(1));
  }

  std::string directory_;
  std::unique_ptr<CertificateAuthority> authority_;
};

TEST_F(Authority, AConnectorsCertificateIsForClientsOnlyAndHasOneName) {
  const auto key = x509::make_p256_key();
  const auto chain = issue(csr_of(key->get(), "URI:spiffe://bourse.test/center/ctr_forged/connector/x,DNS:link.bourse.internal"));
  ASSERT_TRUE(chain) << chain.error().message();
  EXPECT_TRUE(verifies(*chain, "sslclient"));
  EXPECT_FALSE(verifies(*chain, "sslserver"));

  const auto leaf = x509::parse_certificate(*chain);
  EXPECT_EQ(X509_get_extended_key_usage(leaf->get()), XKU_SSL_CLIENT);
  EXPECT_EQ(X509_check_ca(leaf->get()), 0);
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf->get(), NID_subject_alt_name, nullptr, nullptr));
  ASSERT_EQ(sk_GENERAL_NAME_num(names), 1);
  const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, 0);
  ASSERT_EQ(name->type, GEN_URI);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier))),
            "spiffe://bourse.test/center/" + to_text(CenterId{Uuid{1, 2}}) + "/connector/" + to_text(ConnectorId{Uuid{3, 4}}));
  GENERAL_NAMES_free(names);
}

TEST_F(Authority, TheEdgesCertificateIsForServersAndItsNames) {
  const auto server = authority_->issue_server({"link.bourse.internal", "localhost"}, kNow, hours(24));
  ASSERT_TRUE(server) << server.error().message();
  EXPECT_TRUE(verifies(server->chain_pem, "sslserver"));
  EXPECT_FALSE(verifies(server->chain_pem, "sslclient"));
  const auto leaf = x509::parse_certificate(server->chain_pem);
  EXPECT_EQ(X509_check_host(leaf->get(), "link.bourse.internal", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(leaf->get(), "elsewhere.example", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(leaf->get(), "127.0.0.1", 0), 1);
  EXPECT_FALSE(authority_->issue_server({"a,DNS:evil.example"}, kNow, hours(1)));
}

TEST_F(Authority, RefusesRequestsThatItCantTrust) {
  const auto key = x509::make_p256_key();
  std::string spoilt = csr_of(key->get());
  spoilt[spoilt.size() / 2] = spoilt[spoilt.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(issue(spoilt));
  EXPECT_FALSE(issue("no request"));
  EXPECT_FALSE(issue(""));
  EVP_PKEY* rsa = EVP_RSA_gen(2048);
  EXPECT_EQ(issue(csr_of(rsa)).error().code, ErrorCode::invalid_argument);
  EVP_PKEY_free(rsa);
  EVP_PKEY* p384 = EVP_EC_gen("P-384");
  EXPECT_EQ(issue(csr_of(p384)).error().code, ErrorCode::invalid_argument);
  EVP_PKEY_free(p384);
}

TEST_F(Authority, ARequestProvesThatItsKeyIsHeld) {
  const auto key = x509::make_p256_key(), other = x509::make_p256_key();
  const auto refused = issue(csr_of(key->get(), nullptr, other->get()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(refused.error().detail.find("signature"), std::string::npos) << refused.error().detail;
}

TEST_F(Authority, RefusesRequestsThatAreTooLargeOrSomethingElse) {
  const auto key = x509::make_p256_key();
  EXPECT_EQ(issue(csr_of(key->get()) + std::string(1 << 20, '\n')).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(issue(std::string(1 << 20, 'A')).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(issue(*x509::to_pem(key->get())).error().code, ErrorCode::invalid_argument) << "a private key";
  EXPECT_EQ(issue(authority_->root_pem()).error().code, ErrorCode::invalid_argument) << "a certificate";
  EVP_PKEY* ed25519 = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  EXPECT_EQ(issue(*x509::to_pem(ed25519)).error().code, ErrorCode::invalid_argument);
  EVP_PKEY_free(ed25519);
}

TEST_F(Authority, OneKeyCertifiedTwiceKeepsItsTwoNamesApart) {
  const auto key = x509::make_p256_key();
  const auto first = issue(csr_of(key->get()));
  const auto second = authority_->issue_connector(csr_of(key->get()), "bourse.test", CenterId{Uuid{5, 6}}, ConnectorId{Uuid{7, 8}}, kNow, hours(1));
  ASSERT_TRUE(first && second);
  const auto a = x509::parse_certificate(*first), b = x509::parse_certificate(*second);
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get0_serialNumber(a->get()), X509_get0_serialNumber(b->get())), 0);
  EXPECT_NE(X509_NAME_cmp(X509_get_subject_name(a->get()), X509_get_subject_name(b->get())), 0);
}

TEST_F(Authority, OpensAgainWithoutTheRootsKey) {
  const std::string root = authority_->root_pem();
  std::filesystem::remove_all(directory_ + "/root");
  const auto again = open();
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->root_pem(), root);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/root"));
}

TEST_F(Authority, RefusesKeysThatOthersCanRead) {
  ::chmod((directory_ + "/keys/intermediate.key").c_str(), 0644);
  EXPECT_EQ(open().error().code, ErrorCode::integrity);
}

TEST_F(Authority, KeepsItsSigningKeys) {
  SeededRng rng(1), other(2);
  const auto made = load_or_create_keys(directory_ + "/keys", rng);
  ASSERT_TRUE(made) << made.error().message();
  const auto again = load_or_create_keys(directory_ + "/keys", other);
  EXPECT_EQ(again->order.secret, made->order.secret);
  EXPECT_EQ(again->ack.public_key, made->ack.public_key);
  EXPECT_NE(again->order.public_key, again->ack.public_key);
}

}  // namespace
}  // namespace bourse::broker
