#include <algorithm>
#include <map>
#include <set>

#include "bank/iban.h"
#include "bank/identity.h"
#include "bank/statement.h"

namespace bourse::bank {
namespace {

constexpr std::size_t kMostFindings = 1000;  // a file of a million wrong entries says nothing more by the next

Amount without_sign(Amount amount) { return amount.is_negative() ? Amount{} - amount : amount; }

// A sum of amounts from outside: it may leave the range.
class CheckedSum {
 public:
  void add(Amount amount) {
    if (sum_) sum_ = checked_add(*sum_, amount);
  }
  std::optional<Amount> value() const { return sum_; }
  std::string text() const { return sum_ ? to_text(*sum_) : "more than an amount can hold"; }

 private:
  std::optional<Amount> sum_ = Amount{};
};

class StatementCheck {
 public:
  StatementCheck(const BankStatement& statement, std::vector<Finding>& findings) : statement_(statement), findings_(findings) {}

  void run() {
    if (statement_.account.is_iban && !is_iban(statement_.account.text)) found("the account's IBAN has a wrong check sum: " + statement_.account.text);
    for (const auto* balance : {&statement_.opening, &statement_.closing})
      if (*balance && (*balance)->currency != statement_.currency)
        found("the balance " + (*balance)->type + " is in " + std::string((*balance)->currency.text()) + ", the account in " + currency());
    for (std::size_t i = 0; i < statement_.entries.size(); ++i) check_entry(statement_.entries[i], i + 1);
    check_sum();
    check_summary();
  }

 private:
  std::string currency() const { return std::string(statement_.currency.text()); }
  std::string where() const { return "statement " + statement_.id + ", line " + std::to_string(statement_.line); }
  void add(std::string place, std::string what) {
    if (findings_.size() < kMostFindings) findings_.push_back({std::move(place), std::move(what)});
  }
  void found(std::string what) { add(where(), std::move(what)); }

  void check_entry(const Entry& entry, std::size_t number) {
    const std::string place = "statement " + statement_.id + ", line " + std::to_string(entry.line) + ", entry " + std::to_string(number);
    if (entry.currency != statement_.currency) add(place, "it is in " + std::string(entry.currency.text()) + ", the account in " + currency());
    if (entry.status == EntryStatus::booked && entry.booking_date.empty() && entry.value_date.empty())
      add(place, "it is booked, but has neither a booking date nor a value date");
    if (!entry.reference.empty())
      if (const auto [before, fresh] = references_.try_emplace({entry.reference, entry.status}, number); !fresh)
        add(place, "its reference (NtryRef) " + entry.reference + " is that of entry " + std::to_string(before->second));
    // Without any reference two equal payments on one day are likelier than one told twice.
    if (!entry.bank_reference.empty())
      if (const auto [before, fresh] = identities_.try_emplace({identity_without_index(statement_, entry), entry.status}, number); !fresh)
        add(place, "its reference (AcctSvcrRef) " + entry.bank_reference + ", day and amount are those of entry " + std::to_string(before->second));
    check_details(entry, place);
  }

  // A difference that is exactly the charges is the bank's fee.
  static bool adds_up(const Entry& entry, std::optional<Amount> sum) {
    if (!sum) return false;
    const auto difference = checked_add(entry.amount, Amount{} - *sum);
    return difference && (difference->is_zero() || without_sign(*difference) == entry.charges);
  }

  void check_details(const Entry& entry, const std::string& place) {
    if (entry.batch_count && !entry.details.empty() && *entry.batch_count != entry.details.size())
      add(place, "the batch has " + std::to_string(*entry.batch_count) + " payments, but " + std::to_string(entry.details.size()) + " are told");
    if (entry.batch_total && !adds_up(entry, entry.amount.is_negative() ? Amount{} - *entry.batch_total : *entry.batch_total))
      add(place, "the batch's total is " + to_text(*entry.batch_total) + ", the entry " + to_text(without_sign(entry.amount)));
    CheckedSum sum;
    for (const TransactionDetail& detail : entry.details) {
      if (!detail.amount) return;
      sum.add(*detail.amount);
    }
    if (!entry.details.empty() && !adds_up(entry, sum.value())) add(place, "its payments sum to " + sum.text() + ", the entry is " + to_text(entry.amount));
  }

