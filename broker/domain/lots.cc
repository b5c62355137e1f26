#include "broker/domain/lots.h"

#include <algorithm>

#include "base/assert.h"

namespace bourse::broker {

Amount sum_of(const std::vector<LotPart>& parts) {
  Amount sum;
  for (const LotPart& part : parts) sum += part.amount;
  return sum;
}

Amount money_of(const std::vector<LotPart>& parts) {
  Amount sum;
  for (const LotPart& part : parts) sum += part.money;
  return sum;
}

Amount money_for(const Lot& lot, Amount amount) {
  BOURSE_ASSERT(!amount.is_negative() && amount <= lot.left && lot.amount.is_positive());
  if (amount == lot.left) return lot.price_left;
  const auto used = static_cast<__int128>(lot.amount.micros) - lot.left.micros + amount.micros;
  const auto due = (2 * used * lot.price.micros + lot.amount.micros) / (2 * static_cast<__int128>(lot.amount.micros));
  // A correction gives back in parts of its charge, which may round otherwise than the whole: by a micro-unit each.
  return std::clamp(Amount{static_cast<std::int64_t>(due)} - (lot.price - lot.price_left), Amount{}, lot.price_left);
}

std::vector<LotPart> unwound_packages(const std::vector<LotPart>& paid, Amount before, Amount amount) {
  BOURSE_ASSERT(!before.is_negative() && !amount.is_negative() && before + amount <= money_of(paid));
  std::vector<LotPart> back;
  Amount skip = before, rest = amount;
  for (auto part = paid.rbegin(); part != paid.rend() && rest.is_positive(); ++part) {
    const Amount from = std::min(skip, part->money);
    skip -= from;
    const Amount to = from + std::min(rest, part->money - from);
    rest -= to - from;
    if (to == from) continue;
    const auto du = [&](Amount money) {
      return Amount{static_cast<std::int64_t>(static_cast<__int128>(part->amount.micros) * money.micros / part->money.micros)};
    };
    back.insert(back.begin(), {part->lot, du(to) - du(from), to - from});
  }
  return back;
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
