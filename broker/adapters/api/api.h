// The handlers of the market API, one per RPC: a request and who asks in, a reply or an error out. They block; the service
// runs them on its pools. Grouped by area into people.cc, trading.cc, jobs.cc, membership.cc, operators.cc, finance.cc, ledger_views.cc, trace.cc,
// proposals.cc, payouts.cc, bank_import.cc, bank_assign.cc, reconcile.cc, corrections.cc, disputes.cc, lots.cc, packages.cc, reservations.cc, prices.cc, quarantine.cc.
#pragma once

#include <memory>
#include <optional>
#include <set>

#include "base/sha256.h"
#include "broker/adapters/api/bank_entries.h"
#include "broker/adapters/api/bills.h"
#include "broker/adapters/api/breaks.h"
#include "broker/adapters/api/caller.h"
#include "broker/adapters/api/convert.h"
#include "broker/adapters/api/identity.h"
#include "broker/adapters/api/market_service.h"
#include "broker/adapters/api/queries.h"
#include "broker/adapters/evidence/notary.h"

namespace bourse::broker::api {

class Api {
 public:
  Api(MarketServiceOptions options, MarketServiceParts parts);

  // people
  Result<v1::Principal> sign_in(const v1::SignInRequest& request);
  Result<v1::Empty> create_session(const v1::CreateSessionRequest& request);
  Result<v1::Principal> resolve_session(const v1::ResolveSessionRequest& request);
  Result<v1::Empty> end_session(const v1::EndSessionRequest& request);
  // trading
  Result<v1::ListOffersReply> list_offers(const v1::ListOffersRequest& request);
  Result<v1::QuoteReply> quote(const v1::QuoteRequest& request);
  Result<v1::Job> submit(const v1::SubmitRequest& request);
  Result<v1::Job> cancel_job(const v1::CancelJobRequest& request);
  // jobs and wallets
  Result<v1::Job> get_job(const v1::GetJobRequest& request);
  Result<v1::ListJobsReply> list_jobs(const v1::ListJobsRequest& request);
  Result<v1::Receipt> get_receipt(const v1::GetJobRequest& request);
  Result<v1::ListWalletsReply> list_wallets(const v1::ListWalletsRequest& request);
  Result<v1::TraceReply> trace(const v1::TraceRequest& request);
  // Of a log: what to ask the center for. The asking itself is asynchronous (see service.cc).
  struct LogTarget { CenterId center; JobId job; AttemptId attempt; BillingAccountId account; bool ended = false; };
  Result<LogTarget> log_target(const v1::GetLogRequest& request);
  // files.cc
  Result<v1::Upload> get_upload(const v1::GetUploadRequest& request);
  Result<v1::Upload> write_upload(const v1::WriteUploadRequest& request);
  Result<v1::JobFiles> list_job_files(const v1::ListJobFilesRequest& request);
  Result<v1::JobFilePiece> read_job_file(const v1::ReadJobFileRequest& request);
  // The end of an ended job's log, where its center handed it over. Errors: not_found.
  Result<LogSlice> kept_log(const LogTarget& target, std::int64_t offset, std::int64_t most);
  // membership.cc
  Result<v1::InviteCenterReply> invite_center(const v1::InviteCenterRequest& request);
  Result<v1::ListInvitationsReply> list_invitations(const v1::ListInvitationsRequest& request);
  Result<v1::Empty> withdraw_invitation(const v1::WithdrawInvitationRequest& request);
  Result<v1::Admission> admit_center(const v1::AdmitCenterRequest& request);
  // operators
  Result<v1::ListCentersReply> list_centers(const v1::ListCentersRequest& request);
  Result<v1::Center> set_center_state(const v1::SetCenterStateRequest& request);
  // selling.cc
  Result<v1::Selling> get_selling(const v1::GetSellingRequest& request);
  Result<v1::Selling> set_selling_rule(const v1::SetSellingRuleRequest& request);
  Result<v1::Contract> set_contract(const v1::SetContractRequest& request);
  Result<v1::PublishPricesReply> publish_prices(const v1::PublishPricesRequest& request);
  Result<v1::ListPricesReply> list_prices(const v1::ListPricesRequest& request);
  Result<v1::FactorTableList> list_factor_tables(const v1::ListFactorTablesRequest& request);
  Result<v1::ListQuarantinedReply> list_quarantined(const v1::ListQuarantinedRequest& request);
  // center_admins.cc
  Result<v1::CenterAdmin> add_center_admin(const v1::CenterAdminRequest& request);
  Result<v1::Empty> remove_center_admin(const v1::CenterAdminRequest& request);
  Result<v1::ListCenterAdminsReply> list_center_admins(const v1::ListCenterAdminsRequest& request);
  Result<v1::Contract> set_settlement_prices(const v1::SetSettlementPricesRequest& request);
  // finance
  Result<v1::Wallet> fund_account(const v1::FundAccountRequest& request);
  // accounts.cc
  Result<v1::Wallet> set_credit_limit(const v1::SetCreditLimitRequest& request);
  Result<v1::Wallet> set_account_policy(const v1::SetAccountPolicyRequest& request);
  Result<v1::ListMembersReply> list_members(const v1::ListMembersRequest& request);
  Result<v1::Member> set_member_limits(const v1::SetMemberLimitsRequest& request);
  Result<v1::Wallet> open_account(const v1::OpenAccountRequest& request);
  Result<v1::Member> add_member(const v1::MemberRequest& request);
  Result<v1::Empty> remove_member(const v1::MemberRequest& request);
  // money_in.cc
  Result<v1::ListTopUpsReply> list_top_ups(const v1::ListTopUpsRequest& request);
  Result<v1::MoneyInReversal> reverse_money_in(const v1::ReverseMoneyInRequest& request);
  Result<v1::ListWalletsReply> list_billing_accounts(const v1::ListWalletsRequest& request);
  Result<v1::SettleReply> settle(const v1::SettleRequest& request);
  Result<v1::ListStatementsReply> list_statements(const v1::ListStatementsRequest& request);
  Result<v1::Document> get_statement(const v1::GetStatementRequest& request);
  Result<v1::VerifyLedgerReply> verify_ledger(const v1::VerifyLedgerRequest& request);
  Result<v1::TrialBalanceReply> trial_balance(const v1::TrialBalanceRequest& request);
  // two people
  Result<v1::ListProposalsReply> list_proposals(const v1::ListProposalsRequest& request);
  Result<v1::Proposal> approve_proposal(const v1::EndProposalRequest& request);
  Result<v1::Proposal> reject_proposal(const v1::EndProposalRequest& request);
  Result<v1::Proposal> withdraw_proposal(const v1::EndProposalRequest& request);
  // paying centers
  Result<v1::PayeeReply> set_payee(const v1::SetPayeeRequest& request);
  Result<v1::ListDueReply> list_due(const v1::ListDueRequest& request);
  Result<v1::ListPayoutsReply> list_payouts(const v1::ListPayoutsRequest& request);
  Result<v1::Payout> order_payout(const v1::OrderPayoutRequest& request);
  Result<v1::PaymentFile> export_payments(const v1::ExportPaymentsRequest& request);
  Result<v1::Document> get_payment_file(const v1::GetPaymentFileRequest& request);
  Result<v1::PaymentFile> withdraw_payments(const v1::WithdrawPaymentsRequest& request);
  // what the bank did
  Result<v1::ImportBankFileReply> import_bank_file(const v1::ImportBankFileRequest& request);
  Result<v1::ListBankEntriesReply> list_bank_entries(const v1::ListBankEntriesRequest& request);
  Result<v1::BankEntry> assign_bank_entry(const v1::AssignBankEntryRequest& request);
  // reconcile.cc
  Result<v1::ReconcileReply> reconcile_center(const v1::ReconcileCenterRequest& request);
  Result<v1::ListBreaksReply> list_breaks(const v1::ListBreaksRequest& request);
  Result<v1::Break> get_break(const v1::GetBreakRequest& request);
  Result<v1::Break> handle_break(const v1::HandleBreakRequest& request);
  // corrections
  Result<v1::Refund> refund_job(const v1::RefundJobRequest& request);
  Result<v1::Dispute> open_dispute(const v1::OpenDisputeRequest& request);
  Result<v1::ListDisputesReply> list_disputes(const v1::ListDisputesRequest& request);
  Result<v1::Dispute> resolve_dispute(const v1::ResolveDisputeRequest& request);
  // disputes.cc
  Result<v1::Dispute> get_dispute(const v1::GetDisputeRequest& request);
  Result<v1::DisputeEvidence> add_dispute_evidence(const v1::AddDisputeEvidenceRequest& request);
  Result<v1::Document> get_dispute_evidence(const v1::GetDisputeEvidenceRequest& request);
  // books: book_entries.cc, book_usage.cc, book_bills.cc, invoices.cc, reports.cc
  Result<v1::ListEntriesReply> list_entries(const v1::ListEntriesRequest& request);
  Result<v1::GetUsageReply> get_usage(const v1::GetUsageRequest& request);
  Result<v1::ListRatableReply> list_ratable(const v1::ListRatableRequest& request);
  Result<v1::ListBillsReply> list_bills(const v1::ListBillsRequest& request);
  Result<v1::Bill> get_bill(const v1::GetBillRequest& request);
  Result<v1::Invoice> request_invoice(const v1::RequestInvoiceRequest& request);
  Result<v1::ListInvoicesReply> list_invoices(const v1::ListInvoicesRequest& request);
  Result<v1::Invoice> move_invoice(const v1::MoveInvoiceRequest& request);
  Result<v1::Report> get_report(const v1::GetReportRequest& request);
  // credit lots: lots.cc
  Result<v1::Lot> grant_lot(const v1::GrantLotRequest& request);
  Result<v1::ListLotsReply> list_lots(const v1::ListLotsRequest& request);
  Result<v1::VoucherBatch> issue_vouchers(const v1::IssueVouchersRequest& request);
  Result<v1::ListVouchersReply> list_vouchers(const v1::ListVouchersRequest& request);
  Result<v1::Lot> redeem_voucher(const v1::RedeemVoucherRequest& request);
  // reserved capacity: reservations.cc
  Result<v1::ReservedPriceList> list_reserved_prices(const v1::ListReservedPricesRequest& request);
  Result<v1::ReservedPriceList> publish_reserved_prices(const v1::PublishReservedPricesRequest& request);
  Result<v1::Reservation> quote_reservation(const v1::ReservationRequest& request);
  Result<v1::Reservation> buy_reservation(const v1::ReservationRequest& request);
  Result<v1::ListReservationsReply> list_reservations(const v1::ListReservationsRequest& request);
  Result<v1::Reservation> get_reservation(const v1::GetReservationRequest& request);
  Result<v1::Reservation> end_reservation(const v1::EndReservationRequest& request);
  Result<v1::Reservation> set_reservation_renewal(const v1::SetReservationRenewalRequest& request);
  // packages of 度: packages.cc
  Result<v1::ProductList> publish_products(const v1::PublishProductsRequest& request);
  Result<v1::ProductList> list_products(const v1::ListProductsRequest& request);
  Result<v1::Lot> buy_package(const v1::BuyPackageRequest& request);
  // evidence.cc
  Result<v1::Document> get_evidence_proof(const v1::GetEvidenceProofRequest& request);
  Result<v1::ListDaysReply> list_days(const v1::ListDaysRequest& request);
  // The whole journal of accounts as text, in pieces. `write` returns false when the reader is gone.
  Status export_ledger(const v1::ExportLedgerRequest& request, const std::function<bool(std::string)>& write);

