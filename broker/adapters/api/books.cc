#include "broker/adapters/api/books.h"

#include <fmt/format.h>

#include "broker/adapters/api/columns.h"

namespace bourse::broker::api {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

}  // namespace

Result<Zone> zone_named(const std::string& name) { return Zone::named(name.empty() ? "UTC" : name); }

Result<std::int64_t> day_named(std::string_view field, const std::string& text) {
  const auto at = parse_instant(text + "T00:00:00Z");
  if (!at || text.size() != std::string_view("2026-10-01").size())
    return fail(ErrorCode::invalid_argument, fmt::format("{}: expected a day like 2026-10-01.", field));
  return at->unix_ms / kDayMs - (at->unix_ms % kDayMs < 0 ? 1 : 0);
}

Result<Span> span_of(const std::string& first, const std::string& last, const Zone& zone, Instant now) {
  Span span{.from = Instant{0}, .until = now};
  if (!first.empty()) {
    TRY(const std::int64_t day, day_named("from", first));
    span.from = zone.moments({.day = day}).first;
  }
  if (!last.empty()) {
    TRY(const std::int64_t day, day_named("to", last));
    span.until = zone.moments({.day = day + 1}).first;
  }
  if (span.until < span.from) return fail(ErrorCode::invalid_argument, "to: the last day is before the first.");
  return span;
}

Result<std::int32_t> month_named(const std::string& text) {
  const auto day = day_named("month", text + "-01");
  if (!day) return fail(ErrorCode::invalid_argument, "month: expected one like 2026-10.");
  return month_of(*day);
}

std::string month_text(std::int32_t month) { return fmt::format("{:04}-{:02}", month / 12, month % 12 + 1); }

Result<std::vector<ZoneSetting>> zone_history(pqxx::transaction_base& work, BillingAccountId account) {
  std::vector<ZoneSetting> out;
  for (const auto& row : work.exec_params("SELECT zone, " BOURSE_MS("at") " AS at_ms FROM market.account_policies "
                                          "WHERE account = $1 ORDER BY journal_seq, idx", sql(account)))
    out.push_back({instant_column(row["at_ms"]), row["zone"].c_str()});
  return out;
}

Result<Instant> month_start(const std::vector<ZoneSetting>& history, std::int32_t month) {
  const auto by = [month](const std::string& name) -> Result<Instant> {
    TRY(const Zone zone, zone_named(name));
    return zone.moments({.day = first_day(month)}).first;
  };
  TRY(Instant start, by(""));
  for (const ZoneSetting& setting : history) {
    if (setting.at >= start) break;
    TRY(const Instant begins, by(setting.zone));
    start = std::max(begins, setting.at);
  }
  return start;
}

Status check_projected(pqxx::transaction_base& work, std::uint64_t position) {
  const auto rows = work.exec("SELECT seq FROM market.projector_cursor");
  if (!rows.empty() && rows[0][0].as<std::uint64_t>() >= position) return {};
  return fail(ErrorCode::unavailable, "The books are not up to date yet.");
}

}  // namespace bourse::broker::api
