// Events of reserved capacity.
#include "base/assert.h"
#include "broker/domain/applier.h"

namespace bourse::broker {

Reservation& Applier::reservation(ReservationId id) const {
  const auto it = market.reservations_.find(id);
  BOURSE_ASSERT(it != market.reservations_.end());
  return *it->second;
}

void Applier::operator()(const ReservedPricesPublished& event) const {
  for (const ReservedPrice& price : event.prices) market.reserved_prices_.try_emplace(price.id, price);
}

void Applier::operator()(const ReservationBought& event) const {
  const Reservation& bought = event.reservation;
  const auto [it, fresh] = market.reservations_.try_emplace(bought.id, std::make_unique<Reservation>(bought));
  BOURSE_ASSERT(fresh);
  market.index(bought);
  const auto [day, month] = market.calendar(account(bought.account), bought.bought_at);
  MemberSpending& member = spending(bought.account, bought.by);
  member.held += bought.price;  // as if it had been held for a moment: spending takes it from there
  member.spend(bought.price, day, month);
}

void Applier::operator()(const ReservationAccrued& event) const {
  Reservation& of = reservation(event.reservation);
  market.drop(of);
  of.days_earned = event.days;
  of.earned += event.added;
  market.index(of);
  Period& booked = period(event.period);
  BOURSE_ASSERT(booked.state == PeriodState::open);
  ++booked.accruals;
  booked.accrued += event.added;
}

// Who wants to know more of it reads the projections.
void Applier::operator()(const ReservationEnded& event) const {
  const Reservation& of = reservation(event.reservation);
  if (event.fee != Earned{}) {
    Period& booked = period(event.period);
    BOURSE_ASSERT(booked.state == PeriodState::open);
    ++booked.accruals;
    booked.accrued += event.fee;
  }
  market.drop(of);
  market.reservations_.erase(event.reservation);
}

void Applier::operator()(const RenewalSet& event) const { reservation(event.reservation).renew = event.renew; }

void Market::index(const Reservation& reservation) {
  next_earned_.emplace(next_day_over(reservation), reservation.id);
  reservations_of_[reservation.account].insert(reservation.id);
}
void Market::drop(const Reservation& reservation) {
  next_earned_.erase({next_day_over(reservation), reservation.id});
  const auto of = reservations_of_.find(reservation.account);
  of->second.erase(reservation.id);
  if (of->second.empty()) reservations_of_.erase(of);
}

}  // namespace bourse::broker
