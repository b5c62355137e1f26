// Text for paper and files: names made harmless, numbers as people and programs read them.
#pragma once

#include <string>
#include <string_view>

#include "base/amount.h"
#include "base/time.h"
#include "documents/document.h"

namespace bourse::documents {

// One line of valid UTF-8 that shows as what it is: what isn't UTF-8 becomes U+FFFD; controls, line ends and
// Unicode's other blanks become a blank; marks that turn the direction of writing or are invisible are left out.
std::string clean(std::string_view text);

// The whole number part in groups of three, and at least `places` digits after the point (2 to 6; never fewer than the
// amount needs): "1,234.500000".
std::string grouped(Amount amount, int places);
std::string grouped(std::int64_t number);
// How many digits after the point the amount needs: 2 to 6.
int places_of(Amount amount);

// "2026-11-21 08:30:00", UTC; milliseconds only if there are any.
std::string readable(Instant t);
// "2026-11-21", UTC.
std::string day_of(Instant t);

// A cell as a program reads it: text as it is (clean), money and integers as plain numbers, instants as RFC 3339.
std::string plain(const Cell& cell);

}  // namespace bourse::documents
