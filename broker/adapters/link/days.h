// Days on the wire: what a center says of them, and the broker's answer.
#pragma once

#include "base/result.h"
#include "broker/domain/completeness.h"

namespace bourse::federation::v1 {
class DayAnswer;
class DayDigest;
}  // namespace bourse::federation::v1

namespace bourse::broker {

// Errors: invalid_argument, naming the field (not in order, negative, unreadable); too_large.
Result<DayRecord> read_day(const federation::v1::DayDigest& in);
void fill(federation::v1::DayAnswer& out, const DayAnswered& answer);

}  // namespace bourse::broker
