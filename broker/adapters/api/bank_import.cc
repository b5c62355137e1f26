// A bank's statement becomes money: every payment is kept first, then acted upon, then noted. Each step may be repeated, so a
// file may come twice, overlap another, or be imported again after a crash in the middle.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bank/claims.h"
#include "bank/iban.h"
#include "bank/lines.h"
#include "bank/matching.h"
#include "broker/adapters/api/api.h"
#include "broker/adapters/api/bank_view.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

// Banks break a payer's text where their lines end; a person reads it as one.
std::string on_one_line(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return text;
}

constexpr std::size_t kMostFileBytes = 16 << 20;
constexpr int kMostShown = 1000;

Status check_account(const bank::StatementFile& file, const std::string& ours) {
  for (const bank::BankStatement& statement : file.statements)
    if (bank::normalized_iban(statement.account.text) != bank::normalized_iban(ours))
      return fail(ErrorCode::invalid_argument,
                  fmt::format("Statement {} is of the account {}, not of ours, {}.", shown(statement.id), shown(statement.account.text), ours));
  return {};
}

// What the bank itself calls the payment, fit to be kept with a payout; its identity where it has no name.
std::string reference_of(const bank::PaymentLine& line, const Hash256& identity) {
  std::string text = line.detail != nullptr ? line.detail->bank_reference : std::string();
  if (text.empty()) text = line.entry->bank_reference.empty() ? line.entry->reference : line.entry->bank_reference;
  return is_label(text) ? text : to_hex(identity).substr(0, 32);
}

StoredBankEntry stored_of(const bank::PaymentLine& line) {
  const Hash256 identity = line.detail != nullptr ? line.detail->identity : line.entry->identity;
  StoredBankEntry out{.identity = identity,
                      .entry = line.entry->identity,
                      .amount = line.amount.value_or(Amount{}),
                      .unit = line.entry->currency,
                      .booked_on = shown(line.entry->booking_date),
                      .value_on = shown(line.entry->value_date),
                      .bank_reference = reference_of(line, identity),
                      .end_to_end_id = shown(line.end_to_end_id),
                      .remittance = shown(on_one_line(bank::remittance_text(line)))};
  if (line.detail == nullptr) return out;
  const bank::Party& other = line.entry->amount.is_negative() ? line.detail->creditor : line.detail->debtor;
  out.other_name = shown(other.name);
  out.other_account = shown(other.account.text);
  return out;
}

// Every account's short code, and its id. A short code of two accounts is nobody's: then only the id counts.
std::vector<bank::ClaimCode> claim_codes(const Market& market) {
  std::map<std::string, std::pair<int, BillingAccountId>> count;
  for (const BillingAccount* account : market.accounts()) {
    auto& [times, whose] = count[bank::claim_code(account->id)];
    ++times;
    whose = account->id;
  }
  std::vector<bank::ClaimCode> codes;
  for (const auto& [code, seen] : count)
    if (seen.first == 1) codes.push_back({code, seen.second});
  for (const BillingAccount* account : market.accounts()) codes.push_back({to_text(account->id), account->id});
  return codes;
}

}  // namespace

// One file on its way in.
class BankImport {
 public:
  BankImport(std::vector<bank::Entry> entries, Engine& engine, BankEntries& kept, const Clock& clock)
      : entries_(std::move(entries)), lines_(bank::booked_lines(entries_)), engine_(engine), kept_(kept), clock_(clock) {
    for (std::size_t i = 0; i < lines_.size(); ++i) place_[{lines_[i].place.entry, lines_[i].place.detail}] = i;
  }

  Status keep(const Hash256& file, const std::string& name, UserId by) {
    std::vector<StoredBankEntry> all;
    for (const bank::PaymentLine& line : lines_) all.push_back(stored_of(line));
    TRY(rows_, kept_.keep(file, name, by, clock_.now(), std::move(all)));
    return {};
  }

  Status settle(const std::vector<Payout>& payouts) {
    std::vector<bank::OrderedPayment> ordered;
    for (const Payout& payout : payouts)
      ordered.push_back({.end_to_end_id = to_crockford(payout.id.uuid), .remittance_id = to_text(payout.id), .amount = payout.amount, .currency = payout.unit});
    const bank::Matching found = bank::match(ordered, entries_);
    for (std::size_t i = 0; i < payouts.size(); ++i) CHECK_OK(settle(payouts[i], found.payments[i]));
    return {};
  }

  // `fund` does the act; whatever it refuses is left to a person with its words.
  Status credit(const std::vector<bank::ClaimCode>& codes, const std::function<Status(const StoredBankEntry&, BillingAccountId)>& fund) {
    TRY(const std::vector<bank::Claim> claims, bank::claims(entries_, codes));
    for (const bank::Claim& claim : claims) {
      StoredBankEntry& row = row_at(claim.place);
      if (!row.untouched()) continue;
      if (claim.account.is_nil()) {
        CHECK_OK(leave(row, claim.reason));
        continue;
      }
      row.account = claim.account;
      if (const Status done = fund(row, claim.account); done) {
        CHECK_OK(note(row, BankEntryState::booked));
      } else if (done.error().outcome() == Outcome::rejected) {
        CHECK_OK(leave(row, done.error().detail.empty() ? done.error().message() : done.error().detail));
      } else {
        return done;
      }
    }
    return {};
  }

