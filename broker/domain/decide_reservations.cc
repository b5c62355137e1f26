// Reserved capacity: sold beforehand, earned day by day, ended early or renewed.
#include <algorithm>

#include "base/assert.h"
#include "broker/domain/decider.h"
#include "broker/domain/derive.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr std::size_t kMaxEarnedPerTick = 1'000;
constexpr std::uint32_t kBought = 0, kEnded = UINT32_MAX;  // which posting; between them the day
constexpr std::int32_t kAllBps = 10'000;

std::unexpected<Error> invalid_reservation(std::string what) { return fail(ErrorCode::invalid_argument, std::move(what)); }

// A tenant's price before one for all, then the newest, then the newest id.
const ReservedPrice* reserved_price(const Market& market, const BuyReservation& wanted, TenantId tenant, Instant now) {
  const ReservedPrice* best = nullptr;
  const auto rank = [](const ReservedPrice& p) { return std::tuple(!p.tenant.is_nil(), p.valid_from, p.id); };
  for (const auto& [id, price] : market.reserved_prices()) {
    const bool meant = price.center == wanted.center && price.pool == wanted.pool && price.what == wanted.what && price.term == wanted.term &&
                       (price.tenant.is_nil() || price.tenant == tenant);
    const bool valid = price.valid_from <= now && (price.valid_until == Instant{} || now < price.valid_until);
    if (meant && valid && (best == nullptr || rank(*best) < rank(price))) best = &price;
  }
  return best;
}

Result<Amount> times(Amount one, std::int64_t quantity, std::int64_t terms) {
  std::int64_t micros = 0;
  if (__builtin_mul_overflow(one.micros, quantity, &micros) || __builtin_mul_overflow(micros, terms, &micros))
    return fail(ErrorCode::amount_overflow, "the reservation's price");
  return Amount{micros};
}

std::string capacity_words(const BuyReservation& wanted, const Center& center) {
  return std::string(name(wanted.what)) + "s of " + center.name + "/" + wanted.pool;
}

}  // namespace

std::int64_t Market::reserved(CenterId center, const std::string& pool, Reserved what, Instant from, Instant until) const {
  std::vector<std::pair<Instant, std::int64_t>> changes;
  for (const auto& [id, one] : reservations_) {
    if (one->center != center || one->pool != pool || one->what != what || one->until <= from || until <= one->from) continue;
    changes.emplace_back(std::max(one->from, from), one->quantity);
    changes.emplace_back(one->until, -one->quantity);
  }
  std::ranges::sort(changes);  // at one instant those that end come first
  std::int64_t now = 0, most = 0;
  for (const auto& [at, change] : changes) most = std::max(most, now += change);
  return most;
}

