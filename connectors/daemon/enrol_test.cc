#include "connectors/daemon/enrol.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "connectors/daemon/tls.h"
#include "federation-proto/key_file.h"

namespace bourse::connector {
namespace {

class Enrol : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "bourse-enrol-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
    directory_ = base_ + "/center";
  }
  void TearDown() override { std::filesystem::remove_all(base_); }

  std::string base_, directory_;
  SystemRng rng_;
};

TEST_F(Enrol, MakesKeysThatProveThemselvesAndKeepsThem) {
  const auto first = initialise(directory_, "north", rng_);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_TRUE(federation::verify_proofs(*first));
  EXPECT_NE(first->csr_pem.find("BEGIN CERTIFICATE REQUEST"), std::string::npos);
  for (const char* name : {"keys/identity.key", "keys/billing.key", "keys/tls.key", "request.json"}) {
    struct stat info{};
    ASSERT_EQ(::stat((directory_ + "/" + name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600U) << name;
  }
  const auto second = initialise(directory_, "north", rng_);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->identity_key, first->identity_key);
  EXPECT_EQ(second->billing_key, first->billing_key);
  const auto keys = load_keys(directory_);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->billing.public_key, first->billing_key);
}

TEST_F(Enrol, RefusesNamesThatAreNoNames) {
  for (const char* name : {"", "-a", "a-", "A", "a b", "a/b", "ä", "a\n"}) EXPECT_FALSE(initialise(directory_, name, rng_)) << name;
  EXPECT_FALSE(initialise(directory_, std::string(64, 'a'), rng_));
}

TEST_F(Enrol, RefusesABundleThatAnswersOtherKeys) {
  ASSERT_TRUE(initialise(directory_, "north", rng_));
  EXPECT_EQ(install("{}", directory_, Instant{}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(load_bundle(directory_).error().code, ErrorCode::not_found);
  const auto theirs = make_tls_key(), ours = make_tls_key();
  EXPECT_FALSE(check_certificate("no certificate", *ours, "none", Instant{}));
}

}  // namespace
}  // namespace bourse::connector
