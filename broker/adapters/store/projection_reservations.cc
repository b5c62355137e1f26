// Second pass: reserved capacity.
#include "broker/adapters/store/projection_state.h"

namespace bourse::broker::store {

Status apply_settlement(ProjectionState& state, const EventPlace&, const ReservedPricesPublished& e) {
  for (const ReservedPrice& p : e.prices)
    state.reserved_prices.rows.add(p.id, or_null(p.tenant), p.center, p.pool, static_cast<std::int16_t>(p.what), static_cast<std::int16_t>(p.term), p.price,
                                   p.unit.text(), p.early_end_bps, p.valid_from, or_null(p.valid_until), e.at);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const ReservationBought& e) {
  const Reservation& r = e.reservation;
  const std::optional<Amount> settlement = r.by_settlement ? std::optional(r.settlement) : std::nullopt;
  state.reservations.rows.add(r.id, r.account, r.by, r.center, r.pool, static_cast<std::int16_t>(r.what), r.quantity, static_cast<std::int16_t>(r.term), r.terms,
                              r.unit.text(), r.price, r.price_row, r.contract, settlement, r.first_day, r.days, r.from, r.until, r.bought_at,
                              or_null(r.renews), codec::encoded(r), place.seq);
  return {};
}

static void add_accrual(ProjectionState& state, const EventPlace& place, ReservationId id, CenterId center, std::optional<std::int32_t> days, const Earned& added,
                        PeriodId period, Instant at) {
  state.accruals.rows.add(id, center, days, !days.has_value(), added.gross, added.center_share, added.margin, added.tax, period, at, place.seq, place.idx);
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const ReservationAccrued& e) {
  add_accrual(state, place, e.reservation, e.center, e.days, e.added, e.period, e.at);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const ReservationEnded& e) {
  if (e.fee != Earned{}) add_accrual(state, place, e.reservation, e.center, std::nullopt, e.fee, e.period, e.at);
  state.reservation_ends.rows.add(e.reservation, static_cast<std::int16_t>(e.state), e.returned, e.reason, e.at, place.seq);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const RenewalSet& e) {
  state.reservation_renewals.rows.add(e.reservation, e.renew, e.by, e.at, place.seq, place.idx);
  return {};
}

}  // namespace bourse::broker::store