Result<Reservation> Market::offer(const BuyReservation& wanted, Instant now) const {
  const BillingAccount* payer = account(wanted.account);
  const Center* seller = center(wanted.center);
  if (payer == nullptr) return fail(ErrorCode::not_found, "billing account " + to_text(wanted.account));
  if (seller == nullptr) return fail(ErrorCode::not_found, "center " + to_text(wanted.center));
  if (wanted.what != Reserved::node && wanted.what != Reserved::card) return invalid_reservation("what is reserved is a node or a card");
  if (wanted.term != Term::month && wanted.term != Term::year) return invalid_reservation("the term is a month or a year");
  if (wanted.quantity < 1 || wanted.quantity > kMaxReserved) return invalid_reservation("the quantity must be 1 to 1000000");
  const Contract* contract = contract_at(seller->contracts, now);
  const auto reservable = contract == nullptr ? nullptr : [&]() -> const Reservable* {
    const auto at = std::ranges::find_if(contract->reservable, [&](const Reservable& r) { return r.pool == wanted.pool && r.what == wanted.what; });
    return at == contract->reservable.end() ? nullptr : &*at;
  }();
  const ReservedPrice* price = reserved_price(*this, wanted, payer->tenant, now);
  if (reservable == nullptr || price == nullptr) return fail(ErrorCode::no_price, capacity_words(wanted, *seller) + " are not sold by the " + std::string(name(wanted.term)));
  if (seller->state != CenterState::active) return fail(ErrorCode::failed_precondition, "The center takes no new work now.");
  if (price->unit != payer->unit || contract->unit != payer->unit)
    return fail(ErrorCode::unit_mismatch, "the price is in " + std::string(price->unit.text()));
  Reservation made{.id = wanted.reservation, .account = wanted.account, .by = wanted.user, .center = wanted.center, .pool = wanted.pool,
                   .what = wanted.what, .quantity = wanted.quantity, .term = wanted.term, .terms = wanted.terms, .unit = payer->unit,
                   .price_row = price->id, .contract = contract->id, .split = contract->terms, .may_subsidise = contract->may_subsidise,
                   .early_end_bps = price->early_end_bps, .zone = payer->zone, .bought_at = now, .renews = wanted.renews, .renew = wanted.renew};
  const std::int64_t today = calendar(*payer, now).first;
  made.first_day = wanted.first_day == 0 ? today : wanted.first_day;
  if (made.first_day < today && wanted.renews.is_nil()) return invalid_reservation("its first day is over");
  if (made.first_day - today > kLongestAhead.ms / hours(24).ms) return invalid_reservation("its first day is more than 366 days ahead");
  CHECK_OK(set_span(made));
  TRY(made.price, times(price->price, wanted.quantity, wanted.terms));
  if (wanted.price && made.price > *wanted.price)
    return fail(ErrorCode::failed_precondition, "It costs " + to_text(made.price) + " " + std::string(made.unit.text()) + " now, not " + to_text(*wanted.price) + ".");
  const Amount one = wanted.term == Term::year ? reservable->year : reservable->month;
  made.by_settlement = one.is_positive();
  TRY(made.settlement, times(one, wanted.quantity, wanted.terms));
  if (made.by_settlement && !made.may_subsidise && made.settlement > made.price - pricing::split(made.price, made.split).tax)
    return fail(ErrorCode::failed_precondition, "Its price would not cover what its center gets by contract.");
  const std::int64_t taken = reserved(wanted.center, wanted.pool, wanted.what, made.from, made.until);
  if (taken + wanted.quantity > reservable->quantity)
    return fail(ErrorCode::failed_precondition, "Of " + std::to_string(reservable->quantity) + " " + capacity_words(wanted, *seller) + " that may be reserved, " +
                                                    std::to_string(taken) + " are taken at some time between " + to_text(made.from) + " and " + to_text(made.until) + ".");
  return made;
}

Status Decider::check(const PublishReservedPrices& act) const {
  if (act.prices.empty()) return invalid_reservation("no prices");
  if (act.prices.size() > kMaxReservedPrices) return fail(ErrorCode::too_large, "at most 1,000 prices at once");
  std::vector<PriceRowId> seen;
  for (const ReservedPrice& price : act.prices) {
    const auto wrong = [&](std::string_view why) { return invalid_reservation("reserved price " + to_text(price.id) + ": " + std::string(why)); };
    if (price.id.is_nil() || contains(seen, price.id)) return wrong("it needs an id of its own");
    seen.push_back(price.id);
    if (market_.center(price.center) == nullptr) return fail(ErrorCode::not_found, "center " + to_text(price.center));
    if (!is_token(price.pool)) return wrong("the pool must be a word");
    if (price.what != Reserved::node && price.what != Reserved::card) return wrong("a node or a card is reserved");
    if (price.term != Term::month && price.term != Term::year) return wrong("the term is a month or a year");
    if (!price.price.is_positive()) return wrong("the price must be above zero");
    if (price.early_end_bps < 0 || price.early_end_bps > kAllBps) return wrong("the early end's fee is 0 to 10000 basis points");
    if (price.valid_from.unix_ms <= 0 || (price.valid_until != Instant{} && price.valid_until <= price.valid_from)) return wrong("it is never valid");
    CHECK_OK(parse_unit(price.unit.text()));
    CHECK_OK(check_setter(act.by, price.center, price.valid_from, "reserved price " + to_text(price.id)));
    const auto known = market_.reserved_prices_.find(price.id);
    if (known != market_.reserved_prices_.end() && known->second != price)
      return fail(ErrorCode::conflict, "reserved price " + to_text(price.id) + " exists with other content; prices never change");
  }
  return {};
}

