// Paying centers: where to, how much, and what the bank did with it.
#include <absl/container/btree_set.h>

#include <algorithm>

#include "broker/domain/decider.h"
#include "broker/domain/derive.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr std::size_t kMaxAccountNumber = 34;  // of an IBAN; other numbers are no longer in the payment formats
constexpr std::size_t kMaxAgent = 35;
constexpr std::size_t kMaxBankReference = 140;

bool is_bank_word(std::string_view text, std::size_t longest) {
  return !text.empty() && text.size() <= longest && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
  });
}

// Closed periods up to `through` that no payout in transit covers.
std::vector<PeriodId> unpaid(const Market& market, const Period& through) {
  std::vector<PeriodId> out;
  for (const Period* period : market.periods(through.center)) {
    if (period->number > through.number) break;
    if (period->state != PeriodState::closed) continue;
    const bool covered = std::ranges::any_of(market.payouts(), [&](const Payout* payout) {
      return payout->state == PayoutState::in_transit && contains(payout->periods, period->id);
    });
    if (!covered) out.push_back(period->id);
  }
  return out;
}

}  // namespace

Status Decider::check(const SetPayee& act) const {
  if (market_.center(act.center) == nullptr) return fail(ErrorCode::not_found, "center " + to_text(act.center));
  if (!is_label(act.payee.name)) return fail(ErrorCode::invalid_argument, "the payee's name must be 1 to 128 printable bytes");
  if (!is_bank_word(act.payee.account, kMaxAccountNumber))
    return fail(ErrorCode::invalid_argument, "the payee's account must be 1 to 34 letters, digits and -");
  if (!is_bank_word(act.payee.agent, kMaxAgent))
    return fail(ErrorCode::invalid_argument, "the payee's bank must be 1 to 35 letters, digits and -");
  return {};
}

Result<CommandResult> Decider::on(const SetPayee& act) {
  CHECK_OK(check(act));
  emit(PayeeSet{act.center, act.payee, now_});
  return made(act.center.uuid);
}

Status Decider::check(const OrderPayout& act) const {
  const Center* center = market_.center(act.center);
  if (center == nullptr) return fail(ErrorCode::not_found, "center " + to_text(act.center));
  const Period* through = market_.period(act.through);
  if (through == nullptr || through->center != act.center)
    return fail(ErrorCode::not_found, "period " + to_text(act.through));
  if (act.payout.is_nil() || market_.payout(act.payout) != nullptr)
    return fail(ErrorCode::invalid_argument, "the payout's id must be new");
  for (const Period* period : market_.periods(act.center)) {
    if (period->number > through->number) break;
    if (period->state == PeriodState::open || period->state == PeriodState::closing)
      return fail(ErrorCode::failed_precondition,
                  "Period " + std::to_string(period->number) + " has no statement yet.");
  }
  if (center->payee == Payee{}) return fail(ErrorCode::failed_precondition, "The center has named no bank account.");
  if (act.payee != center->payee)
    return fail(ErrorCode::failed_precondition, "The center's bank account was changed meanwhile; look and propose again.");
  const Amount due = market_.due(*through);
  if (!due.is_positive()) return fail(ErrorCode::failed_precondition, "Nothing is due to the center.");
  if (act.amount != due)
    return fail(ErrorCode::failed_precondition, "What is due is now " + to_text(due) + "; look and propose again.");
  return {};
}

Result<CommandResult> Decider::on(const OrderPayout& act) {
  CHECK_OK(check(act));
  const Period& through = *market_.period(act.through);
  const Unit unit = through.unit;
  Payout payout{.id = act.payout,
                .center = act.center,
                .unit = unit,
                .amount = act.amount,
                .payee = act.payee,
                .periods = unpaid(market_, through),
                .ordered_at = now_};
  post_all(act.payout.uuid, act.payout.uuid,
           {{platform_account(ledger::AccountCode::center_payable, unit, act.center.uuid),
             platform_account(ledger::AccountCode::payout_in_transit, unit, act.center.uuid), act.amount,
             ledger::TransferCode::payout}});
  emit(PayoutOrdered{std::move(payout), market_.center(act.center)->open_period});
  return made(act.payout.uuid);
}

