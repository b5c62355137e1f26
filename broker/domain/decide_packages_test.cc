// Packages of 度: buying, using, their money, their end.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

using ledger::AccountCode;
using pricing::Meter;

class Packages : public MarketFixture {
 public:
  void TestBody() override {}

 protected:
  // In the north four cores for an hour are one 度, which includes memory and nodes.
  void SetUp() override {
    open_market();
    pricing::PriceRow cores{.id = id_of<PriceRowId>(++serial_),
                            .scope = {.center = north},
                            .meter = Meter::core_ms,
                            .price = *parse_decimal("0.5"),
                            .per = 3'600'000,
                            .unit = kDu,
                            .valid_from = now};
    cores.factor = {.table = "v1", .chip = "a100", .precision = "fp16", .value = *parse_decimal("0.5"),
                    .includes = 1U << static_cast<unsigned>(Meter::mem_mib_s) | 1U << static_cast<unsigned>(Meter::node_ms)};
    ok(PublishPrices{{cores}});
  }
  ProductId product(std::string_view du, std::string_view price, Duration valid = hours(24 * 90)) {
    const ProductId id = id_of<ProductId>(++serial_);
    ok(PublishProducts{{{.id = id, .name = "small", .du = *parse_amount(du), .price = *parse_amount(price), .valid_for = valid}}});
    return id;
  }
  LotId buy(ProductId what) {
    const LotId lot = id_of<LotId>(++serial_);
    ok(BuyPackage{lot, account, user, what});
    return lot;
  }
  static JobSpec in_du(Duration walltime = hours(1)) {
    JobSpec what = spec();
    what.walltime = walltime;
    what.pay_with = kDu;
    return what;
  }
  JobId used_up(Duration running, Duration walltime = hours(1)) {
    const JobId job = submit(in_du(walltime));
    run(job, running);
    return job;
  }
  const Lot& lot(LotId id) const { return *market.lot(id); }
  Amount du_wallet() const {
    const auto* found = market.ledger().account(Market::wallet_of(*market.account(account), kDu));
    return found == nullptr ? Amount{} : found->balance();
  }
  Amount du_deferred() const {
    const auto* found = market.ledger().account(Market::platform_account(AccountCode::deferred_revenue, kDu));
    return found == nullptr ? Amount{} : found->balance();
  }
  Charge charge(JobId job) const {
    const Attempt& attempt = market.job(job)->attempt();
    const auto parts = pricing::split(attempt.money, market.job(job)->plan().terms);
    return {job, attempt.id, account, attempt.center, market.center(attempt.center)->open_period, attempt.money,
            parts.center, parts.margin, parts.tax, attempt.lots};
  }
};

TEST_F(Packages, BuyingMovesMoneyToWhatIsDeferred) {
  const LotId small = buy(product("10", "33.33"));
  EXPECT_EQ(to_text(wallet().balance()), "966.67");
  EXPECT_EQ(to_text(balance(AccountCode::deferred_revenue)), "33.33");
  EXPECT_EQ(to_text(du_wallet()), "10.00");
  EXPECT_EQ(to_text(du_deferred()), "-10.00");
  EXPECT_EQ(lot(small).kind, LotKind::package);
  EXPECT_EQ(to_text(lot(small).price_left), "33.33");
}

TEST_F(Packages, ACenterIsOwedMoneyForDu) {
  const LotId small = buy(product("10", "33.33"));
  const JobId job = used_up(hours(1));
  const auto& captured = first<UsageCaptured>();
  EXPECT_EQ(captured.unit, kDu);
  EXPECT_EQ(to_text(captured.rated), "1.00");
  EXPECT_EQ(captured.lots, (std::vector<LotPart>{{small, Amount::whole(1), *parse_amount("3.333")}}));
  EXPECT_EQ(to_text(captured.gross), "3.333");
  const auto parts = pricing::split(captured.gross, {.tax_bps = 600, .margin_bps = 1000});
  EXPECT_EQ(captured.center_share, parts.center);
  EXPECT_EQ(balance(AccountCode::center_payable, north.uuid), parts.center);
  EXPECT_EQ(balance(AccountCode::platform_revenue), parts.margin);
  EXPECT_EQ(balance(AccountCode::tax_payable), parts.tax);
  EXPECT_EQ(to_text(du_wallet()), "9.00");
  EXPECT_EQ(to_text(market.job(job)->attempt().charged), "1.00");
  EXPECT_EQ(to_text(market.job(job)->attempt().money), "3.333");
  EXPECT_EQ(to_text(wallet().balance()), "966.67");
  // What the 度 includes is on the lines, at nothing.
  EXPECT_EQ(captured.lines.size(), 3U);
  EXPECT_TRUE(captured.lines[1].amount.is_zero() && captured.lines[2].amount.is_zero());
}