Result<CommandResult> Decider::on(const PublishReservedPrices& act) {
  CHECK_OK(check(act));
  emit(ReservedPricesPublished{act.prices, now_});
  return made(act.prices.front().id.uuid);
}

// Whether the account may and can pay for it now.
Status Decider::check_purchase(const Reservation& reservation) const {
  const BillingAccount& payer = *market_.account(reservation.account);
  if (payer.frozen) return fail(ErrorCode::account_frozen, payer.frozen_reason);
  CHECK_OK(check_spending(payer, reservation.by, reservation.price, {}));
  // Credit lots pay for usage, not for this.
  const ledger::Account& wallet = *market_.ledger_.account(payer.wallet);
  Amount own = wallet.balance() + wallet.credit_limit;
  for (const Lot* lot : market_.lots(payer, payer.unit)) own -= lot->left;
  const Amount available = std::min(own, market_.spendable(payer, payer.unit, now_));
  if (available < reservation.price)
    return fail(ErrorCode::insufficient_funds, to_text(reservation.price) + " " + std::string(reservation.unit.text()) + " are needed, " + to_text(available) + " are available of own money.");
  return {};
}

void Decider::buy(Reservation reservation) {
  const LedgerAccountId wallet = market_.account(reservation.account)->wallet;
  const LedgerAccountId deferred = platform_account(ledger::AccountCode::deferred_revenue, reservation.unit);
  post_all(derive_transfer(reservation.id.uuid, kBought).uuid, reservation.id.uuid, {{wallet, deferred, reservation.price, ledger::TransferCode::reservation}});
  emit(ReservationBought{std::move(reservation)});
}

Result<CommandResult> Decider::on(const BuyReservation& command) {
  CHECK_OK(usable_account(command.account, command.user));
  if (command.reservation.is_nil() || market_.reservation(command.reservation) != nullptr) return invalid_reservation("the reservation's id must be new");
  if (!command.renews.is_nil()) return invalid_reservation("only the market renews");
  if (market_.reservations_.size() >= kMaxReservations) return fail(ErrorCode::overloaded, "too many reservations are active");
  TRY(Reservation reservation, market_.offer(command, now_));
  CHECK_OK(check_purchase(reservation));
  buy(std::move(reservation));
  return made(command.reservation.uuid);
}

Result<const Reservation*> Decider::own_reservation(ReservationId id, UserId user) const {
  const Reservation* reservation = market_.reservation(id);
  if (reservation == nullptr || !usable_account(reservation->account, user))
    return fail(ErrorCode::not_found, "active reservation " + to_text(id));
  return reservation;
}

// Out of deferred revenue: to the center, the platform and tax, and what goes back.
void Decider::post_earned(const Reservation& reservation, const Earned& added, Amount returned, std::uint32_t n) {
  const Unit unit = reservation.unit;
  const Amount subsidy = added.margin.is_negative() ? Amount{} - added.margin : Amount{};
  const LedgerAccountId deferred = platform_account(ledger::AccountCode::deferred_revenue, unit);
  const LedgerAccountId center = platform_account(ledger::AccountCode::center_payable, unit, reservation.center.uuid);
  const LedgerAccountId platform = platform_account(ledger::AccountCode::platform_revenue, unit);
  const LedgerAccountId tax = platform_account(ledger::AccountCode::tax_payable, unit);
  post_all(derive_transfer(reservation.id.uuid, n).uuid, reservation.id.uuid,
           {{deferred, center, added.center_share - subsidy, ledger::TransferCode::accrual_center},
            {platform, center, subsidy, ledger::TransferCode::subsidy},
            {deferred, platform, added.margin, ledger::TransferCode::accrual_margin},
            {deferred, tax, added.tax, ledger::TransferCode::accrual_tax},
            {deferred, market_.account(reservation.account)->wallet, returned, ledger::TransferCode::reservation_returned}});
}

