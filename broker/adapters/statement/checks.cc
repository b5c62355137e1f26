#include "broker/adapters/statement/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/fields.h"
#include "pricing/spread.h"

namespace bourse::statement {
namespace {

namespace wire = federation::v1;

// A signed record and the report that carried it. Points into `SignedRecords::reports`.
struct SignedRecord {
  const wire::UsageRecord* record = nullptr;
  Hash256 report;
};

struct SignedRecords {
  std::vector<wire::Report> reports;
  std::set<Hash256> hashes;
  std::multimap<std::string, SignedRecord> by_id;  // record_id as it lies on the wire
};

// Amounts from outside may lie anywhere in 64 bits: sums of them are made in 128.
bool equals(Amount value, __int128 expected) { return static_cast<__int128>(value.micros) == expected; }

std::string wide_text(__int128 micros) {
  if (micros > INT64_MAX || micros < INT64_MIN) return "a sum beyond 64 bits";
  return to_text(Amount::of_micros(static_cast<std::int64_t>(micros)));
}

void compare(Differences& out, const std::string& place, Amount value, __int128 expected) {
  if (!equals(value, expected)) out.add(place, fmt::format("{}, but it computes to {}", to_text(value), wide_text(expected)));
}

void compare(Differences& out, const std::string& place, std::int64_t value, std::int64_t expected) {
  if (value != expected) out.add(place, fmt::format("{}, but the signed record says {}", value, expected));
}

SignedRecords open_reports(const Statement& statement, Differences& out) {
  SignedRecords result;
  result.reports.reserve(statement.reports.size());  // pointers into it stay good
  for (std::size_t i = 0; i < statement.reports.size(); ++i) {
    const std::string place = fmt::format("reports[{}]", i);
    wire::Envelope envelope;
    if (!federation::parse_strict(statement.reports[i].envelope, envelope)) {
      out.add(place + ".envelope", "not an envelope");
      continue;
    }
    const Hash256 hash = sha256(envelope.payload());
    if (hash != statement.reports[i].sha256) out.add(place + ".sha256", "the envelope's payload has another hash, " + to_hex(hash));
    if (!federation::open(envelope, federation::kReportType, statement.billing_key))
      out.add(place + ".envelope", "the signature is not by the center's billing key");
    wire::Report& report = result.reports.emplace_back();
    if (!federation::parse_strict(envelope.payload(), report)) {
      out.add(place + ".envelope", "the payload is not a report");
      continue;
    }
    if (report.center() != federation::to_bytes(statement.center)) out.add(place + ".envelope", "the report is another center's");
    if (report.audience() != statement.market) out.add(place + ".envelope", "the report is for another market");
    if (!result.hashes.insert(hash).second) out.add(place, "the report is listed twice");
    for (const wire::Record& record : report.records())
      if (record.has_usage()) result.by_id.emplace(record.usage().record_id(), SignedRecord{&record.usage(), hash});
  }
  return result;
}

class LineCheck {
 public:
  LineCheck(const Line& line, const Statement& statement, std::string place, Differences& out)
      : line_(line), statement_(statement), place_(std::move(place)), out_(out) {}

  void run(const SignedRecords& records) {
    const SignedRecord* record = find(records);
    if (record != nullptr) against(*record->record);
    arithmetic();
  }

 private:
  std::string at(std::string_view field) const { return fmt::format("{}.{}", place_, field); }

  const SignedRecord* find(const SignedRecords& records) {
    if (!records.hashes.contains(line_.report)) {
      out_.add(at("report"), "not among the reports");
      return nullptr;
    }
    const auto [first, last] = records.by_id.equal_range(federation::to_bytes(line_.record));
    for (auto it = first; it != last; ++it)
      if (it->second.report == line_.report) return &it->second;
    out_.add(at("record"), "the report has no usage record with this id");
    return nullptr;
  }

