// What an import left open: a person says whose money it is.
#include <fmt/format.h>

#include "broker/adapters/api/api.h"
#include "broker/adapters/api/bank_view.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr int kPageOfEntries = 100, kMostEntries = 500;

Result<BankEntryState> entry_state_named(const std::string& text) {
  for (const auto state : {BankEntryState::open, BankEntryState::proposed, BankEntryState::booked, BankEntryState::paid, BankEntryState::returned})
    if (name(state) == text) return state;
  return fail(ErrorCode::invalid_argument, "state must be open, proposed, booked, paid or returned.");
}

}  // namespace

void fill(v1::BankEntry& out, const StoredBankEntry& entry) {
  out.set_id(to_hex(entry.identity));
  out.set_state(std::string(name(entry.state)));
  out.set_reason(entry.reason);
  fill(*out.mutable_money(), entry.amount, entry.unit);
  out.set_booked_on(entry.booked_on);
  out.set_value_on(entry.value_on);
  out.set_bank_reference(entry.bank_reference);
  out.set_end_to_end_id(entry.end_to_end_id);
  out.set_other_name(entry.other_name);
  out.set_other_account(entry.other_account);
  out.set_remittance(entry.remittance);
  out.set_account(text_or_empty(entry.account));
  out.set_payout(text_or_empty(entry.payout));
  out.set_proposal_id(text_or_empty(entry.proposal));
  out.set_imported_ms(entry.imported_at.unix_ms);
  out.set_fresh(entry.fresh);
}

Result<FundAccount> Api::funding_of(const StoredBankEntry& entry, BillingAccountId account, UserId by) {
  TRY(const v1::Wallet wallet, wallet_of(account));
  if (wallet.unit() != entry.unit.text())
    return fail(ErrorCode::unit_mismatch, fmt::format("The account is kept in {}, the entry is in {}.", wallet.unit(), entry.unit.text()));
  const std::string identity = to_hex(entry.identity);
  const Uuid reference = derived_uuid("bank payment", identity);
  CHECK_OK(identity_.keep_bank_entry(reference, entry.bank_reference, by, parts_.clock.now()));
  return FundAccount{.account = account,
                     .amount = entry.amount,
                     .transfer = TransferId{derived_uuid("bank payment's top-up", identity)},
                     .reference = reference};
}

Status Api::follow_proposed_entries() {
  TRY(const std::vector<StoredBankEntry> waiting, bank_entries_.list(BankEntryState::proposed, std::nullopt, static_cast<int>(kMaxProposals)));
  for (StoredBankEntry entry : waiting) {
    const Result<StoredProposal> stored = proposal_of(entry.proposal);
    if (!stored && stored.error().code != ErrorCode::not_found) return std::unexpected(stored.error());
    if (stored && !stored->end) continue;
    const bool approved = stored && stored->end == ProposalEnd::approved;
    entry.state = approved ? BankEntryState::booked : BankEntryState::open;
    entry.reason = approved ? "" : fmt::format("{} was {}", to_text(entry.proposal), stored ? name(*stored->end) : "lost");
    if (!approved) entry.account = {};
    CHECK_OK(bank_entries_.change(entry, BankEntryState::proposed));
  }
  return {};
}

Result<v1::ListBankEntriesReply> Api::list_bank_entries(const v1::ListBankEntriesRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  if (request.limit() < 0 || request.limit() > kMostEntries)
    return fail(ErrorCode::invalid_argument, fmt::format("limit must be from 1 to {}.", kMostEntries));
  std::optional<BankEntryState> state;
  std::optional<Hash256> after;
  if (!request.state().empty()) {
    TRY(state, entry_state_named(request.state()));
  }
  if (!request.cursor().empty()) {
    TRY(after, parse_hash(request.cursor()));
  }
  CHECK_OK(follow_proposed_entries());
  const int limit = request.limit() == 0 ? kPageOfEntries : request.limit();
  TRY(const std::vector<StoredBankEntry> found, bank_entries_.list(state, after, limit + 1));
  v1::ListBankEntriesReply reply;
  for (const StoredBankEntry& entry : found) {
    if (reply.entries_size() == limit) {
      reply.set_next_cursor(reply.entries(limit - 1).id());
      break;
    }
    fill(*reply.add_entries(), entry);
  }
  return reply;
}

Result<v1::BankEntry> Api::assign_bank_entry(const v1::AssignBankEntryRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  CHECK_OK(scoped_key(caller, request.key()));
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  const auto identity = parse_hash(request.entry());
  if (!identity) return fail(ErrorCode::not_found, "There is no such entry.");
  TRY(const BillingAccountId account, id_or_not_found<BillingAccountIdKind>(request.account()));
  CHECK_OK(follow_proposed_entries());
  TRY(std::optional<StoredBankEntry> entry, bank_entries_.find(*identity));
  if (!entry) return fail(ErrorCode::not_found, "There is no such entry.");
  if (!entry->amount.is_positive()) return fail(ErrorCode::failed_precondition, "Only money that came in can be credited.");
  // Again for the same account it is a repeat; the engine knows the answer.
  const bool again = entry->account == account && entry->payout.is_nil() && entry->state != BankEntryState::open;
  if (entry->state != BankEntryState::open && !again)
    return fail(ErrorCode::failed_precondition, fmt::format("The entry is {} already.", name(entry->state)));
  TRY(FundAccount funding, funding_of(*entry, account, caller.user));
  TRY(const Acted acted, act(caller, request.key(), fingerprint("AssignBankEntry", request), std::move(funding), request.note()));
  if (!again) {
    const bool waits = acted.proposal && acted.proposal->state() == "open";
    entry->state = waits ? BankEntryState::proposed : BankEntryState::booked;
    entry->reason.clear();
    entry->account = account;
    if (acted.proposal) entry->proposal = ProposalId{acted.result.object};
    // A repeat whose proposal was refused meanwhile has changed nothing.
    if (!acted.proposal || waits) CHECK_OK(bank_entries_.change(*entry, BankEntryState::open));
  }
  v1::BankEntry out;
  fill(out, *entry);
  if (acted.proposal) *out.mutable_proposal() = *acted.proposal;
  out.set_position(acted.result.position);
  return out;
}

}  // namespace bourse::broker::api