  LinkServer& link() { return parts_.link; }

 private:
  // Runs a command with the caller's key. `fingerprint` is of the request as it came, without who sent it.
  Result<CommandResult> run(const Caller& caller, std::string_view key, std::uint64_t fingerprint, CommandBody body);

  // Does an act, or, where two people are asked for, proposes it. Both are answered again under the same key.
  struct Acted {
    CommandResult result;                  // of the act, or of proposing it
    std::optional<v1::Proposal> proposal;  // it was proposed, and is not done
  };
  Result<Acted> act(const Caller& caller, std::string_view key, std::uint64_t fingerprint, Act act, const std::string& note);
  // Whose things a caller may look at: everybody's (nothing) for staff, those of the centers that he speaks for else. Errors:
  // forbidden (he has none of the roles).
  Result<std::optional<std::vector<CenterId>>> centers_seen(const Caller& caller, std::initializer_list<Role> staff);
  // Errors: not_found.
  static Status check_seen(const std::optional<std::vector<CenterId>>& seen, CenterId center);
  // The center in whose name the caller sets prices; `named` empty = the platform's, nil. Errors: forbidden, not_found.
  Result<CenterId> price_setter(const Caller& caller, const std::string& named);
  // Errors: not_found, also for a person of another tenant, where one is asked for.
  Result<UserId> person_named(const std::string& user, const std::string& issuer, std::optional<TenantId> tenant);
  // Errors: not_found.
  Result<ReverseMoneyIn> money_in_named(const std::string& id);
  // The contract as it is kept, or, with its proposal, as it was proposed.
  Result<v1::Contract> contract_reply(const Contract& contract, const Acted& acted);
  // The act that credits a bank's payment. Its ids follow from the payment's identity, so it is credited once, whoever asks.
  Result<FundAccount> funding_of(const StoredBankEntry& entry, BillingAccountId account, UserId by);
  // Entries whose assignment was proposed follow what became of the proposal.
  Status follow_proposed_entries();
  // What a job's newest charged attempt was charged, and what of it is neither given back nor disputed. Errors:
  // failed_precondition (nothing was charged).
  struct Charged {
    Charge charge;
    Amount left;
  };
  Result<Charged> charge_of(JobId job);
  Result<v1::Dispute> dispute_view(const Caller& caller, DisputeId id);
  // Whose dispute it is to the caller, or who looks after it. Operators look at disputes, and have no part in them but for those
  // that they opened in a center's name. Errors: not_found.
  struct SeenDispute {
    StoredDispute stored;
    std::optional<DisputeSide> side;
  };
  Result<SeenDispute> dispute_seen_by(const Caller& caller, DisputeId id);
  // The centers that the caller speaks for.
  Result<std::vector<CenterId>> own_centers(const Caller& caller);
  // What was charged for the job, to somebody who may dispute it. Errors: not_found, forbidden, failed_precondition.
  Result<Charged> disputable(const Caller& caller, JobId job, bool for_center);
  Result<UserId> owner_named(const Caller& caller, const std::string& text);
  Result<BreakPage> breaks_now(const BreakFilter& filter);
  // Errors: not_found.
  Result<StoredBreak> break_of(const BreakKey& key);
  Result<v1::Break> break_view(const BreakKey& key);
  // trace.cc: by what kind of name it is. Errors: not_found.
  Result<std::vector<TraceRow>> traced(const Caller& caller, const std::string& id);
  Result<std::vector<TraceRow>> traced_job(const Caller& caller, JobId job);
  Result<std::vector<TraceRow>> traced_period(const Caller& caller, PeriodId period);
  Result<std::vector<TraceRow>> traced_message(const Caller& caller, const Hash256& name);
  Result<std::vector<TraceRow>> traced_transfer(const Caller& caller, std::uint64_t position, std::uint32_t index);
  Result<std::vector<TraceRow>> traced_lot(const Caller& caller, LotId lot);
  // Errors: not_found, forbidden (it also speaks of what the caller may not see).
  Status check_message_seen(const Caller& caller, EvidenceKind kind, const std::string& message);
  Result<v1::Proposal> end_proposal(const v1::EndProposalRequest& request, ProposalEnd end);
  // The act in words and fields, with the names that the database knows. Errors: of the queries.
  Result<v1::Proposal> proposal_view(const StoredProposal& stored);
  // Open or ended. Errors: not_found.
  Result<StoredProposal> proposal_of(ProposalId id);

