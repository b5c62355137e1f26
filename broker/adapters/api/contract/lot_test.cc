// Credit lots over the API and a real store: gifts by two people, vouchers, what pays first and what comes back.
#include <algorithm>

#include "broker/adapters/api/contract/market_world.h"

namespace bourse::test {
namespace {

using Stub = v1::Market::Stub;

constexpr std::int64_t kDay = 24LL * 3600 * 1000;

class LotsOverTheApi : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
    ada_ = sign_in("ada", "Demo University", {"user"});
    fund(ada_, "100");
  }
  std::int64_t in_days(int days) { return clock_.now().unix_ms + days * kDay; }

  Answer grant(const std::string& amount, int days, v1::Lot* out, const std::string& with_key = {}, const std::string& unit = "CNY") {
    v1::GrantLotRequest request;
    *request.mutable_principal() = finance_;
    request.set_key(with_key.empty() ? key() : with_key);
    request.set_account(ada_.accounts(0));
    request.mutable_money()->set_amount(amount);
    request.mutable_money()->set_unit(unit);
    request.set_expires_ms(days == 0 ? 1 : in_days(days));
    if (!with_key.empty()) request.set_expires_ms(in_a_while_);
    request.set_reason("a course");
    return call(&Stub::GrantLot, request, out);
  }
  v1::ListLotsReply lots(const v1::Principal& who) {
    v1::ListLotsRequest request;
    *request.mutable_principal() = who;
    request.set_account(ada_.accounts(0));
    v1::ListLotsReply reply;
    EXPECT_TRUE(call(&Stub::ListLots, request, &reply).ok());
    return reply;
  }
  v1::Wallet wallet() {
    v1::ListWalletsRequest request;
    *request.mutable_principal() = ada_;
    v1::ListWalletsReply reply;
    EXPECT_TRUE(call(&Stub::ListWallets, request, &reply).ok());
    return reply.wallets(0);
  }
  Answer issue(int count, v1::VoucherBatch* out, const std::string& with_key) {
    v1::IssueVouchersRequest request;
    *request.mutable_principal() = finance_;
    request.set_key(with_key);
    request.set_count(count);
    request.mutable_money()->set_amount("20");
    request.mutable_money()->set_unit("CNY");
    request.set_redeem_by_ms(in_a_while_);
    request.set_valid_days(30);
    request.set_reason("a workshop");
    return call(&Stub::IssueVouchers, request, out);
  }
  Answer redeem(const v1::Principal& who, const std::string& code, v1::Lot* out) {
    v1::RedeemVoucherRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_code(code);
    return call(&Stub::RedeemVoucher, request, out);
  }
  v1::Receipt receipt(const std::string& job) {
    v1::GetJobRequest request;
    *request.mutable_principal() = ada_;
    request.set_job(job);
    v1::Receipt out;
    EXPECT_TRUE(call(&Stub::GetReceipt, request, &out).ok());
    return out;
  }
  v1::VerifyLedgerReply verify() {
    v1::VerifyLedgerRequest request;
    *request.mutable_principal() = finance_;
    v1::VerifyLedgerReply reply;
    EXPECT_TRUE(call(&Stub::VerifyLedger, request, &reply).ok());
    return reply;
  }

  StubCenter alpha_;
  v1::Principal ada_;
  const std::int64_t in_a_while_ = clock_.now().unix_ms + 40 * kDay;
};

TEST_F(LotsOverTheApi, AGiftIsSpentFirstAndRefundedLast) {
  v1::Lot late, soon;
  ASSERT_TRUE(grant("0.002", 20, &late).ok());
  ASSERT_TRUE(grant("0.005", 10, &soon).ok());
  EXPECT_EQ(late.left().amount(), "0.002");
  const v1::Wallet before = wallet();
  EXPECT_EQ(before.balance(), "100.007");
  EXPECT_EQ(before.granted(), "0.007");
  EXPECT_EQ(before.expiring(), "0.005");
  EXPECT_EQ(before.next_expiry_ms(), soon.expires_ms());
  const v1::ListLotsReply listed = lots(ada_);
  ASSERT_EQ(listed.lots_size(), 2);
  EXPECT_EQ(listed.lots(0).id(), soon.id());
  EXPECT_EQ(lots(finance_).lots_size(), 2);

  const std::string job = submit(ada_, spec()).id();
  run_job(alpha_, job, seconds(30));
  const v1::Receipt paid = receipt(job);
  ASSERT_EQ(paid.lots_size(), 2);
  EXPECT_EQ(paid.lots(0).lot(), soon.id());
  EXPECT_EQ(paid.lots(0).money().amount(), "0.005");
  EXPECT_EQ(paid.lots(1).money().amount(), "0.002");
  EXPECT_EQ(wallet().granted(), "0.00");

  // The engine forgets jobs: what paid comes from the projections, and fits what it remembers of this one.
  v1::RefundJobRequest refund;
  *refund.mutable_principal() = finance_;
  refund.set_key(key());
  refund.set_job(job);
  refund.set_reason("it was slow");
  v1::Refund back;
  const Answer done = call(&Stub::RefundJob, refund, &back);
  ASSERT_TRUE(done.ok()) << done.code << " " << done.detail;
  EXPECT_EQ(wallet().granted(), "0.007");
  EXPECT_EQ(wallet().balance(), "100.007");
  const auto verified = verify();
  EXPECT_TRUE(verified.ok()) << (verified.differences_size() == 0 ? "" : verified.differences(0));
}

