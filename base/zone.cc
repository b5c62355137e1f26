#include "base/zone.h"

#include <absl/time/time.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace bourse {
namespace {

constexpr std::size_t kMaxZoneName = 64;

// The library also takes paths and the machine's own zone; a price must not depend on either. "right/" counts leap seconds.
bool may_be_zone(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+' || c == '/';
  };
  if (name.empty() || name.size() > kMaxZoneName || !std::ranges::all_of(name, fits)) return false;
  if (!(name.front() >= 'A' && name.front() <= 'Z')) return false;  // localtime, posixrules, right/…, a path
  return !name.starts_with("Fixed/");
}

Instant instant_of(absl::Time time) { return {absl::ToUnixMillis(time)}; }

const absl::CivilDay kEpoch(1970, 1, 1);

}  // namespace

struct Zone::Rules {
  absl::TimeZone zone;
};

std::int32_t month_of(std::int64_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  return static_cast<std::int32_t>(int{date.year()} * 12) + static_cast<std::int32_t>(unsigned{date.month()}) - 1;
}

std::int64_t first_day(std::int32_t month) {
  const std::chrono::year_month_day date{std::chrono::year{month / 12}, std::chrono::month{static_cast<unsigned>(month % 12 + 1)},
                                         std::chrono::day{1}};
  return std::chrono::sys_days{date}.time_since_epoch().count();
}

Result<Zone> Zone::named(std::string_view name) {
  auto rules = std::make_shared<Rules>();
  if (!may_be_zone(name) || !absl::LoadTimeZone(std::string(name), &rules->zone))
    return fail(ErrorCode::invalid_argument, "'" + std::string(name.substr(0, kMaxZoneName)) + "' is no IANA time zone that this machine knows");
  return Zone(std::move(rules));
}

LocalTime Zone::local(Instant at) const {
  const absl::CivilSecond civil = absl::ToCivilSecond(absl::FromUnixMillis(at.unix_ms), rules_->zone);
  return {absl::CivilDay(civil) - kEpoch, civil.hour() * 3600 + civil.minute() * 60 + civil.second()};
}

Zone::Moments Zone::moments(LocalTime time) const {
  const absl::TimeZone::TimeInfo info = rules_->zone.At(absl::CivilSecond(kEpoch + time.day) + time.second);
  switch (info.kind) {
    case absl::TimeZone::TimeInfo::SKIPPED: return {instant_of(info.trans), instant_of(info.trans)};
    case absl::TimeZone::TimeInfo::REPEATED: return {instant_of(info.pre), instant_of(info.post)};
    case absl::TimeZone::TimeInfo::UNIQUE: break;
  }
  return {instant_of(info.pre), instant_of(info.pre)};
}

std::optional<Instant> Zone::next_jump(Instant after) const {
  absl::TimeZone::CivilTransition jump;
  if (!rules_->zone.NextTransition(absl::FromUnixMillis(after.unix_ms), &jump)) return std::nullopt;
  const absl::TimeZone::TimeInfo info = rules_->zone.At(jump.to);
  return instant_of(info.kind == absl::TimeZone::TimeInfo::UNIQUE ? info.pre : info.trans);
}

}  // namespace bourse
