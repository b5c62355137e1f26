#include "cli/rate/row_fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "broker/adapters/factors/fields.h"

namespace bourse::cli {
namespace {

using nlohmann::json;
using factors::Fields;
using factors::FactorTables;
using factors::find_factor;
using factors::id_named;
using factors::parse_meter;
using factors::scope_of;
using pricing::Over;

constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

Result<pricing::Strategy> parse_strategy(const std::string& text) {
  const auto strategy = pricing::strategy_named(text);
  if (!strategy || *strategy == pricing::Strategy::per_meter)
    return fail(ErrorCode::invalid_argument, "the strategies are scow:cpusAlloc, scow:gpu, scow:max-cpusAlloc-mem and scow:max-gpu-cpusAlloc");
  return *strategy;
}

Result<Over> parse_over(const std::string& text) {
  if (text == "usage") return Over::usage;
  if (text == "month") return Over::month;
  return fail(ErrorCode::invalid_argument, "it is usage or month");
}

Result<pricing::TierMode> parse_mode(const std::string& text) {
  if (text == "graduated") return pricing::TierMode::graduated;
  if (text == "volume") return pricing::TierMode::volume;
  return fail(ErrorCode::invalid_argument, "it is graduated or volume");
}

// "08:30" to minutes; "24:00" is the day's end.
Result<std::uint16_t> parse_time(const std::string& text) {
  const auto digit = [&text](std::size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : 100; };
  if (text.size() == 5 && text[2] == ':') {
    const int hour = digit(0) * 10 + digit(1), minute = digit(3) * 10 + digit(4);
    if ((hour < 24 && minute < 60) || (hour == 24 && minute == 0)) return static_cast<std::uint16_t>(hour * 60 + minute);
  }
  return fail(ErrorCode::invalid_argument, "a time is written 00:00 to 24:00");
}

// "3600 ticks": what no name says.
std::optional<std::int64_t> counted_ticks(const std::string& text) {
  constexpr std::string_view kEnd = " ticks";
  if (!text.ends_with(kEnd)) return std::nullopt;
  std::int64_t ticks = 0;
  const char* last = text.data() + text.size() - kEnd.size();
  const auto [end, error] = std::from_chars(text.data(), last, ticks);
  return error == std::errc() && end == last && ticks >= 0 ? std::optional(ticks) : std::nullopt;
}

// A quantity in units of `per` as ticks, which it must be a whole number of.
Result<std::int64_t> parse_ticks(const std::string& text, std::int64_t per) {
  if (const auto ticks = counted_ticks(text)) return *ticks;
  TRY(const Decimal quantity, parse_decimal(text));
  __int128 ticks = static_cast<__int128>(quantity.coefficient) * per;
  std::int64_t scale = 1;
  for (int places = 0; places < quantity.scale; ++places) scale *= 10;
  if (ticks < 0 || ticks % scale != 0 || ticks / scale > std::numeric_limits<std::int64_t>::max())
    return fail(ErrorCode::invalid_argument, "the quantity is below zero, too large or no whole number of the meter's ticks");
  return static_cast<std::int64_t>(ticks / scale);
}

Result<Decimal> decimal(const std::string& text) { return parse_decimal(text); }
Result<Instant> instant(const std::string& text) { return parse_instant(text); }

pricing::Tiers read_tiers(Fields& fields, std::int64_t per) {
  pricing::Tiers tiers;
  for (const auto& [element, where] : fields.list("tiers")) {
    Fields tier(*element, where);
    const auto ticks = [per](const std::string& t) { return parse_ticks(t, per); };
    tiers.steps.push_back({tier.parsed<std::int64_t>("above", ticks, std::nullopt), tier.parsed<Decimal>("price", decimal, std::nullopt)});
    tier.no_others();
    fields.absorb(tier);
  }
  for (const char* name : {"tier_mode", "tier_scope"})
    if (tiers.steps.empty() && fields.has(name)) fields.wrong(name, "there are no tiers");
  // Which of the two is not guessed: they differ by a lot of money.
  tiers.mode = fields.parsed<pricing::TierMode>("tier_mode", parse_mode, tiers.steps.empty() ? std::optional(pricing::TierMode::graduated) : std::nullopt);
  tiers.over = fields.parsed<Over>("tier_scope", parse_over, Over::usage);
  return tiers;
}

std::vector<pricing::WeeklyWindow> read_windows(Fields& fields) {
  std::vector<pricing::WeeklyWindow> windows;
  for (const auto& [element, where] : fields.list("windows")) {
    Fields window(*element, where);
    pricing::WeeklyWindow one;
    const auto days = window.list("days");
    if (window.has("days")) one.days = 0;
    for (const auto& [day, place] : days) {
      const auto* known = day->is_string() ? std::ranges::find(kDays, day->get<std::string>()) : kDays.end();
      if (known == kDays.end()) window.wrong("days", "the days are mon, tue, wed, thu, fri, sat and sun");
      else one.days = static_cast<std::uint8_t>(one.days | 1U << (known - kDays.begin()));
    }
    one.from = window.parsed<std::uint16_t>("from", parse_time, std::nullopt);
    one.until = window.parsed<std::uint16_t>("to", parse_time, std::nullopt);
    window.no_others();
    fields.absorb(window);
    windows.push_back(one);
  }
  return windows;
}

pricing::DuFactor read_factor(Fields& fields, const FactorTables& tables, pricing::Meter meter) {
  if (!fields.has("factor")) return {};
  Fields part = fields.object("factor");
  const std::string table = part.text("table", true), chip = part.text("chip", true), precision = part.text("precision", true);
  part.no_others();
  fields.absorb(part);
  if (!part.verdict()) return {};
  auto factor = find_factor(tables, table, chip, precision, meter);
  if (!factor) {
    std::string why = factor.error().detail;
    constexpr std::string_view kMissing = "is not there";
    if (const std::size_t at = why.find(kMissing); at != std::string::npos) why.replace(at, kMissing.size(), "is not given (--factors FILE)");
    return fields.wrong("factor", why), pricing::DuFactor{};
  }
  return *std::move(factor);
}

// Price per 度 is the 度 itself where a factor says how many there are.
Decimal read_price(Fields& fields) {
  return fields.parsed<Decimal>("price", decimal, fields.has("factor") ? std::optional(Decimal{1, 0}) : std::nullopt);
}

}  // namespace

Result<pricing::PriceRow> read_row(const json& object, std::string where, Unit currency, const FactorTables& tables, std::string& name) {
  constexpr Amount kScowMinimum = Amount::of_micros(10'000);
  Fields fields(object, std::move(where));
  name = fields.text("id", true);
  Fields scope = fields.object("scope");
  pricing::PriceRow row{.id = id_named<PriceRowId>(name), .scope = scope_of(scope), .unit = currency, .valid_from = {}, .valid_until = {}};
  scope.no_others();
  row.meter = fields.parsed<pricing::Meter>("meter", parse_meter, std::nullopt);
  row.strategy = fields.parsed<pricing::Strategy>("strategy", parse_strategy, pricing::Strategy::per_meter);
  row.price = read_price(fields);
  row.per = fields.parsed<std::int64_t>("per", [&](const std::string& t) -> Result<std::int64_t> {
    const auto ticks = counted_ticks(t);
    return ticks && *ticks > 0 ? Result<std::int64_t>(*ticks) : pricing::ticks_per(row.meter, t);
  }, std::nullopt);
  if (fields.has("precision")) {
    const std::int64_t places = fields.count("precision");
    row.places = static_cast<std::uint8_t>(std::min<std::int64_t>(places, 255));
  }
  const bool scow = row.strategy != pricing::Strategy::per_meter;
  row.minimum = fields.parsed<Amount>("minimum", parse_amount, scow ? kScowMinimum : Amount{});
  row.valid_from = fields.parsed<Instant>("valid_from", instant, std::nullopt);
  row.valid_until = fields.parsed<Instant>("valid_until", instant, Instant{});
  row.tiers = read_tiers(fields, row.per);
  row.free.ticks = fields.parsed<std::int64_t>("free", [&](const std::string& t) { return parse_ticks(t, row.per); }, 0);
  if (fields.has("free_scope") && !fields.has("free")) fields.wrong("free_scope", "nothing is free");
  row.free.over = fields.parsed<Over>("free_scope", parse_over, Over::usage);
  row.windows = read_windows(fields);
  if (fields.has("windows") && row.windows.empty()) fields.wrong("windows", "expected windows; leave it out for a row that always holds");
  row.zone = fields.text("zone");
  row.factor = read_factor(fields, tables, row.meter);
  CHECK_OK(scope.verdict());
  fields.no_others();
  CHECK_OK(fields.verdict());
  return row;
}

Result<pricing::Discount> read_discount(const json& object, std::string where, std::string& name) {
  Fields fields(object, std::move(where));
  name = fields.text("id", true);
  Fields scope = fields.object("scope");
  pricing::Discount discount{.id = id_named<PriceRowId>(name), .name = fields.text("name", true), .scope = scope_of(scope), .meter = {}, .valid_from = {}, .valid_until = {}};
  scope.no_others();
  if (fields.has("meter")) discount.meter = fields.parsed<pricing::Meter>("meter", parse_meter, std::nullopt);
  discount.bps = static_cast<std::int32_t>(std::min<std::int64_t>(fields.count("off_bps", true), 1 << 20));
  discount.valid_from = fields.parsed<Instant>("valid_from", instant, std::nullopt);
  discount.valid_until = fields.parsed<Instant>("valid_until", instant, Instant{});
  CHECK_OK(scope.verdict());
  fields.no_others();
  CHECK_OK(fields.verdict());
  return discount;
}

}  // namespace bourse::cli