  Status leave_the_rest() {
    for (StoredBankEntry& row : rows_)
      if (row.untouched()) CHECK_OK(leave(row, row.amount.is_negative() ? "no payout explains this debit" : "nothing explains this entry"));
    return {};
  }

  const std::vector<StoredBankEntry>& rows() const { return rows_; }

 private:
  StoredBankEntry& row_at(const bank::EntryPlace& place) { return rows_[place_.at({place.entry, place.detail})]; }

  Status leave(StoredBankEntry& row, const std::string& why) {
    row.reason = shown(why);
    return note(row, BankEntryState::open);
  }
  Status note(StoredBankEntry& row, BankEntryState state) {
    row.state = state;
    TRY(const bool changed, kept_.change(row, BankEntryState::open));
    // Somebody imports the same at this moment: their word stands, and it is the same.
    if (!changed) {
      TRY(const std::optional<StoredBankEntry> now, kept_.find(row.identity));
      if (now) row = *now;
    }
    return {};
  }

  Status settle(const Payout& payout, const bank::PaymentOutcome& outcome) {
    std::vector<StoredBankEntry*> rows;
    for (const bank::EntryPlace& place : outcome.places)
      if (StoredBankEntry& row = row_at(place); row.untouched()) rows.push_back(&row);
    if (rows.empty()) return {};
    const bool paid = outcome.fate == bank::PaymentFate::matched, back = outcome.fate == bank::PaymentFate::returned;
    std::string doubt = outcome.reason;
    if (paid || back) {
      // The last place is the return's where there is one. Without a key: the same word about a payout may come again.
      const StoredBankEntry& telling = row_at(outcome.places.back());
      const auto done = engine_.execute({.now = clock_.now(),
                                         .body = SettlePayout{.payout = payout.id,
                                                              .state = paid ? PayoutState::paid : PayoutState::returned,
                                                              .bank_reference = telling.bank_reference,
                                                              .reason = back ? outcome.reason : std::string()}});
      if (!done && done.error().outcome() != Outcome::rejected) return std::unexpected(done.error());
      doubt = done ? "" : done.error().detail;
      if (done) {
        for (StoredBankEntry* row : rows) {
          row->payout = payout.id;
          CHECK_OK(note(*row, paid ? BankEntryState::paid : BankEntryState::returned));
        }
        return {};
      }
    }
    for (StoredBankEntry* row : rows) {
      row->payout = payout.id;
      CHECK_OK(leave(*row, fmt::format("{}: {}", to_text(payout.id), doubt.empty() ? std::string(bank::name(outcome.fate)) : doubt)));
    }
    return {};
  }

  std::vector<bank::Entry> entries_;
  std::vector<bank::PaymentLine> lines_;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> place_;
  std::vector<StoredBankEntry> rows_;  // as lines_
  Engine& engine_;
  BankEntries& kept_;
  const Clock& clock_;
};

Result<v1::ImportBankFileReply> Api::import_bank_file(const v1::ImportBankFileRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  CHECK_OK(scoped_key(caller, request.key()));
  CHECK_OK(check_text("name", request.name(), 255, true));
  if (request.data().size() > kMostFileBytes) return fail(ErrorCode::too_large, "The file is longer than 16 MiB.");
  if (options_.debtor.account.empty())
    return fail(ErrorCode::failed_precondition, "The broker's configuration names no account of ours ([finance.debtor]).");
  TRY(bank::StatementFile file, bank::read_statements(request.data()));
  CHECK_OK(check_account(file, options_.debtor.account));
  std::vector<bank::Entry> entries;
  for (bank::BankStatement& statement : file.statements)
    for (bank::Entry& entry : statement.entries) entries.push_back(std::move(entry));
  const Hash256 hash = sha256(request.data());
  BankImport import(std::move(entries), parts_.engine, bank_entries_, parts_.clock);
  CHECK_OK(import.keep(hash, request.name(), caller.user));
  TRY(const std::vector<Payout> payouts, look([](const Market& market) {
        std::vector<Payout> out;
        for (const Payout* payout : market.payouts()) out.push_back(*payout);
        return out;
      }));
  CHECK_OK(import.settle(payouts));
  TRY(const std::vector<bank::ClaimCode> codes, look(claim_codes));
  CHECK_OK(import.credit(codes, [&](const StoredBankEntry& entry, BillingAccountId account) -> Status {
    TRY(const std::string by_hand, queries_.bank_text(derived_uuid("bank entry", entry.bank_reference)));
    if (!by_hand.empty())
      return fail(ErrorCode::conflict, fmt::format("the entry {} was entered by hand before", entry.bank_reference));
    TRY(FundAccount funding, funding_of(entry, account, caller.user));
    CHECK_OK(parts_.engine.execute({.now = parts_.clock.now(), .body = std::move(funding)}));
    return {};
  }));
  CHECK_OK(import.leave_the_rest());
  v1::ImportBankFileReply reply;
  reply.set_sha256(to_hex(hash));
  reply.set_statements(static_cast<std::uint32_t>(file.statements.size()));
  reply.set_entries(static_cast<std::uint32_t>(import.rows().size()));
  reply.set_fresh(static_cast<std::uint32_t>(std::ranges::count_if(import.rows(), &StoredBankEntry::fresh)));
  for (const StoredBankEntry& row : import.rows()) {
    if (reply.details_size() == kMostShown) break;
    fill(*reply.add_details(), row);
  }
  reply.set_position(position());
  return reply;
}

}  // namespace bourse::broker::api
