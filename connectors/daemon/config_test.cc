#include "connectors/daemon/config.h"

#include <gtest/gtest.h>

#include "connectors/daemon/kubernetes.h"

namespace bourse::connector {
namespace {

const std::string kSmall = "[driver]\nkind = \"slurm\"\nslurm_conf = \"/etc/slurm.conf\"\n[identity]\npool = [\"b1\", \"b2\"]\n";

std::string error_of(const std::string& text) {
  const auto config = parse_config(text, "connector.toml");
  return config ? "" : config.error().detail;
}

TEST(Config, ReadsASlurmCenter) {
  const auto config = parse_config(kSmall + "scheduler_account = \"market\"\n[sell.cpu]\nspeed_milli = 2000\n[report]\nusage_seconds = 5\n", "c");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->driver.slurm_conf, "/etc/slurm.conf");
  EXPECT_EQ(config->identity.pool.size(), 2U);
  EXPECT_EQ(config->sell.pools.at("cpu").speed_milli, 2000);
  EXPECT_EQ(config->sell.pools.at("cpu").rule, pricing::SellingRule{});
  EXPECT_EQ(config->usage, seconds(5));
  EXPECT_EQ(config->poll, seconds(1));
}

TEST(Config, ReadsALocalCenterWithOneOrMorePools) {
  const std::string identity = "[identity]\n[[identity.map]]\nlocal = \"alice\"\n";
  const auto one = parse_config("[driver]\nkind = \"local\"\npool = \"here\"\ncores = 4\nmem_mib = 4096\n" + identity, "c");
  ASSERT_TRUE(one) << one.error().message();
  ASSERT_EQ(one->driver.pools.size(), 1U);
  EXPECT_EQ(one->driver.pools[0].cores, 4);
  const auto two = parse_config("[driver]\nkind = \"local\"\n[[driver.pools]]\nname = \"a\"\n[[driver.pools]]\nname = \"b\"\nmax_walltime_minutes = 5\n" + identity, "c");
  ASSERT_TRUE(two) << two.error().message();
  EXPECT_EQ(two->driver.pools[1].max_walltime, minutes(5));
  EXPECT_EQ(two->identity.table.size(), 1U);
}

TEST(Config, ReadsAScowCenter) {
  const std::string small = "[driver]\nkind = \"scow\"\naddress = \"127.0.0.1:8972\"\naccount = \"market\"\n";
  const std::string identity = "[identity]\npool = [\"b1\"]\n";
  const auto config = parse_config(small + "owner = \"ops\"\nhouse = \"open\"\nmax_walltime_minutes = 90\n[driver.tls]\nca = \"/a\"\n"
                                   "certificate = \"/b\"\nkey = \"/c\"\n" + identity, "c");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->driver.address, "127.0.0.1:8972");
  EXPECT_EQ(config->driver.max_walltime, minutes(90));
  EXPECT_EQ(config->driver.tls_key, "/c");
  EXPECT_EQ(parse_config(small + identity, "c")->driver.house, "as-it-is");
  EXPECT_NE(error_of(small + identity + "pattern = \"bourse-{user}\"\n").find("identity.pattern"), std::string::npos);
  const std::string kind = "[driver]\nkind = \"scow\"\n";
  EXPECT_NE(error_of(kind + "account = \"m\"\n" + identity).find("driver.address"), std::string::npos);
  EXPECT_NE(error_of(kind + "address = \"a:1\"\n" + identity).find("driver.account"), std::string::npos);
  EXPECT_NE(error_of(small + "house = \"shut\"\n" + identity).find("driver.house"), std::string::npos);
  EXPECT_NE(error_of(small + "flavour = \"lsf\"\n" + identity).find("driver.flavour"), std::string::npos);
  EXPECT_NE(error_of(small + "max_walltime_minutes = 0\n" + identity).find("driver.max_walltime_minutes"), std::string::npos);
  EXPECT_NE(error_of(small + "slurm_conf = \"/x\"\n" + identity).find("driver.slurm_conf"), std::string::npos);
  EXPECT_NE(error_of(small + "[driver.tls]\nca = \"/a\"\nkey = \"/k\"\n" + identity).find("driver.tls"), std::string::npos);
  EXPECT_NE(error_of(small + "[driver.tls]\nserver_name = \"x\"\n" + identity).find("driver.tls"), std::string::npos);
}

