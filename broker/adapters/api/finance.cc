// Finance: money that came in by bank, and what each center is settled.
#include <fmt/format.h>

#include "bank/claims.h"
#include "broker/adapters/api/api.h"
#include "broker/adapters/statement/sealer/sealer.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {

Result<v1::Wallet> Api::fund_account(const v1::FundAccountRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  CHECK_OK(scoped_key(caller, request.key()));
  TRY(const BillingAccountId account, id_or_not_found<BillingAccountIdKind>(request.account()));
  TRY(const MoneyIn money, read_positive(request.money()));
  CHECK_OK(check_text("bank_reference", request.bank_reference(), 140));
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  TRY(const v1::Wallet wallet, wallet_of(account));
  if (wallet.unit() != money.unit.text())
    return fail(ErrorCode::unit_mismatch, fmt::format("The account is kept in {}.", wallet.unit()));
  // One entry of the bank funds an account once: the transfer's id follows from both, so entering it again under another
  // key finds it done, or in conflict when the amount differs.
  const Uuid reference = derived_uuid("bank entry", request.bank_reference());
  const Uuid transfer = derived_uuid("top-up", to_text(account) + "/" + request.bank_reference());
  CHECK_OK(identity_.keep_bank_entry(reference, request.bank_reference(), caller.user, parts_.clock.now()));
  TRY(const Acted acted, act(caller, request.key(), fingerprint("FundAccount", request),
                             FundAccount{.account = account, .amount = money.amount,
                                         .transfer = TransferId{transfer}, .reference = reference}, request.note()));
  TRY(v1::Wallet after, wallet_of(account));
  after.set_position(acted.result.position);
  if (acted.proposal) *after.mutable_proposal() = *acted.proposal;
  return after;
}

Result<v1::ListWalletsReply> Api::list_billing_accounts(const v1::ListWalletsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  const std::uint64_t now_at = position();
  queries_.wait_for(now_at);
  TRY(const std::vector<StoredWallet> stored, queries_.wallets());
  v1::ListWalletsReply reply;
  for (const StoredWallet& wallet : stored) {
    v1::Wallet& out = *reply.add_wallets();
    out.set_account(to_text(wallet.account));
    out.set_name(wallet.name);
    out.set_unit(std::string(wallet.unit.text()));
    out.set_balance(to_text(wallet.balance));
    out.set_held(to_text(wallet.held));
    out.set_available(to_text(wallet.balance - wallet.held));
    out.set_tenant(wallet.tenant_name.empty() ? to_text(wallet.tenant) : wallet.tenant_name);
    out.set_claim_code(bank::claim_code(wallet.account));
    out.set_position(now_at);
  }
  return reply;
}

Result<v1::SettleReply> Api::settle(const v1::SettleRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  CHECK_OK(scoped_key(caller, request.key()));
  TRY(const CenterId center, center_of(request.center()));
  const Instant now = parts_.clock.now();
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("Settle", request),
                                    ClosePeriod{.center = center, .next = PeriodId::make(now, parts_.rng), .incomplete = request.incomplete()}));
  const PeriodId period{done.object};
  CHECK_OK(parts_.sealer.wait_sealed(period, options_.settle_wait));
  TRY(const std::optional<v1::Statement> statement, look([period](const Market& market) -> std::optional<v1::Statement> {
        const Period* closed = market.period(period);
        if (closed == nullptr) return std::nullopt;
        v1::Statement out;
        fill(out, *closed, center_name(market, closed->center));
        return out;
      }));
  if (!statement) return fail(ErrorCode::not_found, "There is no such period.");
  v1::SettleReply reply;
  reply.set_period(to_text(period));
  *reply.mutable_statement() = *statement;
  return reply;
}

Result<v1::ListStatementsReply> Api::list_statements(const v1::ListStatementsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const auto seen, centers_seen(caller, {Role::finance, Role::operator_}));
  std::optional<CenterId> center;
  if (!request.center().empty()) {
    TRY(center, center_of(request.center()));
    CHECK_OK(check_seen(seen, *center));
  }
  queries_.wait_for(position());
  TRY(std::vector<Period> periods, queries_.periods(center));
  std::erase_if(periods, [&seen](const Period& period) { return !check_seen(seen, period.center); });
  return look([periods = std::move(periods)](const Market& market) {
    v1::ListStatementsReply reply;
    for (const Period& period : periods) {
      // The projection has the money; how complete it is, the engine knows.
      const Period* known = market.period(period.id);
      fill(*reply.add_statements(), known == nullptr ? period : *known, center_name(market, period.center));
    }
    return reply;
  });
}

Result<v1::Document> Api::get_statement(const v1::GetStatementRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const auto seen, centers_seen(caller, {Role::finance, Role::operator_}));
  TRY(const PeriodId id, id_or_not_found<PeriodIdKind>(request.period()));
  queries_.wait_for(position());
  TRY(const std::optional<Period> period, queries_.period(id));
  if (!period || !check_seen(seen, period->center)) return fail(ErrorCode::not_found, "There is no such period.");
  if (period->statement.is_zero())
    return fail(ErrorCode::failed_precondition, fmt::format("Period {} is {}: it has no statement yet.", period->number, name(period->state)));
  TRY(const std::vector<std::byte> bytes, parts_.blobs.get(BlobKind::statement, period->statement));
  TRY(const std::string center, look([center = period->center](const Market& market) { return center_name(market, center); }));
  v1::Document document;
  document.set_name(fmt::format("statement-{}-{}.json", center, period->number));
  document.set_media_type("application/json");
  document.set_data(bytes.data(), bytes.size());
  return document;
}

}  // namespace bourse::broker::api