TEST_F(Packages, UsedUpExactlyNothingOfThePriceIsLeft) {
  const LotId odd = buy(product("0.7", "0.10"));
  for (int i = 0; i < 7; ++i) used_up(minutes(6), minutes(6));
  EXPECT_TRUE(lot(odd).left.is_zero());
  EXPECT_TRUE(lot(odd).price_left.is_zero());
  EXPECT_TRUE(balance(AccountCode::deferred_revenue).is_zero());
  EXPECT_TRUE(du_deferred().is_zero());
}

TEST_F(Packages, TheEarliestExpiryPaysFirst) {
  const LotId late = buy(product("10", "20", hours(48)));
  const LotId soon = buy(product("0.5", "3", hours(24)));
  used_up(hours(1));
  EXPECT_EQ(first<UsageCaptured>().lots, (std::vector<LotPart>{{soon, *parse_amount("0.5"), Amount::whole(3)},
                                                               {late, *parse_amount("0.5"), Amount::whole(1)}}));
  EXPECT_EQ(to_text(first<UsageCaptured>().gross), "4.00");
}

TEST_F(Packages, ManyReadingsPayAsOneDoes) {
  buy(product("1", "0.01"));
  const JobId job = submit(in_du());
  start(job);
  Amount money;
  for (int i = 1; i <= 60; ++i) {
    advance(minutes(1));
    std::vector<ReportRecord> records;
    if (i == 60) records.emplace_back(happens(job, Happening::ended));
    records.emplace_back(used(job, minutes(i), i == 60));
    report(north, std::move(records));
    const auto& captured = first<UsageCaptured>();
    EXPECT_EQ(captured.gross, captured.center_share + captured.margin + captured.tax);
    money += captured.gross;
  }
  EXPECT_EQ(to_text(money), "0.01");
  EXPECT_TRUE(balance(AccountCode::deferred_revenue).is_zero());
  EXPECT_EQ(balance(AccountCode::center_payable, north.uuid), pricing::split(money, {.tax_bps = 600, .margin_bps = 1000}).center);
}

TEST_F(Packages, WhatIsLeftAtTheEndIsEarned) {
  const LotId small = buy(product("10", "33.33", hours(24)));
  used_up(hours(1));
  const Amount earned = balance(AccountCode::platform_revenue);
  advance(hours(24));
  ok(Tick{});
  EXPECT_EQ(to_text(first<LotExpired>().amount), "9.00");
  EXPECT_EQ(to_text(first<LotExpired>().money), "29.997");
  EXPECT_EQ(to_text(balance(AccountCode::platform_revenue) - earned), "29.997");
  EXPECT_TRUE(balance(AccountCode::deferred_revenue).is_zero());
  EXPECT_TRUE(du_wallet().is_zero() && du_deferred().is_zero());
  EXPECT_TRUE(lot(small).price_left.is_zero());
}

TEST_F(Packages, ARefundGivesBackDuAndDefersTheirMoney) {
  const LotId small = buy(product("10", "33.33"));
  const JobId job = used_up(hours(1));
  ok(Refund{id_of<AdjustmentId>(++serial_), charge(job), *parse_amount("1"), "it was slow"});
  EXPECT_EQ(to_text(lot(small).left), "9.30003");
  EXPECT_EQ(to_text(lot(small).price_left), "30.997");
  EXPECT_EQ(to_text(balance(AccountCode::deferred_revenue)), "30.997");
  ok(Refund{id_of<AdjustmentId>(++serial_), charge(job), *parse_amount("2.333"), "all of it was"});
  EXPECT_EQ(to_text(lot(small).left), "10.00");
  EXPECT_EQ(to_text(du_wallet()), "10.00");
  EXPECT_EQ(to_text(balance(AccountCode::deferred_revenue)), "33.33");
  EXPECT_TRUE(balance(AccountCode::center_payable, north.uuid).is_zero());
  EXPECT_TRUE(balance(AccountCode::platform_revenue).is_zero() && balance(AccountCode::tax_payable).is_zero());
  EXPECT_EQ(to_text(wallet().balance()), "966.67");
}