TEST(Config, ReadsAKubernetesCenter) {
  const std::string kind = "[driver]\nkind = \"kubernetes\"\n", identity = "[identity]\npool = [\"b1\"]\n";
  const std::string pool = "[[driver.pools]]\nname = \"gpu\"\nnodes = { \"node.example/kind\" = \"gpu\" }\ntolerations = [\"spot:NoSchedule\"]\n";
  const auto config = parse_config(kind + "address = \"https://api:6443\"\nimage = \"base\"\nnamespace = \"market\"\nclaim = \"jobs\"\nkeep_days = 3\n"
                                   "[driver.qos]\nhigh = \"bourse-high\"\n[driver.tls]\nca = \"/a\"\n" + pool + identity, "c");
  ASSERT_TRUE(config) << config.error().message();
  const auto cluster = kubernetes_config(config->driver);
  ASSERT_TRUE(cluster) << cluster.error().message();
  EXPECT_EQ(cluster->access.address, "https://api:6443");
  EXPECT_EQ(cluster->access.ca, "/a");
  EXPECT_EQ(cluster->name_space, "market");
  EXPECT_EQ(cluster->claim, "jobs");
  EXPECT_EQ(cluster->keep, hours(72));
  EXPECT_EQ(cluster->qos.at("high"), "bourse-high");
  ASSERT_EQ(cluster->pools.size(), 1U);
  EXPECT_EQ(cluster->pools[0].selector.at("node.example/kind"), "gpu");
  EXPECT_EQ(cluster->pools[0].tolerations[0].effect, "NoSchedule");
  EXPECT_NE(error_of(kind + "image = \"base\"\n" + identity).find("driver.pools"), std::string::npos);
  EXPECT_NE(error_of(kind + pool + identity).find("driver.pools.image"), std::string::npos);
  EXPECT_NE(error_of(kind + "image = \"b\"\nkubeconfig = \"/k\"\naddress = \"https://a\"\n" + pool + identity).find("driver.address"), std::string::npos);
  EXPECT_NE(error_of(kind + "image = \"b\"\nkeep_days = 0\n" + pool + identity).find("driver.keep_days"), std::string::npos);
  EXPECT_NE(error_of(kind + "image = \"b\"\nslurm_conf = \"/x\"\n" + pool + identity).find("driver.slurm_conf"), std::string::npos);
  DriverConfig odd = config->driver;
  odd.pools[0].tolerations = {"a b"};
  EXPECT_EQ(kubernetes_config(odd).error().code, ErrorCode::invalid_argument);
}

TEST(Config, NamesWhatIsWrong) {
  EXPECT_NE(error_of("[driver]\nkind = \"lsf\"\n").find("driver.kind"), std::string::npos);
  EXPECT_NE(error_of("[driver]\nkind = \"slurm\"\n").find("identity.pool"), std::string::npos);
  EXPECT_NE(error_of(kSmall + "polo = []\n").find("identity.polo"), std::string::npos);
  EXPECT_NE(error_of(kSmall + "[sell.cpu]\nhours = [\"someday\"]\n").find("sell.cpu.hours"), std::string::npos);
  EXPECT_NE(error_of(kSmall + "[sell.cpu]\nhours = [\"sat\"]\nzone = \"Moon/Sea\"\n").find("Moon/Sea"), std::string::npos);
  EXPECT_NE(error_of(kSmall + "[sell.cpu]\ncloses = \"tomorrow\"\n").find("sell.cpu.closes"), std::string::npos);
  EXPECT_NE(error_of(kSmall + "[sell.cpu]\nfloor = { fortnight = \"1\" }\n").find("sell.cpu.floor.fortnight"), std::string::npos);
  EXPECT_NE(error_of(kSmall + "[sell.cpu]\nspeed_milli = 0\n").find("sell.cpu.speed_milli"), std::string::npos);
  EXPECT_NE(error_of(kSmall + "[sell.cpu]\nspeed_milli = 1.5\n").find("sell.cpu.speed_milli"), std::string::npos);
  EXPECT_NE(error_of(kSmall + "[report]\npoll_ms = 5\n").find("report.poll_ms"), std::string::npos);
  EXPECT_NE(error_of(kSmall + "[link]\nretry_seconds = 0\n").find("link.retry_seconds"), std::string::npos);
  EXPECT_NE(error_of(kSmall + "[link]\nretry_seconds = 601\n").find("link.retry_seconds"), std::string::npos);
  EXPECT_EQ(parse_config(kSmall + "[link]\nretry_seconds = 2\n", "c")->retry, seconds(2));
  EXPECT_NE(error_of(kSmall + "[sale]\n").find("sale"), std::string::npos);
  EXPECT_NE(error_of("[driver\n").find("line 1"), std::string::npos);
  EXPECT_EQ(read_config("/nonexistent/connector.toml").error().code, ErrorCode::not_found);
}

TEST(Config, APoolIsSoldInHoursUpToCapsAndNotUnderAFloor) {
  const auto config = parse_config(kSmall + "[sell.gpu]\nmax_cards = 8\nhours = [\"mon-fri 18:00-08:00\", \"sat,sun\"]\nzone = \"Asia/Shanghai\"\n"
                                            "closes = \"2026-12-24T18:00:00Z\"\nfloor = { gpu-hour = \"2.50\", core-hour = \"0.05\", currency = \"USD\" }\n", "c");
  ASSERT_TRUE(config) << config.error().message();
  const pricing::SellingRule& rule = config->sell.pools.at("gpu").rule;
  EXPECT_EQ(rule.gpus, 8);
  EXPECT_EQ(rule.hours.size(), 2U);
  EXPECT_EQ(rule.zone, "Asia/Shanghai");
  EXPECT_EQ(rule.closes, *parse_instant("2026-12-24T18:00:00Z"));
  ASSERT_EQ(rule.floor.size(), 2U);
  EXPECT_EQ(rule.floor[1].meter, pricing::Meter::gpu_ms);
  EXPECT_EQ(rule.floor[1].unit, *parse_unit("USD"));
}

}  // namespace
}  // namespace bourse::connector
