// What happened to reserved capacity. Part of broker::Event (events.h), by whose rules fields are appended.
#pragma once

#include <string>
#include <vector>

#include "broker/domain/reservation.h"

namespace bourse::broker {

struct ReservedPricesPublished {
  std::vector<ReservedPrice> prices;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.prices, self.at); }
};

// Its Posted (wallet → deferred revenue) precedes.
struct ReservationBought {
  Reservation reservation;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.reservation); }
};

// Days of it are over; the Posted out of deferred revenue precede.
struct ReservationAccrued {
  ReservationId reservation;
  CenterId center;
  std::int32_t days = 0;  // over by now, in all
  Earned added;
  PeriodId period;        // the open one, in which it is booked
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.reservation, self.center, self.days, self.added, self.period, self.at);
  }
};

// Expired or ended early; then the Posted of fee and return precede.
struct ReservationEnded {
  ReservationId reservation;
  CenterId center;
  ReservationState state{};
  Earned fee;       // earned by the early end, booked in `period`
  Amount returned;  // to the wallet
  PeriodId period;
  std::string reason;  // why it wasn't renewed
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.reservation, self.center, self.state, self.fee, self.returned, self.period, self.reason, self.at);
  }
};

struct RenewalSet {
  ReservationId reservation;
  bool renew = false;
  UserId by;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.reservation, self.renew, self.by, self.at); }
};

}  // namespace bourse::broker