Result<CommandResult> Decider::on(const SettlePayout& command) {
  const Payout* payout = market_.payout(command.payout);
  if (payout == nullptr) return fail(ErrorCode::not_found, "payout " + to_text(command.payout));
  if (command.state != PayoutState::paid && command.state != PayoutState::returned)
    return fail(ErrorCode::invalid_argument, "a payout is settled as paid or returned");
  if (!is_label(command.bank_reference) && command.state == PayoutState::paid)
    return fail(ErrorCode::invalid_argument, "the bank's reference is missing");
  if (command.bank_reference.size() > kMaxBankReference)
    return fail(ErrorCode::invalid_argument, "the bank's reference is longer than 140 bytes");
  if (payout->state == command.state && payout->bank_reference == command.bank_reference)
    return made(command.payout.uuid);
  if (payout->state != PayoutState::in_transit)
    return fail(ErrorCode::failed_precondition, "The payout is " + std::string(name(payout->state)) + " already.");
  const bool paid = command.state == PayoutState::paid;
  const Uuid center = payout->center.uuid;
  // Another cause than the order's, whose transfer was derived from the payout's id alone.
  post_all(derive_transfer(payout->id.uuid, 1).uuid, payout->id.uuid,
           {{platform_account(ledger::AccountCode::payout_in_transit, payout->unit, center),
             paid ? platform_account(ledger::AccountCode::bank_clearing, payout->unit)
                  : platform_account(ledger::AccountCode::center_payable, payout->unit, center),
             payout->amount,
             paid ? ledger::TransferCode::payout_paid : ledger::TransferCode::payout_returned}});
  emit(PayoutSettled{.payout = command.payout,
                     .state = command.state,
                     .period = market_.center(payout->center)->open_period,
                     .amount = payout->amount,
                     .paid = paid ? payout->periods : std::vector<PeriodId>{},
                     .bank_reference = command.bank_reference,
                     .reason = shown(command.reason),
                     .at = now_});
  return made(command.payout.uuid);
}

Result<CommandResult> Decider::on(const ExportPayouts& command) {
  if (command.payouts.empty()) return fail(ErrorCode::failed_precondition, "No payout in transit is without a payment file.");
  absl::btree_set<PayoutId> seen;
  for (const PayoutId id : command.payouts) {
    const Payout* payout = market_.payout(id);
    if (payout == nullptr) return fail(ErrorCode::not_found, "payout " + to_text(id));
    if (!seen.insert(id).second) return fail(ErrorCode::invalid_argument, to_text(id) + " is named twice");
    if (payout->state != PayoutState::in_transit)
      return fail(ErrorCode::failed_precondition, to_text(id) + " is " + std::string(name(payout->state)) + ".");
    if (!payout->file.is_nil())
      return fail(ErrorCode::failed_precondition,
                  to_text(id) + " is in the payment file " + to_crockford(payout->file) + " already.");
  }
  if (command.file.id.is_nil() || command.file.bytes.is_zero() || market_.payment_file(command.file.id) != nullptr)
    return fail(ErrorCode::invalid_argument, "the payment file's id must be new, and its bytes known");
  PaymentFile file = command.file;
  file.at = now_;
  emit(PayoutsExported{file, command.payouts});
  return made(file.id);
}

// What the bank did with one payout tells that it took the file: then each of the others goes its own way.
Status Decider::check(const WithdrawPaymentFile& act) const {
  const PaymentFile* file = market_.payment_file(act.file);
  if (file == nullptr) return fail(ErrorCode::not_found, "payment file " + to_crockford(act.file));
  if (file->withdrawn_at != Instant{}) return fail(ErrorCode::failed_precondition, "The payment file was withdrawn at " + to_text(file->withdrawn_at) + ".");
  if (act.reason.empty() || act.reason.size() > kMaxReason) return fail(ErrorCode::invalid_argument, "why the bank refused it must be given, in at most 512 bytes");
  for (const Payout* payout : market_.payouts())
    if (payout->file == act.file && payout->state != PayoutState::in_transit)
      return fail(ErrorCode::failed_precondition, to_text(payout->id) + " of it is " + std::string(name(payout->state)) + ": the bank has taken the file.");
  return {};
}

Result<CommandResult> Decider::on(const WithdrawPaymentFile& act) {
  CHECK_OK(check(act));
  PaymentFileWithdrawn withdrawn{.file = act.file, .payouts = {}, .reason = shown(act.reason), .at = now_};
  for (const Payout* payout : market_.payouts())
    if (payout->file == act.file) withdrawn.payouts.push_back(payout->id);
  emit(std::move(withdrawn));
  return made(act.file);
}

}  // namespace bourse::broker
