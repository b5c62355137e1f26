// What a center sells, said by its people and by operators, and what quotes then say.
#include "broker/adapters/api/contract/market_world.h"

namespace bourse::test {
namespace {

using Stub = v1::Market::Stub;

class SellingOverTheApi : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    beta_ = enrol("beta");
    open_for_business(alpha_);
    carla_ = sign_in("carla", "Alpha University", {"user", "center-admin"});
    ada_ = sign_in("ada", "Alpha University", {"user"});
    v1::CenterAdminRequest bind;
    *bind.mutable_principal() = operator_;
    bind.set_key(key());
    bind.set_center("alpha");
    bind.set_user(carla_.user());
    v1::CenterAdmin bound;
    ASSERT_TRUE(call(&Stub::AddCenterAdmin, bind, &bound).ok());
  }
  Answer set(const v1::Principal& who, const v1::SellingRule& rule, const std::string& pool = "cpu", v1::Selling* reply = nullptr, const std::string& center = "alpha") {
    v1::SetSellingRuleRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_center(center);
    request.set_pool(pool);
    *request.mutable_rule() = rule;
    v1::Selling out;
    const Answer answer = call(&Stub::SetSellingRule, request, &out);
    if (reply != nullptr) *reply = out;
    return answer;
  }
  Answer get(const v1::Principal& who, v1::Selling* reply) {
    v1::GetSellingRequest request;
    *request.mutable_principal() = who;
    request.set_center("alpha");
    return call(&Stub::GetSelling, request, reply);
  }

  StubCenter alpha_, beta_;
  v1::Principal carla_, ada_;
};

TEST_F(SellingOverTheApi, ItsPeopleSayWhatIsSoldAndSeeItAgain) {
  v1::SellingRule rule;
  rule.set_max_cores(32);
  rule.add_hours("mon-fri 18:00-08:00");
  rule.add_hours("sat,sun");
  rule.set_zone("Asia/Shanghai");
  v1::FloorPrice& floor = *rule.add_floor();
  floor.set_per("core-hour");
  floor.set_price("0.05");
  ASSERT_TRUE(set(carla_, rule).ok());
  v1::Selling seen;
  ASSERT_TRUE(get(operator_, &seen).ok());
  ASSERT_EQ(seen.pools_size(), 1);
  const v1::PoolSelling& pool = seen.pools(0);
  EXPECT_EQ(pool.pool(), "cpu");
  EXPECT_EQ(pool.by(), carla_.user());
  EXPECT_EQ(pool.rule().max_cores(), 32);
  ASSERT_EQ(pool.rule().hours_size(), 2);
  EXPECT_EQ(pool.rule().hours(0), "mon,tue,wed,thu,fri 18:00-08:00");
  EXPECT_EQ(pool.rule().zone(), "Asia/Shanghai");
  ASSERT_EQ(pool.rule().floor_size(), 1);
  EXPECT_EQ(pool.rule().floor(0).price(), "0.05");
  EXPECT_EQ(pool.rule().floor(0).per(), "core-hour");
  EXPECT_EQ(pool.rule().currency(), "CNY");

  ASSERT_TRUE(set(carla_, {}, "cpu", &seen).ok());  // all of it again
  ASSERT_EQ(seen.pools_size(), 1);
  EXPECT_FALSE(seen.pools(0).has_rule());
}

TEST_F(SellingOverTheApi, NobodyElseDoes) {
  v1::SellingRule rule;
  rule.set_paused(true);
  v1::Selling seen;
  EXPECT_EQ(set(ada_, rule).code, "forbidden");
  EXPECT_EQ(get(ada_, &seen).code, "forbidden");
  EXPECT_EQ(set(carla_, rule, "cpu", nullptr, "beta").code, "not_found");
  EXPECT_EQ(set(finance_, rule).code, "forbidden");
  EXPECT_TRUE(set(operator_, rule).ok());
}

TEST_F(SellingOverTheApi, WhatCantBeMeantIsRefusedWithItsReason) {
  const auto refused = [&](auto change) {
    v1::SellingRule rule;
    change(rule);
    const Answer answer = set(carla_, rule);
    EXPECT_EQ(answer.code, "invalid_argument");
    return answer.detail;
  };
  EXPECT_NE(refused([](v1::SellingRule& r) { r.add_hours("someday"); }).find("mon, tue"), std::string::npos);
  EXPECT_NE(refused([](v1::SellingRule& r) { r.set_max_nodes(-1); }).find("below zero"), std::string::npos);
  EXPECT_NE(refused([](v1::SellingRule& r) { r.set_zone("Asia/Shanghai"); }).find("hours"), std::string::npos);
  refused([](v1::SellingRule& r) { r.add_floor()->set_per("fortnight"); });
  refused([](v1::SellingRule& r) { r.set_currency("¥"); });
}

}  // namespace
}  // namespace bourse::test
