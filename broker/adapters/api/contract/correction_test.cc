// Refunds and disputes of what a job was charged, and whose business they are.
#include "broker/adapters/api/contract/market_world.h"

namespace bourse::test {
namespace {

using Stub = v1::Market::Stub;

class Corrects : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
    ada_ = sign_in("ada", "Demo University", {"user"});
    bob_ = sign_in("bob", "Other University", {"user"});
    fund(ada_, "100");
    job_ = submit(ada_, spec()).id();
    run_job(alpha_, job_, seconds(30));
    charged_ = *parse_amount(see(ada_, job_).charged().amount());
  }
  Amount balance() {
    v1::ListWalletsRequest request;
    *request.mutable_principal() = ada_;
    v1::ListWalletsReply reply;
    EXPECT_TRUE(call(&Stub::ListWallets, request, &reply).ok());
    return *parse_amount(reply.wallets(0).balance());
  }
  Answer refund(const v1::Principal& who, const std::string& amount, v1::Refund* out) {
    v1::RefundJobRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_job(job_);
    request.set_amount(amount);
    request.set_reason("the node was slow");
    return call(&Stub::RefundJob, request, out);
  }
  Answer dispute(const v1::Principal& who, bool for_center, v1::Dispute* out) {
    v1::OpenDisputeRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_job(job_);
    request.set_reason("it never ran");
    request.set_for_center(for_center);
    return call(&Stub::OpenDispute, request, out);
  }
  std::string resolve(const v1::Principal& who, const std::string& id, const std::string& to_user, v1::Dispute* out) {
    v1::ResolveDisputeRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_dispute(id);
    request.set_to_user(to_user);
    request.set_reason("looked at the logs");
    return call(&Stub::ResolveDispute, request, out).code;
  }
  int seen_by(const v1::Principal& who) {
    v1::ListDisputesRequest request;
    *request.mutable_principal() = who;
    v1::ListDisputesReply reply;
    EXPECT_TRUE(call(&Stub::ListDisputes, request, &reply).ok());
    return reply.disputes_size();
  }
  StubCenter alpha_;
  v1::Principal ada_, bob_;
  std::string job_;
  Amount charged_;
};

TEST_F(Corrects, ARefundGoesBackInPartsAndNeverMoreThanWasCharged) {
  v1::Refund out;
  EXPECT_EQ(refund(ada_, "", &out).code, "forbidden");
  const Answer part = refund(finance_, "0.01", &out);
  ASSERT_TRUE(part.ok()) << part.code << " " << part.detail;
  EXPECT_EQ(out.account_name(), "Person ada");
  EXPECT_EQ(refund(finance_, "99", &out).code, "failed_precondition");
  ASSERT_TRUE(refund(finance_, "", &out).ok());  // the rest
  EXPECT_EQ(to_text(balance()), "100.00");
  EXPECT_EQ(refund(finance_, "0.000001", &out).code, "failed_precondition");
  v1::VerifyLedgerRequest check;
  *check.mutable_principal() = finance_;
  v1::VerifyLedgerReply verified;
  ASSERT_TRUE(call(&Stub::VerifyLedger, check, &verified).ok());
  EXPECT_TRUE(verified.ok()) << (verified.differences_size() == 0 ? "" : verified.differences(0));
}

TEST_F(Corrects, ADisputeIsItsSidesBusiness) {
  v1::Dispute out;
  EXPECT_EQ(dispute(bob_, false, &out).code, "not_found");
  EXPECT_EQ(dispute(ada_, true, &out).code, "forbidden");
  const Answer opened = dispute(ada_, false, &out);
  ASSERT_TRUE(opened.ok()) << opened.code << " " << opened.detail;
  EXPECT_EQ(out.state(), "open");
  EXPECT_EQ(*parse_amount(out.amount().amount()), charged_);
  EXPECT_TRUE(parse_amount(out.escrow().amount())->is_positive());
  EXPECT_EQ(seen_by(ada_), 1);
  EXPECT_EQ(seen_by(bob_), 0);
  EXPECT_EQ(seen_by(finance_), 1);
  const std::string id = out.id();
  EXPECT_EQ(resolve(bob_, id, "all", &out), "not_found");
  EXPECT_EQ(resolve(ada_, id, "all", &out), "forbidden");
  EXPECT_EQ(resolve(finance_, id, "most", &out), "invalid_argument");
  EXPECT_EQ(resolve(finance_, id, "all", &out), "");
  EXPECT_EQ(out.state(), "accepted");
  EXPECT_EQ(to_text(balance()), "100.00");
}

}  // namespace
}  // namespace bourse::test
