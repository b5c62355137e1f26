#include "gateway/daemon/config.h"

#include <gtest/gtest.h>

#include <fstream>

namespace bourse::gateway {
namespace {

constexpr const char* kGood = R"([listen]
socket = "/run/g.sock"
[broker]
market = "unix:/run/m.sock"
[redis]
socket = "/run/r.sock"
[public]
url = "https://market.example/"
[[issuer]]
name = "demo"
url = "http://127.0.0.1:17400"
client_id = "bourse"
client_secret_file = "SECRET"
tenant = "Demo University"
[issuer.roles]
researchers = "user"
)";

struct ConfigTest : testing::Test {
  const std::string folder = testing::TempDir();
  Result<Config> read(std::string text) {
    std::ofstream(folder + "/secret") << "s3cret\nignored\n";
    if (const std::size_t at = text.find("SECRET"); at != std::string::npos) text.replace(at, 6, folder + "/secret");
    std::ofstream(folder + "/gateway.toml") << text;
    return read_config(folder + "/gateway.toml");
  }
  std::string refusal(std::string text) {
    const auto config = read(std::move(text));
    return config ? "taken" : config.error().detail;
  }
  static std::string with(std::string_view from, std::string_view to) {
    std::string text = kGood;
    text.replace(text.find(from), from.size(), to);
    return text;
  }
};

TEST_F(ConfigTest, is_read) {
  const auto config = read(kGood);
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->public_origin, "https://market.example");
  EXPECT_EQ(config->issuers.at(0).client_secret, "s3cret");
  EXPECT_EQ(config->issuers.at(0).algorithm, "RS256");
  EXPECT_EQ(config->issuers.at(0).roles.at("researchers"), "user");
  EXPECT_EQ(config->threads, 2U);
}

TEST_F(ConfigTest, needs_no_provider) {
  const auto config = read(std::string(kGood).substr(0, std::string_view(kGood).find("[[issuer]]")));
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->issuers.empty());
}

TEST_F(ConfigTest, names_what_is_wrong) {
  EXPECT_EQ(refusal(with("socket = \"/run/g.sock\"", "sokcet = \"/run/g.sock\"")),
            "listen: there is no setting 'sokcet'");
  EXPECT_EQ(refusal(with("socket = \"/run/g.sock\"", "socket = 1")), "listen.socket: expected text");
  EXPECT_EQ(refusal(with("[listen]", "[listen]\nthreads = 0")), "listen.threads: expected a whole number from 1 to 64");
  EXPECT_EQ(refusal(with("[listen]", "[listen]\nthreads = \"2\"")),
            "listen.threads: expected a whole number from 1 to 64");
  EXPECT_NE(refusal(with("https://market.example/", "http://market.example")).find("public.url"), std::string::npos);
  EXPECT_NE(refusal(with("https://market.example/", "https://market.example/path")).find("public.url"),
            std::string::npos);
  EXPECT_NE(refusal(with("http://127.0.0.1:17400", "http://id.example")).find("issuer.url"), std::string::npos);
  EXPECT_NE(refusal(with("tenant =", "algorithm = \"HS256\"\ntenant =")).find("issuer.algorithm"), std::string::npos);
  EXPECT_NE(refusal(with("tenant =", "algorithm = \"none\"\ntenant =")).find("issuer.algorithm"), std::string::npos);
  EXPECT_NE(refusal(with("\"user\"", "\"root\"")).find("issuer.roles.researchers"), std::string::npos);
  EXPECT_NE(refusal(with("SECRET", "/nowhere/secret")).find("client_secret_file"), std::string::npos);
  EXPECT_NE(refusal(with("[listen]", "[listen")).find("line 1"), std::string::npos);
  EXPECT_NE(refusal("").find("listen.socket"), std::string::npos);
  EXPECT_EQ(read_config("/nowhere/gateway.toml").error().code, ErrorCode::not_found);
}

TEST_F(ConfigTest, two_providers_of_one_name_are_refused) {
  std::string text = kGood;
  text += std::string(kGood).substr(text.find("[[issuer]]"));
  text.replace(text.rfind("SECRET"), 6, folder + "/secret");
  EXPECT_NE(refusal(text).find("two have"), std::string::npos);
}

}  // namespace
}  // namespace bourse::gateway
