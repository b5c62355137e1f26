#include "broker/domain/fee.h"

#include <algorithm>

#include "base/assert.h"
#include "base/decimal.h"
#include "pricing/rating.h"

namespace bourse::broker {

std::int64_t day_begun(const Zone& zone, Instant at) {
  const std::int64_t day = zone.local(at).day;
  return zone.moments({day + 1, 0}).first <= at ? day + 1 : day;
}

__int128 fee_before(Amount monthly_fee, std::int64_t day) {
  const std::int32_t month = month_of(day);
  const std::int64_t first = first_day(month);
  return static_cast<__int128>(monthly_fee.micros) * month + divide_half_away(static_cast<__int128>(monthly_fee.micros) * (day - first), first_day(month + 1) - first);
}

Result<__int128> fee_between(Amount monthly_fee, std::string_view zone_name, Instant from, Instant until) {
  TRY(const Zone zone, Zone::named(zone_name.empty() ? "UTC" : zone_name));
  return fee_before(monthly_fee, day_begun(zone, until)) - fee_before(monthly_fee, day_begun(zone, from));
}

Status check_fee_zones(const std::vector<Contract>& contracts) {
  for (const Contract& one : contracts)
    if (one.monthly_fee.is_positive() && !Zone::named(one.zone.empty() ? "UTC" : one.zone))
      return fail(ErrorCode::failed_precondition, "This machine doesn't know the time zone " + one.zone + ", by which the center's fee counts; install it (tzdata).");
  return {};
}

std::vector<ChargedFee> fees_of(const std::vector<Contract>& contracts, Instant from, Instant until, std::int64_t charged_until) {
  std::vector<ChargedFee> out;
  for (std::size_t i = 0; i < contracts.size(); ++i) {
    const Contract& one = contracts[i];
    if (!one.monthly_fee.is_positive()) continue;
    const auto zone = Zone::named(one.zone.empty() ? "UTC" : one.zone);
    BOURSE_ASSERT(zone.has_value());
    ChargedFee item{.contract = one.id, .monthly_fee = one.monthly_fee, .tax_bps = one.fee_tax_bps, .zone = one.zone,
                    .from = std::max(from, one.valid_from), .until = i + 1 < contracts.size() ? std::min(until, contracts[i + 1].valid_from) : until};
    if (item.until <= item.from) continue;
    if (day_begun(*zone, item.from) < charged_until) item.from = zone->moments({charged_until, 0}).first;
    if (item.until <= item.from) continue;
    const std::int64_t day = day_begun(*zone, item.until);
    const __int128 micros = fee_before(one.monthly_fee, day) - fee_before(one.monthly_fee, day_begun(*zone, item.from));
    BOURSE_ASSERT(micros >= 0 && micros <= INT64_MAX);
    if (micros == 0) continue;
    charged_until = day;
    item.amount = Amount{static_cast<std::int64_t>(micros)};
    item.tax = pricing::split(item.amount, {.tax_bps = one.fee_tax_bps, .margin_bps = 0}).tax;
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace bourse::broker
