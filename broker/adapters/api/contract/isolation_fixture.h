// For the tests of who may do what: every RPC, as a user's or as the staff's, filled so that only rights decide.
#pragma once

#include <functional>
#include "broker/adapters/api/contract/market_world.h"

namespace bourse::test {

using Stub = v1::Market::Stub;

class Isolation : public MarketWorld {
 protected:
  // An RPC with everything in it that makes it valid for its owner; `who` is put in.
  struct Rpc {
    std::string name;
    std::function<Answer(const v1::Principal&)> call;
  };
  template <class Request, class Reply>
  Rpc rpc(std::string name, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*), Request request) {
    return {std::move(name), [this, method, request](const v1::Principal& who) mutable {
              *request.mutable_principal() = who;
              if constexpr (requires { request.set_key(""); }) request.set_key(key());
              Reply reply;
              return call(method, request, &reply);
            }};
  }

  std::vector<Rpc> user_rpcs(const std::string& account, const std::string& job, const std::string& quote) {
    v1::QuoteRequest ask;
    ask.set_account(account);
    *ask.mutable_spec() = spec();
    v1::SubmitRequest submit_spec;
    submit_spec.set_account(account);
    *submit_spec.mutable_spec() = spec();
    v1::SubmitRequest submit_quote;
    submit_quote.set_quote(quote);
    v1::GetJobRequest which;
    which.set_job(job);
    v1::CancelJobRequest cancel;
    cancel.set_job(job);
    v1::GetLogRequest log;
    log.set_job(job);
    v1::TraceRequest trace;
    trace.set_id(job);
    v1::ListJobsRequest list;
    list.set_account(account);
    v1::GetEvidenceProofRequest proof;
    proof.set_id(job);
    v1::OpenDisputeRequest dispute;
    dispute.set_job(job);
    dispute.set_reason("mine");
    v1::ListEntriesRequest entries;
    entries.set_account(account);
    v1::GetUsageRequest usage;
    usage.set_account(account);
    usage.set_from("2026-01-01"), usage.set_to("2026-01-31");
    v1::ListRatableRequest ratable;
    ratable.set_account(account);
    ratable.set_month("2026-01");
    v1::ListBillsRequest bills;
    bills.set_account(account);
    v1::GetBillRequest bill;
    bill.set_account(account);
    bill.set_month("2026-01");
    v1::RequestInvoiceRequest invoice;
    invoice.set_account(account);
    v1::ListInvoicesRequest invoices;
    invoices.set_account(account);
    v1::ListLotsRequest lots;
    lots.set_account(account);
    v1::ReservationRequest reservation;
    reservation.set_account(account);
    reservation.set_center("alpha"), reservation.set_pool("batch"), reservation.set_what("node"), reservation.set_term("month");
    v1::ListReservationsRequest reservations;
    reservations.set_account(account);
    v1::RedeemVoucherRequest voucher;
    voucher.set_account(account);
    voucher.set_code("AAAAA-AAAAA-AAAAA-AAAAA-AAAAA");
    v1::BuyPackageRequest package;
    package.set_account(account);
    std::vector<Rpc> out = {
            rpc("Quote", &Stub::Quote, ask),         rpc("Submit", &Stub::Submit, submit_spec), rpc("Submit quote", &Stub::Submit, submit_quote),
            rpc("GetJob", &Stub::GetJob, which),     rpc("CancelJob", &Stub::CancelJob, cancel), rpc("GetLog", &Stub::GetLog, log),
            rpc("GetReceipt", &Stub::GetReceipt, which), rpc("Trace", &Stub::Trace, trace),     rpc("ListJobs", &Stub::ListJobs, list),
            rpc("OpenDispute", &Stub::OpenDispute, dispute), rpc("ListEntries", &Stub::ListEntries, entries),
            rpc("GetUsage", &Stub::GetUsage, usage), rpc("ListRatable", &Stub::ListRatable, ratable), rpc("ListBills", &Stub::ListBills, bills),
            rpc("GetBill", &Stub::GetBill, bill), rpc("RequestInvoice", &Stub::RequestInvoice, invoice), rpc("ListInvoices", &Stub::ListInvoices, invoices),
            rpc("ListLots", &Stub::ListLots, lots), rpc("RedeemVoucher", &Stub::RedeemVoucher, voucher),
            rpc("QuoteReservation", &Stub::QuoteReservation, reservation), rpc("BuyReservation", &Stub::BuyReservation, reservation),
            rpc("ListReservations", &Stub::ListReservations, reservations),
            rpc("BuyPackage", &Stub::BuyPackage, package), rpc("GetEvidenceProof", &Stub::GetEvidenceProof, proof)};
    for (Rpc& one : sharing_rpcs(account)) out.push_back(std::move(one));
    for (Rpc& one : dispute_rpcs()) out.push_back(std::move(one));
    for (Rpc& one : file_rpcs(account, job)) out.push_back(std::move(one));
    return out;
  }
  std::vector<Rpc> file_rpcs(const std::string& account, const std::string& job) {
    v1::GetUploadRequest get;
    get.set_account(account);
    get.set_sha256(std::string(64, 'a'));
    v1::WriteUploadRequest write;
    write.set_account(account);
    write.set_sha256(std::string(64, 'a'));
    write.set_size(5);
    v1::ListJobFilesRequest list;
    list.set_job(job);
    v1::ReadJobFileRequest read;
    read.set_job(job);
    read.set_path("results");
    return {rpc("GetUpload", &Stub::GetUpload, get), rpc("WriteUpload", &Stub::WriteUpload, write),
            rpc("ListJobFiles", &Stub::ListJobFiles, list), rpc("ReadJobFile", &Stub::ReadJobFile, read)};
  }
  // Of a dispute that isn't there; whose others are, dispute_test.cc asks.
  std::vector<Rpc> dispute_rpcs() {
    v1::GetDisputeRequest get;
    get.set_dispute(to_text(DisputeId{}));
    v1::AddDisputeEvidenceRequest add;
    add.set_dispute(get.dispute());
    v1::GetDisputeEvidenceRequest read;
    read.set_dispute(get.dispute());
    return {rpc("GetDispute", &Stub::GetDispute, get), rpc("AddDisputeEvidence", &Stub::AddDisputeEvidence, add),
            rpc("GetDisputeEvidence", &Stub::GetDisputeEvidence, read)};
  }
  std::vector<Rpc> sharing_rpcs(const std::string& account) {
    v1::ListMembersRequest members;
    members.set_account(account);
    v1::SetMemberLimitsRequest limits;
    limits.set_account(account);
    limits.set_user(to_text(UserId{}));
    v1::MemberRequest member;
    member.set_account(account);
    member.set_user(to_text(UserId{}));
    return {rpc("ListMembers", &Stub::ListMembers, members), rpc("SetMemberLimits", &Stub::SetMemberLimits, limits),
            rpc("AddMember", &Stub::AddMember, member), rpc("RemoveMember", &Stub::RemoveMember, member)};
  }

