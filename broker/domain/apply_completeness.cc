// Days: what is booked of them, and what their center says.
#include "broker/domain/applier.h"

namespace bourse::broker {

void Applier::operator()(const DayAnswered& event) const {
  CenterDays& of = market.days_.try_emplace(event.center, CenterDays{.center = event.center}).first->second;
  if (!of.since || event.day < *of.since) of.since = event.day;
  DayState& day = of.days[event.day];
  day.revision = event.revision;
  day.agreed = event.agreed;
  day.said = event.said;
  day.booked = event.booked;
  day.differences = event.differences;
  day.report = event.report;
  day.at = event.at;
}

void Applier::note_day(CenterId center, const UsageCaptured& event) const {
  CenterDays& of = market.days_.try_emplace(center, CenterDays{.center = center}).first->second;
  const evidence::Day ended = evidence::day_of(event.end);
  DayState& day = of.days[ended];
  using pricing::Meter;
  const evidence::DayReading reading{event.final, event.reported[Meter::core_ms], event.reported[Meter::gpu_ms],
                                     event.reported[Meter::node_ms], event.reported[Meter::mem_mib_s]};
  evidence::DayReading& known = day.readings[event.attempt];
  if (known != reading || day.readings.size() == 1) day.agreed = false;
  known = reading;
  // What is too old to be booked on is forgotten; a period's closing has noted how its days stood.
  const evidence::Day oldest = evidence::day_of(event.at) - kDaysKept;
  for (auto it = of.days.begin(); it != of.days.end() && it->first < oldest;) {
    const bool closed = evidence::end_of(it->first) <= market.period(market.center(center)->open_period)->opened_at;
    if (closed) {
      it = of.days.erase(it);
    } else {
      it->second.readings.clear();
      ++it;
    }
  }
}

const CenterDays* Market::days(CenterId center) const {
  const auto found = days_.find(center);
  return found == days_.end() ? nullptr : &found->second;
}

}  // namespace bourse::broker
