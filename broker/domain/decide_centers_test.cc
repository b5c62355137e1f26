#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class Centers : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }
};

TEST_F(Centers, APausedCenterTakesNoWorkUntilItIsActiveAgain) {
  ok(ChangeCenterState{north, CenterState::paused, "maintenance\n"});
  EXPECT_EQ(first<CenterStateChanged>().reason, "maintenance?");
  observe(north, true);
  EXPECT_EQ(market.job(submit())->plan().center, south);
  ok(ChangeCenterState{north, CenterState::active, ""});
  EXPECT_EQ(market.job(submit())->plan().center, north);
  ok(ChangeCenterState{north, CenterState::active, ""});
  EXPECT_TRUE(emitted.empty());
  EXPECT_EQ(error(ChangeCenterState{north, CenterState{9}, ""}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(ChangeCenterState{id_of<CenterId>(9), CenterState::paused, ""}), ErrorCode::not_found);
}

TEST_F(Centers, TheNewestContractThatIsValidCounts) {
  const auto contract = [&](std::uint64_t n, Instant from, std::int32_t margin) {
    return SetContract{{id_of<ContractId>(n), north, kCny, {.tax_bps = 0, .margin_bps = margin}, from, {}}};
  };
  ok(contract(1, now + hours(1), 5000));
  EXPECT_EQ(market.job(submit())->plan().terms.margin_bps, 1000);
  advance(hours(1));
  EXPECT_EQ(market.job(submit())->plan().terms.margin_bps, 5000);
  ok(contract(2, now - hours(5), 9000));  // dated before: doesn't count
  EXPECT_EQ(market.job(submit())->plan().terms.margin_bps, 5000);
  EXPECT_EQ(error(contract(1, now, 1)), ErrorCode::failed_precondition);
  EXPECT_EQ(error(contract(3, now, 10'001)), ErrorCode::invalid_argument);
  EXPECT_EQ(error(contract(3, now, -1)), ErrorCode::invalid_argument);
  EXPECT_EQ(error(contract(3, {}, 1)), ErrorCode::invalid_argument);
  SetContract dollars = contract(3, now, 1);
  dollars.contract.unit = *parse_unit("USD");
  EXPECT_EQ(error(dollars), ErrorCode::unit_mismatch);
}

TEST_F(Centers, PriceRowsAreCheckedTogether) {
  const auto row = [&](std::uint64_t n, std::string_view price) {
    return pricing::PriceRow{.id = id_of<PriceRowId>(n),
                             .scope = {.center = north},
                             .price = *parse_decimal(price),
                             .per = 3'600'000,
                             .valid_from = now};
  };
  EXPECT_EQ(error(PublishPrices{}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(PublishPrices{{row(1, "-1")}}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(PublishPrices{{row(1, "1"), row(1, "2")}}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(PublishPrices{{row(0, "1"), {}}}), ErrorCode::invalid_argument);
  auto elsewhere = row(1, "1");
  elsewhere.scope.center = id_of<CenterId>(9);
  EXPECT_EQ(error(PublishPrices{{elsewhere}}), ErrorCode::not_found);
  auto odd = row(1, "1");
  odd.scope.pool = "a b";
  EXPECT_EQ(error(PublishPrices{{odd}}), ErrorCode::invalid_argument);
  ok(PublishPrices{{row(1, "1")}});
  EXPECT_EQ(error(PublishPrices{{row(1, "2")}}), ErrorCode::conflict);
  EXPECT_EQ(market.job(submit())->plan().center, south);  // the new price is in force
  EXPECT_EQ(error(PublishPrices{std::vector<pricing::PriceRow>(kMaxPriceRows + 1)}), ErrorCode::too_large);
}

TEST_F(Centers, ObservedPoolsAreBounded) {
  const auto changed = [&](auto&& change) {
    routing::Pool pool{.name = "batch", .nodes = 1, .cores_per_node = 1};
    change(pool);
    return error(ObservePools{north, true, {pool}});
  };
  EXPECT_EQ(changed([](auto&) {}), std::nullopt);
  EXPECT_TRUE(emitted.empty());
  EXPECT_EQ(changed([](auto& p) { p.name = "a b"; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& p) { p.name = "--x"; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& p) { p.arch = "\x1b"; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& p) { p.nodes = -1; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& p) { p.nodes = INT64_MAX; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& p) { p.nodes = 2, p.mem_mib_per_node = INT64_MAX / 2; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& p) { p.speed_milli = 0; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& p) { p.pending_core_ms = -1; }), ErrorCode::invalid_argument);
  EXPECT_EQ(error(ObservePools{north, true, {{.name = "a"}, {.name = "a"}}}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(ObservePools{north, true, std::vector<routing::Pool>(kMaxPools + 1)}), ErrorCode::too_large);
  EXPECT_EQ(error(ObservePools{id_of<CenterId>(9), true, {}}), ErrorCode::not_found);
}

TEST_F(Centers, ADisconnectedCenterKeepsItsFiguresAndTakesNoWork) {
  ok(ObservePools{north, false, {}});
  EXPECT_FALSE(market.online(north));
  EXPECT_EQ(market.job(submit())->plan().center, south);
  ok(ObservePools{south, false, {}});
  EXPECT_EQ(error(SubmitJob{id_of<JobId>(1), id_of<AttemptId>(1), id_of<HoldId>(1), account, user, {}, spec()}),
            ErrorCode::center_unavailable);
}

}  // namespace
}  // namespace bourse::broker
