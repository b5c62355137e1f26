#include "connectors/daemon/conform.h"

#include <gtest/gtest.h>

#include <map>

namespace bourse::connector {
namespace {

class ThreeUsers final : public UserDirectory {
 public:
  Result<LocalUser> find(const std::string& name) const override {
    const std::map<std::string, uid_t> ids = {{"root", 0}, {"alice", 1000}, {"bob", 1001}};
    const auto at = ids.find(name);
    if (at == ids.end()) return fail(ErrorCode::not_found, name);
    return LocalUser{.name = name, .uid = at->second, .gid = at->second, .home = "/home/" + name, .scheduler_account = ""};
  }
};

TEST(Conform, RunsAsAUserThatTheConfigurationLeadsTo) {
  const ThreeUsers users;
  const IdentityConfig both{.table = {{.tenant = {}, .billing_account = {}, .user = {}, .local = "alice", .scheduler_account = "physics"}}, .pattern = {},
                            .pool = {"bob"}, .scheduler_account = "market"};
  EXPECT_EQ(choose_user(both, "", users)->name, "bob");
  EXPECT_EQ(choose_user(both, "", users)->scheduler_account, "market");
  EXPECT_EQ(choose_user(both, "", users)->home, "");
  EXPECT_EQ(choose_user(both, "alice", users)->scheduler_account, "physics");
  EXPECT_EQ(choose_user(both, "alice", users)->home, "/home/alice");
  EXPECT_EQ(choose_user(both, "carol", users).error().code, ErrorCode::invalid_argument);
  const IdentityConfig pattern{.table = {}, .pattern = "bourse-{user}", .pool = {}, .scheduler_account = {}};
  EXPECT_EQ(choose_user(pattern, "", users).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(choose_user(pattern, "alice", users)->uid, 1000U);
  EXPECT_EQ(choose_user(pattern, "carol", users).error().code, ErrorCode::not_found);
  EXPECT_EQ(choose_user(pattern, "root", users).error().code, ErrorCode::forbidden);
}

TEST(Conform, RunsInAPoolThatIsThere) {
  const std::vector<PoolInfo> pools = {{.name = "gpu", .arch = "", .nodes = 1, .cores_per_node = 4, .mem_mib_per_node = 1000},
                                       {.name = "cpu", .arch = "", .nodes = 1, .cores_per_node = 4, .mem_mib_per_node = 1000}};
  EXPECT_EQ(choose_pool(pools, {}, "").value(), "cpu");
  EXPECT_EQ(choose_pool(pools, {.pools = {{"gpu", {}}}}, "").value(), "gpu");
  EXPECT_EQ(choose_pool(pools, {.pools = {{"gpu", {}}}}, "cpu").value(), "cpu") << "also before it is for sale";
  EXPECT_EQ(choose_pool(pools, {}, "fat").error().code, ErrorCode::not_found);
  EXPECT_EQ(choose_pool(pools, {.pools = {{"fat", {}}}}, "").error().code, ErrorCode::failed_precondition);
}

}  // namespace
}  // namespace bourse::connector