  std::vector<Rpc> staff_rpcs(const std::string& account, const std::string& center, const std::string& period) {
    v1::SetCenterStateRequest state;
    state.set_center(center);
    state.set_state("paused");
    v1::SetContractRequest contract;
    contract.mutable_contract()->set_center(center);
    v1::PublishPricesRequest prices;
    prices.add_rows()->set_meter("core_ms");
    v1::FundAccountRequest funding;
    funding.set_account(account);
    funding.set_bank_reference("x");
    funding.mutable_money()->set_amount("1");
    funding.mutable_money()->set_unit("CNY");
    v1::SettleRequest settle;
    settle.set_center(center);
    v1::GetStatementRequest statement;
    statement.set_period(period);
    v1::SetCreditLimitRequest credit;
    credit.set_account(account);
    v1::SetAccountPolicyRequest policy;
    policy.set_frozen(true);
    policy.set_account(account);
    v1::AssignBankEntryRequest assign;
    assign.set_account(account);
    v1::ListEntriesRequest platform;
    platform.set_account("platform_revenue");
    std::vector<Rpc> out = center_rpcs(center);
    for (Rpc& one : membership_rpcs()) out.push_back(std::move(one));
    std::vector<Rpc> rest = {rpc("SetCreditLimit", &Stub::SetCreditLimit, credit),
            rpc("SetAccountPolicy", &Stub::SetAccountPolicy, policy),
            rpc("ListTopUps", &Stub::ListTopUps, v1::ListTopUpsRequest{}),
            rpc("ReverseMoneyIn", &Stub::ReverseMoneyIn, v1::ReverseMoneyInRequest{}),
            rpc("AssignBankEntry", &Stub::AssignBankEntry, assign),
            rpc("ListProposals", &Stub::ListProposals, v1::ListProposalsRequest{}),
            rpc("ListDue", &Stub::ListDue, v1::ListDueRequest{}),
            rpc("ListPayouts", &Stub::ListPayouts, v1::ListPayoutsRequest{}),
            rpc("ExportPayments", &Stub::ExportPayments, v1::ExportPaymentsRequest{}),
            rpc("GetPaymentFile", &Stub::GetPaymentFile, v1::GetPaymentFileRequest{}),
            rpc("WithdrawPayments", &Stub::WithdrawPayments, v1::WithdrawPaymentsRequest{}),
            rpc("ImportBankFile", &Stub::ImportBankFile, v1::ImportBankFileRequest{}),
            rpc("ListBankEntries", &Stub::ListBankEntries, v1::ListBankEntriesRequest{}),
            rpc("ReconcileCenter", &Stub::ReconcileCenter, v1::ReconcileCenterRequest{}),
            rpc("ListBreaks", &Stub::ListBreaks, v1::ListBreaksRequest{}),
            rpc("GetBreak", &Stub::GetBreak, v1::GetBreakRequest{}),
            rpc("HandleBreak", &Stub::HandleBreak, v1::HandleBreakRequest{}),
            rpc("RefundJob", &Stub::RefundJob, v1::RefundJobRequest{}),
            rpc("GrantLot", &Stub::GrantLot, v1::GrantLotRequest{}),
            rpc("PublishReservedPrices", &Stub::PublishReservedPrices, v1::PublishReservedPricesRequest{}),
            rpc("IssueVouchers", &Stub::IssueVouchers, v1::IssueVouchersRequest{}),
            rpc("ListVouchers", &Stub::ListVouchers, v1::ListVouchersRequest{}),
            rpc("PublishProducts", &Stub::PublishProducts, v1::PublishProductsRequest{}),
            rpc("SetCenterState", &Stub::SetCenterState, state),
            rpc("SetContract", &Stub::SetContract, contract),
            rpc("PublishPrices", &Stub::PublishPrices, prices),
            rpc("ListQuarantined", &Stub::ListQuarantined, v1::ListQuarantinedRequest{}),
            rpc("FundAccount", &Stub::FundAccount, funding),
            rpc("ListBillingAccounts", &Stub::ListBillingAccounts, v1::ListWalletsRequest{}),
            rpc("Settle", &Stub::Settle, settle),
            rpc("ListStatements", &Stub::ListStatements, v1::ListStatementsRequest{}),
            rpc("GetStatement", &Stub::GetStatement, statement),
            rpc("ListDays", &Stub::ListDays, v1::ListDaysRequest{}),
            rpc("VerifyLedger", &Stub::VerifyLedger, v1::VerifyLedgerRequest{}),
            rpc("TrialBalance", &Stub::TrialBalance, v1::TrialBalanceRequest{}),
            rpc("ListEntries of the platform", &Stub::ListEntries, platform),
            rpc("GetReport", &Stub::GetReport, v1::GetReportRequest{})};
    for (Rpc& one : rest) out.push_back(std::move(one));
    return out;
  }
  std::vector<Rpc> membership_rpcs() {
    v1::InviteCenterRequest invite;
    invite.set_name("beta");
    v1::WithdrawInvitationRequest withdraw;
    withdraw.set_center("beta");
    v1::AdmitCenterRequest admit;
    admit.set_center("beta");
    admit.set_fingerprint(std::string(64, 'a'));
    return {rpc("InviteCenter", &Stub::InviteCenter, invite), rpc("ListInvitations", &Stub::ListInvitations, v1::ListInvitationsRequest{}),
            rpc("WithdrawInvitation", &Stub::WithdrawInvitation, withdraw), rpc("AdmitCenter", &Stub::AdmitCenter, admit)};
  }
  std::vector<Rpc> center_rpcs(const std::string& center) {
    v1::CenterAdminRequest admin;
    admin.set_center(center);
    v1::ListCenterAdminsRequest admins;
    admins.set_center(center);
    v1::SetSettlementPricesRequest settlement;
    settlement.set_center(center);
    v1::SetPayeeRequest payee;
    payee.set_center(center);
    v1::OrderPayoutRequest payout;
    payout.set_center(center);
    v1::GetSellingRequest selling;
    selling.set_center(center);
    v1::SetSellingRuleRequest rule;
    rule.set_center(center);
    return {rpc("GetSelling", &Stub::GetSelling, selling),
            rpc("SetSellingRule", &Stub::SetSellingRule, rule),
            rpc("AddCenterAdmin", &Stub::AddCenterAdmin, admin),
            rpc("RemoveCenterAdmin", &Stub::RemoveCenterAdmin, admin),
            rpc("ListCenterAdmins", &Stub::ListCenterAdmins, admins),
            rpc("SetSettlementPrices", &Stub::SetSettlementPrices, settlement),
            rpc("SetPayee", &Stub::SetPayee, payee),
            rpc("OrderPayout", &Stub::OrderPayout, payout)};
  }

  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
    ada_ = sign_in("ada", "Demo University", {"user"});
    bob_ = sign_in("bob", "Other University", {"user"});
    fund(ada_, "100");
    fund(bob_, "100");
    v1::QuoteRequest ask;
    *ask.mutable_principal() = ada_;
    ask.set_key(key());
    *ask.mutable_spec() = spec();
    v1::QuoteReply quote;
    EXPECT_TRUE(call(&Stub::Quote, ask, &quote).ok());
    quote_ = quote.quote();
    job_ = submit(ada_, spec()).id();
  }

  StubCenter alpha_;
  v1::Principal ada_, bob_;
  std::string job_, quote_;
};

}  // namespace bourse::test