  // Reads the engine's state. The reader gets values only: it may still run after a timeout here.
  template <class F>
  auto look(F reader) -> Result<std::invoke_result_t<F&, const Market&>> {
    auto out = std::make_shared<std::optional<std::invoke_result_t<F&, const Market&>>>();
    CHECK_OK(parts_.engine.read_wait(
        [out, reader = std::move(reader)](const Market& market) mutable { out->emplace(reader(market)); }, seconds(10)));
    if (!*out) return fail(ErrorCode::unavailable);
    return std::move(**out);
  }

  // The account to act on: the one named if the caller is a member, else the caller's first. Errors: not_found.
  Result<BillingAccountId> account_of(const Caller& caller, const std::string& named);
  // A center by name or id. Errors: not_found.
  Result<CenterId> center_of(const std::string& name_or_id);
  Result<JobSpec> spec_of(const v1::JobSpec& in);
  Status keep_script(const std::string& script);
  // The list of the job's files, stored; its hash, zero where it has none. Errors: invalid_argument, too_large.
  Result<Hash256> keep_manifest(const v1::JobSpec& in);
  // That the account has every input, and keeps it from now on. Errors: failed_precondition, naming the first that is missing.
  Status check_inputs(BillingAccountId account, const Hash256& manifest);
  Status check_quoted_inputs(QuoteId id, BillingAccountId account, const v1::JobSpec& in);
  struct FilesOf;  // a job's: files.cc
  Result<FilesOf> files_of(const v1::Principal& principal, const std::string& job);
  Status check_quoted_script(QuoteId id, BillingAccountId account, const std::string& script);
  // The job as the caller may see it. Errors: not_found.
  Result<v1::Job> job_seen_by(const Caller& caller, JobId id);
  Result<std::optional<v1::Job>> array_seen_by(const Caller& caller, JobId id);
  Result<v1::Job> seen_by(const Caller& caller, JobId id);  // a job or an array
  Result<v1::ListJobsReply> list_folded(const JobFilter& filter);
  Result<v1::Principal> principal_of(const Person& person);
  // Its tenant. Errors: not_found.
  Result<TenantId> owned_by(const Caller& caller, BillingAccountId account);
  Status may_rule(const Caller& caller, BillingAccountId account);
  // Whose books the caller reads: one account's, all of his, or, for finance and operators who name none, everybody's (empty).
  Result<std::vector<BillingAccountId>> accounts_read(const Caller& caller, const std::string& named);
  Result<BilledAccount> billed_account(const Caller& caller, const std::string& named);
  Result<v1::Invoice> invoice_view(InvoiceId id, std::uint64_t position);
  Status export_span(const v1::ExportLedgerRequest& request, const std::function<bool(std::string)>& write);
  Result<v1::Wallet> wallet_of(BillingAccountId account);
  Result<v1::Lot> lot_view(LotId id);
  Result<BuyReservation> wanted_reservation(const Caller& caller, const v1::ReservationRequest& request, BillingAccountId account);
  Result<v1::Reservation> reservation_view(const Caller& caller, ReservationId id);
  // In whose name the caller spends an account's money: the owner's. Errors: not_found, forbidden (neither the owner nor finance).
  Result<UserId> spender_of(const Caller& caller, BillingAccountId account);
  Result<v1::Center> center_view(CenterId id, bool with_money);
  bool offline(CenterId center) const { return !parts_.link.status(center).online; }
  std::uint64_t position() const { return parts_.engine.stats().position; }

