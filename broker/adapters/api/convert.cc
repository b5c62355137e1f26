#include "broker/adapters/api/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "broker/adapters/api/caller.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr Objective kObjectives[] = {Objective::cheapest, Objective::fastest, Objective::best_value};

Status check_range(std::string_view field, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return {};
  return fail(ErrorCode::invalid_argument, fmt::format("{} must be from {} to {}, not {}.", field, least, most, value));
}

Result<Unit> read_unit(std::string_view text) {
  auto unit = parse_unit(text);
  if (!unit) return fail(ErrorCode::invalid_argument, "unit: expected a code like CNY.");
  return *unit;
}

}  // namespace

void fill(v1::Money& out, Amount amount, Unit unit) {
  out.set_amount(to_text(amount));
  out.set_unit(std::string(unit.text()));
}

Result<MoneyIn> read_positive(const v1::Money& money) {
  const auto amount = parse_amount(money.amount());
  if (!amount) return fail(amount.error().code, fmt::format("amount: {}", amount.error().detail));
  if (!amount->is_positive()) return fail(ErrorCode::amount_not_positive);
  TRY(const Unit unit, read_unit(money.unit()));
  return MoneyIn{*amount, unit};
}

Result<JobSpec> read_spec(const v1::JobSpec& in, const std::function<CenterId(std::string_view)>& center_of) {
  JobSpec spec;
  if (in.script().size() > kMaxScriptBytes)
    return fail(ErrorCode::too_large, fmt::format("spec.script is longer than {} bytes.", kMaxScriptBytes));
  CHECK_OK(check_text("spec.name", in.name(), kMaxJobName));
  CHECK_OK(check_text("spec.gpu_model", in.gpu_model(), 64, true));
  CHECK_OK(check_text("spec.arch", in.arch(), 32, true));
  CHECK_OK(check_text("spec.qos", in.qos(), 64, true));
  CHECK_OK(check_text("spec.project", in.project(), kMaxProject, true));
  CHECK_OK(check_text("spec.center", in.center(), 64, true));
  CHECK_OK(check_range("spec.cores", in.cores(), 0, kMaxCores));
  CHECK_OK(check_range("spec.gpus", in.gpus(), 0, kMaxCores));
  CHECK_OK(check_range("spec.nodes", in.nodes(), 0, kMaxNodes));
  CHECK_OK(check_range("spec.mem_mib", in.mem_mib(), 0, kMaxMemMib));
  CHECK_OK(check_range("spec.walltime_ms", in.walltime_ms(), 1'000, kMaxWalltime.ms));
  CHECK_OK(check_range("spec.expected_ms", in.expected_ms(), 0, kMaxWalltime.ms));
  if (!in.pay_with().empty()) {
    if (in.pay_with() != kDu.text()) return fail(ErrorCode::invalid_argument, "spec.pay_with must be DU, or empty for money.");
    spec.pay_with = kDu;
  }
  CHECK_OK(check_range("spec.hold_window_ms", in.hold_window_ms(), 0, kMaxWalltime.ms));
  spec.name = in.name();
  spec.need = {.cores = std::max<std::int64_t>(in.cores(), 1), .gpus = in.gpus(),
               .nodes = std::max<std::int64_t>(in.nodes(), 1), .mem_mib = in.mem_mib()};
  spec.gpu_model = in.gpu_model();
  spec.arch = in.arch();
  spec.walltime = milliseconds(in.walltime_ms());
  spec.expected = milliseconds(in.expected_ms());
  spec.qos = in.qos();
  spec.project = in.project();
  spec.hold_window = milliseconds(in.hold_window_ms());
  if (!in.objective().empty()) {
    const auto* found = std::ranges::find(kObjectives, in.objective(), [](Objective o) { return name(o); });
    if (found == std::end(kObjectives))
      return fail(ErrorCode::invalid_argument, "spec.objective must be cheapest, fastest or best_value.");
    spec.objective = *found;
  }
  if (!in.budget().empty()) {
    const auto budget = parse_amount(in.budget());
    if (!budget) return fail(budget.error().code, fmt::format("spec.budget: {}", budget.error().detail));
    if (budget->is_negative()) return fail(ErrorCode::invalid_argument, "spec.budget is negative.");
    spec.budget = *budget;
  }
  if (in.deadline_ms() < 0) return fail(ErrorCode::invalid_argument, "spec.deadline_ms is negative.");
  if (in.deadline_ms() > 0) spec.deadline = Instant{in.deadline_ms()};
  if (!in.array().empty()) {
    auto array = parse_array(in.array());
    if (!array) return fail(array.error().code, fmt::format("spec.array: {}", array.error().detail));
    spec.array = {std::move(array->ranges), array->at_once};
  }
  if (!in.dependency().empty()) {
    auto after = parse_dependency(in.dependency());
    if (!after) return fail(after.error().code, fmt::format("spec.{}", after.error().detail));
    spec.after = std::move(*after);
  }
  if (!in.center().empty()) {
    spec.center = center_of(in.center());
    if (spec.center.is_nil()) return fail(ErrorCode::invalid_argument, "spec.center: there is no such center.");
  }
  return spec;
}

void fill(v1::JobSpec& out, const JobSpec& spec, Unit, const Market& market) {
  out.set_name(spec.name);
  out.set_cores(spec.need.cores);
  out.set_gpus(spec.need.gpus);
  out.set_nodes(spec.need.nodes);
  out.set_mem_mib(spec.need.mem_mib);
  out.set_walltime_ms(spec.walltime.ms);
  out.set_expected_ms(spec.expected.ms);
  out.set_gpu_model(spec.gpu_model);
  out.set_arch(spec.arch);
  out.set_objective(std::string(name(spec.objective)));
  if (spec.budget) out.set_budget(to_text(*spec.budget));
  if (spec.deadline) out.set_deadline_ms(spec.deadline->unix_ms);
  if (!spec.center.is_nil()) out.set_center(center_name(market, spec.center));
  out.set_qos(spec.qos);
  out.set_project(spec.project);
  out.set_hold_window_ms(spec.hold_window.ms);
  out.set_pay_with(std::string(spec.pay_with.text()));
  out.set_array(spec.array.text());
  out.set_dependency(to_text(spec.after));
}

constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

// "08:30" to minutes; "24:00" is the day's end.
std::optional<std::uint16_t> minutes_of(std::string_view text) {
  const auto digit = [&text](std::size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : 100; };
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const int hour = digit(0) * 10 + digit(1), minute = digit(3) * 10 + digit(4);
  if ((hour > 23 || minute > 59) && (hour != 24 || minute != 0)) return std::nullopt;
  return static_cast<std::uint16_t>(hour * 60 + minute);
}

Status read_windows(const v1::PriceRow& in, pricing::PriceRow& row) {
  row.zone = in.zone();
  for (const v1::PriceWindow& window : in.windows()) {
    pricing::WeeklyWindow& to = row.windows.emplace_back();
    if (!window.days().empty()) to.days = 0;
    for (const std::string& day : window.days()) {
      const auto known = std::ranges::find(kDays, day);
      if (known == kDays.end()) return fail(ErrorCode::invalid_argument, "windows: the days are mon, tue, wed, thu, fri, sat and sun.");
      to.days = static_cast<std::uint8_t>(to.days | 1U << (known - kDays.begin()));
    }
    const auto from = minutes_of(window.from()), until = minutes_of(window.until());
    if (!from || !until) return fail(ErrorCode::invalid_argument, "windows: from and until are times, 00:00 to 24:00.");
    to.from = *from;
    to.until = *until;
  }
  return {};
}

void fill_windows(v1::PriceRow& out, const pricing::PriceRow& row) {
  if (row.windows.empty()) return;
  out.set_zone(row.zone);
  const auto time = [](std::uint16_t minute) { return fmt::format("{:02}:{:02}", minute / 60, minute % 60); };
  for (const pricing::WeeklyWindow& window : row.windows) {
    v1::PriceWindow& to = *out.add_windows();
    for (std::size_t day = 0; day < kDays.size(); ++day)
      if ((window.days >> day & 1) != 0) to.add_days(std::string(kDays[day]));
    to.set_from(time(window.from));
    to.set_until(time(window.until));
  }
}

// What a row says beyond one price a quantity.
Status read_tariff(const v1::PriceRow& in, pricing::PriceRow& row) {
  const auto strategy = in.strategy().empty() ? pricing::Strategy::per_meter : pricing::strategy_named(in.strategy());
  if (!strategy) return fail(ErrorCode::invalid_argument, "strategy: expected one like scow:cpusAlloc.");
  row.strategy = *strategy;
  const bool whole_job = row.strategy != pricing::Strategy::per_meter;
  if (!in.precision().empty()) {
    if (!whole_job || in.precision().size() != 1 || in.precision() < "0" || in.precision() > "4")
      return fail(ErrorCode::invalid_argument, "precision is 0 to 4, and of a scow strategy.");
    row.places = static_cast<std::uint8_t>(in.precision()[0] - '0');
  }
  const auto minimum = parse_amount(!in.minimum().empty() ? in.minimum() : whole_job ? "0.01" : "0");
  if (!minimum) return fail(minimum.error().code, fmt::format("minimum: {}", minimum.error().detail));
  row.minimum = *minimum;
  if (!in.tier_mode().empty() && in.tier_mode() != "graduated" && in.tier_mode() != "volume")
    return fail(ErrorCode::invalid_argument, "tier_mode must be graduated or volume.");
  row.tiers.mode = in.tier_mode() == "volume" ? pricing::TierMode::volume : pricing::TierMode::graduated;
  for (const v1::PriceTier& tier : in.tiers()) {
    const auto price = parse_decimal(tier.price());
    if (!price) return fail(price.error().code, fmt::format("tiers: {}", price.error().detail));
    row.tiers.steps.push_back({.above = tier.above_ticks(), .price = *price});
  }
  row.free.ticks = in.free_ticks();
  CHECK_OK(read_factor(in, row));
  CHECK_OK(read_windows(in, row));
  if (!in.discount().empty() || in.discount_bps() != 0)
    return fail(ErrorCode::invalid_argument, "discount is shown on locked rows and can't be set on a row.");
  return {};
}

Result<pricing::PriceRow> read_price(const v1::PriceRow& in, CenterId center) {
  CHECK_OK(check_text("pool", in.pool(), 64, true));
  CHECK_OK(check_text("qos", in.qos(), 64, true));
  pricing::PriceRow row;
  row.scope = {.center = center, .pool = in.pool(), .qos = in.qos()};
  if (!in.tenant().empty()) {
    TRY(row.scope.tenant, read_id<TenantIdKind>("tenant", in.tenant()));
  }
  const auto meter = pricing::meter_named(in.meter());
  if (!meter) return fail(ErrorCode::invalid_argument, "meter must be core_ms, gpu_ms, node_ms or mem_mib_s.");
  row.meter = *meter;
  const auto price = parse_decimal(in.price());
  if (!price) return fail(price.error().code, fmt::format("price: {}", price.error().detail));
  row.price = *price;
  if (!in.per().empty()) {
    TRY(row.per, pricing::ticks_per(row.meter, in.per()));
    if (in.per_ticks() != 0 && in.per_ticks() != row.per)
      return fail(ErrorCode::invalid_argument, "per and per_ticks say different things.");
  } else {
    row.per = in.per_ticks();
  }
  TRY(row.unit, read_unit(in.unit()));
  CHECK_OK(read_tariff(in, row));
  if (in.valid_from_ms() < 0 || in.valid_until_ms() < 0)
    return fail(ErrorCode::invalid_argument, "valid_from or valid_until is before 1970.");
  row.valid_from = Instant{in.valid_from_ms()};
  row.valid_until = Instant{in.valid_until_ms()};
  return row;
}

void fill(v1::PriceRow& out, const pricing::PriceRow& row) {
  out.set_id(to_text(row.id));
  out.set_tenant(text_or_empty(row.scope.tenant));
  out.set_center(text_or_empty(row.scope.center));
  out.set_pool(row.scope.pool);
  out.set_qos(row.scope.qos);
  out.set_meter(std::string(pricing::name(row.meter)));
  out.set_price(to_text(row.price));
  out.set_per(pricing::quantity_of(row.meter, row.per));
  out.set_per_ticks(row.per);
  out.set_unit(std::string(row.unit.text()));
  out.set_valid_from_ms(row.valid_from.unix_ms);
  out.set_valid_until_ms(row.valid_until.unix_ms);
  if (row.strategy != pricing::Strategy::per_meter) {
    out.set_strategy(std::string(pricing::name(row.strategy)));
    out.set_precision(std::to_string(row.places));
  }
  if (!row.minimum.is_zero()) out.set_minimum(to_text(row.minimum));
  if (!row.tiers.steps.empty()) out.set_tier_mode(row.tiers.mode == pricing::TierMode::volume ? "volume" : "graduated");
  for (const pricing::Tier& tier : row.tiers.steps) {
    v1::PriceTier& to = *out.add_tiers();
    to.set_above_ticks(tier.above);
    to.set_price(to_text(tier.price));
  }
  out.set_free_ticks(row.free.ticks);
  fill_windows(out, row);
  if (!row.factor.table.empty()) fill(*out.mutable_factor(), row.factor);
  out.set_discount(row.off.name);
  out.set_discount_bps(row.off.bps);
}

Result<pricing::Discount> read_discount(const v1::Discount& in, CenterId center) {
  CHECK_OK(check_text("name", in.name(), kMaxLabel, false));
  CHECK_OK(check_text("pool", in.pool(), 64, true));
  CHECK_OK(check_text("qos", in.qos(), 64, true));
  pricing::Discount discount{.id = {}, .name = in.name(), .scope = {.tenant = {}, .center = center, .pool = in.pool(), .qos = in.qos()},
                             .meter = std::nullopt, .bps = in.bps(), .valid_from = {in.valid_from_ms()}, .valid_until = {in.valid_until_ms()}};
  if (!in.tenant().empty()) {
    TRY(discount.scope.tenant, read_id<TenantIdKind>("tenant", in.tenant()));
  }
  if (!in.meter().empty()) {
    discount.meter = pricing::meter_named(in.meter());
    if (!discount.meter) return fail(ErrorCode::invalid_argument, "meter must be core_ms, gpu_ms, node_ms or mem_mib_s; leave it out for all.");
  }
  if (in.valid_from_ms() < 0 || in.valid_until_ms() < 0)
    return fail(ErrorCode::invalid_argument, "valid_from or valid_until is before 1970.");
  return discount;
}

void fill(v1::Discount& out, const pricing::Discount& discount) {
  out.set_id(to_text(discount.id));
  out.set_name(discount.name);
  out.set_tenant(text_or_empty(discount.scope.tenant));
  out.set_center(text_or_empty(discount.scope.center));
  out.set_pool(discount.scope.pool);
  out.set_qos(discount.scope.qos);
  if (discount.meter) out.set_meter(std::string(pricing::name(*discount.meter)));
  out.set_bps(discount.bps);
  out.set_valid_from_ms(discount.valid_from.unix_ms);
  out.set_valid_until_ms(discount.valid_until.unix_ms);
}

void fill(v1::Decision& out, const Decision& decision, const JobSpec& spec, Unit unit, const Market& market) {
  for (const Plan& plan : decision.plans) {
    v1::Plan& to = *out.add_plans();
    to.set_center(to_text(plan.center));
    to.set_center_name(center_name(market, plan.center));
    to.set_pool(plan.pool);
    to.set_cores(plan.allocation.cores);
    to.set_gpus(plan.allocation.gpus);
    to.set_nodes(plan.allocation.nodes);
    to.set_mem_mib(plan.allocation.mem_mib);
    to.set_wait_ms(plan.wait.ms);
    to.set_duration_ms(plan.duration.ms);
    fill(*to.mutable_total(), plan.total, unit);
    fill(*to.mutable_cap(), plan.cap, unit);
    to.set_score(plan.score);
    to.set_reservation(text_or_empty(plan.reservation));
    for (const pricing::PriceRow& row : plan.rows) fill(*to.add_prices(), row);
  }
  for (const Refused& refused : decision.refused) {
    v1::Refused& to = *out.add_refused();
    to.set_center(to_text(refused.center));
    to.set_center_name(center_name(market, refused.center));
    to.set_pool(refused.pool);
    to.set_code(std::string(name(refused.reason)));
    to.set_sentence(std::string(sentence(refused.reason)));
    if (!refused.needed.is_zero()) fill(*to.mutable_needed(), refused.needed, unit);
  }
  out.set_considered(decision.considered);
  out.set_fitting(decision.fitting);
  out.set_objective(std::string(name(spec.objective)));
  out.set_why(why(decision, spec, unit, market));
}

std::optional<CenterState> center_state_named(std::string_view wanted) {
  for (const CenterState state : {CenterState::active, CenterState::paused, CenterState::quarantined, CenterState::revoked})
    if (name(state) == wanted) return state;
  return std::nullopt;
}

std::string_view name(ledger::AccountCode code) {
  static constexpr std::string_view kNames[] = {
      "", "wallet", "holds", "center_payable", "platform_revenue", "tax_payable", "deferred_revenue", "grants",
      "dispute_escrow", "bank_clearing", "payout_in_transit", "rounding", "platform_risk"};
  const auto number = static_cast<std::size_t>(code);
  return number < std::size(kNames) ? kNames[number] : "";
}

std::string_view name(ledger::TransferCode code) {
  static constexpr std::string_view kNames[] = {"other", "top_up", "hold", "capture_center", "capture_margin",
                                                "capture_tax", "release", "payout", "reversal", "risk", "payout_paid",
                                                "payout_returned", "escrow", "escrow_release", "subsidy", "grant", "grant_expired", "package_sold", "package_used", "package_expired"};
  static constexpr std::string_view kReserved[] = {"reservation", "accrual_center", "accrual_margin", "accrual_tax", "reservation_returned", "top_up_reversed", "grant_reversed", "package_reversed", "contract_fee", "contract_fee_tax"};
  constexpr auto kFirstReserved = static_cast<std::size_t>(ledger::TransferCode::reservation);
  const auto number = static_cast<std::size_t>(code);
  if (number >= kFirstReserved && number - kFirstReserved < std::size(kReserved)) return kReserved[number - kFirstReserved];
  return number < std::size(kNames) ? kNames[number] : "other";
}

std::string center_name(const Market& market, CenterId id) {
  const Center* center = market.center(id);
  return center == nullptr ? std::string() : center->name;
}

}  // namespace bourse::broker::api
