// For tests of books: an account that trades, asks of the API, and a hand that moves what was booked to an earlier day.
#pragma once

#include "broker/adapters/api/contract/market_world.h"

namespace bourse::test {

class BooksWorld : public MarketWorld {
 protected:
  using Stub = v1::Market::Stub;

  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
    ada_ = sign_in("ada", "Demo University", {"user"});
    bob_ = sign_in("bob", "Other University", {"user"});
    fund(ada_, "100");
  }
  // A job of ada's that ran for `ran`; its id.
  std::string run(const std::string& project, Duration ran = seconds(30)) {
    v1::JobSpec what = spec("primes");
    what.set_project(project);
    const std::string id = submit(ada_, what).id();
    run_job(alpha_, id, ran);
    return id;
  }
  Amount charged(const std::string& job) { return *parse_amount(see(ada_, job).charged().amount()); }
  Amount balance() {
    v1::ListWalletsReply reply;
    EXPECT_EQ(ask(&Stub::ListWallets, v1::ListWalletsRequest{}, ada_, &reply), "");
    return *parse_amount(reply.wallets(0).balance());
  }
  void refund(const std::string& job, const std::string& amount) {
    v1::RefundJobRequest request;
    request.set_job(job);
    request.set_amount(amount);
    request.set_reason("the node was slow");
    v1::Refund out;
    EXPECT_EQ(ask(&Stub::RefundJob, request, finance_, &out), "");
  }
  void set_zone(const std::string& zone) {
    v1::SetAccountPolicyRequest request;
    request.set_account(ada_.accounts(0));
    request.set_zone(zone);
    v1::Wallet out;
    EXPECT_EQ(ask(&Stub::SetAccountPolicy, request, finance_, &out), "");
  }
  // The error's code, "" when there is none.
  template <class Request, class Reply>
  std::string ask(grpc::Status (Stub::*rpc)(grpc::ClientContext*, const Request&, Reply*), Request request, const v1::Principal& who, Reply* reply) {
    *request.mutable_principal() = who;
    if constexpr (requires { request.set_key(""); })
      if (request.key().empty()) request.set_key(key());
    const Answer got = call(rpc, request, reply);
    if (!got.detail.empty()) detail_ = got.detail;
    return got.code;
  }
  // As if all that was booked so far had been booked that many days earlier. The projections alone are told.
  void days_ago(int days) {
    projector_settled();
    const std::string by = " - interval '" + std::to_string(days) + " days'";
    for (const std::string& set : {"transfers SET at = at" + by, "usage_captures SET started_at = started_at" + by + ", ended_at = ended_at" + by + ", booked_at = booked_at" + by,
                                   "billing_accounts SET opened_at = opened_at" + by, "adjustments SET at = at" + by})
      database_.tamper("UPDATE market." + set);
  }
  void allow_credit(const std::string& amount) {
    v1::SetCreditLimitRequest credit;
    credit.set_account(ada_.accounts(0));
    credit.mutable_limit()->set_amount(amount);
    credit.mutable_limit()->set_unit("CNY");
    v1::Wallet wallet;
    EXPECT_EQ(ask(&Stub::SetCreditLimit, credit, finance_, &wallet), "") << detail_;
  }
  void projector_settled() {
    const auto position = engine_->stats().position;
    EXPECT_TRUE(projector_->wait_for(position, seconds(20)));
  }
  std::string today(int days_before = 0) { return to_text(clock_.now() - hours(24 * days_before)).substr(0, 10); }

  StubCenter alpha_;
  v1::Principal ada_, bob_;
  std::string detail_;
};

}  // namespace bourse::test
