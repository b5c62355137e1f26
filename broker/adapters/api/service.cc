// The gRPC face: each RPC goes to a pool, its handler's Result becomes a reply or a status with the problem trailer.
#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "bourse/market/v1/market.grpc.pb.h"
#include "broker/adapters/api/api.h"
#include "broker/adapters/api/grpc_status.h"
#include "broker/adapters/api/workers.h"

namespace bourse::broker {
namespace api {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

void finish(CallbackServerContext* context, ServerUnaryReactor* reactor, const Status& status) {
  if (status) return reactor->Finish(grpc::Status::OK);
  context->AddTrailingMetadata(kProblemTrailer, problem_trailer(status.error()));
  reactor->Finish(grpc_status(status.error()));
}

// What a handler threw is a fault of ours: named in the log, not to the caller.
template <class F>
auto guarded(std::string_view rpc, F&& handle) -> decltype(handle()) {
  try {
    return handle();
  } catch (const std::exception& e) {
    spdlog::error("{}: {}", rpc, e.what());
    return fail(ErrorCode::internal);
  }
}

class Service final : public v1::Market::CallbackService {
 public:
  Service(Api& api, std::size_t command_threads, std::size_t query_threads, std::size_t max_waiting)
      : api_(api), commands_(command_threads, max_waiting), queries_(query_threads, max_waiting) {}