TEST_F(Packages, WhereCentersHavePricesOfTheirOwnThePlatformMustPayTheRest) {
  const auto contract = [&](bool may_subsidise) {
    std::vector<pricing::PriceRow> rows;
    for (const Meter meter : {Meter::core_ms, Meter::mem_mib_s, Meter::node_ms, Meter::gpu_ms})
      rows.push_back({.id = id_of<PriceRowId>(++serial_),
                      .meter = meter,
                      .price = meter == Meter::core_ms ? *parse_decimal("1") : Decimal{},
                      .per = 3'600'000,
                      .valid_from = now});
    ok(SetContract{{.id = id_of<ContractId>(++serial_), .center = north, .terms = {.tax_bps = 600}, .valid_from = now,
                    .settlement = rows, .may_subsidise = may_subsidise}});
  };
  buy(product("10", "33.33"));
  contract(false);
  EXPECT_EQ(error(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, {}, in_du()}),
            ErrorCode::no_price);
  advance(seconds(1));
  contract(true);
  used_up(hours(1));  // worth 3.333, of which 3.144340 after tax; the center gets four core-hours at 1
  const auto& captured = first<UsageCaptured>();
  EXPECT_EQ(to_text(captured.center_share), "4.00");
  EXPECT_EQ(captured.margin, captured.gross - captured.tax - captured.center_share);
  EXPECT_TRUE(captured.margin.is_negative());
  EXPECT_EQ(to_text(balance(AccountCode::center_payable, north.uuid)), "4.00");
  EXPECT_EQ(balance(AccountCode::platform_revenue), captured.margin);
}

TEST_F(Packages, AHoldInDuNeedsAPackage) {
  const auto submit_in_du = [&](JobSpec what = in_du()) {
    return error(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, {}, what});
  };
  EXPECT_EQ(submit_in_du(), ErrorCode::insufficient_funds);
  buy(product("1", "3", hours(24)));
  JobSpec dollars = in_du();
  dollars.pay_with = *parse_unit("USD");
  EXPECT_EQ(submit_in_du(dollars), ErrorCode::invalid_argument);
  EXPECT_EQ(submit_in_du(), std::nullopt);
  EXPECT_EQ(submit_in_du(), ErrorCode::insufficient_funds);  // held
  JobSpec south_only = in_du();
  south_only.center = south;
  EXPECT_EQ(submit_in_du(south_only), ErrorCode::no_price);
}

TEST_F(Packages, BothPricesOfAPoolHoldSideBySide) {
  buy(product("10", "33.33"));
  const JobId money = submit();
  EXPECT_EQ(market.job(money)->plan().rows.front().unit, kCny);
  const JobId du = submit(in_du());
  EXPECT_EQ(market.job(du)->plan().rows.front().unit, kDu);
  EXPECT_EQ(market.job(du)->decision.plans.size(), 1U);
  EXPECT_EQ(to_text(market.job(du)->plan().cap), "1.00");
}

TEST_F(Packages, GiftsDontBuyThem) {
  ok(GrantLot{id_of<LotId>(++serial_), account, Amount::whole(50), now + hours(24), "a gift"});
  const ProductId dear = product("100", "1000.01");
  EXPECT_EQ(error(BuyPackage{id_of<LotId>(++serial_), account, user, dear}), ErrorCode::insufficient_funds);
  const ProductId all = product("100", "1000");
  buy(all);
  EXPECT_EQ(to_text(wallet().balance()), "50.00");
}

