#include "broker/domain/spending.h"

namespace bourse::broker {

std::string_view name(WhenEmpty policy) { return policy == WhenEmpty::pause ? "pause" : "stop"; }

void MemberSpending::spend(Amount captured, std::int64_t on_day, std::int32_t in_month) {
  if (day != on_day) day = on_day, of_day = {};
  if (month != in_month) month = in_month, of_month = {};
  held -= captured;
  total += captured;
  of_day += captured;
  of_month += captured;
}

std::optional<std::string> MemberSpending::refuses(Amount amount, Amount of_job, std::int64_t on_day, std::int32_t in_month) const {
  const auto above = [&](const std::optional<Amount>& limit, Amount spent, const char* what) -> std::optional<std::string> {
    if (!limit || spent + held + amount <= *limit) return std::nullopt;
    return "The limit " + std::string(what) + " is " + to_text(*limit) + "; " + to_text(spent) + " is spent, " +
           to_text(held) + " held, and this needs " + to_text(amount) + ".";
  };
  if (limits.per_job && of_job + amount > *limits.per_job)
    return "The limit for a job is " + to_text(*limits.per_job) + ", and this needs " + to_text(of_job + amount) + ".";
  if (auto why = above(limits.per_day, day == on_day ? of_day : Amount{}, "for a day")) return why;
  if (auto why = above(limits.per_month, month == in_month ? of_month : Amount{}, "for a month")) return why;
  return above(limits.total, total, "in all");
}

}  // namespace bourse::broker
