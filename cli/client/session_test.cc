#include "cli/client/session.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace bourse::cli {
namespace {

namespace fs = std::filesystem;

// A configuration folder of its own, and no variables of the user's.
class Session : public testing::Test {
 protected:
  Session() {
    std::string folder = (fs::temp_directory_path() / "bourse-session-XXXXXX").string();
    folder_ = mkdtemp(folder.data());
    for (const char* name : {"BOURSE_URL", "BOURSE_CA", "BOURSE_TOKEN", "BOURSE_TOKEN_FILE"}) unsetenv(name);
    setenv("BOURSE_CONFIG_DIR", (folder_ / "config").c_str(), 1);
  }
  ~Session() override {
    unsetenv("BOURSE_CONFIG_DIR");
    fs::remove_all(folder_);
  }
  void write(const std::string& name, const std::string& content) {
    fs::create_directories(folder_ / "config");
    std::ofstream(folder_ / "config" / name) << content;
  }
  fs::path folder_;
};

TEST_F(Session, WithoutAMarketSaysHowToNameOne) {
  const auto endpoint = load_endpoint();
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(endpoint.error().detail.find("BOURSE_URL"), std::string::npos);
}

TEST_F(Session, RemembersWhatItWasToldAndKeepsTheTokenPrivate) {
  const std::string ca = (folder_ / "root.pem").string();
  ASSERT_TRUE(remember({"https://market.example:8443", ca, "secret"}));
  const auto endpoint = load_endpoint();
  ASSERT_TRUE(endpoint) << endpoint.error().message();
  EXPECT_EQ(endpoint->url, "https://market.example:8443");
  EXPECT_EQ(endpoint->ca_file, ca);
  EXPECT_EQ(endpoint->token, "secret");
  struct stat info{};
  ASSERT_EQ(stat((folder_ / "config" / "token").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_TRUE(forget_token());
  EXPECT_FALSE(forget_token());
  EXPECT_EQ(load_endpoint()->token, "");
}

TEST_F(Session, TheEnvironmentWins) {
  ASSERT_TRUE(remember({"https://market.example", "", "file"}));
  setenv("BOURSE_URL", "https://other.example/", 1);
  setenv("BOURSE_CA", "/ca.pem", 1);
  EXPECT_EQ(load_endpoint()->url, "https://other.example");
  EXPECT_EQ(load_endpoint()->ca_file, "/ca.pem");
  write("other-token", "other\nsecond line\n");
  setenv("BOURSE_TOKEN_FILE", (folder_ / "config" / "other-token").c_str(), 1);
  EXPECT_EQ(load_endpoint()->token, "other");
  setenv("BOURSE_TOKEN", "environment", 1);
  EXPECT_EQ(load_endpoint()->token, "environment");
  for (const char* name : {"BOURSE_URL", "BOURSE_CA", "BOURSE_TOKEN", "BOURSE_TOKEN_FILE"}) unsetenv(name);
}

TEST_F(Session, RefusesWhatCantBeMeant) {
  write("cli.toml", "url = \"http://market.example\"\n");
  EXPECT_FALSE(load_endpoint()) << "a token must not go over plain HTTP";
  write("cli.toml", "url = \n");
  ASSERT_FALSE(load_endpoint());
  EXPECT_NE(load_endpoint().error().detail.find("cli.toml"), std::string::npos);
  write("cli.toml", "url = \"https://market.example\"\n");
  setenv("BOURSE_TOKEN_FILE", "/does/not/exist", 1);
  EXPECT_FALSE(load_endpoint());
  unsetenv("BOURSE_TOKEN_FILE");
}

}  // namespace
}  // namespace bourse::cli
