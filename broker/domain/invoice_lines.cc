// Lines of tax invoices: what was earned, in whole cents, once each.
#include <algorithm>
#include <map>
#include <optional>
#include <ranges>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "broker/domain/invoice.h"

namespace bourse::broker {
namespace {

constexpr std::int64_t kCentMicros = Amount::kMicrosPerUnit / 100;

// ⌊amount · part / whole⌋ in whole cents.
Amount share_of(Amount amount, Amount part, Amount whole) {
  return whole_cents(Amount{static_cast<std::int64_t>(static_cast<__int128>(amount.micros) * part.micros / whole.micros)});
}

InvoiceLine part_of(const InvoiceLine& line, Amount amount) {
  InvoiceLine out = line;
  out.amount = amount;
  if (amount != line.amount) out.tax = share_of(line.tax, amount, line.amount);
  out.net = out.amount - out.tax;
  return out;
}

// `wanted` of lines that have more together, each its share in whole cents and the cents that are left by the largest remainder.
void pick_parts(std::span<const InvoiceLine> lines, Amount all, Amount wanted, std::vector<InvoiceLine>& out) {
  struct Share {
    std::size_t line = 0;
    std::int64_t cents = 0, remainder = 0;
  };
  std::vector<Share> shares;
  std::int64_t left = wanted.micros / kCentMicros;
  const std::int64_t total = all.micros / kCentMicros;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const __int128 product = static_cast<__int128>(lines[i].amount.micros / kCentMicros) * (wanted.micros / kCentMicros);
    shares.push_back({i, static_cast<std::int64_t>(product / total), static_cast<std::int64_t>(product % total)});
    left -= shares.back().cents;
  }
  std::ranges::sort(shares, {}, [](const Share& share) { return std::pair(-share.remainder, share.line); });
  for (Share& share : shares)
    if (left > 0) ++share.cents, --left;
  std::ranges::sort(shares, {}, &Share::line);
  for (const Share& share : shares)
    if (share.cents > 0) out.push_back(part_of(lines[share.line], Amount{share.cents * kCentMicros}));
}

}  // namespace

ItemWords words(InvoiceItem item) {
  switch (item) {
    case InvoiceItem::on_demand: return {"按需计算服务", "On-demand computing"};
    case InvoiceItem::reserved: return {"预留计算服务", "Reserved computing"};
    case InvoiceItem::package: return {"预付计算套餐", "Prepaid packages"};
    case InvoiceItem::month: break;
  }
  return {"计算服务", "Computing"};
}

Amount whole_cents(Amount amount) {
  const std::int64_t below = amount.micros % kCentMicros;
  return Amount{amount.micros - below - (below < 0 ? kCentMicros : 0)};
}

std::vector<InvoiceLine> invoiceable(std::span<const EarnedMonth> earned) {
  struct Sum {
    Amount gross, tax;            // earned so far
    Amount lined, lined_tax;      // of it in lines
  };
  std::map<std::pair<InvoiceItem, std::int32_t>, Sum> sums;
  std::vector<InvoiceLine> out;
  for (const EarnedMonth& one : earned) {
    Sum& sum = sums[{one.item, one.tax_bps}];
    sum.gross += one.gross;
    sum.tax += one.tax;
    const Amount amount = whole_cents(sum.gross) - sum.lined;
    if (!amount.is_positive()) continue;
    const Amount tax = std::clamp(whole_cents(sum.tax) - sum.lined_tax, Amount{}, amount);
    out.push_back({.month = one.month, .amount = amount, .item = one.item, .net = amount - tax, .tax_bps = one.tax_bps, .tax = tax});
    sum.lined += amount;
    sum.lined_tax += tax;
  }
  // What went back since and was not earned again: the newest lines of its kind and rate are less by it.
  for (const auto& [kind, sum] : sums) {
    Amount over = sum.lined - std::max(whole_cents(sum.gross), Amount{});
    Amount tax_over = sum.lined_tax - std::max(whole_cents(sum.tax), Amount{});
    for (InvoiceLine& line : std::views::reverse(out)) {
      if (!over.is_positive() || std::pair(line.item, line.tax_bps) != kind) continue;
      const Amount before = line.tax, less = std::min(line.amount, over);
      line.amount -= less;
      line.tax = std::clamp(line.tax - tax_over, Amount{}, line.amount);
      line.net = line.amount - line.tax;
      over -= less;
      tax_over = std::max(tax_over - (before - line.tax), Amount{});
    }
  }
  std::erase_if(out, [](const InvoiceLine& line) { return line.amount.is_zero(); });
  std::ranges::sort(out, {}, [](const InvoiceLine& line) { return std::tuple(line.month, line.item, line.tax_bps); });
  return out;
}

void take_off(std::vector<InvoiceLine>& open, const InvoiceLine& invoiced) {
  Amount rest = invoiced.amount;
  const auto off = [&rest](InvoiceLine& line, std::optional<Amount> its_tax) {
    if (!rest.is_positive() || !line.amount.is_positive()) return;
    const Amount amount = std::min(line.amount, rest);
    const Amount tax = its_tax ? *its_tax : share_of(line.tax, amount, line.amount);
    rest -= amount;
    line.amount = whole_cents(line.amount - amount);
    line.tax = std::clamp(line.tax - tax, Amount{}, line.amount);
    line.net = line.amount - line.tax;
  };
  // A line from before is of a whole bill: of all that its month earned, and of what was bought in it and is earned later.
  const bool of_bill = invoiced.item == InvoiceItem::month;
  for (InvoiceLine& line : open)
    if (line.month == invoiced.month && line.item == invoiced.item && line.tax_bps == invoiced.tax_bps) off(line, invoiced.tax);
  for (InvoiceLine& line : open)
    if (of_bill && line.month == invoiced.month) off(line, std::nullopt);
  for (InvoiceLine& line : open)
    if (of_bill && line.month > invoiced.month && line.item != InvoiceItem::on_demand) off(line, std::nullopt);
  std::erase_if(open, [](const InvoiceLine& line) { return line.amount.is_zero(); });
}

std::vector<InvoiceLine> pick(std::span<const InvoiceLine> open, Amount wanted) {
  std::vector<InvoiceLine> out;
  while (wanted.is_positive() && !open.empty()) {
    const auto next = std::ranges::find_if(open, [&](const InvoiceLine& line) { return line.month != open.front().month; });
    const auto month = open.first(static_cast<std::size_t>(next - open.begin()));
    Amount all;
    for (const InvoiceLine& line : month) all += line.amount;
    if (wanted >= all)
      out.insert(out.end(), month.begin(), month.end());
    else
      pick_parts(month, all, wanted, out);
    wanted -= std::min(all, wanted);
    open = open.subspan(month.size());
  }
  BOURSE_ASSERT(wanted.is_zero());
  return out;
}

}  // namespace bourse::broker
