#include "connectors/core/identity.h"

#include <map>

#include "connectors/core/temporary_folder.h"

namespace bourse::connector {
namespace {

class Users final : public UserDirectory {
 public:
  Result<LocalUser> find(const std::string& name) const override {
    const std::map<std::string, uid_t> known = {{"alice", 1001}, {"u-0000000a", 1002}, {"b1", 1003}, {"b2", 1004}, {"root", 0}};
    const auto found = known.find(name);
    if (found == known.end()) return fail(ErrorCode::not_found, name);
    return LocalUser{.name = name, .uid = found->second, .gid = found->second, .home = "/home/" + name, .scheduler_account = {}};
  }
};

class IdentityTest : public TemporaryFolder {
 protected:
  IdentityMap open(IdentityConfig config) {
    auto map = IdentityMap::open(std::move(config), path("leases"), users_);
    EXPECT_TRUE(map) << map.error().message();
    return std::move(*map);
  }
  static Requester of(const std::string& tenant, const std::string& user = "usr_00000000000000000000000001") {
    return {tenant, "acc_00000000000000000000000001", user};
  }
  Users users_;
};

TEST_F(IdentityTest, NoMappingNoJob) {
  EXPECT_EQ(open({}).map(of("ten_1"), {}).error().code, ErrorCode::forbidden);
}

TEST_F(IdentityTest, TheFirstRowThatFitsDecides) {
  IdentityConfig config;
  config.table = {{"ten_1", "", "usr_x", "b1", "x"}, {"ten_1", "", "", "alice", "physics"}};
  IdentityMap map = open(config);
  EXPECT_EQ(map.map(of("ten_1", "usr_x"), {})->user.name, "b1");
  EXPECT_EQ(map.map(of("ten_1", "usr_y"), {})->user.name, "alice");
  EXPECT_EQ(map.map(of("ten_1", "usr_y"), {})->user.scheduler_account, "physics");
  EXPECT_EQ(map.map(of("ten_2"), {}).error().code, ErrorCode::forbidden);
}

TEST_F(IdentityTest, NeverRootAndNeverAStranger) {
  IdentityConfig config;
  config.table = {{"ten_1", "", "", "root", ""}, {"ten_2", "", "", "nobody-here", ""}};
  IdentityMap map = open(config);
  EXPECT_EQ(map.map(of("ten_1"), {}).error().code, ErrorCode::forbidden);
  EXPECT_EQ(map.map(of("ten_2"), {}).error().code, ErrorCode::not_found);
  config.table = {{"", "", "", "-rf", ""}};
  EXPECT_FALSE(IdentityMap::open(config, path("leases"), users_));
}

TEST_F(IdentityTest, APatternTakesTheEndsOfIds) {
  IdentityConfig config;
  config.pattern = "u-{user}";
  IdentityMap map = open(config);
  EXPECT_EQ(map.map(of("ten_1", "usr_0000000000000000000000000A"), {})->user.name, "u-0000000a");
  EXPECT_FALSE(map.map(of("ten_1", "usr_0000000000000000../../etc"), {}));
}

TEST_F(IdentityTest, LeasesAnAccountToOneTenantAtATime) {
  IdentityConfig config;
  config.pool = {"b1", "b2"};
  {
    IdentityMap map = open(config);
    EXPECT_EQ(map.map(of("ten_1"), {})->user.name, "b1");
    EXPECT_EQ(map.map(of("ten_2"), {"ten_1"})->user.name, "b2");
    EXPECT_EQ(map.map(of("ten_1"), {"ten_1", "ten_2"})->user.name, "b1");
    EXPECT_EQ(map.map(of("ten_3"), {"ten_1", "ten_2"}).error().code, ErrorCode::overloaded);
  }
  IdentityMap map = open(config);  // leases outlive the connector
  EXPECT_EQ(map.map(of("ten_2"), {})->user.name, "b2");
  const auto passed = map.map(of("ten_3"), {"ten_2"});
  ASSERT_TRUE(passed);
  EXPECT_EQ(passed->user.name, "b1");
  EXPECT_EQ(passed->passed_on, "ten_1") << "its files must be closed to the new one";
  EXPECT_EQ(map.map(of("ten_1"), {"ten_2", "ten_3"}).error().code, ErrorCode::overloaded);
}

}  // namespace
}  // namespace bourse::connector