// A 度 counts what it cost: held by the dearest package that may pay, spent as the one that did.
TEST_F(Packages, AMembersUseCountsInMoney) {
  buy(product("1", "3", hours(24)));
  buy(product("10", "10", hours(48)));
  EXPECT_EQ(market.spending(account, user), nullptr);  // buying is the account's, not a job's
  ok(SetMemberLimits{account, user, {.total = Amount::whole(6), .per_job = Amount::whole(3)}});
  EXPECT_EQ(error(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, {}, in_du(hours(2))}),
            ErrorCode::member_limit);
  const JobId first_job = submit(in_du());
  EXPECT_EQ(to_text(market.spending(account, user)->held), "3.00");
  const JobId second_job = submit(in_du());
  EXPECT_EQ(to_text(market.spending(account, user)->held), "6.00");
  EXPECT_EQ(error(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, {}, in_du()}),
            ErrorCode::member_limit);
  run(first_job, hours(1));
  EXPECT_EQ(to_text(market.spending(account, user)->total), "3.00");
  EXPECT_EQ(to_text(market.spending(account, user)->held), "3.00");
  run(second_job, minutes(30));
  EXPECT_EQ(to_text(market.spending(account, user)->total), "3.50");
  EXPECT_TRUE(market.spending(account, user)->held.is_zero());
}

// A long run holds a window of 度 at a time.
TEST_F(Packages, WindowsAreHeldInDu) {
  ok(SetMemberLimits{account, user, {.per_job = Amount::whole(15)}});
  buy(product("10", "20"));
  JobSpec what = in_du(hours(10));
  what.hold_window = hours(2);
  const JobId job = submit(what);
  start(job);
  const auto held = [&] { return to_text(market.ledger().hold(market.job(job)->hold)->amount); };
  EXPECT_EQ(held(), "2.00");
  EXPECT_EQ(to_text(market.spending(account, user)->held), "4.00");
  advance(minutes(91));
  ok(Tick{});
  EXPECT_EQ(held(), "4.00");
  EXPECT_EQ(to_text(market.spending(account, user)->held), "8.00");
  const Forecast forecast = market.forecast(*market.account(account), kDu, now);
  EXPECT_EQ(forecast.jobs, 1U);
  EXPECT_EQ(to_text(forecast.an_hour), "1.00");
  EXPECT_EQ(market.forecast(*market.account(account), kCny, now).jobs, 0U);
  advance(hours(2));
  ok(Tick{});
  EXPECT_EQ(held(), "6.00");
  advance(hours(2));
  ok(Tick{});
  EXPECT_EQ(held(), "6.00") << "a job may cost 15, and eight 度 are worth 16";
  EXPECT_EQ(market.job(job)->shortage->code, ErrorCode::member_limit);
  EXPECT_EQ(to_text(market.job(job)->shortage->needed), "2.00");
  report(north, {happens(job, Happening::ended), used(job, minutes(331))});
  EXPECT_EQ(to_text(market.job(job)->attempt().charged), "5.516667");
  EXPECT_EQ(to_text(market.spending(account, user)->total), "11.033334");
  EXPECT_TRUE(market.spending(account, user)->held.is_zero());
}

TEST_F(Packages, AFrozenAccountBuysNothing) {
  const ProductId some = product("1", "3");
  ok(SetAccountPolicy{.account = account, .frozen = true, .reason = "unpaid"});
  EXPECT_EQ(error(BuyPackage{id_of<LotId>(++serial_), account, user, some}), ErrorCode::account_frozen);
}

TEST_F(Packages, AProductIsChecked) {
  const auto refused = [&](auto change) {
    Product made{.id = id_of<ProductId>(++serial_), .name = "small", .du = Amount::whole(1), .price = Amount::whole(1), .valid_for = hours(1)};
    change(made);
    return error(PublishProducts{{made}});
  };
  using enum ErrorCode;
  EXPECT_EQ(refused([](Product&) {}), std::nullopt);
  EXPECT_EQ(refused([](Product& p) { p.du = {}; }), invalid_argument);
  EXPECT_EQ(refused([](Product& p) { p.price = {}; }), invalid_argument);
  EXPECT_EQ(refused([](Product& p) { p.currency = kDu; }), invalid_argument);
  EXPECT_EQ(refused([](Product& p) { p.valid_for = {}; }), invalid_argument);
  EXPECT_EQ(refused([](Product& p) { p.name.clear(); }), invalid_argument);
  const ProductId known = product("1", "1");
  EXPECT_EQ(refused([&](Product& p) { p.id = known, p.price = Amount::whole(2); }), invalid_argument);
  const ProductId ended = id_of<ProductId>(++serial_);
  ok(PublishProducts{{{.id = ended, .name = "old", .du = Amount::whole(1), .price = Amount::whole(1), .valid_for = hours(1), .until = now}}});
  EXPECT_EQ(error(BuyPackage{id_of<LotId>(++serial_), account, user, ended}), not_found);
  EXPECT_EQ(error(BuyPackage{id_of<LotId>(++serial_), account, id_of<UserId>(9), known}), not_found);
}

