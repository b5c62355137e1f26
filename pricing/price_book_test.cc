#include "pricing/price_book.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <tuple>

namespace bourse::pricing {
namespace {

constexpr Instant kStart{1'000'000};
constexpr TenantId kTenant{{1, 1}};
constexpr CenterId kCenter{{2, 2}};
const Scope kWhat{.tenant = kTenant, .center = kCenter, .pool = "cpu", .qos = "high"};

PriceRow row(std::uint64_t id, Scope scope = {}) {
  return {.id = PriceRowId{{0, id}},
          .scope = std::move(scope),
          .meter = Meter::core_ms,
          .price = {10, 2},
          .per = 3'600'000,
          .unit = kCny,
          .valid_from = kStart,
          .valid_until = {}};
}

TEST(TicksPer, KnowsTheQuantitiesOfEachMeter) {
  EXPECT_EQ(ticks_per(Meter::core_ms, "core-hour"), 3'600'000);
  EXPECT_EQ(ticks_per(Meter::core_ms, "core-second"), 1'000);
  EXPECT_EQ(ticks_per(Meter::core_ms, "core-day"), 86'400'000);
  EXPECT_EQ(ticks_per(Meter::gpu_ms, "gpu-hour"), 3'600'000);
  EXPECT_EQ(ticks_per(Meter::node_ms, "node-hour"), 3'600'000);
  EXPECT_EQ(ticks_per(Meter::mem_mib_s, "gib-hour"), 3'686'400);
  EXPECT_EQ(ticks_per(Meter::mem_mib_s, "gib-second"), 1'024);
  EXPECT_EQ(ticks_per(Meter::mem_mib_s, "gib-day"), 88'473'600);
}

TEST(TicksPer, OfWhatIsCounted) {
  EXPECT_EQ(ticks_per(Meter::storage_mib_s, "gib-day"), 88'473'600);
  EXPECT_EQ(ticks_per(Meter::egress_bytes, "gib"), 1'073'741'824);
  EXPECT_EQ(ticks_per(Meter::egress_bytes, "gb"), 1'000'000'000);
  for (const Meter meter : {Meter::tokens_in, Meter::tokens_out, Meter::tokens_cached}) EXPECT_EQ(ticks_per(meter, "1m-tokens"), 1'000'000);
  EXPECT_EQ(ticks_per(Meter::session_ms, "session-hour"), 3'600'000);
  EXPECT_EQ(ticks_per(Meter::tokens_in, "token-hour").error().detail, "the meter tokens_in is priced per 1m-tokens, 1k-tokens or token");
}

TEST(TicksPer, IsFoundAgain) {
  for (const Meter meter : kMeters) {
    const std::string first = quantity_of(meter, meter == Meter::egress_bytes ? 1 << 30 : meter == Meter::mem_mib_s || meter == Meter::storage_mib_s ? 3'686'400 : is_held(meter) || meter == Meter::session_ms ? 3'600'000 : 1'000'000);
    ASSERT_FALSE(first.empty()) << name(meter);
    EXPECT_EQ(quantity_of(meter, *ticks_per(meter, first)), first);
    EXPECT_EQ(quantity_of(meter, 7), "");
  }
}

TEST(TicksPer, RefusesOtherQuantities) {
  for (const char* quantity : {"", "core", "core-", "core-year", "gpu-hour", "corehour", "core_hour", "core-hours",
                               "Core-hour", "core--hour"}) {
    const auto ticks = ticks_per(Meter::core_ms, quantity);
    ASSERT_FALSE(ticks) << quantity;
    EXPECT_EQ(ticks.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(ticks.error().detail.find("core-hour"), std::string::npos);
  }
}

TEST(PriceBook, ChecksRows) {
  PriceBook book;
  const auto refused = [&book](auto change) {
    PriceRow changed = row(1);
    change(changed);
    const Status status = book.check(changed);
    return !status && status.error().code == ErrorCode::invalid_argument;
  };
  EXPECT_TRUE(book.check(row(1)));
  EXPECT_TRUE(refused([](PriceRow& r) { r.id = {}; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.price.coefficient = -1; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.price.scale = 13; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.per = 0; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.per = -5; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.valid_from = {}; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.valid_until = r.valid_from; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.meter = static_cast<Meter>(kMeterCount); }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.unit = Unit{}; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.scope.pool = std::string(256, 'x'); }));
  EXPECT_FALSE(refused([](PriceRow& r) { r.price.coefficient = 0; })) << "a price of zero means included";
}

TEST(PriceBook, ChecksTariffs) {
  PriceBook book;
  const auto refused = [&book](auto change) {
    PriceRow changed = row(1);
    change(changed);
    const Status status = book.check(changed);
    return !status && status.error().code == ErrorCode::invalid_argument;
  };
  EXPECT_FALSE(refused([](PriceRow& r) { r.windows = {{}}, r.zone = "Asia/Shanghai"; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.windows = {{}}; })) << "by whose clock?";
  EXPECT_TRUE(refused([](PriceRow& r) { r.zone = "Mars/Olympus"; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.windows = {{.days = 0}}, r.zone = "UTC"; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.tiers.steps = {{0, {1, 0}}}; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.free.ticks = -1; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.off = {PriceRowId{{1, 1}}, "x", 1}; })) << "only locked rows have one";
  const DuFactor factor{"v1", "A100", "fp16", {10'000, 4}, 0b1000};
  EXPECT_TRUE(refused([&](PriceRow& r) { r.factor = factor; })) << "in CNY";
  EXPECT_FALSE(refused([&](PriceRow& r) { r.factor = factor, r.unit = kDu; }));
  EXPECT_TRUE(refused([&](PriceRow& r) { r.factor = factor, r.unit = kDu, r.factor.includes = 1; })) << "includes its own meter";
  EXPECT_TRUE(refused([&](PriceRow& r) { r.factor = factor, r.unit = kDu, r.price = {1, 9}; })) << "13 places together";
  EXPECT_TRUE(refused([](PriceRow& r) { r.tiers = {TierMode::volume, Over::month, {{1, {1, 0}}}}, r.minimum = Amount{1}; }));
  EXPECT_TRUE(refused([](PriceRow& r) { r.strategy = Strategy::scow_cpus, r.free.ticks = 1; }));
  EXPECT_TRUE(by_readings(row(1)));
}

TEST(PriceBook, SaysWhichTiersNeverFall) {
  PriceRow falling = row(1);
  falling.tiers = {TierMode::graduated, Over::usage, {{1, {9, 2}}}};
  EXPECT_TRUE(grows_with_use(falling));
  falling.tiers.mode = TierMode::volume;
  EXPECT_FALSE(grows_with_use(falling));
  falling.tiers.steps = {{1, {100, 3}}, {2, {2, 1}}};
  EXPECT_TRUE(grows_with_use(falling)) << "0.10, 0.100, 0.2";
}

TEST(PriceBook, AScowMinimumFinerThanItsChargesFalls) {
  PriceRow scow{.strategy = Strategy::scow_cpus, .places = 2, .minimum = Amount{12'000}};
  EXPECT_FALSE(grows_with_use(scow));
  scow.places = 3;
  EXPECT_TRUE(grows_with_use(scow));
}

TEST(PriceBook, AWindowsRowHoldsInItAndLeavesTheRestToOthers) {
  PriceBook book;
  const Instant start = parse_instant("2026-03-02T07:00:00Z").value();
  PriceRow peak = row(1, {.tenant = kTenant});
  peak.windows = {{.days = 0x7f, .from = 480, .until = 960}};
  peak.zone = "UTC";
  book.add(peak);
  book.add(row(2));
  EXPECT_EQ(book.find(kWhat, Meter::core_ms, start)->id, row(2).id);
  EXPECT_EQ(book.find(kWhat, Meter::core_ms, start + hours(1))->id, peak.id);
  const auto locked = book.lock(kWhat, {.cores = 1}, start);
  ASSERT_EQ(locked->size(), 2U) << "both will be needed";
  EXPECT_EQ(locked->front().id, peak.id) << "the one that counts first";
  EXPECT_EQ(book.lock({}, {.cores = 1}, start)->size(), 1U);
}

TEST(PriceBook, OneDiscountHolds) {
  PriceBook book;
  book.add(row(1));
  const auto discount = [](std::uint64_t id, Scope scope, std::int32_t bps) {
    return Discount{.id = PriceRowId{{9, id}}, .name = "d" + std::to_string(id), .scope = std::move(scope), .meter = {}, .bps = bps, .valid_from = kStart, .valid_until = {}};
  };
  const auto off = [&book](Instant at = kStart) { return book.lock(kWhat, {.cores = 1}, at)->front().off.name; };
  EXPECT_EQ(off(), "");
  book.add(discount(1, {}, 5'000));
  EXPECT_EQ(off(), "d1");
  Discount gpu = discount(2, {}, 100);
  gpu.meter = Meter::gpu_ms;
  book.add(gpu);
  EXPECT_EQ(off(), "d1") << "for another meter";
  Discount core = gpu;
  core.id = discount(3, {}, 1).id, core.name = "d3", core.meter = Meter::core_ms;
  book.add(core);
  EXPECT_EQ(off(), "d3") << "for this one";
  Discount tenants = discount(4, {.tenant = kTenant}, 100);
  tenants.valid_until = kStart + seconds(1);
  book.add(tenants);
  EXPECT_EQ(off(), "d4") << "more specific, though less";
  EXPECT_EQ(off(kStart + seconds(1)), "d3") << "and over";
  EXPECT_EQ(book.find(kWhat, Meter::core_ms, kStart)->off, Off{}) << "the row itself is as it was";
  EXPECT_EQ(book.check(discount(1, {}, 1)).error().code, ErrorCode::conflict);
  for (const std::int32_t bps : {0, -1, 10'001}) EXPECT_EQ(book.check(discount(5, {}, bps)).error().code, ErrorCode::invalid_argument);
  Discount taken = discount(6, {}, 1);
  taken.id = row(1).id;
  EXPECT_EQ(book.check(taken).error().code, ErrorCode::conflict);
}

TEST(PriceBook, WhatAFactorIncludesIsNotPricedBesideIt) {
  PriceBook book;
  PriceRow gpu = row(1, {.pool = "gpu"});
  gpu.meter = Meter::gpu_ms;
  gpu.unit = kDu;
  gpu.factor = {"v1", "A100", "fp16", {1, 0}, 0b0001};
  book.add(gpu);
  book.add(row(2));  // cores, in yuan
  const Scope pool{.tenant = {}, .center = {}, .pool = "gpu", .qos = {}};
  EXPECT_EQ(book.lock(pool, {.cores = 1, .gpus = 1}, kStart)->size(), 1U);
  EXPECT_EQ(book.lock(pool, {.cores = 1}, kStart)->front().id, row(2).id) << "no card, no factor";
  EXPECT_EQ(book.lock(pool, {.cores = 1, .gpus = 1, .nodes = 1}, kStart).error().code, ErrorCode::no_price);
}

TEST(PriceBook, RowsNeverChange) {
  PriceBook book;
  book.add(row(1));
  EXPECT_TRUE(book.check(row(1)));
  book.add(row(1));
  EXPECT_EQ(book.rows().size(), 1U);
  PriceRow dearer = row(1);
  dearer.price = {11, 2};
  EXPECT_EQ(book.check(dearer).error().code, ErrorCode::conflict);
  dearer.price = {100, 3};  // the same number, written otherwise
  EXPECT_EQ(book.check(dearer).error().code, ErrorCode::conflict);
}

TEST(PriceBook, TheMostSpecificScopeWins) {
  PriceBook book;
  // In the order of specificity, so each added row takes over.
  std::uint64_t id = 0;
  for (unsigned fields = 0; fields < 16; ++fields) {
    Scope scope;
    if (fields & 8) scope.tenant = kTenant;
    if (fields & 4) scope.center = kCenter;
    if (fields & 2) scope.pool = "cpu";
    if (fields & 1) scope.qos = "high";
    book.add(row(++id, scope));
    const PriceRow* found = book.find(kWhat, Meter::core_ms, kStart);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->id, (PriceRowId{{0, id}})) << fields;
  }
}

TEST(PriceBook, OtherScopesDoNotMatch) {
  PriceBook book;
  book.add(row(1, {.tenant = TenantId{{9, 9}}, .center = {}, .pool = {}, .qos = {}}));
  book.add(row(2, {.tenant = {}, .center = CenterId{{9, 9}}, .pool = {}, .qos = {}}));
  book.add(row(3, {.tenant = {}, .center = {}, .pool = "gpu", .qos = {}}));
  book.add(row(4, {.tenant = {}, .center = {}, .pool = {}, .qos = "low"}));
  EXPECT_EQ(book.find(kWhat, Meter::core_ms, kStart), nullptr);
  EXPECT_EQ(book.find({}, Meter::core_ms, kStart), nullptr);
  book.add(row(5));
  EXPECT_EQ(book.find(kWhat, Meter::core_ms, kStart)->id, (PriceRowId{{0, 5}}));
  EXPECT_EQ(book.find({}, Meter::core_ms, kStart)->id, (PriceRowId{{0, 5}}));
  EXPECT_EQ(book.find(kWhat, Meter::gpu_ms, kStart), nullptr);
}

TEST(PriceBook, TheNewestValidRowWins) {
  PriceBook book;
  PriceRow old = row(1);
  PriceRow summer = row(2);
  summer.valid_from = kStart + seconds(10);
  summer.valid_until = kStart + seconds(20);
  book.add(summer);
  book.add(old);
  const auto at = [&book](Instant t) {
    const PriceRow* found = book.find(kWhat, Meter::core_ms, t);
    return found == nullptr ? 0 : found->id.uuid.low;
  };
  EXPECT_EQ(at(kStart - milliseconds(1)), 0U);
  EXPECT_EQ(at(kStart), 1U);
  EXPECT_EQ(at(summer.valid_from - milliseconds(1)), 1U);
  EXPECT_EQ(at(summer.valid_from), 2U);
  EXPECT_EQ(at(summer.valid_until - milliseconds(1)), 2U);
  EXPECT_EQ(at(summer.valid_until), 1U);
  book.add(row(3));  // as old as the first: the newer id wins
  EXPECT_EQ(at(kStart), 3U);
}

TEST(PriceBook, LocksARowForEachMeterThatMoves) {
  PriceBook book;
  std::uint64_t id = 0;
  for (const Meter meter : kMeters) {
    PriceRow priced = row(++id);
    priced.meter = meter;
    book.add(priced);
  }
  EXPECT_EQ(book.lock(kWhat, {.cores = 1, .gpus = 1, .nodes = 1, .mem_mib = 1}, kStart)->size(), 4U);
  const auto without_gpu = book.lock(kWhat, {.cores = 1, .gpus = 0, .nodes = 1, .mem_mib = 1}, kStart);
  ASSERT_EQ(without_gpu->size(), 3U);
  for (const PriceRow& locked : *without_gpu) EXPECT_NE(locked.meter, Meter::gpu_ms);
}

TEST(PriceBook, LocksForWhatWasCounted) {
  PriceBook book;
  std::uint64_t id = 0;
  for (const Meter meter : {Meter::core_ms, Meter::tokens_in}) {
    PriceRow priced = row(++id);
    priced.meter = meter;
    book.add(priced);
  }
  Usage usage{.allocation = {.cores = 1}, .running = hours(1), .pool = {}};
  EXPECT_EQ(book.lock(kWhat, usage, kStart)->size(), 1U);
  usage.counted[Meter::tokens_in] = 1;
  EXPECT_EQ(book.lock(kWhat, usage, kStart)->size(), 2U);
  usage.counted[Meter::tokens_out] = 1;
  EXPECT_NE(book.lock(kWhat, usage, kStart).error().detail.find("tokens_out"), std::string::npos);
  PriceRow whole = row(++id);
  whole.strategy = Strategy::scow_cpus;
  whole.scope.pool = kWhat.pool;
  book.add(whole);
  EXPECT_EQ(book.lock(kWhat, usage, kStart).error().code, ErrorCode::no_price) << "a strategy of the whole job knows no tokens";
}

TEST(PriceBook, LockNamesTheMeterWithoutAPrice) {
  PriceBook book;
  book.add(row(1));
  const auto locked = book.lock(kWhat, {.cores = 1, .gpus = 1, .nodes = 0, .mem_mib = 0}, kStart);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code, ErrorCode::no_price);
  EXPECT_NE(locked.error().detail.find("gpu_ms"), std::string::npos);
}

TEST(PriceBook, LockRefusesToMixUnits) {
  PriceBook book;
  book.add(row(1));
  PriceRow in_du = row(2);
  in_du.meter = Meter::gpu_ms;
  in_du.unit = kDu;
  book.add(in_du);
  const auto locked = book.lock(kWhat, {.cores = 1, .gpus = 1, .nodes = 0, .mem_mib = 0}, kStart);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code, ErrorCode::no_price);
}

TEST(PriceBook, KeepsItsRowsWhenMoved) {
  PriceBook book;
  book.add(row(1, kWhat));
  const PriceBook moved = std::move(book);
  EXPECT_EQ(moved.find(kWhat, Meter::core_ms, kStart)->scope.pool, "cpu");
}

// The definition of `find`, word for word.
const PriceRow* obvious_find(const std::vector<PriceRow>& rows, const Scope& what, Meter meter, Instant at) {
  const auto matches = [](const auto& of_row, const auto& asked) {
    return of_row == std::decay_t<decltype(of_row)>{} || of_row == asked;
  };
  const auto rank = [](const PriceRow& r) {
    const int specificity = (r.scope.tenant.is_nil() ? 0 : 8) + (r.scope.center.is_nil() ? 0 : 4) +
                            (r.scope.pool.empty() ? 0 : 2) + (r.scope.qos.empty() ? 0 : 1);
    return std::tuple(specificity, r.valid_from, r.id);
  };
  const PriceRow* best = nullptr;
  for (const PriceRow& r : rows) {
    if (r.meter != meter || r.valid_from > at || (r.valid_until != Instant{} && r.valid_until <= at)) continue;
    if (!matches(r.scope.tenant, what.tenant) || !matches(r.scope.center, what.center) ||
        !matches(r.scope.pool, what.pool) || !matches(r.scope.qos, what.qos))
      continue;
    if (best == nullptr || rank(*best) < rank(r)) best = &r;
  }
  return best;
}

Scope any_scope() {
  const auto id = [] { return *rc::gen::inRange<std::uint64_t>(0, 3); };
  const auto name = [] { return *rc::gen::element<std::string>("", "a", "b"); };
  return {.tenant = TenantId{{0, id()}}, .center = CenterId{{0, id()}}, .pool = name(), .qos = name()};
}

RC_GTEST_PROP(PriceBookProperty, FindsWhatTheDefinitionSays, ()) {
  PriceBook book;
  std::vector<PriceRow> rows;
  const auto count = *rc::gen::inRange<std::uint64_t>(0, 40);
  for (std::uint64_t id = 1; id <= count; ++id) {
    PriceRow added = row(id, any_scope());
    added.meter = *rc::gen::elementOf(kMeters);
    added.valid_from = Instant{*rc::gen::inRange<std::int64_t>(1, 6)};
    if (*rc::gen::arbitrary<bool>())
      added.valid_until = added.valid_from + Duration{*rc::gen::inRange<std::int64_t>(1, 4)};
    book.add(added);
    rows.push_back(added);
  }
  for (int i = 0; i < 20; ++i) {
    const Scope what = any_scope();
    const Meter meter = *rc::gen::elementOf(kMeters);
    const Instant at{*rc::gen::inRange<std::int64_t>(0, 10)};
    const PriceRow* found = book.find(what, meter, at);
    const PriceRow* expected = obvious_find(rows, what, meter, at);
    RC_ASSERT((found == nullptr) == (expected == nullptr));
    if (found != nullptr) RC_ASSERT(found->id == expected->id);
  }
}

}  // namespace
}  // namespace bourse::pricing