  void against(const wire::UsageRecord& record) {
    if (record.job() != federation::to_bytes(line_.job)) out_.add(at("job"), "the signed record names another job");
    if (record.attempt() != federation::to_bytes(line_.attempt)) out_.add(at("attempt"), "the signed record names another attempt");
    if (record.order_hash() != federation::to_bytes(line_.order)) out_.add(at("order"), "the signed record names another order");
    if (record.final() != line_.final) out_.add(at("final"), "the signed record says otherwise");
    compare(out_, at("revision"), line_.revision, record.revision());
    compare(out_, at("start"), line_.start.unix_ms, record.start_ms());
    compare(out_, at("end"), line_.end.unix_ms, record.end_ms());
    using pricing::Meter;
    const std::pair<Meter, std::int64_t> signed_meters[] = {{Meter::core_ms, record.core_ms()}, {Meter::gpu_ms, record.gpu_ms()},
                                                            {Meter::node_ms, record.node_ms()}, {Meter::mem_mib_s, record.mem_mib_s()}};
    for (const auto& [meter, value] : signed_meters)
      compare(out_, at(fmt::format("reported.{}", pricing::name(meter))), line_.reported[meter], value);
    if (!line_.windowed) return;
    std::vector<pricing::ReadingAt> readings;
    for (const wire::ReadingAt& one : record.readings()) {
      pricing::ReadingAt& to = readings.emplace_back(pricing::ReadingAt{{one.at_ms()}, {}});
      to.cumulative[Meter::core_ms] = one.core_ms();
      to.cumulative[Meter::gpu_ms] = one.gpu_ms();
      to.cumulative[Meter::node_ms] = one.node_ms();
      to.cumulative[Meter::mem_mib_s] = one.mem_mib_s();
    }
    if (readings != line_.windowed->readings) out_.add(at("windowed.readings"), "the signed record has others");
  }

  void arithmetic() {
    for (const pricing::Meter meter : pricing::kHeldMeters) {
      const std::int64_t most = std::min(line_.reported[meter], line_.caps[meter]);
      if (line_.charged[meter] != most)
        out_.add(at(fmt::format("charged.{}", pricing::name(meter))), fmt::format("{}, not {}: what was reported, within the caps", line_.charged[meter], most));
    }
    check_held();
    const auto computed = split();
    if (!computed) return;
    const auto& [total, parts] = *computed;
    compare(out_, at("cumulative.gross"), line_.cumulative.gross, total);
    compare(out_, at("cumulative.center"), line_.cumulative.center, parts.center.micros);
    compare(out_, at("cumulative.margin"), line_.cumulative.margin, parts.margin.micros);
    compare(out_, at("cumulative.tax"), line_.cumulative.tax, parts.tax.micros);
    const auto added = [&](const char* field, Amount value, Amount now, Amount before) {
      compare(out_, at(fmt::format("added.{}", field)), value, static_cast<__int128>(now.micros) - before.micros);
    };
    added("gross", line_.added.gross, line_.cumulative.gross, line_.previous.gross);
    added("center", line_.added.center, line_.cumulative.center, line_.previous.center);
    added("margin", line_.added.margin, line_.cumulative.margin, line_.previous.margin);
    added("tax", line_.added.tax, line_.cumulative.tax, line_.previous.tax);
  }

  // Rows as pricing rates by them; nothing when they aren't such.
  std::optional<std::vector<pricing::PriceRow>> rows_of(std::string_view field, const std::vector<Rated>& named) {
    std::vector<pricing::PriceRow> rows;
    std::set<pricing::Meter> meters;
    const bool windows = std::ranges::any_of(named, [](const Rated& one) { return !one.windows.empty(); });
    for (std::size_t i = 0; i < named.size(); ++i) {
      if (named[i].included) continue;
      pricing::PriceRow row = row_of(named[i], field == "rated" && line_.du ? kDu : statement_.unit);
      const pricing::Off off = std::exchange(row.off, {});
      const bool alone = row.strategy == pricing::Strategy::per_meter || named.size() == 1;
      const bool again = !meters.insert(row.meter).second && !windows;
      if (again || !alone || !pricing::PriceBook().check(row) || off.bps < 0) {
        out_.add(at(fmt::format("{}[{}]", field, i)), "not a price row, or a second one for its meter");
        return std::nullopt;
      }
      row.off = off;
      rows.push_back(std::move(row));
    }
    if (windows && !pricing::can_sell(rows)) {
      out_.add(at(field), "rows with windows that nobody sells by");
      return std::nullopt;
    }
    return rows;
  }

