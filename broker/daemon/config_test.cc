#include "broker/daemon/config.h"

#include <gtest/gtest.h>

#include <map>

namespace bourse::broker {
namespace {

constexpr const char* kGood = R"(name = "bourse.test"
[listen]
market = "unix:/run/bourse/market.sock"
link = "unix:/run/bourse/link.sock"
[postgres]
migrator = "user=bourse_migrator"
writer = "user=bourse_writer"
projector = "user=bourse_projector"
reader = "user=bourse_reader"
[keys]
directory = "/k"
root_directory = "/r"
)";

Environment nothing() {
  return [](const std::string&) { return std::nullopt; };
}

TEST(Config, IsRead) {
  const auto config = parse_config(kGood, "broker.toml", nothing());
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->name, "bourse.test");
  EXPECT_EQ(config->listen_link, "unix:/run/bourse/link.sock");
  EXPECT_EQ(config->edge_connect, "127.0.0.1:8443");
}

TEST(Config, TheEnvironmentOverrides) {
  const auto config = parse_config(kGood, "broker.toml", [](const std::string& variable) -> std::optional<std::string> {
    if (variable == "BOURSE_BROKER_POSTGRES_WRITER") return "user=other";
    if (variable == "BOURSE_BROKER_NAME") return "bourse.elsewhere";
    return std::nullopt;
  });
  ASSERT_TRUE(config);
  EXPECT_EQ(config->writer, "user=other");
  EXPECT_EQ(config->name, "bourse.elsewhere");
}

TEST(Config, WhatIsWrongIsNamed) {
  const auto detail = [](const std::string& text) {
    const auto config = parse_config(text, "broker.toml", nothing());
    return config ? std::string() : config.error().detail;
  };
  const std::string good = kGood;
  EXPECT_NE(detail(good + "speed = \"9\"\n").find("broker.toml:13: there is no setting keys.speed"), std::string::npos) << detail(good + "speed = \"9\"\n");
  EXPECT_NE(detail("name = 5\n" + good.substr(good.find('\n') + 1)).find("name must be a string"), std::string::npos);
  EXPECT_NE(detail("name = \"x").find("broker.toml:1"), std::string::npos);
  EXPECT_NE(detail("").find("listen.market is missing (or set BOURSE_BROKER_LISTEN_MARKET)"), std::string::npos);
  std::string network = good;
  network.replace(network.find("unix:/run/bourse/link.sock"), 26, "0.0.0.0:9000");
  EXPECT_NE(detail(network).find("only the edge listens on a network"), std::string::npos);
}

TEST(Config, FinanceAsksForTwoPeopleUnlessToldOtherwise) {
  const std::string good = kGood;
  EXPECT_TRUE(parse_config(good, "broker.toml", nothing())->two_people);
  const auto alone = parse_config(good + "[finance]\ntwo_people = false\n[finance.debtor]\nname = \"M\"\naccount = \"42\"\nbank = \"102100099996\"\n",
                                  "broker.toml", nothing());
  ASSERT_TRUE(alone) << alone.error().message();
  EXPECT_FALSE(alone->two_people);
  EXPECT_EQ(alone->debtor_account, "42");
  const auto again = parse_config(good + "[finance]\ntwo_people = false\n", "broker.toml", [](const std::string& variable) -> std::optional<std::string> {
    return variable == "BOURSE_BROKER_FINANCE_TWO_PEOPLE" ? std::optional<std::string>("true") : std::nullopt;
  });
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->two_people);
  // A misspelled "no" must not become one person.
  for (const char* wrong : {"two_people = \"no\"", "two_people = 0", "two_peeple = false", "[finance.debtor.bank]\nbic = \"x\""})
    EXPECT_FALSE(parse_config(good + "[finance]\n" + wrong + "\n", "broker.toml", nothing())) << wrong;
}

TEST(Config, BillsAreDueAndFactorsLieWhereItSays) {
  const std::string good = kGood;
  EXPECT_EQ(parse_config(good, "broker.toml", nothing())->bill_net_days, 30);
  const auto set = parse_config(good + "[finance]\nbill_net_days = 14\n[prices]\nfactors = \"/etc/bourse/du\"\n", "broker.toml", nothing());
  ASSERT_TRUE(set) << set.error().message();
  EXPECT_EQ(set->bill_net_days, 14);
  EXPECT_EQ(set->factors, "/etc/bourse/du");
  for (const char* wrong : {"-1", "367", "\"14\"", "true", "1.5", "9999999999999"})
    EXPECT_FALSE(parse_config(good + "[finance]\nbill_net_days = " + wrong + "\n", "broker.toml", nothing())) << wrong;
  EXPECT_EQ(parse_config(good, "broker.toml", [](const std::string& variable) -> std::optional<std::string> {
              return variable == "BOURSE_BROKER_FINANCE_BILL_NET_DAYS" ? std::optional<std::string>("7") : std::nullopt;
            })->bill_net_days, 7);
}

TEST(Config, CertificatesAreGoodForAnHourUnlessToldOtherwise) {
  const std::string good = kGood;
  EXPECT_EQ(parse_config(good, "broker.toml", nothing())->certificate_minutes, 60);
  EXPECT_EQ(parse_config(good + "[connectors]\ncertificate_minutes = 5\n", "broker.toml", nothing())->certificate_minutes, 5);
  for (const char* wrong : {"0", "367", "-1", "\"5\""})
    EXPECT_FALSE(parse_config(good + "[connectors]\ncertificate_minutes = " + wrong + "\n", "broker.toml", nothing())) << wrong;
}

TEST(Config, LinksBeatMoreOftenThanTheEdgeLosesPatience) {
  const std::string good = kGood;
  EXPECT_EQ(parse_config(good, "broker.toml", nothing())->heartbeat_seconds, 10);
  EXPECT_EQ(parse_config(good + "[connectors]\nheartbeat_seconds = 1\n", "broker.toml", nothing())->heartbeat_seconds, 1);
  for (const char* wrong : {"0", "19", "-1", "\"5\""})
    EXPECT_FALSE(parse_config(good + "[connectors]\nheartbeat_seconds = " + wrong + "\n", "broker.toml", nothing())) << wrong;
}

TEST(Config, TheHelpNamesEverySetting) {
  for (const char* word : {"postgres.reader", "BOURSE_BROKER_KEYS_DIRECTORY", "bourse-broker ready", "Exit codes"})
    EXPECT_NE(config_help().find(word), std::string::npos) << word;
}

}  // namespace
}  // namespace bourse::broker
