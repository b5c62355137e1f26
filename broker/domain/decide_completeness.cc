// A center's word on its days, compared with what was booked.
#include "broker/domain/decider.h"

namespace bourse::broker {

std::optional<Decider::SetAside> Decider::on_record(const ApplyReport& report, const DayRecord& record) {
  const evidence::Day today = evidence::day_of(now_);
  if (record.day > today) return SetAside{QuarantineCode::in_future, evidence::to_text(record.day)};
  if (record.day <= today - kDaysKept) return SetAside{QuarantineCode::too_old, evidence::to_text(record.day)};
  static const DayState kNothing;
  const CenterDays* known = market_.days(report.center);
  const DayState* day = nullptr;
  if (known != nullptr)
    if (const auto found = known->days.find(record.day); found != known->days.end()) day = &found->second;
  if (day == nullptr) day = &kNothing;
  if (record.revision <= day->revision) return SetAside{QuarantineCode::revision_skip, "the day has a newer revision"};
  // Entries are the proof of the sum, not another word beside it.
  const bool whole = record.entries.size() < evidence::kMaxDayEntries;
  if (!record.entries.empty() && whole && evidence::sum_of(record.entries) != record.said)
    return SetAside{QuarantineCode::bad_interval, "the day's entries don't make its sum"};
  DayAnswered answer{report.center, record.day, record.revision, false, record.said, evidence::sum_of(day->readings), {}, report.hash, now_};
  answer.agreed = answer.said == answer.booked;
  if (!answer.agreed && (!record.entries.empty() || record.said.attempts == 0))
    answer.differences = evidence::differences(record.entries, whole, day->readings, evidence::kMaxDayDifferences);
  days_.push_back(answer);
  emit(std::move(answer));
  return std::nullopt;
}

// The days that ended in the center's open period, as they stand.
std::vector<ClosedDay> Decider::ended_days(const Center& center) const {
  std::vector<ClosedDay> out;
  const CenterDays* known = market_.days(center.id);
  if (known == nullptr || !known->since) return out;
  const Period& open = *market_.period(center.open_period);
  // A day that ended at the very opening belongs to the period before.
  for (evidence::Day day = std::max(*known->since, evidence::day_of(open.opened_at)); evidence::end_of(day) <= now_; ++day) {
    const auto found = known->days.find(day);
    if (found == known->days.end()) {
      out.push_back({.day = day});
    } else {
      const DayState& state = found->second;
      out.push_back({day, state.revision, state.agreed, state.said, state.agreed ? state.booked : evidence::sum_of(state.readings), state.report});
    }
  }
  return out;
}

}  // namespace bourse::broker
