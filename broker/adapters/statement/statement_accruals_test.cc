// What reservations earned: each field of an accrual decides something that is recomputed.
#include "broker/adapters/statement/statement_fixture.h"
#include "broker/domain/reservation.h"

namespace bourse::statement {
namespace {

class StatementAccruals : public StatementTest {
 protected:
  static Parts parts_of(const broker::Earned& earned) { return {earned.gross, earned.center_share, earned.margin, earned.tax}; }

  Accrual accrual(const broker::Reservation& of, std::int32_t days, bool fee, const Accrual* before) {
    Accrual one{.reservation = of.id, .account = of.account, .pool = "batch", .what = broker::Reserved::card, .quantity = 3, .price = of.price, .days = of.days, .fee = fee,
                .days_over = fee ? 0 : days, .fee_bps = fee ? of.early_end_bps : 0, .terms = of.split, .settlement = std::nullopt,
                .may_subsidise = of.may_subsidise, .price_row = of.price_row, .at = {kStart + days}};
    if (of.by_settlement) one.settlement = of.settlement;
    if (before != nullptr) one.previous = before->cumulative;
    const Amount left = of.price - one.previous.gross;
    const Amount gross = fee ? one.previous.gross + Amount{static_cast<std::int64_t>(divide_half_away(static_cast<__int128>(left.micros) * of.early_end_bps, 10'000))} : gross_after(of, days);
    one.cumulative = parts_of(broker::parts_of(of, gross));
    one.added = {one.cumulative.gross - one.previous.gross, one.cumulative.center - one.previous.center, one.cumulative.margin - one.previous.margin, one.cumulative.tax - one.previous.tax};
    return one;
  }
  broker::Reservation reservation(bool settled) {
    broker::Reservation out{.id = id<ReservationId>(), .account = id<BillingAccountId>(), .price_row = id<PriceRowId>(), .price = Amount{100'000'003}, .split = {.tax_bps = 600, .margin_bps = 1'000},
                            .by_settlement = settled, .settlement = Amount{settled ? 97'000'001 : 0}, .may_subsidise = settled, .early_end_bps = 1'250, .days = 31};
    return out;
  }
  // The same, where the first reservation carried the second job.
  Statement carried() {
    Statement out = statement();
    Line& free = out.lines[1];
    const Accrual& by = out.accruals[0];
    for (Rated& one : free.rated) one.price = {}, one.amount = {};
    out.totals.gross -= free.added.gross;
    out.totals.center -= free.added.center;
    out.totals.margin -= free.added.margin;
    out.totals.tax -= free.added.tax;
    out.closing -= free.added.center;
    free.cumulative = free.added = {};
    free.reservation = by.reservation;
    free.account = by.account;
    out.reservations = {{by.reservation, out.center, by.account, by.pool, by.what, by.quantity, {kStart - 10}, {kStart + hours(24 * 31).ms}}};
    return out;
  }
  // One by its share, with two accruals; one by settlement at a loss, ended early.
  Statement statement() {
    Statement out = sample();
    const broker::Reservation shared = reservation(false), settled = reservation(true);
    out.accruals.push_back(accrual(shared, 1, false, nullptr));
    out.accruals.push_back(accrual(settled, 7, false, nullptr));
    const Accrual first = out.accruals[0], second = out.accruals[1];
    out.accruals.push_back(accrual(shared, 31, false, &first));
    out.accruals.push_back(accrual(settled, 0, true, &second));
    for (const Accrual& one : out.accruals) {
      out.accrued.gross += one.added.gross;
      out.accrued.center += one.added.center;
      out.accrued.margin += one.added.margin;
      out.accrued.tax += one.added.tax;
    }
    out.closing += out.accrued.center;
    return out;
  }
};

TEST_F(StatementAccruals, ARightOneVerifiesHereAndIndependently) {
  const Statement right = statement();
  EXPECT_EQ(right.accruals[2].cumulative.gross, right.accruals[2].price);
  EXPECT_TRUE(right.accruals[3].cumulative.margin.is_negative());
  const std::string file = seal(right, ack_);
  EXPECT_TRUE(verify(file, ack_.public_key).ok) << joined(verify(file, ack_.public_key));
  const auto again = parse_body(body_json(right));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(body_json(*again), body_json(right));
  ASSERT_TRUE(has_independent_program()) << "python3-nacl is not installed: ./dev build installs it";
  EXPECT_TRUE(accepts(file));
}

TEST_F(StatementAccruals, WhatAReservationCarriesIsFree) {
  const bool independent = has_independent_program();
  const Statement right = carried();
  EXPECT_TRUE(verify(seal(right, ack_), ack_.public_key).ok) << joined(verify(seal(right, ack_), ack_.public_key));
  if (independent) EXPECT_TRUE(accepts(seal(right, ack_)));
  const auto refused = [&](auto change, const std::string& named, const std::string& what) { expect_refused(right, change, named, what); };
  const auto set = [&](const char* pointer, json value, const char* named) {
    refused([&](json& b) { b[json::json_pointer(pointer)] = value; }, named, pointer);
  };
  set("/format", "bourse.statement.v3", "format");
  set("/lines/1/reservation", to_text(id<ReservationId>()), "lines[1].reservation");
  set("/lines/1/account", to_text(id<BillingAccountId>()), "lines[1].account");
  set("/lines/1/rated/0/price", "0.01", "lines[1].rated[0]");
  set("/reservations/0/center", to_text(id<CenterId>()), "reservations[0].center");
  set("/reservations/0/account", to_text(id<BillingAccountId>()), "lines[1].account");
  set("/reservations/0/pool", "other", "accruals[0]");
  set("/reservations/0/quantity", 0, "reservations[0]");
  set("/reservations/0/what", "node", "accruals[0]");
  set("/reservations/0/from", to_text(Instant{kStart + 300'001}), "lines[1].reservation");
  set("/reservations/0/until", to_text(Instant{kStart - 1000}), "reservations[0]");
  refused([](json& b) { b.erase("reservations"); }, "lines[1].reservation", "the reservation is missing");
  refused([](json& b) { b["reservations"].push_back(b["reservations"][0]); }, "reservations[1].id", "twice");
  refused([](json& b) { b["lines"][1].erase("reservation"), b["lines"][1].erase("account"); }, "reservations[0]", "no line names it");
  refused([](json& b) { b["lines"][0]["reservation"] = b["lines"][1]["reservation"], b["lines"][0]["account"] = b["lines"][1]["account"]; },
          "lines[0].rated[0]", "a line that isn't free");
}

TEST_F(StatementAccruals, EveryFieldCounts) {
  const Statement right = statement();
  const auto refused = [&](auto change, const std::string& named, const std::string& what) { expect_refused(right, change, named, what); };
  const auto set = [&](const char* pointer, json value, const char* named) {
    refused([&](json& b) { b[json::json_pointer(pointer)] = value; }, named, pointer);
  };
  set("/accruals/0/price", "100.000004", "accruals[2]");
  set("/accruals/0/days", 30, "accruals[0].cumulative.gross");
  set("/accruals/0/days_over", 2, "accruals[0].cumulative.gross");
  set("/accruals/2/days_over", 32, "accruals[2]");
  set("/accruals/2/days_over", 1, "accruals[2]");
  set("/accruals/0/terms/tax_bps", 700, "accruals[0].cumulative.tax");
  set("/accruals/0/terms/margin_bps", 0, "accruals[0].cumulative.margin");
  set("/accruals/1/settlement", "1", "accruals[1].cumulative.center");
  set("/accruals/3/fee_bps", 1, "accruals[3].cumulative.gross");
  set("/accruals/2/quantity", 4, "accruals[2]");
  set("/accruals/2/pool", "other", "accruals[2]");
  set("/accruals/1/what", "rack", "accruals[1].what");
  set("/accruals/1/added/center", "1", "accruals[1].added.center");
  set("/accruals/1/cumulative/gross", "1", "accruals[1].cumulative.gross");
  set("/accruals/2/previous/gross", "1", "accruals[2].previous");
  set("/accrued/center", "1", "accrued.center");
  refused([](json& b) { b["accruals"][1]["terms"].erase("may_subsidise"); }, "accruals[1].cumulative.center", "may_subsidise");
  refused([](json& b) { b["accruals"].erase(1); }, "accrued.gross", "one is missing");
  refused([](json& b) { b.erase("accruals"), b.erase("accrued"); }, "closing", "all are missing");
}

}  // namespace
}  // namespace bourse::statement