void Decider::earn(const Reservation& reservation, std::int32_t days) {
  if (days <= reservation.days_earned) return;
  Earned added = parts_of(reservation, gross_after(reservation, days));
  added -= reservation.earned;
  post_earned(reservation, added, {}, static_cast<std::uint32_t>(days));
  emit(ReservationAccrued{reservation.id, reservation.center, days, added, market_.center(reservation.center)->open_period, now_});
}

Result<CommandResult> Decider::on(const EndReservation& command) {
  TRY(const Reservation* reservation, own_reservation(command.reservation, command.user));
  const bool served = market_.center(reservation->center)->state == CenterState::active;
  if (served && !market_.carried_by(reservation->id).empty())
    return fail(ErrorCode::failed_precondition, std::to_string(market_.carried_by(reservation->id).size()) + " of its jobs are not over. Cancel them, or wait.");
  const bool begun = now_ >= reservation->from;
  earn(*reservation, std::min(reservation->days, days_over(*reservation, now_) + (begun ? 1 : 0)));
  const Amount left = reservation->price - reservation->earned.gross;
  const Amount fee{static_cast<std::int64_t>(divide_half_away(static_cast<__int128>(left.micros) * (served ? reservation->early_end_bps : 0), kAllBps))};
  Earned parts = parts_of(*reservation, reservation->earned.gross + fee);
  parts -= reservation->earned;
  post_earned(*reservation, parts, left - fee, kEnded);
  emit(ReservationEnded{reservation->id, reservation->center, ReservationState::ended_early, parts, left - fee,
                        market_.center(reservation->center)->open_period, {}, now_});
  return made(command.reservation.uuid);
}

Result<CommandResult> Decider::on(const SetRenewal& command) {
  TRY(const Reservation* reservation, own_reservation(command.reservation, command.user));
  if (reservation->renew != command.renew) emit(RenewalSet{command.reservation, command.renew, command.user, now_});
  return made(command.reservation.uuid);
}

// All its days are over.
void Decider::end_or_renew(ReservationId id) {
  const Reservation old = *market_.reservation(id);
  ReservationEnded ended{old.id, old.center, ReservationState::expired, {}, {}, market_.center(old.center)->open_period, {}, now_};
  if (!old.renew) return emit(std::move(ended));
  const BuyReservation again{.reservation = derive_renewal(old.id, now_), .account = old.account, .user = old.by, .center = old.center, .pool = old.pool,
                             .what = old.what, .quantity = old.quantity, .term = old.term, .terms = old.terms, .first_day = old.first_day + old.days,
                             .renew = true, .renews = old.id};
  auto next = market_.offer(again, now_);
  Status possible;
  if (!next) possible = std::unexpected(next.error());
  if (possible && !contains(market_.account(old.account)->members, old.by)) possible = fail(ErrorCode::forbidden, "Its buyer left the account.");
  if (possible) possible = check_purchase(*next);
  if (!possible) ended.reason = shown("Not renewed: " + possible.error().message());
  emit(std::move(ended));
  if (possible) buy(std::move(*next));
}

// Every day once, however long nobody looked: after a standstill all that are over at once.
void Decider::earn_reservations() {
  for (std::size_t i = 0; i < kMaxEarnedPerTick && !market_.next_earned_.empty(); ++i) {
    const auto [at, id] = *market_.next_earned_.begin();
    if (at > now_) return;
    earn(*market_.reservation(id), days_over(*market_.reservation(id), now_));
    if (market_.reservation(id)->days_earned == market_.reservation(id)->days) end_or_renew(id);
  }
}

}  // namespace bourse::broker