class Shop : public Packages {
 public:
  using Packages::SetUp;
  using Packages::TearDown;

  void step() {
    switch (*rc::gen::inRange(0, 5)) {
      case 0: return buy_one();
      case 1: case 2: return use_some();
      case 3: return give_back();
      default:
        advance(minutes(*rc::gen::inRange(1, 200)));
        ok(Tick{});
    }
  }
  // Every 度 and every micro-unit of a price is somewhere.
  void check() {
    Amount left, price_left;
    for (const Lot* one : market.all_lots()) {
      RC_ASSERT(!one->price_left.is_negative() && one->price_left <= one->price);
      if (one->left.is_zero() && returned_.empty()) RC_ASSERT(one->price_left.is_zero());
      left += one->left;
      price_left += one->price_left;
    }
    RC_ASSERT(du_wallet() == left);
    RC_ASSERT(du_deferred() == Amount{} - left);
    RC_ASSERT(balance(AccountCode::deferred_revenue) == price_left);
    const Amount earned = balance(AccountCode::center_payable, north.uuid) + balance(AccountCode::platform_revenue) +
                          balance(AccountCode::tax_payable);
    RC_ASSERT(earned + price_left == Amount::whole(1000) - wallet().balance());
  }

 private:
  void buy_one() {
    const Amount du{*rc::gen::inRange<std::int64_t>(1, 3'000'000)};
    const Amount price{*rc::gen::inRange<std::int64_t>(1, 20'000'000)};
    const ProductId id = id_of<ProductId>(++serial_);
    ok(PublishProducts{{{.id = id, .name = "p", .du = du, .price = price, .valid_for = minutes(*rc::gen::inRange(30, 1000))}}});
    static_cast<void>(decide(BuyPackage{id_of<LotId>(++serial_), account, user, id}));
  }
  void use_some() {
    const Duration walltime = minutes(*rc::gen::inRange(1, 60));
    const JobId job = id_of<JobId>(++serial_);
    if (!decide(SubmitJob{job, id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, {}, in_du(walltime)})) return;
    start(job);
    const int readings = *rc::gen::inRange(1, 4);
    for (int i = 1; i <= readings; ++i) {
      advance({walltime.ms / readings});
      const Duration so_far{walltime.ms / readings * i};
      std::vector<ReportRecord> records;
      if (i == readings) records.emplace_back(happens(job, Happening::ended));
      records.emplace_back(used(job, so_far, i == readings));
      report(north, std::move(records));
    }
    jobs_.push_back(job);
  }
  void give_back() {
    for (const JobId job : jobs_) {
      const Charge of = charge(job);
      const Amount left = of.gross - market.adjusted(of.attempt).given_back;
      if (!left.is_positive() || *rc::gen::inRange(0, 2) == 0) continue;
      ok(Refund{id_of<AdjustmentId>(++serial_), of, Amount{*rc::gen::inRange<std::int64_t>(1, left.micros + 1)}, "so it is"});
      returned_.push_back(job);
      return;
    }
  }
  std::vector<JobId> jobs_, returned_;
};

RC_GTEST_PROP(PackagesModel, NothingIsLostOrMade, ()) {
  Shop shop;
  shop.SetUp();
  for (int steps = *rc::gen::inRange(1, 40); steps > 0; --steps) {
    shop.step();
    shop.check();
  }
  shop.TearDown();
}

}  // namespace
}  // namespace bourse::broker
