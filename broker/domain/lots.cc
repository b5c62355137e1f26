#include "broker/domain/lots.h"

#include <algorithm>

#include "base/assert.h"

namespace bourse::broker {

Amount sum_of(const std::vector<LotPart>& parts) {
  Amount sum;
  for (const LotPart& part : parts) sum += part.amount;
  return sum;
}

std::vector<LotPart> unwound(const std::vector<LotPart>& paid, Amount gross, Amount before, Amount amount) {
  BOURSE_ASSERT(!before.is_negative() && !amount.is_negative() && before + amount <= gross);
  Amount skip = before;  // of what lies nearest to the end, given back earlier
  Amount rest = amount;
  const auto take = [&](Amount part) {
    const Amount skipped = std::min(skip, part);
    skip -= skipped;
    const Amount taken = std::min(rest, part - skipped);
    rest -= taken;
    return taken;
  };
  take(gross - sum_of(paid));  // own money
  std::vector<LotPart> back;
  for (auto part = paid.rbegin(); part != paid.rend(); ++part)
    if (const Amount taken = take(part->amount); taken.is_positive()) back.insert(back.begin(), {part->lot, taken});
  BOURSE_ASSERT(rest.is_zero());
  return back;
}

}  // namespace bourse::broker