  void stop() {
    commands_.stop();
    queries_.stop();
  }

#define BOURSE_UNARY(Rpc, Request, Reply, pool, handler)                                                        \
  ServerUnaryReactor* Rpc(CallbackServerContext* context, const v1::Request* request, v1::Reply* reply) override { \
    return run(#Rpc, pool, context, request, reply, &Api::handler);                                             \
  }
  BOURSE_UNARY(SignIn, SignInRequest, Principal, commands_, sign_in)
  BOURSE_UNARY(CreateSession, CreateSessionRequest, Empty, commands_, create_session)
  BOURSE_UNARY(ResolveSession, ResolveSessionRequest, Principal, commands_, resolve_session)
  BOURSE_UNARY(EndSession, EndSessionRequest, Empty, commands_, end_session)
  BOURSE_UNARY(ListOffers, ListOffersRequest, ListOffersReply, commands_, list_offers)
  BOURSE_UNARY(Quote, QuoteRequest, QuoteReply, commands_, quote)
  BOURSE_UNARY(Submit, SubmitRequest, Job, commands_, submit)
  BOURSE_UNARY(CancelJob, CancelJobRequest, Job, commands_, cancel_job)
  BOURSE_UNARY(GetJob, GetJobRequest, Job, commands_, get_job)
  BOURSE_UNARY(ListJobs, ListJobsRequest, ListJobsReply, queries_, list_jobs)
  BOURSE_UNARY(GetReceipt, GetJobRequest, Receipt, queries_, get_receipt)
  BOURSE_UNARY(ListWallets, ListWalletsRequest, ListWalletsReply, commands_, list_wallets)
  BOURSE_UNARY(Trace, TraceRequest, TraceReply, queries_, trace)
  BOURSE_UNARY(InviteCenter, InviteCenterRequest, InviteCenterReply, commands_, invite_center)
  BOURSE_UNARY(ListInvitations, ListInvitationsRequest, ListInvitationsReply, queries_, list_invitations)
  BOURSE_UNARY(WithdrawInvitation, WithdrawInvitationRequest, Empty, commands_, withdraw_invitation)
  BOURSE_UNARY(AdmitCenter, AdmitCenterRequest, Admission, commands_, admit_center)
  BOURSE_UNARY(ListCenters, ListCentersRequest, ListCentersReply, queries_, list_centers)
  BOURSE_UNARY(SetCenterState, SetCenterStateRequest, Center, commands_, set_center_state)
  BOURSE_UNARY(GetSelling, GetSellingRequest, Selling, queries_, get_selling)
  BOURSE_UNARY(SetSellingRule, SetSellingRuleRequest, Selling, commands_, set_selling_rule)
  BOURSE_UNARY(SetContract, SetContractRequest, Contract, commands_, set_contract)
  BOURSE_UNARY(PublishPrices, PublishPricesRequest, PublishPricesReply, commands_, publish_prices)
  BOURSE_UNARY(ListPrices, ListPricesRequest, ListPricesReply, commands_, list_prices)
  BOURSE_UNARY(ListFactorTables, ListFactorTablesRequest, FactorTableList, commands_, list_factor_tables)
  BOURSE_UNARY(ListQuarantined, ListQuarantinedRequest, ListQuarantinedReply, queries_, list_quarantined)
  BOURSE_UNARY(AddCenterAdmin, CenterAdminRequest, CenterAdmin, queries_, add_center_admin)
  BOURSE_UNARY(RemoveCenterAdmin, CenterAdminRequest, Empty, queries_, remove_center_admin)
  BOURSE_UNARY(ListCenterAdmins, ListCenterAdminsRequest, ListCenterAdminsReply, queries_, list_center_admins)
  BOURSE_UNARY(SetSettlementPrices, SetSettlementPricesRequest, Contract, commands_, set_settlement_prices)
  BOURSE_UNARY(FundAccount, FundAccountRequest, Wallet, commands_, fund_account)
  BOURSE_UNARY(SetCreditLimit, SetCreditLimitRequest, Wallet, commands_, set_credit_limit)
  BOURSE_UNARY(SetAccountPolicy, SetAccountPolicyRequest, Wallet, commands_, set_account_policy)
  BOURSE_UNARY(ListMembers, ListMembersRequest, ListMembersReply, queries_, list_members)
  BOURSE_UNARY(SetMemberLimits, SetMemberLimitsRequest, Member, commands_, set_member_limits)
  BOURSE_UNARY(OpenAccount, OpenAccountRequest, Wallet, commands_, open_account)
  BOURSE_UNARY(AddMember, MemberRequest, Member, commands_, add_member)
  BOURSE_UNARY(RemoveMember, MemberRequest, Empty, commands_, remove_member)
  BOURSE_UNARY(ListTopUps, ListTopUpsRequest, ListTopUpsReply, queries_, list_top_ups)
  BOURSE_UNARY(ReverseMoneyIn, ReverseMoneyInRequest, MoneyInReversal, queries_, reverse_money_in)
  BOURSE_UNARY(ListBillingAccounts, ListWalletsRequest, ListWalletsReply, queries_, list_billing_accounts)
  BOURSE_UNARY(Settle, SettleRequest, SettleReply, queries_, settle)
  BOURSE_UNARY(ListStatements, ListStatementsRequest, ListStatementsReply, queries_, list_statements)
  BOURSE_UNARY(GetStatement, GetStatementRequest, Document, queries_, get_statement)
  BOURSE_UNARY(GetEvidenceProof, GetEvidenceProofRequest, Document, queries_, get_evidence_proof)
  BOURSE_UNARY(ListDays, ListDaysRequest, ListDaysReply, queries_, list_days)
  BOURSE_UNARY(VerifyLedger, VerifyLedgerRequest, VerifyLedgerReply, queries_, verify_ledger)
  BOURSE_UNARY(TrialBalance, TrialBalanceRequest, TrialBalanceReply, queries_, trial_balance)
  BOURSE_UNARY(ListProposals, ListProposalsRequest, ListProposalsReply, queries_, list_proposals)
  BOURSE_UNARY(ApproveProposal, EndProposalRequest, Proposal, commands_, approve_proposal)
  BOURSE_UNARY(RejectProposal, EndProposalRequest, Proposal, commands_, reject_proposal)
  BOURSE_UNARY(WithdrawProposal, EndProposalRequest, Proposal, commands_, withdraw_proposal)
  BOURSE_UNARY(SetPayee, SetPayeeRequest, PayeeReply, commands_, set_payee)
  BOURSE_UNARY(ListDue, ListDueRequest, ListDueReply, commands_, list_due)
  BOURSE_UNARY(ListPayouts, ListPayoutsRequest, ListPayoutsReply, queries_, list_payouts)
  BOURSE_UNARY(OrderPayout, OrderPayoutRequest, Payout, commands_, order_payout)
  BOURSE_UNARY(ExportPayments, ExportPaymentsRequest, PaymentFile, commands_, export_payments)
  BOURSE_UNARY(GetPaymentFile, GetPaymentFileRequest, Document, queries_, get_payment_file)
  BOURSE_UNARY(WithdrawPayments, WithdrawPaymentsRequest, PaymentFile, commands_, withdraw_payments)
  BOURSE_UNARY(ImportBankFile, ImportBankFileRequest, ImportBankFileReply, queries_, import_bank_file)
  BOURSE_UNARY(ListBankEntries, ListBankEntriesRequest, ListBankEntriesReply, queries_, list_bank_entries)
  BOURSE_UNARY(AssignBankEntry, AssignBankEntryRequest, BankEntry, commands_, assign_bank_entry)
  BOURSE_UNARY(ReconcileCenter, ReconcileCenterRequest, ReconcileReply, queries_, reconcile_center)
  BOURSE_UNARY(ListBreaks, ListBreaksRequest, ListBreaksReply, queries_, list_breaks)
  BOURSE_UNARY(GetBreak, GetBreakRequest, Break, queries_, get_break)
  BOURSE_UNARY(HandleBreak, HandleBreakRequest, Break, queries_, handle_break)
  BOURSE_UNARY(RefundJob, RefundJobRequest, Refund, queries_, refund_job)
  BOURSE_UNARY(OpenDispute, OpenDisputeRequest, Dispute, queries_, open_dispute)
  BOURSE_UNARY(ListDisputes, ListDisputesRequest, ListDisputesReply, queries_, list_disputes)
  BOURSE_UNARY(ResolveDispute, ResolveDisputeRequest, Dispute, queries_, resolve_dispute)
  BOURSE_UNARY(GetDispute, GetDisputeRequest, Dispute, queries_, get_dispute)
  BOURSE_UNARY(AddDisputeEvidence, AddDisputeEvidenceRequest, DisputeEvidence, queries_, add_dispute_evidence)
  BOURSE_UNARY(GetDisputeEvidence, GetDisputeEvidenceRequest, Document, queries_, get_dispute_evidence)
  BOURSE_UNARY(ListEntries, ListEntriesRequest, ListEntriesReply, queries_, list_entries)
  BOURSE_UNARY(GetUsage, GetUsageRequest, GetUsageReply, queries_, get_usage)
  BOURSE_UNARY(ListRatable, ListRatableRequest, ListRatableReply, queries_, list_ratable)
  BOURSE_UNARY(ListBills, ListBillsRequest, ListBillsReply, queries_, list_bills)
  BOURSE_UNARY(GetBill, GetBillRequest, Bill, queries_, get_bill)
  BOURSE_UNARY(RequestInvoice, RequestInvoiceRequest, Invoice, queries_, request_invoice)
  BOURSE_UNARY(ListInvoices, ListInvoicesRequest, ListInvoicesReply, commands_, list_invoices)
  BOURSE_UNARY(MoveInvoice, MoveInvoiceRequest, Invoice, commands_, move_invoice)
  BOURSE_UNARY(GetReport, GetReportRequest, Report, queries_, get_report)
  BOURSE_UNARY(GrantLot, GrantLotRequest, Lot, commands_, grant_lot)
  BOURSE_UNARY(ListLots, ListLotsRequest, ListLotsReply, commands_, list_lots)
  BOURSE_UNARY(IssueVouchers, IssueVouchersRequest, VoucherBatch, commands_, issue_vouchers)
  BOURSE_UNARY(ListVouchers, ListVouchersRequest, ListVouchersReply, queries_, list_vouchers)
  BOURSE_UNARY(RedeemVoucher, RedeemVoucherRequest, Lot, commands_, redeem_voucher)
  BOURSE_UNARY(ListReservedPrices, ListReservedPricesRequest, ReservedPriceList, commands_, list_reserved_prices)
  BOURSE_UNARY(PublishReservedPrices, PublishReservedPricesRequest, ReservedPriceList, commands_, publish_reserved_prices)
  BOURSE_UNARY(QuoteReservation, ReservationRequest, Reservation, commands_, quote_reservation)
  BOURSE_UNARY(BuyReservation, ReservationRequest, Reservation, commands_, buy_reservation)
  BOURSE_UNARY(ListReservations, ListReservationsRequest, ListReservationsReply, queries_, list_reservations)
  BOURSE_UNARY(GetReservation, GetReservationRequest, Reservation, queries_, get_reservation)
  BOURSE_UNARY(EndReservation, EndReservationRequest, Reservation, commands_, end_reservation)
  BOURSE_UNARY(SetReservationRenewal, SetReservationRenewalRequest, Reservation, commands_, set_reservation_renewal)
  BOURSE_UNARY(PublishProducts, PublishProductsRequest, ProductList, commands_, publish_products)
  BOURSE_UNARY(ListProducts, ListProductsRequest, ProductList, commands_, list_products)
  BOURSE_UNARY(BuyPackage, BuyPackageRequest, Lot, commands_, buy_package)
  BOURSE_UNARY(GetUpload, GetUploadRequest, Upload, commands_, get_upload)
  BOURSE_UNARY(WriteUpload, WriteUploadRequest, Upload, commands_, write_upload)
  BOURSE_UNARY(ListJobFiles, ListJobFilesRequest, JobFiles, queries_, list_job_files)
  BOURSE_UNARY(ReadJobFile, ReadJobFileRequest, JobFilePiece, queries_, read_job_file)
#undef BOURSE_UNARY

  ServerUnaryReactor* GetLog(CallbackServerContext* context, const v1::GetLogRequest* request, v1::LogReply* reply) override;
  grpc::ServerWriteReactor<v1::Chunk>* ExportLedger(CallbackServerContext* context,
                                                    const v1::ExportLedgerRequest* request) override;

 private:
  template <class Request, class Reply>
  ServerUnaryReactor* run(std::string_view rpc, Workers& pool, CallbackServerContext* context, const Request* request,
                          Reply* reply, Result<Reply> (Api::*handler)(const Request&)) {
    ServerUnaryReactor* reactor = context->DefaultReactor();
    const Status taken = pool.run([this, rpc, context, request, reply, handler, reactor] {
      Result<Reply> result = guarded(rpc, [&] { return (api_.*handler)(*request); });
      if (!result) return finish(context, reactor, std::unexpected(result.error()));
      *reply = std::move(*result);
      finish(context, reactor, {});
    });
    if (!taken) finish(context, reactor, taken);
    return reactor;
  }

  Api& api_;
  Workers commands_, queries_;
};

// Asynchronous after the look-up: a slow center holds no thread of ours.
ServerUnaryReactor* Service::GetLog(CallbackServerContext* context, const v1::GetLogRequest* request, v1::LogReply* reply) {
  static constexpr std::int64_t kMostAtOnce = 256 * 1024;
  ServerUnaryReactor* reactor = context->DefaultReactor();
  const Status taken = commands_.run([this, context, request, reply, reactor] {
    const Result<Api::LogTarget> target = guarded("GetLog", [&] { return api_.log_target(*request); });
    if (!target) return finish(context, reactor, std::unexpected(target.error()));
    const std::int64_t wanted = request->max_bytes() == 0 ? kMostAtOnce : std::min(request->max_bytes(), kMostAtOnce);
    const auto answer = [context, reply, reactor, ended = target->ended](Result<LogSlice> slice) {
      if (!slice) return finish(context, reactor, std::unexpected(slice.error()));
      reply->set_data(std::move(slice->data));
      reply->set_offset(slice->offset);
      reply->set_size(slice->size);
      reply->set_ended(ended);
      finish(context, reactor, {});
    };
    api_.link().read_log(target->center, target->job, target->attempt, request->offset(), wanted,
                         [this, answer, target = *target, offset = request->offset(), wanted](Result<LogSlice> slice) {
                           if (slice || !target.ended) return answer(std::move(slice));
                           // The center is away, or has cleared up: what it handed over is read on a thread that may wait.
                           const Error error = slice.error();
                           const Status taken = queries_.run([this, answer, target, offset, wanted, error] {
                             auto kept = guarded("GetLog", [&] { return api_.kept_log(target, offset, wanted); });
                             answer(kept ? std::move(kept) : std::unexpected(error));
                           });
                           if (!taken) answer(std::unexpected(taken.error()));
                         });
  });
  if (!taken) finish(context, reactor, taken);
  return reactor;
}

// Feeds a reader piece by piece: the producing thread waits until the last piece was taken, so memory stays at one piece.
class LedgerStream final : public grpc::ServerWriteReactor<v1::Chunk> {
 public:
  explicit LedgerStream(CallbackServerContext* context) : context_(context) {}