  std::optional<Result<pricing::Rating>> rating_of(std::string_view field, const std::vector<pricing::PriceRow>& rows) {
    if (!pricing::by_windows(rows)) return pricing::rate_held(line_.charged, line_.held, line_.pool, rows);
    const auto& before = !line_.windowed ? std::vector<std::int64_t>{} : field == "rated" ? line_.windowed->sold : line_.windowed->settled;
    const auto quantities = fallen_to(line_, field, before, rows, place_, out_);
    if (!quantities) return std::nullopt;
    return pricing::rate_quantities(*quantities, rows);
  }

  // The rating of what is charged, by the rows the line names; nothing when it can't be rated.
  std::optional<Amount> rate(std::string_view field, const std::vector<Rated>& named) {
    const auto rows = rows_of(field, named);
    if (!rows) return std::nullopt;
    if (rows->empty() && !named.empty()) {
      out_.add(at(field), "includes meters in no row");
      return std::nullopt;
    }
    const auto rating = rating_of(field, *rows);
    if (!rating) return std::nullopt;
    if (!*rating) {
      out_.add(at(field), rating->error().message());
      return std::nullopt;
    }
    if (named.size() != (*rating)->lines.size()) {
      out_.add(at(field), "not the meters that its rows rate, and include");
      return std::nullopt;
    }
    for (std::size_t i = 0; i < named.size(); ++i) {
      const pricing::RatedLine& computed = (*rating)->lines[i];
      if (named[i].row != computed.row || named[i].meter != computed.meter)
        out_.add(at(fmt::format("{}[{}].meter", field, i)), "not what that row rates, or includes");
      if (named[i].quantity != computed.quantity)
        out_.add(at(fmt::format("{}[{}].quantity", field, i)), fmt::format("{}, but {} is charged", named[i].quantity, computed.quantity));
      compare(out_, at(fmt::format("{}[{}].amount", field, i)), named[i].amount, computed.amount.micros);
    }
    return (*rating)->total;
  }

  // Gross, and whose it is; nothing when it can't be told. What packages paid is theirs to say, and not the rating's.
  std::optional<std::pair<__int128, pricing::Split>> split() {
    std::optional<Amount> total = rate("rated", line_.rated);
    if (!total) return std::nullopt;
    if (line_.du) {
      check_packages(line_, *total, place_, out_);
      __int128 gross = line_.previous.gross.micros;
      for (const PackageUse& one : line_.du->lots) gross += one.money.micros;
      if (gross < 0 || gross > INT64_MAX) {
        out_.add(at("du.lots"), "their money is beyond all bounds");
        return std::nullopt;
      }
      total = Amount{static_cast<std::int64_t>(gross)};
    }
    if (line_.settled.empty()) {
      if (line_.may_subsidise) out_.add(at("terms.may_subsidise"), "of a line without settlement prices");
      return std::pair(static_cast<__int128>(total->micros), pricing::split(*total, line_.terms));
    }
    const std::optional<Amount> settled = rate("settled", line_.settled);
    if (!settled) return std::nullopt;
    return std::pair(static_cast<__int128>(total->micros), pricing::split_settled(*total, *settled, line_.terms, line_.may_subsidise));
  }

