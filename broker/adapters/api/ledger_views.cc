// The whole ledger: trial balance, and the export that another program adds up.
#include <fmt/format.h>

#include <map>

#include "broker/adapters/api/api.h"

namespace bourse::broker::api {
namespace {

std::string sum_text(__int128 micros) {
  // Sums over all accounts may leave 64 bits long before any account does.
  const bool negative = micros < 0;
  const auto size = static_cast<unsigned __int128>(negative ? -micros : micros);
  const auto whole = size / 1'000'000;
  std::string text = fmt::format("{:06}", static_cast<std::uint64_t>(size % 1'000'000));
  while (text.size() > 2 && text.back() == '0') text.pop_back();
  return fmt::format("{}{}.{}", negative ? "-" : "", fmt::to_string(whole), text);
}

std::string owner_text(const ledger::Account& account) {
  if (account.owner.is_nil()) return {};
  if (account.code == ledger::AccountCode::wallet) return to_text(BillingAccountId{account.owner});
  return to_text(CenterId{account.owner});
}

}  // namespace

void fill(v1::UnitTotal& out, Unit unit, const ledger::UnitTotals& totals) {
  out.set_unit(std::string(unit.text()));
  out.set_debits_posted(sum_text(totals.debits_posted));
  out.set_credits_posted(sum_text(totals.credits_posted));
  out.set_debits_pending(sum_text(totals.debits_pending));
  out.set_credits_pending(sum_text(totals.credits_pending));
}

Result<v1::TrialBalanceReply> Api::trial_balance(const v1::TrialBalanceRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance, Role::operator_}));
  queries_.wait_for(position());
  TRY(const std::vector<ledger::Account> accounts, queries_.ledger_accounts());
  v1::TrialBalanceReply reply;
  std::map<Unit, ledger::UnitTotals> totals;
  for (const ledger::Account& account : accounts) {
    v1::LedgerAccount& out = *reply.add_accounts();
    out.set_id(to_text(account.id));
    out.set_code(std::string(name(account.code)));
    out.set_unit(std::string(account.unit.text()));
    out.set_owner(owner_text(account));
    out.set_debits_posted(to_text(account.debits_posted));
    out.set_credits_posted(to_text(account.credits_posted));
    out.set_debits_pending(to_text(account.debits_pending));
    out.set_credits_pending(to_text(account.credits_pending));
    ledger::UnitTotals& unit = totals[account.unit];
    unit.debits_posted += account.debits_posted.micros;
    unit.credits_posted += account.credits_posted.micros;
    unit.debits_pending += account.debits_pending.micros;
    unit.credits_pending += account.credits_pending.micros;
  }
  for (const auto& [unit, sums] : totals) fill(*reply.add_totals(), unit, sums);
  return reply;
}

Status Api::export_ledger(const v1::ExportLedgerRequest& request, const std::function<bool(std::string)>& write) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance, Role::operator_}));
  if (request.format() == "jsonl") return export_span(request, write);
  if (request.format() != "hledger" && !request.format().empty())
    return fail(ErrorCode::invalid_argument, "format must be hledger or jsonl.");
  if (!request.from().empty() || !request.to().empty())
    return fail(ErrorCode::invalid_argument, "hledger is of the whole ledger: from and to go with jsonl.");
  constexpr std::size_t kPiece = 64 * 1024;
  queries_.wait_for(position());
  bool gone = false;
  std::string piece;
  const auto flush = [&] {
    if (!piece.empty() && !gone) gone = !write(std::exchange(piece, {}));
  };
  HledgerWriter book(
      [&](std::string_view text) {
        piece += text;
        if (piece.size() >= kPiece) flush();
      },
      options_.name, parts_.clock.now());
  const auto still_there = [&]() -> Status {
    return gone ? Status(fail(ErrorCode::unavailable, "The reader is gone.")) : Status();
  };
  CHECK_OK(queries_.visit_ledger(
      [&](const std::vector<BookAccount>& accounts) {
        book.begin(accounts);
        return still_there();
      },
      [&](const BookTransfer& transfer) {
        book.transfer(transfer);
        return still_there();
      }));
  book.end();
  flush();
  return still_there();
}

}  // namespace bourse::broker::api