  // On the producing thread. False when the reader is gone or took nothing for a minute.
  bool write(std::string data) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::minutes(1), [this] { return !writing_ || gone_; }) || gone_) return false;
    chunk_.set_data(std::move(data));
    writing_ = true;
    lock.unlock();
    StartWrite(&chunk_);
    return true;
  }
  void end(const Status& status) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::minutes(1), [this] { return !writing_ || gone_; });
    }
    if (!status) context_->AddTrailingMetadata(kProblemTrailer, problem_trailer(status.error()));
    Finish(status ? grpc::Status::OK : grpc_status(status.error()));
  }

  void OnWriteDone(bool ok) override {
    const std::scoped_lock lock(mutex_);
    writing_ = false;
    if (!ok) gone_ = true;
    changed_.notify_all();
  }
  void OnCancel() override {
    const std::scoped_lock lock(mutex_);
    gone_ = true;
    changed_.notify_all();
  }
  void OnDone() override { delete this; }

 private:
  CallbackServerContext* context_;
  std::mutex mutex_;
  std::condition_variable changed_;
  v1::Chunk chunk_;
  bool writing_ = false;
  bool gone_ = false;
};

grpc::ServerWriteReactor<v1::Chunk>* Service::ExportLedger(CallbackServerContext* context,
                                                           const v1::ExportLedgerRequest* request) {
  auto* stream = new LedgerStream(context);  // deletes itself in OnDone
  const Status taken = queries_.run([this, stream, request] {
    stream->end(guarded("ExportLedger", [&] {
      return api_.export_ledger(*request, [stream](std::string data) { return stream->write(std::move(data)); });
    }));
  });
  if (!taken) stream->end(taken);
  return stream;
}

}  // namespace
}  // namespace api

struct MarketService::Impl {
  Impl(MarketServiceOptions options, MarketServiceParts parts)
      : api(options, std::move(parts)),
        service(api, options.command_threads, options.query_threads, options.max_waiting) {}
  api::Api api;
  api::Service service;
};

MarketService::MarketService(MarketServiceOptions options, MarketServiceParts parts)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(parts))) {}
MarketService::~MarketService() { shutdown(); }
grpc::Service& MarketService::service() { return impl_->service; }
void MarketService::shutdown() { impl_->service.stop(); }

}  // namespace bourse::broker
