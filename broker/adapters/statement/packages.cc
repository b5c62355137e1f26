// What packages of 度 gave for a line, recomputed (docs/adr/0009).
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/statement/checks.h"
#include "broker/domain/lots.h"

namespace bourse::statement {
namespace {

bool is(Amount value, __int128 expected) { return static_cast<__int128>(value.micros) == expected; }

void check_package(const PackageUse& one, const std::string& place, Differences& out) {
  const bool in_order = one.amount.is_positive() && one.price.is_positive() && !one.used_before.is_negative() &&
                        one.used_before < one.used_after && one.used_after <= one.amount;
  if (!in_order) return out.add(place + ".used_after", "not within the package, or not more than was used before");
  if (one.moved_before.is_negative() || one.moved_before > one.price) return out.add(place + ".moved_before", "not within the price");
  const broker::Lot lot{.amount = one.amount, .left = one.amount - one.used_before, .price = one.price, .price_left = one.price - one.moved_before};
  const Amount money = broker::money_for(lot, one.used_after - one.used_before);
  if (money != one.money) out.add(place + ".money", fmt::format("{}, but it computes to {}", to_text(one.money), to_text(money)));
}

}  // namespace

void check_packages(const Line& line, Amount rated, const std::string& place, Differences& out) {
  const InDu& du = *line.du;
  if (du.cumulative != rated) out.add(place + ".du.cumulative", fmt::format("{}, but it is rated {}", to_text(du.cumulative), to_text(rated)));
  if (!is(du.added, static_cast<__int128>(du.cumulative.micros) - du.previous.micros)) out.add(place + ".du.added", "not cumulative less previous");
  __int128 used = 0, money = 0;
  for (std::size_t i = 0; i < du.lots.size(); ++i) {
    const PackageUse& one = du.lots[i];
    const std::string at = fmt::format("{}.du.lots[{}]", place, i);
    check_package(one, at, out);
    for (std::size_t j = 0; j < i; ++j)
      if (du.lots[j].lot == one.lot) out.add(at + ".lot", "listed twice");
    used += static_cast<__int128>(one.used_after.micros) - one.used_before.micros;
    money += one.money.micros;
  }
  if (!is(du.added, used)) out.add(place + ".du.lots", "they gave other than what was added");
  if (!is(line.added.gross, money)) out.add(place + ".added.gross", "not the money of the packages");
}

}  // namespace bourse::statement
