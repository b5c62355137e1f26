#include "broker/domain/reservation.h"

#include <algorithm>

#include "base/assert.h"
#include "broker/domain/derive.h"

namespace bourse::broker {
namespace {

// part × of / whole, halves up. All from 0, part <= whole.
Amount proportion(Amount of, std::int64_t part, std::int64_t whole) {
  if (whole == 0) return {};
  return Amount{static_cast<std::int64_t>(divide_half_away(static_cast<__int128>(of.micros) * part, whole))};
}

Zone zone_of(const Reservation& reservation) {
  auto zone = Zone::named(reservation.zone.empty() ? "UTC" : reservation.zone);
  if (!zone) zone = Zone::named("UTC");  // this machine's database has lost it: its days are near enough
  BOURSE_ASSERT(zone.has_value());
  return std::move(*zone);
}

}  // namespace

std::string_view name(Reserved what) { return what == Reserved::card ? "card" : "node"; }
std::string_view name(Term term) { return term == Term::year ? "year" : "month"; }
std::string_view name(ReservationState state) {
  return state == ReservationState::active ? "active" : state == ReservationState::expired ? "expired" : "ended_early";
}

Earned& Earned::operator+=(const Earned& more) {
  gross += more.gross;
  center_share += more.center_share;
  margin += more.margin;
  tax += more.tax;
  return *this;
}
Earned& Earned::operator-=(const Earned& less) {
  gross -= less.gross;
  center_share -= less.center_share;
  margin -= less.margin;
  tax -= less.tax;
  return *this;
}

std::int64_t months_after(std::int64_t day, std::int32_t months) {
  const std::int32_t month = month_of(day);
  const std::int64_t begins = first_day(month + months), last = first_day(month + months + 1) - 1;
  return std::min(begins + (day - first_day(month)), last);
}

Instant day_begins(const Zone& zone, std::int64_t day) { return zone.moments({day, 0}).first; }

Status set_span(Reservation& reservation) {
  const std::int64_t months = static_cast<std::int64_t>(reservation.terms) * (reservation.term == Term::year ? 12 : 1);
  if (months < 1 || months > kMaxMonths) return fail(ErrorCode::invalid_argument, "a reservation is for 1 to 120 months");
  TRY(const Zone zone, Zone::named(reservation.zone.empty() ? "UTC" : reservation.zone));
  const std::int64_t after = months_after(reservation.first_day, static_cast<std::int32_t>(months));
  reservation.days = static_cast<std::int32_t>(after - reservation.first_day);
  reservation.from = day_begins(zone, reservation.first_day);
  reservation.until = day_begins(zone, after);
  return {};
}

Amount gross_after(const Reservation& reservation, std::int32_t days) { return proportion(reservation.price, days, reservation.days); }

Earned parts_of(const Reservation& reservation, Amount gross) {
  BOURSE_ASSERT(!gross.is_negative() && gross <= reservation.price);
  const pricing::Split split =
      reservation.by_settlement
          ? pricing::split_settled(gross, proportion(reservation.settlement, gross.micros, reservation.price.micros), reservation.split,
                                   reservation.may_subsidise)
          : pricing::split(gross, reservation.split);
  return {gross, split.center, split.margin, split.tax};
}

std::int64_t taken_of(const Reservation& reservation, const pricing::Allocation& allocation) {
  return reservation.what == Reserved::card ? allocation.gpus : allocation.nodes;
}

std::vector<pricing::PriceRow> free_rows(const Reservation& reservation) {
  std::vector<pricing::PriceRow> rows;
  for (const pricing::Meter meter : pricing::kHeldMeters)
    rows.push_back({.id = derive_free_row(reservation.id, static_cast<std::uint32_t>(meter)),
                    .scope = {.center = reservation.center, .pool = reservation.pool},
                    .meter = meter,
                    .per = 1,
                    .unit = reservation.unit,
                    .valid_from = reservation.from});
  return rows;
}

std::int32_t days_over(const Reservation& reservation, Instant now) {
  if (now < reservation.from) return 0;
  if (now >= reservation.until) return reservation.days;
  const Zone zone = zone_of(reservation);
  std::int64_t day = zone.local(now).day;
  if (day_begins(zone, day + 1) <= now) ++day;  // the clock was set back over midnight: the day before was over already
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(day - reservation.first_day, 0, reservation.days));
}

Instant next_day_over(const Reservation& reservation) {
  if (reservation.days_earned + 1 >= reservation.days) return reservation.until;
  return day_begins(zone_of(reservation), reservation.first_day + reservation.days_earned + 1);
}

}  // namespace bourse::broker