  void check_sum() {
    if (!statement_.opening) found("it has no opening booked balance (OPBD, PRCD or ITBD)");
    if (!statement_.closing) found("it has no closing booked balance (CLBD or ITBD)");
    if (!statement_.opening || !statement_.closing) return;
    CheckedSum sum;
    sum.add(statement_.opening->amount);
    for (const Entry& entry : statement_.entries)
      if (entry.status == EntryStatus::booked && entry.currency == statement_.currency) sum.add(entry.amount);
    if (sum.value() == statement_.closing->amount) return;
    found("opening " + to_text(statement_.opening->amount) + " and the booked entries make " + sum.text() + ", but the closing balance is " +
          to_text(statement_.closing->amount) + hint(sum.value()));
  }

  // Where to look first: an entry that explains the whole difference.
  std::string hint(std::optional<Amount> sum) const {
    const auto difference = sum ? checked_add(statement_.closing->amount, Amount{} - *sum) : std::nullopt;
    if (!difference) return "";
    std::string text = " (difference " + to_text(*difference) + ")";
    for (const Entry& entry : statement_.entries) {
      const std::string line = "; the entry of line " + std::to_string(entry.line);
      const bool booked = entry.status == EntryStatus::booked;
      const auto twice = checked_add(entry.amount, entry.amount);
      if (booked && Amount{} - entry.amount == *difference) return text + line + " has this amount";
      if (!booked && entry.amount == *difference) return text + line + ", not booked, has this amount";
      if (booked && twice && Amount{} - *twice == *difference) return text + line + " has half of it: wrong direction?";
    }
    return text;
  }

  // The bank's own totals are over the entries it lists. Of pending ones banks differ, so either count is right.
  void check_summary() {
    const auto always = [](const Entry&) { return true; };
    check_row("all", statement_.all, always);
    check_row("credits", statement_.credits, [](const Entry& e) { return !e.amount.is_negative(); });
    check_row("debits", statement_.debits, [](const Entry& e) { return e.amount.is_negative(); });
  }
  template <class Wanted>
  void check_row(const std::string& what, const Summary& told, Wanted wanted) {
    std::uint64_t listed = 0, booked = 0;
    CheckedSum listed_sum, booked_sum;
    for (const Entry& entry : statement_.entries) {
      if (!wanted(entry)) continue;
      ++listed;
      listed_sum.add(without_sign(entry.amount));
      if (entry.status != EntryStatus::booked) continue;
      ++booked;
      booked_sum.add(without_sign(entry.amount));
    }
    if (told.count && *told.count != listed && *told.count != booked)
      found("the summary (TxsSummry) counts " + std::to_string(*told.count) + " entries of " + what + ", there are " + std::to_string(listed));
    if (told.sum && told.sum != listed_sum.value() && told.sum != booked_sum.value())
      found("the summary (TxsSummry) of " + what + " is " + to_text(*told.sum) + ", the entries sum to " + listed_sum.text());
  }

  const BankStatement& statement_;
  std::vector<Finding>& findings_;
  std::map<std::pair<std::string, EntryStatus>, std::size_t> references_;
  std::map<std::pair<Hash256, EntryStatus>, std::size_t> identities_;
};

}  // namespace

std::vector<Finding> check(const StatementFile& file) {
  std::vector<Finding> findings;
  std::set<std::pair<std::string, std::string>> seen;
  for (const BankStatement& statement : file.statements) {
    StatementCheck(statement, findings).run();
    if (!seen.emplace(statement.account.text, statement.id).second && findings.size() < kMostFindings)
      findings.push_back({"statement " + statement.id + ", line " + std::to_string(statement.line), "the file has this statement of this account twice"});
  }
  return findings;
}

}  // namespace bourse::bank
