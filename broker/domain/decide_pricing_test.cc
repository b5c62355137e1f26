// What the market sells by, beyond one price a meter.
#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class Pricing : public MarketFixture {
 protected:
  Pricing() { open_market(); }

  pricing::PriceRow row(std::string_view price = "1", pricing::Meter meter = pricing::Meter::core_ms) {
    return {.id = id_of<PriceRowId>(++serial_),
            .scope = {.center = north},
            .meter = meter,
            .price = *parse_decimal(price),
            .per = 3'600'000,
            .valid_from = now};
  }
};

TEST_F(Pricing, RefusesWhatTheMarketCannotSellBy) {
  auto windows = row();
  windows.windows = {{.from = 60, .until = 120}};
  windows.zone = "UTC";
  EXPECT_EQ(error(PublishPrices{{windows}}), ErrorCode::invalid_argument);
  auto tiers = row();
  tiers.tiers = {.over = pricing::Over::month, .steps = {{.above = 100, .price = *parse_decimal("2")}}};
  EXPECT_EQ(error(PublishPrices{{tiers}}), ErrorCode::invalid_argument);
  auto free = row();
  free.free = {.ticks = 1, .over = pricing::Over::month};
  EXPECT_EQ(error(PublishPrices{{free}}), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace bourse::broker
