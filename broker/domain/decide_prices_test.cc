// Who may set a price: what the contract says that holds when it takes effect.
#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class Setters : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }

  ContractId agree(PriceSetter sale, PriceSetter settlement, Instant from, std::vector<pricing::PriceRow> rows = {}) {
    const ContractId id = id_of<ContractId>(++serial_);
    ok(SetContract{{.id = id, .center = north, .unit = kCny, .terms = {.tax_bps = 600, .margin_bps = 1000}, .valid_from = from,
                    .settlement = std::move(rows), .sale_prices = sale, .settlement_prices = settlement}, {}});
    return id;
  }
  pricing::PriceRow row(CenterId center, Instant from, std::string_view price = "0.5") {
    return {.id = id_of<PriceRowId>(++serial_), .scope = {.center = center}, .meter = pricing::Meter::core_ms, .price = *parse_decimal(price),
            .per = 3'600'000, .valid_from = from};
  }
  std::optional<ErrorCode> publish(CenterId by, CenterId of, Instant from) { return error(PublishPrices{{row(of, from)}, {}, by}); }
};

TEST_F(Setters, ThePlatformUnlessTheContractSaysOtherwise) {
  EXPECT_EQ(publish({}, north, now), std::nullopt);
  EXPECT_EQ(publish(north, north, now), ErrorCode::forbidden);
  agree(PriceSetter::either, PriceSetter::platform, now);
  EXPECT_EQ(publish({}, north, now), std::nullopt);
  EXPECT_EQ(publish(north, north, now), std::nullopt);
  agree(PriceSetter::center, PriceSetter::platform, now + hours(1));
  EXPECT_EQ(publish({}, north, now + hours(1)), ErrorCode::forbidden);
  EXPECT_EQ(publish(north, north, now + hours(1)), std::nullopt);
  // What begins before it is under the contract before it.
  EXPECT_EQ(publish({}, north, now + hours(1) + milliseconds(-1)), std::nullopt);
}

TEST_F(Setters, APriceDatedBackIsUnderTheContractOfToday) {
  agree(PriceSetter::center, PriceSetter::platform, now);
  EXPECT_EQ(publish({}, north, Instant{1}), ErrorCode::forbidden);
  EXPECT_EQ(publish(north, north, Instant{1}), std::nullopt);
  agree(PriceSetter::platform, PriceSetter::platform, now + hours(1));
  const Instant before = now;
  now = now + hours(2);
  EXPECT_EQ(publish(north, north, before), ErrorCode::forbidden);
  EXPECT_EQ(publish({}, north, before), std::nullopt);
}

// What the platform grants a tenant is not a center's to overrule.
TEST_F(Setters, ACenterSetsNoPriceForOneTenant) {
  agree(PriceSetter::center, PriceSetter::platform, now);
  pricing::PriceRow one = row(north, now);
  one.scope.tenant = id_of<TenantId>(5);
  EXPECT_EQ(error(PublishPrices{{one}, {}, north}), ErrorCode::forbidden);
}

TEST_F(Setters, ACenterSpeaksForItselfAlone) {
  agree(PriceSetter::center, PriceSetter::platform, now);
  EXPECT_EQ(publish(north, south, now), ErrorCode::forbidden);
  EXPECT_EQ(publish(north, {}, now), ErrorCode::forbidden);
  EXPECT_EQ(publish(id_of<CenterId>(99), north, now), ErrorCode::not_found);
  EXPECT_EQ(publish({}, {}, now), std::nullopt);  // a price for all centers is the platform's
  // A row of its own does not carry another's along.
  EXPECT_EQ(error(PublishPrices{{row(north, now), row(south, now)}, {}, north}), ErrorCode::forbidden);
  EXPECT_TRUE(emitted.empty());
}

TEST_F(Setters, DiscountsAndReservedPricesAreSalePrices) {
  agree(PriceSetter::center, PriceSetter::platform, now);
  const auto discount = [&](CenterId by) {
    return error(PublishPrices{{}, {{.id = id_of<PriceRowId>(++serial_), .name = "summer", .scope = {.center = north}, .meter = {}, .bps = 1000, .valid_from = now}}, by});
  };
  EXPECT_EQ(discount({}), ErrorCode::forbidden);
  EXPECT_EQ(discount(north), std::nullopt);
  const auto reserved = [&](CenterId by) {
    return error(PublishReservedPrices{{{.id = id_of<PriceRowId>(++serial_), .center = north, .pool = "batch", .what = Reserved::node, .term = Term::month,
                                         .price = Amount::whole(900), .valid_from = now}}, by});
  };
  EXPECT_EQ(reserved({}), ErrorCode::forbidden);
  EXPECT_EQ(reserved(north), std::nullopt);
}

