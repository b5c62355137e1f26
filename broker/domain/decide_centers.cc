// Centers: who may sell, on what terms, at what prices, and what they have.
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <optional>

#include "broker/domain/decider.h"
#include "broker/domain/derive.h"
#include "broker/domain/fee.h"
#include "broker/domain/schedule.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr std::size_t kMaxContracts = 1'000;
constexpr std::size_t kMaxSettlementRows = 1'000;
constexpr std::int32_t kMaxBps = 10'000;

// What a pool may claim in all. A whole year of any of it stays below pricing::kMaxReading.
constexpr std::int64_t kMaxPoolCores = 30'000'000;
constexpr std::int64_t kMaxPoolMemMib = 30'000'000'000;
constexpr std::int64_t kMaxFigure = 1'000'000'000;  // jobs in a queue

std::unexpected<Error> invalid(std::string what) {
  return fail(ErrorCode::invalid_argument, std::move(what));
}
std::unexpected<Error> no_center(CenterId id) {
  return fail(ErrorCode::not_found, "center " + to_text(id));
}

bool between(std::int64_t value, std::int64_t least, std::int64_t most) {
  return value >= least && value <= most;
}

Status check_pool(const routing::Pool& pool) {
  const auto wrong = [&](std::string_view field) {
    return invalid("pool " + shown(pool.name) + ": " + std::string(field) + " is out of bounds");
  };
  if (!is_token(pool.name)) return invalid("a pool's name must be a word of letters, digits and . _ + : @ -");
  if (!pool.arch.empty() && !is_token(pool.arch)) return wrong("arch");
  if (!pool.gpu_model.empty() && !is_token(pool.gpu_model)) return wrong("gpu_model");
  if (!between(pool.nodes, 0, kMaxNodes)) return wrong("nodes");
  const std::int64_t nodes = std::max<std::int64_t>(pool.nodes, 1);
  if (!between(pool.cores_per_node, 0, kMaxPoolCores / nodes)) return wrong("cores_per_node");
  if (!between(pool.gpus_per_node, 0, kMaxPoolCores / nodes)) return wrong("gpus_per_node");
  if (!between(pool.mem_mib_per_node, 0, kMaxPoolMemMib / nodes)) return wrong("mem_mib_per_node");
  if (!between(pool.speed_milli, 1, 1'000'000)) return wrong("speed_milli");
  if (!between(pool.max_walltime.ms, 0, hours(24 * 3'660).ms)) return wrong("max_walltime");
  if (!between(pool.free_cores, 0, kMaxPoolCores)) return wrong("free_cores");
  if (!between(pool.free_gpus, 0, kMaxPoolCores)) return wrong("free_gpus");
  if (!between(pool.pending_jobs, 0, kMaxFigure)) return wrong("pending_jobs");
  if (!between(pool.running_jobs, 0, kMaxFigure)) return wrong("running_jobs");
  if (!between(pool.pending_core_ms, 0, pricing::kMaxReading)) return wrong("pending_core_ms");
  if (pool.rule) CHECK_OK(pricing::check_rule(*pool.rule));
  return {};
}

Status check_words(PriceRowId id, const pricing::Scope& scope) {
  for (const std::string* text : {&scope.pool, &scope.qos})
    if (!text->empty() && !is_token(*text)) return invalid("price row " + to_text(id) + ": pool and qos must be words");
  return {};
}

Status check_row(const pricing::PriceRow& row) {
  if (row.id.is_nil()) return invalid("a price row needs an id");
  CHECK_OK(check_words(row.id, row.scope));
  CHECK_OK(parse_unit(row.unit.text()));
  return {};
}

// What a price book may hold and the market can't sell by.
Status check_sellable(const pricing::PriceRow& row) {
  const auto unsold = [&](std::string_view why) { return invalid("price row " + to_text(row.id) + ": " + std::string(why)); };
  if (!pricing::is_held(row.meter)) return unsold("no center reports " + std::string(pricing::name(row.meter)) + " yet; it can be rated, and not sold");
  const bool one_price = row.tiers.steps.empty() && row.free.ticks == 0 && row.minimum.is_zero() && row.factor.table.empty();
  if (!row.windows.empty() && !one_price) return unsold("with weekly windows the market sells at one price, without tiers, free quantity or minimum");
  if (pricing::by_month(row)) return unsold("the market doesn't count tiers or free quantities by the month");
  if (!pricing::grows_with_use(row))
    return unsold(row.strategy == pricing::Strategy::per_meter
                      ? "with these volume tiers more use would cost less, and what was captured can't go back"
                      : "the minimum must not have more places than the charge");
  return {};
}

// Of a contract, what the center gets by rows of its own.
Status check_settlement(const Contract& contract) {
  for (const PriceSetter setter : {contract.sale_prices, contract.settlement_prices}) {
    if (setter > PriceSetter::either) return invalid("who sets prices must be the platform, the center or either");
    // Else the center alone would say how much the platform adds.
    if (setter != PriceSetter::platform && contract.may_subsidise) return invalid("a contract that may subsidise can't leave prices to the center");
  }
  if (contract.settlement.empty() && contract.may_subsidise)
    return invalid("only a contract with settlement prices may subsidise");
  if (contract.settlement.size() > kMaxSettlementRows)
    return fail(ErrorCode::too_large, "at most 1,000 settlement prices a contract");
  pricing::PriceBook book;
  for (const pricing::PriceRow& row : contract.settlement) {
    CHECK_OK(check_row(row));
    CHECK_OK(book.check(row));
    CHECK_OK(check_sellable(row));
    if (book.rows().contains(row.id)) return invalid("two settlement prices have the id " + to_text(row.id));
    book.add(row);
    if (!row.scope.tenant.is_nil() || (!row.scope.center.is_nil() && row.scope.center != contract.center))
      return invalid("price row " + to_text(row.id) + ": a settlement price is for no tenant and no other center");
    if (row.unit != contract.unit)
      return fail(ErrorCode::unit_mismatch, "price row " + to_text(row.id) + ": the contract is in " + std::string(contract.unit.text()));
  }
  return {};
}

Status check_reservable(const Contract& contract) {
  if (contract.reservable.size() > kMaxReservable) return fail(ErrorCode::too_large, "at most 1,000 kinds of reservable capacity a contract");
  std::vector<std::pair<std::string, Reserved>> seen;
  for (const Reservable& one : contract.reservable) {
    if (!is_token(one.pool)) return invalid("reservable: the pool must be a word");
    if (one.what != Reserved::node && one.what != Reserved::card) return invalid("reservable: a node or a card");
    if (!between(one.quantity, 0, kMaxReserved)) return invalid("reservable: the quantity must be 0 to 1000000");
    if (one.month.is_negative() || one.year.is_negative()) return invalid("reservable: a settlement price is below zero");
    if (contains(seen, std::pair(one.pool, one.what))) return invalid("reservable: " + one.pool + " is listed twice");
    seen.emplace_back(one.pool, one.what);
  }
  return {};
}

}  // namespace

Result<CommandResult> Decider::on(const ChangeCenterState& command) {
  const Center* center = market_.center(command.center);
  if (center == nullptr) return no_center(command.center);
  if (command.state < CenterState::active || command.state > CenterState::revoked)
    return invalid("state is unknown");
  if (center->state == CenterState::revoked && command.state != CenterState::revoked)
    return fail(ErrorCode::failed_precondition, "center " + center->name + " was revoked for good; it can be invited again under another name");
  // Saying that an active center is well forgives its recoveries.
  const bool forgives = command.state == CenterState::active && center->certification.recoveries > 0;
  if (center->state != command.state || forgives)
    emit(CenterStateChanged{command.center, command.state, shown(command.reason), now_});
  return made(command.center.uuid);
}

Status Decider::check(const SetContract& act) const {
  const Contract& contract = act.contract;
  const Center* center = market_.center(contract.center);
  if (center == nullptr) return no_center(contract.center);
  if (contract.id.is_nil()) return invalid("a contract needs an id");
  if (!between(contract.terms.tax_bps, 0, kMaxBps) || !between(contract.terms.margin_bps, 0, kMaxBps))
    return invalid("tax and margin must be between 0 and 10000 basis points");
  if (contract.valid_from.unix_ms <= 0) return invalid("valid_from must be given");
  if (!between(contract.cycle.ms, 0, kMaxWalltime.ms)) return invalid("cycle must be between 0 and 366 days");
  if (!between(contract.net_days, 0, 366)) return invalid("net_days must be between 0 and 366");
  if (!contract.schedule.empty()) {
    if (contract.cycle.ms != 0) return invalid("give a cycle or a schedule, not both");
    CHECK_OK(Schedule::parse(contract.schedule, contract.zone));
  } else if (!contract.zone.empty()) {
    if (contract.monthly_fee.is_zero()) return invalid("a zone needs a schedule or a monthly fee");
    CHECK_OK(Zone::named(contract.zone));
  }
  if (contract.monthly_fee.is_negative() || contract.monthly_fee > kMaxMonthlyFee) return invalid("the monthly fee must be between 0 and 1000000000");
  if (!between(contract.fee_tax_bps, 0, kMaxBps)) return invalid("the monthly fee's tax must be between 0 and 10000 basis points");
  if (contract.fee_tax_bps != 0 && contract.monthly_fee.is_zero()) return invalid("a fee's tax needs a monthly fee");
  const Period* open = market_.period(center->open_period);
  if (open->unit != contract.unit)
    return fail(ErrorCode::unit_mismatch, "the center is settled in " + std::string(open->unit.text()));
  if (center->contracts.size() >= kMaxContracts) return fail(ErrorCode::too_large, "the center has too many contracts");
  if (contains(center->contracts, contract.id, &Contract::id))
    return fail(ErrorCode::failed_precondition, "contract " + to_text(contract.id) + " is known and can't be changed");
  CHECK_OK(check_reservable(contract));
  CHECK_OK(check_settlement(contract));
  return act.by.is_nil() ? Status{} : check_settlement_by(act);
}

Result<CommandResult> Decider::on(const SetContract& act) {
  CHECK_OK(check(act));
  Contract contract = act.contract;
  contract.by_center = !act.by.is_nil();
  const std::vector<Contract> later = contract.by_center ? std::vector<Contract>{} : followers(contract);
  emit(ContractSet{std::move(contract)});
  for (const Contract& one : later) emit(ContractSet{one});
  return made(act.contract.id.uuid);
}

Status Decider::check(const PublishPrices& act) const {
  if (act.rows.empty() && act.discounts.empty()) return invalid("no price rows and no discounts");
  if (act.rows.size() + act.discounts.size() > kMaxPriceRows)
    return fail(ErrorCode::too_large, "at most 10,000 price rows and discounts at once");
  absl::flat_hash_map<PriceRowId, const pricing::PriceRow*> seen;
  for (const pricing::PriceRow& row : act.rows) {
    CHECK_OK(check_row(row));
    CHECK_OK(market_.prices_.check(row));
    CHECK_OK(check_sellable(row));
    if (!row.scope.center.is_nil() && market_.center(row.scope.center) == nullptr) return no_center(row.scope.center);
    CHECK_OK(check_setter(act.by, row.scope.center, row.valid_from, "price row " + to_text(row.id)));
    if (!act.by.is_nil() && !row.scope.tenant.is_nil())
      return fail(ErrorCode::forbidden, "price row " + to_text(row.id) + ": a price for one tenant is the platform's; a discount can name one.");
    const auto [it, fresh] = seen.try_emplace(row.id, &row);
    if (!fresh && *it->second != row) return invalid("two price rows have the id " + to_text(row.id));
  }
  absl::flat_hash_map<PriceRowId, const pricing::Discount*> off;
  for (const pricing::Discount& discount : act.discounts) {
    if (!is_label(discount.name)) return invalid("discount " + to_text(discount.id) + ": the name must be 1 to 128 printable bytes");
    CHECK_OK(check_words(discount.id, discount.scope));
    CHECK_OK(market_.prices_.check(discount));
    if (!discount.scope.center.is_nil() && market_.center(discount.scope.center) == nullptr) return no_center(discount.scope.center);
    CHECK_OK(check_setter(act.by, discount.scope.center, discount.valid_from, "discount " + to_text(discount.id)));
    const auto [it, fresh] = off.try_emplace(discount.id, &discount);
    if (seen.contains(discount.id) || (!fresh && *it->second != discount))
      return invalid("two prices have the id " + to_text(discount.id));
  }
  return {};
}

Result<CommandResult> Decider::on(const PublishPrices& act) {
  CHECK_OK(check(act));
  emit(PricesPublished{act.rows, now_, act.discounts});
  return made(act.rows.empty() ? act.discounts.front().id.uuid : act.rows.front().id.uuid);
}

Result<CommandResult> Decider::on(const SetSellingRule& command) {
  const Center* center = market_.center(command.center);
  if (center == nullptr) return no_center(command.center);
  if (center->state == CenterState::revoked) return fail(ErrorCode::failed_precondition, "The center is revoked.");
  if (!command.pool.empty() && !is_token(command.pool)) return invalid("a pool's name is a word");
  CHECK_OK(pricing::check_rule(command.rule));
  const bool known = contains(center->selling, command.pool, &PoolRule::pool);
  if (!known && command.rule == pricing::SellingRule{}) return made(center->id.uuid);  // it forbids nothing as it is
  if (!known && center->selling.size() >= kMaxSellingRules) return fail(ErrorCode::too_large, "at most 1,000 selling rules a center");
  emit(SellingRuleSet{center->id, {command.pool, command.rule, command.by, now_}});
  return made(center->id.uuid);
}

Result<CommandResult> Decider::on(const ObservePools& command) {
  if (market_.center(command.center) == nullptr) return no_center(command.center);
  if (command.pools.size() > kMaxPools) return fail(ErrorCode::too_large, "at most 1,000 pools a center");
  absl::flat_hash_set<std::string_view> names;
  for (const routing::Pool& pool : command.pools) {
    CHECK_OK(check_pool(pool));
    if (!names.insert(pool.name).second) return invalid("two pools are named " + pool.name);
  }
  if (command.online)
    market_.online_.insert(command.center);
  else
    market_.online_.erase(command.center);
  const bool keeps_figures = command.pools.empty() && !command.online;
  if (!keeps_figures) market_.router_.observe(command.center, command.pools);
  market_.router_.set_online(command.center, command.online);
  return made(command.center.uuid);
}

}  // namespace bourse::broker