TEST_F(LotsOverTheApi, AGiftIsGivenOnce) {
  v1::Lot first, again;
  ASSERT_TRUE(grant("5", 1, &first, "same").ok());
  ASSERT_TRUE(grant("5", 1, &again, "same").ok());
  EXPECT_EQ(first.id(), again.id());
  EXPECT_EQ(wallet().granted(), "5.00");
  EXPECT_EQ(grant("6", 1, &again, "same").code, "conflict");
  EXPECT_EQ(grant("5", 0, &again).code, "invalid_argument");
  EXPECT_EQ(grant("0", 1, &again).code, "amount_not_positive");
  EXPECT_EQ(grant("5", 1, &again, {}, "USD").code, "unit_mismatch");
  EXPECT_EQ(grant("5", 4000, &again).code, "invalid_argument");
}

TEST_F(LotsOverTheApi, VouchersAreShownOnceAndRedeemedOnce) {
  v1::VoucherBatch batch, again;
  ASSERT_TRUE(issue(3, &batch, "batch").ok());
  ASSERT_EQ(batch.codes_size(), 3);
  EXPECT_EQ(batch.codes(0).size(), 29U);
  ASSERT_TRUE(issue(3, &again, "batch").ok());
  EXPECT_EQ(again.id(), batch.id());
  EXPECT_EQ(again.codes_size(), 0);

  v1::Lot lot;
  std::string lower = batch.codes(0);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c == '-' ? ' ' : static_cast<char>(std::tolower(c)); });
  const Answer redeemed = redeem(ada_, lower, &lot);
  ASSERT_TRUE(redeemed.ok()) << redeemed.code << " " << redeemed.detail;
  EXPECT_EQ(lot.kind(), "voucher");
  EXPECT_EQ(lot.left().amount(), "20.00");
  EXPECT_EQ(wallet().balance(), "120.00");
  const v1::Principal bob = sign_in("bob", "Other University", {"user"});
  const Answer used = redeem(bob, batch.codes(0), &lot);
  const Answer unknown = redeem(bob, "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", &lot);
  EXPECT_EQ(used.code, "not_found");
  EXPECT_EQ(used.detail, unknown.detail);
  ASSERT_TRUE(redeem(bob, batch.codes(1), &lot).ok());

  v1::ListVouchersRequest list;
  *list.mutable_principal() = finance_;
  v1::ListVouchersReply reply;
  ASSERT_TRUE(call(&Stub::ListVouchers, list, &reply).ok());
  ASSERT_EQ(reply.batches_size(), 1);
  EXPECT_EQ(reply.batches(0).count(), 3);
  EXPECT_EQ(reply.batches(0).redeemed(), 2);
  EXPECT_EQ(reply.batches(0).codes_size(), 0);
  EXPECT_TRUE(verify().ok());

  // A restart keeps what is open, and what is used.
  stop();
  start();
  EXPECT_EQ(redeem(ada_, batch.codes(0), &lot).code, "not_found");
  EXPECT_TRUE(redeem(ada_, batch.codes(2), &lot).ok());
}

TEST_F(LotsOverTheApi, CodesAreWorthNothingUntilASecondPersonAgreed) {
  stop();
  two_people_ = true;
  start();
  v1::VoucherBatch batch;
  ASSERT_TRUE(issue(1, &batch, "batch").ok());
  ASSERT_TRUE(batch.has_proposal());
  EXPECT_EQ(batch.proposal().what(), "issue_vouchers");
  EXPECT_EQ(batch.proposal().act().issue_vouchers().codes_size(), 0);
  v1::Lot lot;
  EXPECT_EQ(redeem(ada_, batch.codes(0), &lot).code, "not_found");
  v1::EndProposalRequest approve;
  *approve.mutable_principal() = sign_in("second", "Operator", {"finance"});
  approve.set_key(key());
  approve.set_proposal(batch.proposal().id());
  v1::Proposal ended;
  ASSERT_TRUE(call(&Stub::ApproveProposal, approve, &ended).ok());
  EXPECT_TRUE(redeem(ada_, batch.codes(0), &lot).ok());

  v1::Lot gift;
  ASSERT_TRUE(grant("5", 3, &gift).ok());
  EXPECT_EQ(gift.proposal().what(), "grant_lot");
  EXPECT_EQ(wallet().granted(), "20.00");
}

}  // namespace
}  // namespace bourse::test
