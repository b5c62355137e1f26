// The published book as it is listed, and records that were set aside.
#include "base/sha256.h"
#include "broker/adapters/api/contract/books_world.h"

namespace bourse::test {
namespace {

class Prices : public BooksWorld {
 protected:
  v1::ListPricesReply list(const v1::Principal& who, v1::ListPricesRequest request = {}) {
    v1::ListPricesReply reply;
    EXPECT_EQ(ask(&Stub::ListPrices, request, who, &reply), "") << detail_;
    return reply;
  }
  // A row with everything, the same for bob's tenant alone, and a discount, from `starts` on.
  v1::PublishPricesReply publish(Instant starts) {
    v1::PublishPricesRequest request;
    v1::PriceRow& row = *request.add_rows();
    row.set_center("alpha");
    row.set_meter("core_ms");
    row.set_price("0.50");
    row.set_per("core-hour");
    row.set_unit("CNY");
    row.set_minimum("0.02");
    row.set_tier_mode("graduated");
    row.set_free_ticks(1'000);
    v1::PriceTier& tier = *row.add_tiers();
    tier.set_above_ticks(7'200'000);
    tier.set_price("0.4");
    row.set_valid_from_ms(starts.unix_ms);
    v1::PriceRow& bobs = *request.add_rows();
    bobs = row;
    bobs.set_tenant(bob_.tenant());
    v1::Discount& discount = *request.add_discounts();
    discount.set_name("summer");
    discount.set_bps(1'500);
    discount.set_valid_from_ms(1);
    v1::PublishPricesReply published;
    EXPECT_EQ(ask(&Stub::PublishPrices, request, operator_, &published), "") << detail_;
    return published;
  }
};

TEST_F(Prices, TheBookIsListedAsItWasPublished) {
  const Instant starts = clock_.now() + hours(48);
  const v1::PublishPricesReply published = publish(starts);
  const v1::ListPricesReply all = list(finance_);
  EXPECT_EQ(all.rows_size(), 6);
  ASSERT_EQ(all.discounts_size(), 1);
  EXPECT_EQ(all.discounts(0).bps(), 1'500);
  const auto of_id = [](const v1::ListPricesReply& reply, const std::string& id) {
    for (const v1::PriceRow& one : reply.rows())
      if (one.id() == id) return one;
    return v1::PriceRow{};
  };
  const v1::PriceRow listed = of_id(all, published.ids(0));
  EXPECT_EQ(listed.price(), "0.50");
  EXPECT_EQ(listed.minimum(), "0.02");
  EXPECT_EQ(listed.tiers(0).above_ticks(), 7'200'000);
  EXPECT_EQ(listed.free_ticks(), 1'000);
  EXPECT_EQ(listed.center(), to_text(alpha_.id));
  // A negotiated price is its tenant's alone.
  EXPECT_EQ(list(ada_).rows_size(), 5);
  EXPECT_EQ(list(bob_).rows_size(), 6);
  EXPECT_EQ(of_id(list(ada_), published.ids(1)).id(), "");

  v1::ListPricesRequest now;
  now.set_at(to_text(clock_.now()));
  EXPECT_EQ(list(finance_, now).rows_size(), 4);
  now.set_at(to_text(starts));
  EXPECT_EQ(list(finance_, now).rows_size(), 6);
  v1::ListPricesReply none;
  now.set_at("yesterday");
  EXPECT_EQ(ask(&Stub::ListPrices, now, finance_, &none), "invalid_argument");
  v1::ListPricesRequest page;
  page.set_limit(2);
  std::set<std::string> seen;
  for (;;) {
    const v1::ListPricesReply reply = list(finance_, page);
    for (const v1::PriceRow& one : reply.rows()) EXPECT_TRUE(seen.insert(one.id()).second);
    for (const v1::Discount& one : reply.discounts()) EXPECT_TRUE(seen.insert(one.id()).second);
    if (reply.next_cursor().empty()) break;
    page.set_cursor(reply.next_cursor());
  }
  EXPECT_EQ(seen.size(), 7U);
  const StubCenter beta = enrol("beta");
  v1::ListPricesRequest of_beta;
  of_beta.set_center("beta");
  EXPECT_EQ(list(finance_, of_beta).rows_size(), 0);
  EXPECT_EQ(list(finance_, of_beta).discounts_size(), 1) << "it is for every center";
  of_beta.set_center("gamma");
  EXPECT_EQ(ask(&Stub::ListPrices, of_beta, finance_, &none), "not_found");
}

TEST_F(Prices, WhatWasSetAsideIsListedAndAMissingPriceIsAnAlarm) {
  const std::string id = submit(ada_, spec()).id();
  const broker::Job now = job(id);
  const auto reading = [&](std::uint32_t revision, std::int64_t core_ms) {
    return broker::UsageRecord{.id = UsageRecordId::make(clock_.now(), rng_), .job = now.id, .attempt = now.attempt().id, .fence = now.attempt().fence,
                               .order_hash = sha256(broker::order_bytes(now)), .scheduler_job = "1", .start = clock_.now() - seconds(10), .end = clock_.now(),
                               .revision = revision, .meters = {{core_ms, 0, 0, 0}}};
  };
  report(alpha_, id, {reading(1, 1'000'000'000)});  // more than four cores can have had
  v1::ListQuarantinedRequest request;
  v1::ListQuarantinedReply reply;
  ASSERT_EQ(ask(&Stub::ListQuarantined, request, operator_, &reply), "") << detail_;
  ASSERT_EQ(reply.records_size(), 1);
  EXPECT_EQ(reply.records(0).center_name(), "alpha");
  EXPECT_EQ(reply.records(0).job(), id);
  EXPECT_NE(reply.records(0).code(), "");
  EXPECT_FALSE(reply.records(0).superseded());
  // As if its reason had been that there was no price, three days ago.
  database_.tamper("UPDATE market.quarantined_records SET code = 14, at = at - interval '3 days'");
  request.set_code("missing_price");
  ASSERT_EQ(ask(&Stub::ListQuarantined, request, finance_, &reply), "");
  ASSERT_EQ(reply.records_size(), 1);
  EXPECT_EQ(reply.records(0).days(), 3);
  request.set_code("above_caps");
  ASSERT_EQ(ask(&Stub::ListQuarantined, request, finance_, &reply), "");
  EXPECT_EQ(reply.records_size(), 0);
  request.set_code("nonsense");
  EXPECT_EQ(ask(&Stub::ListQuarantined, request, finance_, &reply), "invalid_argument");
  request.clear_code();
  for (const char* cursor : {"1", "a.b", "1.", ".1", "1.2x"}) {
    request.set_cursor(cursor);
    EXPECT_EQ(ask(&Stub::ListQuarantined, request, finance_, &reply), "invalid_argument") << cursor;
  }
  const auto center = [this](const v1::Principal& who) {
    v1::ListCentersReply centers;
    EXPECT_EQ(ask(&Stub::ListCenters, v1::ListCentersRequest{}, who, &centers), "");
    return centers.centers(0);
  };
  EXPECT_EQ(center(operator_).unpriced(), 1U);
  EXPECT_LT(center(operator_).unpriced_since_ms(), (clock_.now() - hours(71)).unix_ms);
  EXPECT_EQ(center(ada_).unpriced(), 0U);
  // The next reading was priced, and holds all that was read before: nothing waits any more.
  run_job(alpha_, id, seconds(10));
  projector_settled();
  EXPECT_EQ(center(operator_).unpriced(), 0U);
  request.clear_cursor();
  ASSERT_EQ(ask(&Stub::ListQuarantined, request, finance_, &reply), "");
  EXPECT_TRUE(reply.records(0).superseded());
}

}  // namespace
}  // namespace bourse::test
