#include "connectors/daemon/doctor.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/rng.h"
#include "connectors/core/temporary_folder.h"
#include "connectors/daemon/credentials.h"
#include "connectors/kubernetes/testing/api_server.h"
#include "connectors/scow/testing/adapter_double.h"

namespace bourse::connector {
namespace {

class Examination : public TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    options_.directory = path("center");
  }

  void configure(const std::string& text) { std::ofstream(options_.directory + "/connector.toml") << text; }
  // "wrong: …"; empty where nothing was said of it.
  std::string says(const std::string& what) {
    const auto all = examine(options_, clock_);
    const auto found = std::ranges::find(all, what, &Finding::what);
    if (found == all.end()) return {};
    EXPECT_EQ(found->remedy.empty(), found->verdict == Verdict::fine) << what << " has no remedy";
    return std::string(name(found->verdict)) + ": " + found->says;
  }

  DoctorOptions options_;
  SystemClock clock_;
  SystemRng rng_;
};

TEST_F(Examination, SaysWhatIsMissingStepByStep) {
  EXPECT_EQ(says("folder"), "wrong: " + options_.directory + " is not there");
  EXPECT_EQ(says("keys"), "") << "what depends on the folder is left out";
  ASSERT_TRUE(make_keys(options_.directory, rng_));
  EXPECT_EQ(says("folder"), "fine: " + options_.directory);
  EXPECT_TRUE(says("keys").starts_with("fine: identity "));
  EXPECT_TRUE(says("configuration").starts_with("wrong: "));
  EXPECT_TRUE(says("membership").starts_with("warning: this center hasn't joined"));
  EXPECT_EQ(says("market"), "");
  EXPECT_EQ(says("scheduler"), "");
  EXPECT_FALSE(std::filesystem::exists(options_.directory + "/.doctor"));
  ASSERT_EQ(::chmod(options_.directory.c_str(), 0755), 0);
  EXPECT_TRUE(says("folder").starts_with("wrong: others can look into"));
}

TEST_F(Examination, AsksTheScheduler) {
  ASSERT_TRUE(make_keys(options_.directory, rng_));
  configure("[driver]\nkind = \"slurm\"\nslurm_conf = \"/etc/slurm.conf\"\nbin_directory = \"" + directory_ + "/nowhere\"\n\n[[identity.map]]\nlocal = \"no-such-user\"\n");
  EXPECT_TRUE(says("configuration").starts_with("fine: ")) << says("configuration");
  EXPECT_TRUE(says("scheduler").starts_with("wrong: slurm: ")) << says("scheduler");
  EXPECT_EQ(says("local users"), "wrong: no-such-user: no such user, or root");
}

TEST_F(Examination, ChangesNothingAtTheScheduler) {
  ASSERT_TRUE(make_keys(options_.directory, rng_));
  scow::testing::World world;
  world.now = [this] { return clock_.now().unix_ms / 1000; };
  world.accounts["market"].blocked = true;
  const scow::testing::AdapterDouble adapter(world);
  const std::string text = "[driver]\nkind = \"scow\"\naddress = \"" + adapter.address() + "\"\nowner = \"ops\"\n";
  const std::string identity = "\n[[identity.map]]\nlocal = \"daemon\"\n";
  configure(text + "account = \"market\"\nhouse = \"open\"\n" + identity);
  EXPECT_TRUE(says("scheduler").starts_with("fine: scow ")) << says("scheduler");
  EXPECT_TRUE(says("pool cpu").starts_with("warning: ")) << says("pool cpu");
  configure(text + "account = \"nowhere\"\nhouse = \"blocked\"\n" + identity);
  EXPECT_TRUE(says("scheduler").starts_with("fine: scow "));
  for (const char* rpc : {"CreateAccount", "BlockAccount", "UnblockAccount", "AddUserToAccount"}) EXPECT_EQ(world.calls[rpc], 0) << rpc;
  EXPECT_GT(world.calls["QueryAccountBlockStatus"], 0);
}

TEST_F(Examination, ChangesNothingAtACluster) {
  ASSERT_TRUE(make_keys(options_.directory, rng_));
  kubernetes::testing::Cluster cluster([this] { return clock_.now().unix_ms / 1000; });
  cluster.add_node("n1", {{"cpu", "4"}, {"memory", "8Gi"}});
  const kubernetes::testing::ApiServer server(cluster);
  const std::uint64_t before = cluster.version();
  configure("[driver]\nkind = \"kubernetes\"\naddress = \"" + server.address() + "\"\nnamespace = \"market\"\nimage = \"base\"\n"
            "[[driver.pools]]\nname = \"cpu\"\n[[identity.map]]\nlocal = \"daemon\"\n");
  EXPECT_TRUE(says("scheduler").starts_with("fine: kubernetes v1.20")) << says("scheduler");
  EXPECT_TRUE(says("pool cpu").starts_with("fine: ")) << says("pool cpu");
  EXPECT_EQ(cluster.version(), before);
}

TEST(Checks, SpaceForTheSpool) {
  constexpr std::int64_t kMiB = 1 << 20;
  EXPECT_EQ(check_space("spool", 2048 * kMiB, 100'000).verdict, Verdict::fine);
  EXPECT_EQ(check_space("spool", 512 * kMiB, 100'000).verdict, Verdict::warning);
  EXPECT_EQ(check_space("spool", 63 * kMiB, 100'000).verdict, Verdict::wrong);
  EXPECT_EQ(check_space("spool", 2048 * kMiB, 99).verdict, Verdict::wrong);
}

TEST(Checks, TheClock) {
  EXPECT_EQ(check_clock(true, 20'000).verdict, Verdict::fine);
  EXPECT_EQ(check_clock(true, 2'000'000).verdict, Verdict::warning);
  EXPECT_EQ(check_clock(false, 0).verdict, Verdict::warning);
}

}  // namespace
}  // namespace bourse::connector
