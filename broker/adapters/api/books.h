// What the books are read by: days and months on an account's calendar, and ledger accounts by name.
#pragma once

#include <algorithm>
#include <cstdint>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "base/amount.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unit.h"
#include "base/zone.h"
#include "ledger/domain/events.h"

namespace bourse::broker::api {

struct Span {
  Instant from, until;  // the second is not in it
};
// The zone of that name; UTC for none. Errors: invalid_argument.
Result<Zone> zone_named(const std::string& name);
// A day like "2026-10-01" as days since 1970. Errors: invalid_argument, naming the field.
Result<std::int64_t> day_named(std::string_view field, const std::string& text);
// From the first day to the end of the last, both on the zone's calendar. Without a first from the beginning, without a last until
// `now`. Errors: invalid_argument (no day, the last before the first).
Result<Span> span_of(const std::string& first, const std::string& last, const Zone& zone, Instant now);

// "2026-10" ⇄ months since year 0. Errors: invalid_argument.
Result<std::int32_t> month_named(const std::string& text);
std::string month_text(std::int32_t month);

// How an account's clock was set, oldest first.
struct ZoneSetting {
  Instant at;
  std::string zone;
};
Result<std::vector<ZoneSetting>> zone_history(pqxx::transaction_base& work, BillingAccountId account);
// When a month begins: by the clock as it was set then. A clock that is set to another zone afterwards moves no month that has
// begun; where the new zone's month would have begun before the setting, it begins with the setting. Errors: as zone_named.
Result<Instant> month_start(const std::vector<ZoneSetting>& history, std::int32_t month);

// Whether all that the journal held at `position` is in this transaction's snapshot: an account that lacks its newest lines must
// not be taken for whole. Errors: unavailable.
Status check_projected(pqxx::transaction_base& work, std::uint64_t position);

// An instant as PostgreSQL reads it.
inline std::string sql(Instant at) { return to_text(at); }

}  // namespace bourse::broker::api