TEST_F(Setters, SettlementPricesAreTheNextContractOfTheSameTerms) {
  agree(PriceSetter::platform, PriceSetter::center, now);
  Contract next = market.center(north)->contracts.back();
  next.id = id_of<ContractId>(++serial_);
  next.valid_from = now + hours(24);
  next.settlement = {row(north, now, "0.2")};
  const auto with = [&](auto&& change) {
    SetContract act{next, north};
    change(act);
    return error(act);
  };
  EXPECT_EQ(with([](SetContract& act) { act.contract.terms.margin_bps = 0; }), ErrorCode::failed_precondition);
  EXPECT_EQ(with([](SetContract& act) { act.contract.net_days = 1; }), ErrorCode::failed_precondition);
  EXPECT_EQ(with([](SetContract& act) { act.contract.sale_prices = PriceSetter::center; }), ErrorCode::failed_precondition);
  EXPECT_EQ(with([](SetContract& act) { act.contract.settlement.clear(); }), ErrorCode::invalid_argument);
  EXPECT_EQ(with([&](SetContract& act) { act.by = south; }), ErrorCode::forbidden);
  EXPECT_EQ(with([&](SetContract& act) { act.contract.valid_from = Instant{kStart - 1}; }), ErrorCode::forbidden);  // the one before leaves it to the platform
  EXPECT_EQ(with([](SetContract&) {}), std::nullopt);
  EXPECT_EQ(contract_at(market.center(north)->contracts, now + hours(24))->settlement.size(), 1U);
}

// What the center set for a later day stands on the terms that the platform sets for an earlier one.
TEST_F(Setters, TheCentersLaterPricesFollowThePlatformsTerms) {
  agree(PriceSetter::platform, PriceSetter::center, now);
  const auto by_center = [&](Duration after, std::string_view price) {
    Contract next = *contract_at(market.center(north)->contracts, now + after);
    next.id = id_of<ContractId>(++serial_);
    next.valid_from = now + after;
    next.settlement = {row(north, now, price)};
    ok(SetContract{next, north});
  };
  by_center(hours(48), "0.2");
  by_center(hours(48), "0.3");  // of one day the newer
  by_center(hours(72), "0.4");
  agree(PriceSetter::platform, PriceSetter::center, now + hours(96));  // the platform's own next contract
  const auto at = [&](int after) { return *contract_at(market.center(north)->contracts, now + hours(after)); };
  const auto with = [&](PriceSetter settlement, std::int32_t margin) {
    ok(SetContract{{.id = id_of<ContractId>(++serial_), .center = north, .unit = kCny, .terms = {.tax_bps = 600, .margin_bps = margin},
                    .valid_from = now + hours(24), .settlement = {row(north, now, "0.1")}, .settlement_prices = settlement}, {}});
  };
  with(PriceSetter::center, 70);
  EXPECT_EQ(at(25).terms.margin_bps, 70);
  EXPECT_EQ(at(49).terms.margin_bps, 70);
  EXPECT_EQ(to_text(at(49).settlement[0].price), "0.3");
  EXPECT_EQ(at(73).terms.margin_bps, 70);
  EXPECT_EQ(to_text(at(73).settlement[0].price), "0.4");
  EXPECT_EQ(at(97).terms.margin_bps, 1000);
  EXPECT_TRUE(at(97).settlement.empty());
  const std::size_t versions = market.center(north)->contracts.size();
  with(PriceSetter::platform, 50);  // the right to set them ends
  EXPECT_EQ(at(49).terms.margin_bps, 50);
  EXPECT_EQ(to_text(at(73).settlement[0].price), "0.1");
  EXPECT_EQ(market.center(north)->contracts.size(), versions + 1) << "those that follow replace what they go on from";
}

// A proposal made from terms that hold no longer when it is approved.
TEST_F(Setters, ProposedPricesMeetTheTermsOfTheirApproval) {
  agree(PriceSetter::platform, PriceSetter::either, now);
  Contract next = market.center(north)->contracts.back();
  next.id = id_of<ContractId>(++serial_);
  next.valid_from = now + hours(24);
  next.settlement = {row(north, now, "0.2")};
  const ProposalId proposal = id_of<ProposalId>(++serial_);
  ok(Propose{proposal, stranger, SetContract{next, north}, "cheaper power"});
  agree(PriceSetter::platform, PriceSetter::platform, now + hours(1));
  EXPECT_EQ(error(EndProposal{proposal, user, ProposalEnd::approved, {}}), ErrorCode::forbidden);
}

TEST_F(Setters, WhoSubsidisesSetsThePrices) {
  Contract wanted{.id = id_of<ContractId>(++serial_), .center = north, .unit = kCny, .terms = {}, .valid_from = now, .settlement = {row(north, now)},
                  .may_subsidise = true};
  for (const PriceSetter setter : {PriceSetter::center, PriceSetter::either}) {
    Contract sale = wanted, settlement = wanted;
    sale.sale_prices = setter;
    settlement.settlement_prices = setter;
    EXPECT_EQ(error(SetContract{sale, {}}), ErrorCode::invalid_argument);
    EXPECT_EQ(error(SetContract{settlement, {}}), ErrorCode::invalid_argument);
  }
  ok(SetContract{wanted, {}});
}

TEST_F(Setters, ACenterIsSettledInWhatItWasEnrolledIn) {
  const CenterId west = id_of<CenterId>(3);
  for (CommandBody& step : enrolment({west, "west", id_of<ConnectorId>(3), {60}, {61}, *parse_unit("USD")})) ok(std::move(step));
  EXPECT_EQ(market.period(market.center(west)->open_period)->unit, *parse_unit("USD"));
  EXPECT_EQ(error(SetContract{{.id = id_of<ContractId>(++serial_), .center = west, .unit = kCny, .terms = {}, .valid_from = now}, {}}), ErrorCode::unit_mismatch);
  ok(SetContract{{.id = id_of<ContractId>(++serial_), .center = west, .unit = *parse_unit("USD"), .terms = {}, .valid_from = now}, {}});
}

}  // namespace
}  // namespace bourse::broker