  // What was held is what the caps are of; it and the pool's totals are there when a strategy needs them, and only then.
  void check_held() {
    bool strategies = false, totals = false;
    for (const std::vector<Rated>* rows : {&line_.rated, &line_.settled}) {
      for (const Rated& one : *rows) {
        strategies = strategies || one.strategy != pricing::Strategy::per_meter;
        totals = totals || pricing::uses_totals(one.strategy);
      }
    }
    if (!totals && line_.pool != pricing::PoolTotals{}) out_.add(at("pool"), "no price needs it");
    if (!strategies) {
      if (line_.held != pricing::Allocation{}) out_.add(at("held"), "no price needs it");
      return;
    }
    const std::int64_t node_ms = line_.caps[pricing::Meter::node_ms];
    const std::int64_t walltime = line_.held.nodes < 1 ? 0 : node_ms / line_.held.nodes;
    if (pricing::readings_of(line_.held, Duration{walltime}) != line_.caps) out_.add(at("held"), "the caps are of another allocation");
  }

  const Line& line_;
  const Statement& statement_;
  std::string place_;
  Differences& out_;
};

// Records of one attempt follow each other: revision by revision, each from where the one before ended.
void check_chains(const Statement& statement, Differences& out) {
  std::unordered_map<AttemptId, const Line*> newest;
  std::unordered_set<UsageRecordId> records;
  for (std::size_t i = 0; i < statement.lines.size(); ++i) {
    const Line& line = statement.lines[i];
    const std::string place = fmt::format("lines[{}]", i);
    if (!records.insert(line.record).second) out.add(place + ".record", "the usage record is charged twice");
    const Line*& before = newest[line.attempt];
    if (line.du && !has_version4(statement.format)) out.add(place + ".du", "versions before 4 don't have it");
    check_windowed(line, before, place, out);
    if (before == nullptr) {
      if (line.revision == 1 && line.previous != Parts{}) out.add(place + ".previous", "not zero, though it is the first record");
      if (line.revision == 1 && line.du && !line.du->previous.is_zero()) out.add(place + ".du.previous", "not zero, though it is the first record");
    } else {
      if (line.revision != before->revision + 1) out.add(place + ".revision", "does not follow the attempt's record before");
      if (line.previous != before->cumulative) out.add(place + ".previous", "not what the attempt's record before came to");
      if (before->final) out.add(place, "follows the attempt's final record");
      if (line.du.has_value() != before->du.has_value() || (line.du && line.du->previous != before->du->cumulative))
        out.add(place + ".du.previous", "not what the attempt's record before came to");
    }
    before = &line;
  }
}

// What an adjustment moves, recomputed from the charge that it corrects.
void check_adjustment(const Adjustment& one, const std::string& place, Differences& out) {
  using enum broker::AdjustmentKind;
  const broker::Charge charge{.gross = one.charge.gross,
                              .center_share = one.charge.center,
                              .margin = one.charge.margin,
                              .tax = one.charge.tax};
  const auto sum = static_cast<__int128>(charge.center_share.micros) + charge.margin.micros + charge.tax.micros;
  if (!equals(charge.gross, sum) || !charge.gross.is_positive() || charge.center_share.is_negative() ||
      charge.tax.is_negative() || charge.tax > charge.gross)
    return out.add(place + ".charge", "its parts don't add up");
  const auto& [user, center, margin, tax, escrow] = one.parts;
  const bool within = one.amount.is_positive() && one.amount <= one.base && one.base <= charge.gross;
  if (!within) return out.add(place + ".amount", "not within the charge");
  const bool user_within = one.kind == refund           ? user == one.amount
                           : one.kind == dispute_opened ? user.is_zero()
                                                        : !user.is_negative() && user <= one.amount;
  if (!user_within) return out.add(place + ".parts.user", "not what an adjustment of this kind gives back");
  if (one.dispute.is_nil() != (one.kind == refund)) out.add(place + ".dispute", "missing, or not of this kind");
  const broker::ChargeParts top = parts_of(charge, one.base);
  const broker::ChargeParts frozen_rest = parts_of(charge, one.base - one.amount);
  const broker::ChargeParts back_rest = parts_of(charge, one.base - user);
  const Amount frozen = one.kind == refund ? Amount{} : top.center_share - frozen_rest.center_share;
  const Amount back = top.center_share - back_rest.center_share;
  compare(out, place + ".parts.margin", margin, back_rest.margin.micros - top.margin.micros);
  compare(out, place + ".parts.tax", tax, back_rest.tax.micros - top.tax.micros);
  compare(out, place + ".parts.escrow", escrow, one.kind == dispute_resolved ? -frozen.micros : frozen.micros);
  compare(out, place + ".parts.center", center,
          (one.kind == dispute_opened ? -frozen.micros : frozen.micros) - back.micros);
}

void check_adjustments(const Statement& statement, Differences& out) {
  __int128 user = 0, center = 0, margin = 0, tax = 0, escrow = 0;
  std::set<AdjustmentId> seen;
  for (std::size_t i = 0; i < statement.adjustments.size(); ++i) {
    const Adjustment& one = statement.adjustments[i];
    const std::string place = fmt::format("adjustments[{}]", i);
    check_adjustment(one, place, out);
    if (!seen.insert(one.id).second) out.add(place + ".id", "listed twice");
    user += one.parts.user.micros;
    center += one.parts.center_share.micros;
    margin += one.parts.margin.micros;
    tax += one.parts.tax.micros;
    escrow += one.parts.escrow.micros;
  }
  compare(out, "adjusted.user", statement.adjusted.user, user);
  compare(out, "adjusted.center", statement.adjusted.center_share, center);
  compare(out, "adjusted.margin", statement.adjusted.margin, margin);
  compare(out, "adjusted.tax", statement.adjusted.tax, tax);
  compare(out, "adjusted.escrow", statement.adjusted.escrow, escrow);
  __int128 paid = 0;
  for (const PayoutLine& one : statement.payouts) paid += one.amount.micros;
  compare(out, "payout", statement.payout, paid);
}

void check_sums(const Statement& statement, Differences& out) {
  __int128 gross = 0, center = 0, margin = 0, tax = 0;
  for (std::size_t i = 0; i < statement.lines.size(); ++i) {
    const Parts& added = statement.lines[i].added;
    gross += added.gross.micros;
    center += added.center.micros;
    margin += added.margin.micros;
    tax += added.tax.micros;
    compare(out, fmt::format("lines[{}].added.gross", i), added.gross,
            static_cast<__int128>(added.center.micros) + added.margin.micros + added.tax.micros);
  }
  compare(out, "totals.gross", statement.totals.gross, gross);
  compare(out, "totals.center", statement.totals.center, center);
  compare(out, "totals.margin", statement.totals.margin, margin);
  compare(out, "totals.tax", statement.totals.tax, tax);
  compare(out, "closing", statement.closing,
          static_cast<__int128>(statement.opening.micros) + statement.totals.center.micros + statement.accrued.center.micros +
              statement.adjusted.center_share.micros - statement.fee.micros - statement.payout.micros);
}

void check_all_used(const Statement& statement, Differences& out) {
  std::set<Hash256> used;
  for (const Line& line : statement.lines) used.insert(line.report);
  if (statement.completeness)
    for (const broker::ClosedDay& day : statement.completeness->days) used.insert(day.report);
  for (std::size_t i = 0; i < statement.reports.size(); ++i)
    if (!used.contains(statement.reports[i].sha256)) out.add(fmt::format("reports[{}]", i), "nothing follows from it");
}

}  // namespace

void check_statement(const Statement& statement, Differences& out) {
  if (const Status key = federation::check_public_key(statement.billing_key); !key) out.add("center.billing_key", key.error().detail);
  if (statement.opened_at > statement.cut_off) out.add("period.cut_off", "before the period was opened");
  const SignedRecords records = open_reports(statement, out);
  for (std::size_t i = 0; i < statement.lines.size(); ++i)
    LineCheck(statement.lines[i], statement, fmt::format("lines[{}]", i), out).run(records);
  check_chains(statement, out);
  check_all_used(statement, out);
  check_adjustments(statement, out);
  check_accruals(statement, out);
  check_carried(statement, out);
  check_fees(statement, out);
  check_sums(statement, out);
}

}  // namespace bourse::statement
