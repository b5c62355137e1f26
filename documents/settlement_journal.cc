#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "documents/settlement.h"
#include "documents/text.h"

namespace bourse::documents {

using statement::Statement;

namespace {

enum SettlementAccount : std::size_t { kWallets, kPayable, kRevenue, kTax, kEscrow, kTransit, kBefore, kDeferred };

Amount minus(Amount amount) { return Amount{} - amount; }

std::string_view entry_title(broker::AdjustmentKind kind) {
  switch (kind) {
    case broker::AdjustmentKind::refund: return "refund";
    case broker::AdjustmentKind::dispute_opened: return "dispute opened";
    case broker::AdjustmentKind::dispute_resolved: return "dispute resolved";
  }
  return "correction";
}

// Five lists, each in the order of booking, become one: by time, without one entry overtaking another of its own list when
// the clock stepped back.
class Entries {
 public:
  void begin_list() { newest_ = {std::numeric_limits<std::int64_t>::min()}; }
  void add(JournalEntry entry) {
    newest_ = std::max(newest_, entry.at);
    entries_.emplace(newest_, std::move(entry));
  }
  std::vector<JournalEntry> in_order() && {
    std::vector<JournalEntry> out;
    for (auto& [at, entry] : entries_) out.push_back(std::move(entry));
    return out;
  }

 private:
  Instant newest_;
  std::multimap<Instant, JournalEntry> entries_;  // equal keys stay in the order of their coming
};

}  // namespace

Journal journal_of(const VerifiedStatement& verified) {
  const Statement& s = verified.statement;
  const std::string unit(s.unit.text()), center = to_text(s.center);
  Amount fee_tax;
  for (const broker::ChargedFee& one : s.fees) fee_tax += one.tax;
  Journal out{.title = fmt::format("Settlement of {} with {}, period {}: {}", clean(s.market), clean(s.center_name), s.number, to_text(s.period)),
              .unit = s.unit, .from = s.opened_at, .to = s.cut_off,
              .accounts = {{AccountType::liabilities, {"Wallet", unit}, "all wallets that paid", s.totals.gross - s.adjusted.user},
                           {AccountType::liabilities, {"Center payable", unit, center}, s.center_name, minus(s.closing)},
                           {AccountType::income, {"Platform", unit}, "", minus(s.totals.margin + s.adjusted.margin + s.accrued.margin + s.fee - fee_tax)},
                           {AccountType::liabilities, {"Tax payable", unit}, "", minus(s.totals.tax + s.adjusted.tax + s.accrued.tax + fee_tax)},
                           {AccountType::liabilities, {"Dispute escrow", unit}, "", minus(s.adjusted.escrow)},
                           {AccountType::liabilities, {"Payout in transit", unit, center}, "", minus(s.payout)},
                           {AccountType::equity, {"Earlier periods", unit}, "", s.opening}}};
  if (!s.accruals.empty())
    out.accounts.push_back({AccountType::liabilities, {"Deferred revenue", unit}, "paid for reservations beforehand", s.accrued.gross});
  Entries entries;
  for (const statement::Line& line : s.lines)
    entries.add({line.booked_at, "capture", to_text(line.job) + " " + to_text(line.record),
                 {{kWallets, line.added.gross}, {kPayable, minus(line.added.center)}, {kRevenue, minus(line.added.margin)},
                  {kTax, minus(line.added.tax)}}});
  entries.begin_list();
  for (const statement::Adjustment& one : s.adjustments)
    entries.add({one.at, std::string(entry_title(one.kind)), to_text(one.job) + " " + to_text(one.id),
                 {{kWallets, minus(one.parts.user)}, {kPayable, minus(one.parts.center_share)}, {kRevenue, minus(one.parts.margin)},
                  {kTax, minus(one.parts.tax)}, {kEscrow, minus(one.parts.escrow)}}});
  entries.begin_list();
  for (const statement::Accrual& one : s.accruals)
    entries.add({one.at, one.fee ? "reservation's early end" : "reservation earned", to_text(one.reservation),
                 {{kDeferred, one.added.gross}, {kPayable, minus(one.added.center)}, {kRevenue, minus(one.added.margin)}, {kTax, minus(one.added.tax)}}});
  entries.begin_list();
  for (const statement::PayoutLine& one : s.payouts)
    entries.add({one.at, one.amount.is_negative() ? "payout returned" : "payout", to_text(one.id),
                 {{kPayable, one.amount}, {kTransit, minus(one.amount)}}});
  entries.begin_list();
  for (const broker::ChargedFee& one : s.fees)
    entries.add({s.cut_off, "contract fee", to_text(one.contract), {{kPayable, one.amount}, {kRevenue, minus(one.amount - one.tax)}, {kTax, minus(one.tax)}}});
  out.entries = std::move(entries).in_order();
  out.entries.insert(out.entries.begin(), {s.opened_at, "opening", "", {{kBefore, s.opening}, {kPayable, minus(s.opening)}}});
  return out;
}

}  // namespace bourse::documents
