#include "broker/domain/settlement.h"

#include "base/assert.h"

namespace bourse::broker {

AdjustmentParts& AdjustmentParts::operator+=(const AdjustmentParts& more) {
  user += more.user;
  center_share += more.center_share;
  margin += more.margin;
  tax += more.tax;
  escrow += more.escrow;
  return *this;
}

ChargeParts parts_of(const Charge& charge, Amount gross) {
  BOURSE_ASSERT(!gross.is_negative() && gross <= charge.gross);
  const auto scaled = [](Amount whole, Amount part, Amount of) {
    if (of.is_zero()) return Amount{};
    return Amount{static_cast<std::int64_t>(static_cast<__int128>(whole.micros) * part.micros / of.micros)};
  };
  const Amount tax = scaled(charge.tax, gross, charge.gross);
  const Amount net = gross - tax;
  const Amount center = scaled(charge.center_share, net, charge.gross - charge.tax);
  return {.center_share = center, .margin = net - center, .tax = tax};
}

}  // namespace bourse::broker
