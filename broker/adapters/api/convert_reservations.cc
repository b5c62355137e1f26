// Reserved capacity ⇄ messages.
#include <fmt/format.h>

#include "broker/adapters/api/convert.h"

namespace bourse::broker::api {
namespace {

Result<Amount> read_settlement(std::string_view field, const std::string& text) {
  if (text.empty()) return Amount{};
  const auto amount = parse_amount(text);
  if (!amount) return fail(amount.error().code, fmt::format("{}: {}", field, amount.error().detail));
  if (amount->is_negative()) return fail(ErrorCode::invalid_argument, fmt::format("{} is below zero.", field));
  return *amount;
}

}  // namespace

std::optional<Reserved> reserved_named(std::string_view text) {
  for (const Reserved what : {Reserved::node, Reserved::card})
    if (text == name(what)) return what;
  return std::nullopt;
}
std::optional<Term> term_named(std::string_view text) {
  for (const Term term : {Term::month, Term::year})
    if (text == name(term)) return term;
  return std::nullopt;
}

Result<Reservable> read_reservable(const v1::Reservable& in) {
  const auto what = reserved_named(in.what());
  if (!what) return fail(ErrorCode::invalid_argument, "what must be node or card.");
  Reservable out{.pool = in.pool(), .what = *what, .quantity = in.quantity()};
  TRY(out.month, read_settlement("month", in.month()));
  TRY(out.year, read_settlement("year", in.year()));
  return out;
}

Result<ReservedPrice> read_reserved_price(const v1::ReservedPrice& in, CenterId center) {
  const auto what = reserved_named(in.what());
  if (!what) return fail(ErrorCode::invalid_argument, "what must be node or card.");
  const auto term = term_named(in.term());
  if (!term) return fail(ErrorCode::invalid_argument, "term must be month or year.");
  if (in.valid_from_ms() < 0 || in.valid_until_ms() < 0) return fail(ErrorCode::invalid_argument, "an instant is before 1970.");
  TRY(const MoneyIn money, read_positive(in.price()));
  ReservedPrice out{.center = center, .pool = in.pool(), .what = *what, .term = *term, .price = money.amount, .unit = money.unit,
                    .early_end_bps = in.early_end_bps(), .valid_from = Instant{in.valid_from_ms()}, .valid_until = Instant{in.valid_until_ms()}};
  if (!in.tenant().empty()) {
    TRY(out.tenant, read_id<TenantIdKind>("tenant", in.tenant()));
  }
  return out;
}

void fill(v1::ReservedPrice& out, const ReservedPrice& price, const Market& market) {
  out.set_id(to_text(price.id));
  out.set_tenant(text_or_empty(price.tenant));
  out.set_center(to_text(price.center));
  out.set_center_name(center_name(market, price.center));
  out.set_pool(price.pool);
  out.set_what(std::string(name(price.what)));
  out.set_term(std::string(name(price.term)));
  fill(*out.mutable_price(), price.price, price.unit);
  out.set_early_end_bps(price.early_end_bps);
  out.set_valid_from_ms(price.valid_from.unix_ms);
  out.set_valid_until_ms(price.valid_until.unix_ms);
}

void fill(v1::Reservation& out, const Reservation& reservation, const Market& market) {
  out.set_id(to_text(reservation.id));
  out.set_account(to_text(reservation.account));
  if (const BillingAccount* account = market.account(reservation.account)) out.set_account_name(account->name);
  out.set_center(to_text(reservation.center));
  out.set_center_name(center_name(market, reservation.center));
  out.set_pool(reservation.pool);
  out.set_what(std::string(name(reservation.what)));
  out.set_quantity(reservation.quantity);
  out.set_term(std::string(name(reservation.term)));
  out.set_terms(reservation.terms);
  out.set_state(std::string(name(reservation.state)));
  const Unit unit = reservation.unit;
  fill(*out.mutable_price(), reservation.price, unit);
  out.set_from_ms(reservation.from.unix_ms);
  out.set_until_ms(reservation.until.unix_ms);
  out.set_days(reservation.days);
  out.set_early_end_bps(reservation.early_end_bps);
  out.set_renew(reservation.renew);
  out.set_bought_ms(reservation.bought_at.unix_ms);
  out.set_by(to_text(reservation.by));
  out.set_renews(text_or_empty(reservation.renews));
  out.set_price_row(to_text(reservation.price_row));
  out.set_days_over(reservation.days_earned);
  fill(*out.mutable_earned(), reservation.earned.gross, unit);
  fill(*out.mutable_deferred(), reservation.price - reservation.earned.gross - reservation.returned, unit);
  fill(*out.mutable_fee(), reservation.fee, unit);
  fill(*out.mutable_returned(), reservation.returned, unit);
  out.set_ended_ms(reservation.ended_at.unix_ms);
  out.set_reason(reservation.reason);
  if (reservation.state != ReservationState::active) return;
  out.set_in_use(market.in_use(reservation));
  for (const JobId job : market.carried_by(reservation.id)) out.add_jobs(to_text(job));
}

}  // namespace bourse::broker::api
