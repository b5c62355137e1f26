// What reservations earned: written, read and recomputed.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "broker/adapters/statement/body_field.h"
#include "broker/adapters/statement/checks.h"

namespace bourse::statement {
namespace {

constexpr Duration kClocksApart = minutes(5);  // a center's from the broker's, at most

void expect(Differences& out, const std::string& place, Amount value, __int128 computed) {
  if (static_cast<__int128>(value.micros) == computed) return;
  const bool fits = computed <= INT64_MAX && computed >= INT64_MIN;
  out.add(place, fmt::format("{}, but it computes to {}", to_text(value), fits ? to_text(Amount{static_cast<std::int64_t>(computed)}) : "a sum beyond 64 bits"));
}

void expect(Differences& out, const std::string& place, const Parts& value, const broker::Earned& computed) {
  expect(out, place + ".gross", value.gross, computed.gross.micros);
  expect(out, place + ".center", value.center, computed.center_share.micros);
  expect(out, place + ".margin", value.margin, computed.margin.micros);
  expect(out, place + ".tax", value.tax, computed.tax.micros);
}

void check_accrual(const Accrual& one, const Accrual* before, const std::string& place, Differences& out) {
  const bool sound = one.price.is_positive() && one.days >= 1 && one.days_over <= one.days && !one.previous.gross.is_negative() && one.previous.gross <= one.price &&
                     (!one.settlement || !one.settlement->is_negative());
  if (!sound) return out.add(place, "not a reservation's");
  const broker::Reservation reservation{.price = one.price, .split = one.terms, .by_settlement = one.settlement.has_value(),
                                        .settlement = one.settlement.value_or(Amount{}), .may_subsidise = one.may_subsidise, .days = one.days};
  const Amount left = one.price - one.previous.gross;
  const Amount gross = one.fee ? one.previous.gross + Amount{static_cast<std::int64_t>(divide_half_away(static_cast<__int128>(left.micros) * one.fee_bps, 10'000))}
                               : gross_after(reservation, one.days_over);
  expect(out, place + ".cumulative", one.cumulative, parts_of(reservation, gross));
  expect(out, place + ".previous", one.previous, parts_of(reservation, one.previous.gross));
  const auto added = [&](const char* field, Amount value, Amount now, Amount earlier) {
    expect(out, fmt::format("{}.added.{}", place, field), value, static_cast<__int128>(now.micros) - earlier.micros);
  };
  added("gross", one.added.gross, one.cumulative.gross, one.previous.gross);
  added("center", one.added.center, one.cumulative.center, one.previous.center);
  added("margin", one.added.margin, one.cumulative.margin, one.previous.margin);
  added("tax", one.added.tax, one.cumulative.tax, one.previous.tax);
  if (one.cumulative.gross < one.previous.gross) out.add(place + ".cumulative.gross", "falls");
  if (before == nullptr) return;
  if (before->fee) out.add(place, "follows the reservation's early end");
  if (one.previous != before->cumulative) out.add(place + ".previous", "not what the reservation's accrual before came to");
  const bool same = one.price == before->price && one.days == before->days && one.terms == before->terms && one.settlement == before->settlement &&
                    one.may_subsidise == before->may_subsidise && one.account == before->account && one.pool == before->pool && one.what == before->what &&
                    one.quantity == before->quantity && one.price_row == before->price_row;
  if (!same) out.add(place, "other terms than the reservation's accrual before");
  if (!one.fee && one.days_over <= before->days_over) out.add(place + ".days_over", "does not go on from the accrual before");
}

}  // namespace

void check_accruals(const Statement& statement, Differences& out) {
  std::unordered_map<ReservationId, const Accrual*> newest;
  __int128 gross = 0, center = 0, margin = 0, tax = 0;
  for (std::size_t i = 0; i < statement.accruals.size(); ++i) {
    const Accrual& one = statement.accruals[i];
    const Accrual*& before = newest[one.reservation];
    check_accrual(one, before, fmt::format("accruals[{}]", i), out);
    before = &one;
    gross += one.added.gross.micros;
    center += one.added.center.micros;
    margin += one.added.margin.micros;
    tax += one.added.tax.micros;
  }
  expect(out, "accrued.gross", statement.accrued.gross, gross);
  expect(out, "accrued.center", statement.accrued.center, center);
  expect(out, "accrued.margin", statement.accrued.margin, margin);
  expect(out, "accrued.tax", statement.accrued.tax, tax);
}

void check_carried(const Statement& statement, Differences& out) {
  const bool any = !statement.accruals.empty() || !statement.reservations.empty() ||
                   std::ranges::any_of(statement.lines, [](const Line& line) { return !line.reservation.is_nil(); });
  if (any && !has_version4(statement.format)) out.add("format", "versions before 4 have no reservations");
  std::unordered_map<ReservationId, const Carrier*> known;
  for (std::size_t i = 0; i < statement.reservations.size(); ++i) {
    const Carrier& one = statement.reservations[i];
    const std::string place = fmt::format("reservations[{}]", i);
    if (one.center != statement.center) out.add(place + ".center", "another center's");
    if (i > 0 && one.id <= statement.reservations[i - 1].id) out.add(place + ".id", "twice, or out of order");
    if (one.quantity < 1 || one.until <= one.from) out.add(place, "not a reservation");
    if (std::ranges::find(statement.lines, one.id, &Line::reservation) == statement.lines.end()) out.add(place, "no line names it");
    known.emplace(one.id, &one);
  }
  for (std::size_t i = 0; i < statement.lines.size(); ++i) {
    const Line& line = statement.lines[i];
    if (line.reservation.is_nil()) continue;
    const std::string place = fmt::format("lines[{}]", i);
    const auto carrier = known.find(line.reservation);
    if (carrier == known.end()) {
      out.add(place + ".reservation", "not among the reservations");
      continue;
    }
    if (line.account != carrier->second->account) out.add(place + ".account", "the reservation is another account's");
    if (line.charged != pricing::Readings{} && line.start + kClocksApart < carrier->second->from)
      out.add(place + ".reservation", "begins later than this usage");
    for (std::size_t r = 0; r < line.rated.size(); ++r)
      if (line.rated[r].price.coefficient != 0 || !line.rated[r].amount.is_zero())
        out.add(fmt::format("{}.rated[{}]", place, r), "not free, though a reservation carried it");
    if (!line.settled.empty() || !line.cumulative.gross.is_zero()) out.add(place, "not free, though a reservation carried it");
  }
  for (std::size_t i = 0; i < statement.accruals.size(); ++i) {
    const Accrual& one = statement.accruals[i];
    const auto same = known.find(one.reservation);
    if (same == known.end()) continue;
    const Carrier& is = *same->second;
    if (is.account != one.account || is.pool != one.pool || is.what != one.what || is.quantity != one.quantity)
      out.add(fmt::format("accruals[{}]", i), "not what is said of its reservation");
  }
}

namespace {

broker::Reserved read_what(const Field& in) {
  const std::string what = in.text();
  if (what != "node" && what != "card") throw Unreadable{in.path()};
  return what == "card" ? broker::Reserved::card : broker::Reserved::node;
}

}  // namespace

nlohmann::json carrier_json(const Carrier& one) {
  return {{"id", to_text(one.id)},           {"center", to_text(one.center)},
          {"account", to_text(one.account)}, {"pool", one.pool},
          {"what", std::string(name(one.what))}, {"quantity", one.quantity},
          {"from", to_text(one.from)},       {"until", to_text(one.until)}};
}

Carrier read_carrier(const Field& in) {
  return {.id = in["id"].id<ReservationIdKind>(),
          .center = in["center"].id<CenterIdKind>(),
          .account = in["account"].id<BillingAccountIdKind>(),
          .pool = in["pool"].text(),
          .what = read_what(in["what"]),
          .quantity = in["quantity"].integer(),
          .from = in["from"].instant(),
          .until = in["until"].instant()};
}

static nlohmann::json accrual_json(const Accrual& one) {
  nlohmann::json out = {{"reservation", to_text(one.reservation)},
              {"account", to_text(one.account)},
              {"pool", one.pool},
              {"what", std::string(name(one.what))},
              {"quantity", one.quantity},
              {"price_row", to_text(one.price_row)},
              {"price", to_text(one.price)},
              {"days", one.days},
              {"terms", {{"tax_bps", one.terms.tax_bps}, {"margin_bps", one.terms.margin_bps}}},
              {"cumulative", parts_json(one.cumulative)},
              {"previous", parts_json(one.previous)},
              {"added", parts_json(one.added)},
              {"at", to_text(one.at)}};
  if (one.fee) out["fee_bps"] = one.fee_bps;
  else out["days_over"] = one.days_over;
  if (one.settlement) out["settlement"] = to_text(*one.settlement);
  if (one.may_subsidise) out["terms"]["may_subsidise"] = true;
  return out;
}

static Accrual read_accrual(const Field& in) {
  Accrual out{.reservation = in["reservation"].id<ReservationIdKind>(),
              .account = in["account"].id<BillingAccountIdKind>(),
              .pool = in["pool"].text(),
              .what = read_what(in["what"]),
              .quantity = in["quantity"].integer(),
              .price = in["price"].amount(),
              .days = static_cast<std::int32_t>(in["days"].integer(INT32_MAX)),
              .fee = in.has("fee_bps"),
              .terms = {.tax_bps = static_cast<std::int32_t>(in["terms"]["tax_bps"].integer(10'000)),
                        .margin_bps = static_cast<std::int32_t>(in["terms"]["margin_bps"].integer(10'000))},
              .settlement = std::nullopt,
              .cumulative = read_parts(in["cumulative"]),
              .previous = read_parts(in["previous"]),
              .added = read_parts(in["added"]),
              .price_row = in["price_row"].id<PriceRowIdKind>(),
              .at = in["at"].instant()};
  if (out.fee) out.fee_bps = static_cast<std::int32_t>(in["fee_bps"].integer(10'000));
  else out.days_over = static_cast<std::int32_t>(in["days_over"].integer(INT32_MAX));
  if (in.has("settlement")) out.settlement = in["settlement"].amount();
  if (in["terms"].has("may_subsidise")) out.may_subsidise = in["terms"]["may_subsidise"].boolean();
  return out;
}

void add_accruals(const Statement& statement, nlohmann::json& body) {
  if (statement.accruals.empty()) return;
  body["accruals"] = nlohmann::json::array();
  for (const Accrual& one : statement.accruals) body["accruals"].push_back(accrual_json(one));
  body["accrued"] = parts_json(statement.accrued);
}

void read_accruals(const Field& in, Statement& out) {
  if (!in.has("accruals")) return;
  for (const Field& one : in["accruals"].items()) out.accruals.push_back(read_accrual(one));
  out.accrued = read_parts(in["accrued"]);
}

}  // namespace bourse::statement
