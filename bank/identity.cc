#include "bank/identity.h"

#include <map>
#include <utility>

#include "base/sha256.h"

namespace bourse::bank {
namespace {

// Lengths in front, so that no text can pass for two.
class Preimage {
 public:
  explicit Preimage(std::string_view kind) { add(kind); }
  Preimage& add(std::string_view text) {
    bytes_ += std::to_string(text.size());
    bytes_ += ':';
    bytes_ += text;
    return *this;
  }
  Hash256 hash() const { return sha256(std::string_view(bytes_)); }

 private:
  std::string bytes_;
};

void add_party(Preimage& preimage, const Party& party) { preimage.add(party.name).add(party.account.text); }

void add_detail(Preimage& preimage, const TransactionDetail& detail) {
  preimage.add(detail.end_to_end_id).add(detail.transaction_id).add(detail.instruction_id).add(detail.payment_information_id);
  preimage.add(detail.bank_reference).add(detail.amount ? to_text(*detail.amount) : "");
  add_party(preimage, detail.debtor);
  add_party(preimage, detail.creditor);
  for (const auto* lines : {&detail.remittance, &detail.references}) {
    preimage.add(std::to_string(lines->size()));
    for (const std::string& line : *lines) preimage.add(line);
  }
  preimage.add(detail.return_reason);
}

// "1", "000012": a place in one statement, which the next statement gives to another entry. Also when empty.
bool is_running_number(std::string_view reference) {
  return reference.size() <= 6 && reference.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string reference_of(const Entry& entry) {
  if (!entry.bank_reference.empty()) return "A" + entry.bank_reference;
  if (!is_running_number(entry.reference)) return "N" + entry.reference;
  Preimage content("bourse bank content 1");
  content.add(entry.transaction_code).add(entry.text).add(std::to_string(entry.details.size()));
  for (const TransactionDetail& detail : entry.details) add_detail(content, detail);
  return "C" + to_hex(content.hash());
}

Preimage entry_preimage(const BankStatement& statement, const Entry& entry) {
  Preimage preimage("bourse bank entry 1");
  preimage.add(statement.account.text).add(entry.currency.text()).add(reference_of(entry));
  preimage.add(entry.booking_date.empty() ? entry.value_date : entry.booking_date).add(to_text(entry.amount));
  return preimage;
}

void identify_details(Entry& entry) {
  std::map<Hash256, std::uint64_t> equals;
  for (TransactionDetail& detail : entry.details) {
    Preimage preimage("bourse bank detail 1");
    preimage.add(to_hex(entry.identity));
    add_detail(preimage, detail);
    detail.identity = preimage.add(std::to_string(equals[preimage.hash()]++)).hash();
  }
}

}  // namespace

Hash256 identity_without_index(const BankStatement& statement, const Entry& entry) {
  return entry_preimage(statement, entry).add("0").hash();
}

void identify(BankStatement& statement) {
  // Apart for each status: the pending twin of a booked entry must not push it to another index.
  std::map<std::pair<Hash256, EntryStatus>, std::uint64_t> equals;
  for (Entry& entry : statement.entries) {
    Preimage preimage = entry_preimage(statement, entry);
    entry.identity = preimage.add(std::to_string(equals[{preimage.hash(), entry.status}]++)).hash();
    identify_details(entry);
  }
}

}  // namespace bourse::bank