  MarketServiceOptions options_;
  MarketServiceParts parts_;
  Identity identity_;
  Queries queries_;
  BankEntries bank_entries_;
  Breaks breaks_;
};

// First 8 bytes of SHA-256 over the RPC's name and the request without its principal: what "the same request" means.
template <class Request>
std::uint64_t fingerprint(std::string_view rpc, Request request) {
  request.clear_principal();
  std::string bytes(rpc);
  bytes.push_back('\0');
  request.AppendToString(&bytes);
  const Hash256 hash = sha256(bytes);
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | hash.bytes[static_cast<std::size_t>(i)];
  return value;
}

// A uuid that is the same for the same words: what a repeat must name again. Version 8, variant 10 (RFC 9562).
Uuid derived_uuid(std::string_view purpose, std::string_view text);

// The amount of a charge as it was typed; nothing = all of it. Errors: of parse_amount, amount_not_positive.
Result<Amount> amount_or_all(const std::string& text, Amount all);

// A contract's settlement prices; their ids follow from the key. Errors: of read_price, naming the row; too_large.
Result<std::vector<pricing::PriceRow>> read_settlement(const google::protobuf::RepeatedPtrField<v1::PriceRow>& rows, CenterId center,
                                                       const std::string& key, Instant valid_from);

// The uuid of a text id of any kind that a job's chain knows.
std::optional<Uuid> chain_id(const std::string& text);

// The jobs that a signed message speaks of; nothing when that can't be told.
std::optional<std::set<JobId>> jobs_in(EvidenceKind kind, const std::string& message);

// Whether the job's owner, or somebody whose work is to look (operators, finance), asks.
bool may_see(const Caller& caller, const Market& market, BillingAccountId account);

}  // namespace bourse::broker::api
