// The statement's body as JSON: sorted keys, no blanks, so that one statement has one text.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "broker/adapters/statement/body_field.h"
#include "broker/adapters/statement/completeness_body.h"
#include "broker/adapters/statement/encoding.h"
#include "broker/adapters/statement/statement.h"

namespace bourse::statement {
namespace {

using nlohmann::json;

// ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

json readings_json(const pricing::Readings& readings) {
  json out = json::object();
  for (const pricing::Meter meter : pricing::kHeldMeters) out[std::string(pricing::name(meter))] = readings[meter];
  return out;
}

json factor_json(const pricing::DuFactor& factor) {
  json includes = json::array();
  for (const pricing::Meter meter : pricing::kMeters)
    if (pricing::includes(factor, meter)) includes.push_back(std::string(pricing::name(meter)));
  return {{"table", factor.table}, {"chip", factor.chip}, {"precision", factor.precision}, {"value", to_text(factor.value)}, {"includes", includes}};
}

json rated_json(const Rated& rated) {
  if (rated.included)
    return {{"row", to_text(rated.row)}, {"meter", pricing::name(rated.meter)}, {"quantity", rated.quantity}, {"amount", to_text(rated.amount)}, {"included", true}};
  json out = {{"row", to_text(rated.row)},     {"meter", std::string(pricing::name(rated.meter))},
              {"price", to_text(rated.price)}, {"per", rated.per},
              {"quantity", rated.quantity},    {"amount", to_text(rated.amount)}};
  if (rated.strategy != pricing::Strategy::per_meter) {
    out["strategy"] = std::string(pricing::name(rated.strategy));
    out["places"] = rated.places;
  }
  if (!rated.minimum.is_zero()) out["minimum"] = to_text(rated.minimum);
  if (rated.free != 0) out["free"] = rated.free;
  if (rated.discount_bps != 0) out["discount"] = {{"id", to_text(rated.discount)}, {"bps", rated.discount_bps}};
  if (!rated.factor.table.empty()) out["factor"] = factor_json(rated.factor);
  if (!rated.windows.empty()) {
    out["zone"] = rated.zone;
    for (const pricing::WeeklyWindow& window : rated.windows)
      out["windows"].push_back({{"days", window.days}, {"from", window.from}, {"until", window.until}});
  }
  if (rated.tiers.empty()) return out;
  json steps = json::array();
  for (const pricing::Tier& tier : rated.tiers) steps.push_back({{"above", tier.above}, {"price", to_text(tier.price)}});
  out["tiers"] = {{"mode", rated.mode == pricing::TierMode::volume ? "volume" : "graduated"}, {"steps", std::move(steps)}};
  return out;
}

json all_rated_json(const std::vector<Rated>& all) {
  json out = json::array();
  for (const Rated& one : all) out.push_back(rated_json(one));
  return out;
}

json du_json(const InDu& du) {
  json lots = json::array();
  for (const PackageUse& one : du.lots)
    lots.push_back({{"lot", to_text(one.lot)}, {"amount", to_text(one.amount)}, {"price", to_text(one.price)}, {"used_before", to_text(one.used_before)},
                    {"used_after", to_text(one.used_after)}, {"moved_before", to_text(one.moved_before)}, {"money", to_text(one.money)}});
  return {{"cumulative", to_text(du.cumulative)}, {"previous", to_text(du.previous)}, {"added", to_text(du.added)}, {"lots", std::move(lots)}};
}

// What lines of plain prices don't have.
void add_beyond_plain(const Line& line, json& out) {
  if (!line.settled.empty()) out["settled"] = all_rated_json(line.settled);
  if (line.may_subsidise) out["terms"]["may_subsidise"] = true;
  if (!line.reservation.is_nil()) {
    out["reservation"] = to_text(line.reservation);
    out["account"] = to_text(line.account);
  }
  if (line.held != pricing::Allocation{})
    out["held"] = {{"cores", line.held.cores}, {"gpus", line.held.gpus}, {"nodes", line.held.nodes}, {"mem_mib", line.held.mem_mib}};
  if (line.pool != pricing::PoolTotals{})
    out["pool"] = {{"cores", line.pool.cores}, {"gpus", line.pool.gpus}, {"mem_mib", line.pool.mem_mib}};
  if (line.du) out["du"] = du_json(*line.du);
  if (!line.windowed) return;
  json readings = json::array();
  for (const pricing::ReadingAt& reading : line.windowed->readings)
    readings.push_back({{"at", to_text(reading.at)}, {"meters", readings_json(reading.cumulative)}});
  out["windowed"] = {{"since", to_text(line.windowed->since)}, {"before", readings_json(line.windowed->before)}, {"readings", std::move(readings)}};
  if (!line.windowed->sold.empty()) out["windowed"]["rated"] = line.windowed->sold;
  if (!line.windowed->settled.empty()) out["windowed"]["settled"] = line.windowed->settled;
}

json line_json(const Line& line) {
  json out = {{"job", to_text(line.job)},
          {"attempt", to_text(line.attempt)},
          {"record", to_text(line.record)},
          {"revision", line.revision},
          {"final", line.final},
          {"start", to_text(line.start)},
          {"end", to_text(line.end)},
          {"booked_at", to_text(line.booked_at)},
          {"reported", readings_json(line.reported)},
          {"charged", readings_json(line.charged)},
          {"caps", readings_json(line.caps)},
          {"rated", all_rated_json(line.rated)},
          {"terms", {{"tax_bps", line.terms.tax_bps}, {"margin_bps", line.terms.margin_bps}}},
          {"cumulative", parts_json(line.cumulative)},
          {"previous", parts_json(line.previous)},
          {"added", parts_json(line.added)},
          {"report", to_hex(line.report)},
          {"order", to_hex(line.order)},
          {"adjusts", line.adjusts.is_nil() ? json() : json(to_text(line.adjusts))}};
  add_beyond_plain(line, out);
  return out;
}

json adjustment_parts_json(const broker::AdjustmentParts& parts) {
  return {{"user", to_text(parts.user)},
          {"center", to_text(parts.center_share)},
          {"margin", to_text(parts.margin)},
          {"tax", to_text(parts.tax)},
          {"escrow", to_text(parts.escrow)}};
}

json adjustment_json(const Adjustment& one) {
  return {{"id", to_text(one.id)},
          {"kind", std::string(name(one.kind))},
          {"dispute", one.dispute.is_nil() ? json() : json(to_text(one.dispute))},
          {"job", to_text(one.job)},
          {"attempt", to_text(one.attempt)},
          {"adjusts", to_text(one.adjusts)},
          {"charge", parts_json(one.charge)},
          {"base", to_text(one.base)},
          {"amount", to_text(one.amount)},
          {"parts", adjustment_parts_json(one.parts)},
          {"reason", one.reason},
          {"at", to_text(one.at)}};
}

json reports_json(const Statement& statement) {
  json out = json::array();
  for (const Report& report : statement.reports) {
    out.push_back({{"sha256", to_hex(report.sha256)}, {"envelope", base64(report.envelope)}});
    if (statement.evidence) out.back()["leaf"] = report.leaf;
  }
  return out;
}

json evidence_json(const Evidence& evidence) {
  json proof = json::array();
  for (const Hash256& hash : evidence.proof) proof.push_back(to_hex(hash));
  return {{"checkpoint", base64(evidence.checkpoint)}, {"proof", std::move(proof)}};
}

std::string hex(const federation::PublicKey& key) { return to_hex(Hash256{key}); }

// ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

pricing::Readings read_readings(const Field& in) {
  pricing::Readings out;
  for (const pricing::Meter meter : pricing::kHeldMeters) out[meter] = in[std::string(pricing::name(meter)).c_str()].integer();
  return out;
}

void read_tiers(const Field& in, Rated& out) {
  const std::string mode = in["mode"].text();
  if (mode != "graduated" && mode != "volume") throw Unreadable{in["mode"].path()};
  out.mode = mode == "volume" ? pricing::TierMode::volume : pricing::TierMode::graduated;
  for (const Field& step : in["steps"].items())
    out.tiers.push_back({step["above"].integer(), step["price"].parsed(parse_decimal(step["price"].text()))});
}

pricing::DuFactor read_factor(const Field& in) {
  pricing::DuFactor out{.table = in["table"].text(), .chip = in["chip"].text(), .precision = in["precision"].text(),
                        .value = in["value"].parsed(parse_decimal(in["value"].text()))};
  for (const Field& one : in["includes"].items()) {
    if (const auto meter = pricing::meter_named(one.text())) out.includes |= 1U << static_cast<unsigned>(*meter);
    else throw Unreadable{one.path()};
  }
  return out;
}

InDu read_du(const Field& in) {
  InDu out{.cumulative = in["cumulative"].amount(), .previous = in["previous"].amount(), .added = in["added"].amount(), .lots = {}};
  for (const Field& one : in["lots"].items())
    out.lots.push_back({one["lot"].id<LotIdKind>(), one["amount"].amount(), one["price"].amount(), one["used_before"].amount(),
                        one["used_after"].amount(), one["moved_before"].amount(), one["money"].amount()});
  return out;
}

Rated read_rated(const Field& in) {
  const auto meter = pricing::meter_named(in["meter"].text());
  if (!meter || !pricing::is_held(*meter)) throw Unreadable{in["meter"].path()};
  if (in.has("included") && in["included"].boolean()) {
    return {.row = in["row"].id<PriceRowIdKind>(), .meter = *meter, .quantity = in["quantity"].integer(), .amount = in["amount"].amount(), .included = true};
  }
  Rated out = {.row = in["row"].id<PriceRowIdKind>(),
          .meter = *meter,
          .price = in["price"].parsed(parse_decimal(in["price"].text())),
          .per = in["per"].integer(),
          .quantity = in["quantity"].integer(),
          .amount = in["amount"].amount()};
  if (in.has("strategy")) {
    const auto strategy = pricing::strategy_named(in["strategy"].text());
    if (!strategy) throw Unreadable{in["strategy"].path()};
    out.strategy = *strategy;
    out.places = static_cast<std::uint8_t>(in["places"].integer(pricing::kMaxScowPlaces));
  }
  if (in.has("minimum")) out.minimum = in["minimum"].amount();
  if (in.has("free")) out.free = in["free"].integer();
  if (in.has("discount")) {
    out.discount = in["discount"]["id"].id<PriceRowIdKind>();
    out.discount_bps = static_cast<std::int32_t>(in["discount"]["bps"].integer(10'000));
  }
  if (in.has("tiers")) read_tiers(in["tiers"], out);
  if (in.has("factor")) out.factor = read_factor(in["factor"]);
  if (in.has("windows")) {
    out.zone = in["zone"].text();
    for (const Field& window : in["windows"].items())
      out.windows.push_back({.days = static_cast<std::uint8_t>(window["days"].integer(0x7f)), .from = static_cast<std::uint16_t>(window["from"].integer(1439)),
                             .until = static_cast<std::uint16_t>(window["until"].integer(1440))});
  }
  return out;
}

void read_beyond_plain(const Field& in, Line& line) {
  if (in.has("settled"))
    for (const Field& one : in["settled"].items()) line.settled.push_back(read_rated(one));
  if (in["terms"].has("may_subsidise")) line.may_subsidise = in["terms"]["may_subsidise"].boolean();
  if (in.has("reservation")) {
    line.reservation = in["reservation"].id<ReservationIdKind>();
    line.account = in["account"].id<BillingAccountIdKind>();
  }
  if (in.has("held"))
    line.held = {in["held"]["cores"].integer(), in["held"]["gpus"].integer(), in["held"]["nodes"].integer(), in["held"]["mem_mib"].integer()};
  if (in.has("pool")) line.pool = {in["pool"]["cores"].integer(), in["pool"]["gpus"].integer(), in["pool"]["mem_mib"].integer()};
  if (in.has("du")) line.du = read_du(in["du"]);
  if (!in.has("windowed")) return;
  const Field from = in["windowed"];
  Windowed& out = line.windowed.emplace(Windowed{.since = from["since"].instant(), .before = read_readings(from["before"]), .sold = {}, .settled = {}, .readings = {}});
  for (const Field& one : from["readings"].items()) out.readings.push_back({one["at"].instant(), read_readings(one["meters"])});
  if (from.has("rated"))
    for (const Field& one : from["rated"].items()) out.sold.push_back(one.integer());
  if (from.has("settled"))
    for (const Field& one : from["settled"].items()) out.settled.push_back(one.integer());
}

Line read_line(const Field& in) {
  Line line{.job = in["job"].id<JobIdKind>(),
            .attempt = in["attempt"].id<AttemptIdKind>(),
            .record = in["record"].id<UsageRecordIdKind>(),
            .revision = static_cast<std::uint32_t>(in["revision"].integer(UINT32_MAX)),
            .final = in["final"].boolean(),
            .start = in["start"].instant(),
            .end = in["end"].instant(),
            .booked_at = in["booked_at"].instant(),
            .reported = read_readings(in["reported"]),
            .charged = read_readings(in["charged"]),
            .caps = read_readings(in["caps"]),
            .rated = {},
            .terms = {.tax_bps = static_cast<std::int32_t>(in["terms"]["tax_bps"].integer(10'000)),
                      .margin_bps = static_cast<std::int32_t>(in["terms"]["margin_bps"].integer(10'000))},
            .cumulative = read_parts(in["cumulative"]),
            .previous = read_parts(in["previous"]),
            .added = read_parts(in["added"]),
            .report = in["report"].hash(),
            .order = in["order"].hash()};
  for (const Field& rated : in["rated"].items()) line.rated.push_back(read_rated(rated));
  line.adjusts = in["adjusts"].id_or_nil<PeriodIdKind>();
  read_beyond_plain(in, line);
  return line;
}

broker::AdjustmentKind read_kind(const Field& in) {
  using enum broker::AdjustmentKind;
  for (const auto kind : {refund, dispute_opened, dispute_resolved})
    if (in.text() == name(kind)) return kind;
  throw Unreadable{in.path()};
}

broker::AdjustmentParts read_adjustment_parts(const Field& in) {
  return {.user = in["user"].amount(),
          .center_share = in["center"].amount(),
          .margin = in["margin"].amount(),
          .tax = in["tax"].amount(),
          .escrow = in["escrow"].amount()};
}

Adjustment read_adjustment(const Field& in) {
  return {.id = in["id"].id<AdjustmentIdKind>(),
          .kind = read_kind(in["kind"]),
          .dispute = in["dispute"].id_or_nil<DisputeIdKind>(),
          .job = in["job"].id<JobIdKind>(),
          .attempt = in["attempt"].id<AttemptIdKind>(),
          .adjusts = in["adjusts"].id<PeriodIdKind>(),
          .charge = read_parts(in["charge"]),
          .base = in["base"].amount(),
          .amount = in["amount"].amount(),
          .parts = read_adjustment_parts(in["parts"]),
          .reason = in["reason"].text(),
          .at = in["at"].instant()};
}

PayoutLine read_payout(const Field& in) {
  return {.id = in["id"].id<PayoutIdKind>(), .amount = in["amount"].amount(), .at = in["at"].instant()};
}

Evidence read_evidence(const Field& in) {
  Evidence out{.checkpoint = in["checkpoint"].bytes(), .proof = {}};
  for (const Field& hash : in["proof"].items()) out.proof.push_back(hash.hash());
  return out;
}

Statement read_statement(const Field& in) {
  Statement out;
  out.format = in["format"].text();
  if (!has_version4(out.format) && out.format != kBodyFormat3 && out.format != kBodyFormat2) throw Unreadable{"format"};
  out.market = in["market"].text();
  out.center = in["center"]["id"].id<CenterIdKind>();
  out.center_name = in["center"]["name"].text();
  out.billing_key = in["center"]["billing_key"].hash().bytes;
  out.period = in["period"]["id"].id<PeriodIdKind>();
  out.number = static_cast<std::uint32_t>(in["period"]["number"].integer(UINT32_MAX));
  out.opened_at = in["period"]["opened_at"].instant();
  out.cut_off = in["period"]["cut_off"].instant();
  out.unit = in["unit"].parsed(parse_unit(in["unit"].text()));
  out.opening = in["opening"].amount();
  out.totals = read_parts(in["totals"]);
  out.adjusted = read_adjustment_parts(in["adjusted"]);
  out.payout = in["payout"].amount();
  out.closing = in["closing"].amount();
  for (const Field& line : in["lines"].items()) out.lines.push_back(read_line(line));
  for (const Field& one : in["adjustments"].items()) out.adjustments.push_back(read_adjustment(one));
  for (const Field& one : in["payouts"].items()) out.payouts.push_back(read_payout(one));
  if (in.has("completeness")) out.completeness = read_completeness(in["completeness"]);
  if (in.has("evidence")) out.evidence = read_evidence(in["evidence"]);
  if (in.has("reservations"))
    for (const Field& one : in["reservations"].items()) out.reservations.push_back(read_carrier(one));
  read_accruals(in, out);
  read_fees(in, out);
  for (const Field& report : in["reports"].items())
    out.reports.push_back({.sha256 = report["sha256"].hash(),
                           .envelope = report["envelope"].bytes(),
                           .leaf = out.evidence ? static_cast<std::uint64_t>(report["leaf"].integer()) : 0});
  return out;
}

}  // namespace

std::string body_json(const Statement& statement) {
  json lines = json::array();
  for (const Line& line : statement.lines) lines.push_back(line_json(line));
  json adjustments = json::array();
  for (const Adjustment& one : statement.adjustments) adjustments.push_back(adjustment_json(one));
  json payouts = json::array();
  for (const PayoutLine& one : statement.payouts)
    payouts.push_back({{"id", to_text(one.id)}, {"amount", to_text(one.amount)}, {"at", to_text(one.at)}});
  json body = {
      {"format", statement.format},
      {"market", statement.market},
      {"center", {{"id", to_text(statement.center)}, {"name", statement.center_name}, {"billing_key", hex(statement.billing_key)}}},
      {"period",
       {{"id", to_text(statement.period)},
        {"number", statement.number},
        {"opened_at", to_text(statement.opened_at)},
        {"cut_off", to_text(statement.cut_off)}}},
      {"unit", std::string(statement.unit.text())},
      {"opening", to_text(statement.opening)},
      {"lines", std::move(lines)},
      {"totals", parts_json(statement.totals)},
      {"adjustments", std::move(adjustments)},
      {"adjusted", adjustment_parts_json(statement.adjusted)},
      {"payouts", std::move(payouts)},
      {"payout", to_text(statement.payout)},
      {"closing", to_text(statement.closing)},
      {"reports", reports_json(statement)}};
  if (statement.completeness) body["completeness"] = completeness_json(*statement.completeness);
  if (statement.evidence) body["evidence"] = evidence_json(*statement.evidence);
  for (const Carrier& one : statement.reservations) body["reservations"].push_back(carrier_json(one));
  add_accruals(statement, body);
  add_fees(statement, body);
  return body.dump();
}

Result<Statement> parse_body(std::string_view body) {
  try {
    const json document = json::parse(body);
    return read_statement(Field(document, ""));
  } catch (const Unreadable& e) {
    return fail(ErrorCode::verification_failed, fmt::format("{}: missing or not readable", e.path));
  } catch (const json::exception&) {
    return fail(ErrorCode::verification_failed, "body: not JSON");
  }
}

}  // namespace bourse::statement
