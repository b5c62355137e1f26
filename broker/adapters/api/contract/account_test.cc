// A shared wallet's rules as its owner and finance set them, and a center's own tariff as its users pay it.
#include "base/sha256.h"
#include "broker/adapters/api/contract/market_world.h"

namespace bourse::test {
namespace {

using Stub = v1::Market::Stub;

class Accounts : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
    ada_ = sign_in("ada", "Demo University", {"user"});
    fund(ada_, "100");
  }
  std::string submits(const v1::Principal& who) {
    v1::SubmitRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    *request.mutable_spec() = spec();
    v1::Job job;
    return call(&Stub::Submit, request, &job).code;
  }
  Answer limit(const v1::Principal& who, const std::string& per_job, v1::Member* out) {
    v1::SetMemberLimitsRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_account(ada_.accounts(0));
    request.set_user(ada_.user());
    request.mutable_limits()->set_per_job(per_job);
    return call(&Stub::SetMemberLimits, request, out);
  }
  Answer members(const v1::Principal& who, v1::ListMembersReply* out) {
    v1::ListMembersRequest request;
    *request.mutable_principal() = who;
    request.set_account(ada_.accounts(0));
    return call(&Stub::ListMembers, request, out);
  }
  Answer policy(const v1::Principal& who, bool frozen, const std::string& zone, v1::Wallet* out) {
    v1::SetAccountPolicyRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_account(ada_.accounts(0));
    request.set_frozen(frozen);
    request.set_reason("unpaid bill");
    request.set_zone(zone);
    return call(&Stub::SetAccountPolicy, request, out);
  }
  StubCenter alpha_;
  v1::Principal ada_;
};

TEST_F(Accounts, AWhitelistedAccountIsSeenAndALimitBelowWhatIsUsedIsProjected) {
  const v1::Principal bob = sign_in("bob", "Demo University", {"user"});
  const auto set = [&](const std::string& amount, Instant until, v1::Wallet* out) {
    v1::SetCreditLimitRequest request;
    *request.mutable_principal() = finance_;
    request.set_key(key());
    request.set_account(bob.accounts(0));
    request.mutable_limit()->set_amount(amount);
    request.set_until_ms(until.unix_ms);
    request.set_reason(until.unix_ms == 0 ? "" : "its grant is on the way");
    return call(&Stub::SetCreditLimit, request, out).code;
  };
  v1::Wallet wallet;
  EXPECT_EQ(submits(bob), "insufficient_funds");
  ASSERT_EQ(set("50", clock_.now() + hours(24), &wallet), "");
  EXPECT_EQ(wallet.whitelisting().limit(), "50.00");
  EXPECT_EQ(wallet.whitelisting().afterwards(), "0.00");
  EXPECT_EQ(wallet.whitelisting().reason(), "its grant is on the way");
  EXPECT_EQ(submits(bob), "");
  ASSERT_EQ(set("0", Instant{}, &wallet), "");  // ends it, while a hold uses some of it
  EXPECT_FALSE(wallet.has_whitelisting());
  EXPECT_EQ(*parse_amount(wallet.credit_limit()), *parse_amount(wallet.held()));
  EXPECT_EQ(submits(bob), "insufficient_funds");
  EXPECT_TRUE(projector_->wait_for(engine_->stats().position, seconds(20))) << projector_->status().error;
  EXPECT_EQ(database_.ask("SELECT count(*) FROM market.credit_rules"), "2");
}

TEST_F(Accounts, AnOwnerLimitsItsMembers) {
  v1::Member member;
  const Answer set = limit(ada_, "0.01", &member);
  ASSERT_TRUE(set.ok()) << set.code << " " << set.detail;
  EXPECT_TRUE(member.owner());
  EXPECT_EQ(submits(ada_), "member_limit");
  ASSERT_TRUE(limit(finance_, "", &member).ok());  // and finance may too
  EXPECT_EQ(submits(ada_), "");
  v1::ListMembersReply seen;
  ASSERT_TRUE(members(ada_, &seen).ok());
  ASSERT_EQ(seen.members_size(), 1);
  EXPECT_EQ(seen.members(0).name(), "Person ada");
  EXPECT_NE(seen.members(0).held(), "0");

  const v1::Principal bob = sign_in("bob", "Other University", {"user"});
  EXPECT_EQ(limit(bob, "1", &member).code, "not_found");
  EXPECT_EQ(members(bob, &seen).code, "not_found");
  EXPECT_EQ(limit(ada_, "-1", &member).code, "invalid_argument");
  EXPECT_EQ(limit(ada_, "much", &member).code, "invalid_argument");
}

TEST_F(Accounts, AFrozenOneTakesNoJobs) {
  v1::Wallet wallet;
  EXPECT_EQ(policy(ada_, true, "", &wallet).code, "forbidden");
  EXPECT_EQ(policy(finance_, true, "Mars/Olympus", &wallet).code, "invalid_argument");
  ASSERT_TRUE(policy(finance_, true, "Asia/Shanghai", &wallet).ok());
  EXPECT_TRUE(wallet.frozen());
  EXPECT_EQ(wallet.frozen_reason(), "unpaid bill");
  EXPECT_EQ(submits(ada_), "account_frozen");
  ASSERT_TRUE(policy(finance_, false, "Asia/Shanghai", &wallet).ok());
  EXPECT_EQ(submits(ada_), "");
}

// Its owner says what becomes of jobs whose money runs out, and no rule takes another back.
TEST_F(Accounts, AnOwnerRulesOverWhatRuns) {
  v1::Wallet wallet;
  ASSERT_TRUE(policy(finance_, true, "Asia/Shanghai", &wallet).ok());
  v1::SetAccountPolicyRequest request;
  *request.mutable_principal() = ada_;
  request.set_key(key());
  request.set_account(ada_.accounts(0));
  request.set_when_empty("pause");
  request.set_pause_limit_ms(hours(5).ms);
  const Answer ruled = call(&Stub::SetAccountPolicy, request, &wallet);
  ASSERT_TRUE(ruled.ok()) << ruled.code << " " << ruled.detail;
  EXPECT_EQ(wallet.when_empty(), "pause");
  EXPECT_EQ(wallet.pause_limit_ms(), hours(5).ms);
  EXPECT_TRUE(wallet.frozen());
  EXPECT_EQ(wallet.zone(), "Asia/Shanghai");
  request.set_key(key());
  request.set_when_empty("run");
  EXPECT_EQ(call(&Stub::SetAccountPolicy, request, &wallet).code, "invalid_argument");
  *request.mutable_principal() = sign_in("bob", "Demo University", {"user"});
  request.set_when_empty("stop");
  request.set_key(key());
  EXPECT_EQ(call(&Stub::SetAccountPolicy, request, &wallet).code, "not_found");
}

TEST_F(Accounts, ALongRunIsHeldForAWindowAtATime) {
  v1::JobSpec service = spec();
  service.set_walltime_ms(hours(48).ms);
  service.set_hold_window_ms(hours(2).ms);
  const v1::Job whole = submit(ada_, spec());
  const v1::Job job = submit(ada_, service);
  const AttemptId attempt = this->job(job.id()).attempt().id;
  const broker::EventRecord started{.job = *parse_id<JobIdKind>(job.id()), .attempt = attempt, .fence = 1, .order_hash = sha256("order"),
                                    .happening = broker::Happening::started, .at = clock_.now(), .scheduler_job = "1"};
  report(alpha_, job.id(), {started});
  const v1::Job running = see(ada_, job.id());
  EXPECT_EQ(running.cover().covered_ms(), hours(2).ms);
  EXPECT_GT(running.cover().covered_until_ms(), clock_.now().unix_ms);
  EXPECT_EQ(running.cover().shortage(), "");
  EXPECT_EQ(whole.has_cover(), false);
  v1::ListWalletsRequest wallets;
  *wallets.mutable_principal() = ada_;
  v1::ListWalletsReply seen;
  ASSERT_TRUE(call(&Stub::ListWallets, wallets, &seen).ok());
  EXPECT_EQ(seen.wallets(0).forecast().jobs(), 1U);
  EXPECT_GT(seen.wallets(0).forecast().runs_out_ms(), clock_.now().unix_ms);
}

TEST_F(Accounts, CreditIsLentByTwoPeople) {
  stop();
  two_people_ = true;
  start();
  const v1::Principal poor = sign_in("poor", "Demo University", {"user"});
  const v1::Principal second = sign_in("second", "Demo University", {"finance"});
  v1::SetCreditLimitRequest request;
  *request.mutable_principal() = finance_;
  request.set_key(key());
  request.set_account(poor.accounts(0));
  request.mutable_limit()->set_amount("50");
  v1::Wallet wallet;
  const Answer asked = call(&Stub::SetCreditLimit, request, &wallet);
  ASSERT_TRUE(asked.ok()) << asked.code << " " << asked.detail;
  EXPECT_EQ(wallet.credit_limit(), "");
  EXPECT_EQ(wallet.proposal().what(), "set_credit_limit");
  v1::EndProposalRequest approve;
  *approve.mutable_principal() = second;
  approve.set_key(key());
  approve.set_proposal(wallet.proposal().id());
  v1::Proposal ended;
  ASSERT_TRUE(call(&Stub::ApproveProposal, approve, &ended).ok());
  v1::ListWalletsRequest wallets;
  *wallets.mutable_principal() = poor;
  v1::ListWalletsReply seen;
  ASSERT_TRUE(call(&Stub::ListWallets, wallets, &seen).ok());
  EXPECT_EQ(seen.wallets(0).credit_limit(), "50.00");
  EXPECT_EQ(seen.wallets(0).available(), "50.00");
}

// SCOW's own arithmetic: 4 cores for 30 s are 0.0333… amount-hours, cut to 0.03; at 100 an hour 3.00.
TEST_F(Accounts, ACenterKeepsItsScowTariff) {
  v1::PublishPricesRequest prices;
  *prices.mutable_principal() = operator_;
  prices.set_key(key());
  v1::PriceRow& row = *prices.add_rows();
  row.set_center("alpha");
  row.set_meter("core_ms");
  row.set_per("core-hour");
  row.set_price("100");
  row.set_unit("CNY");
  row.set_strategy("scow:cpusAlloc");
  row.set_valid_from_ms(2);
  v1::PublishPricesReply published;
  const Answer priced = call(&Stub::PublishPrices, prices, &published);
  ASSERT_TRUE(priced.ok()) << priced.code << " " << priced.detail;
  const v1::Job job = submit(ada_, spec());
  EXPECT_EQ(job.held().amount(), "66.00");  // ten minutes: 0.66 amount-hours
  run_job(alpha_, job.id(), seconds(30));
  EXPECT_EQ(see(ada_, job.id()).charged().amount(), "3.00");
  row.set_strategy("scow:of-nobody");
  prices.set_key(key());
  EXPECT_EQ(call(&Stub::PublishPrices, prices, &published).code, "invalid_argument");
}

TEST_F(Accounts, ADiscountIsPublishedShownAndCharged) {
  v1::PublishPricesRequest prices;
  *prices.mutable_principal() = operator_;
  prices.set_key(key());
  v1::Discount& half = *prices.add_discounts();
  half.set_name("autumn");
  half.set_center("alpha");
  half.set_meter("core_ms");
  half.set_bps(5'000);
  v1::PublishPricesReply published;
  const v1::Job before = submit(ada_, spec());
  const Answer answer = call(&Stub::PublishPrices, prices, &published);
  ASSERT_TRUE(answer.ok()) << answer.code << " " << answer.detail;
  ASSERT_EQ(published.discount_ids_size(), 1);
  EXPECT_EQ(published.ids_size(), 0);
  const v1::Job job = submit(ada_, spec());
  EXPECT_EQ(before.held().amount(), "0.244167");  // 0.24 for cores, the rest for memory
  EXPECT_EQ(job.held().amount(), "0.124167");
  v1::ListOffersRequest list;
  *list.mutable_principal() = ada_;
  v1::ListOffersReply offers;
  ASSERT_TRUE(call(&Stub::ListOffers, list, &offers).ok());
  EXPECT_EQ(offers.offers(0).prices(0).discount(), "autumn");
  EXPECT_EQ(offers.offers(0).prices(0).discount_bps(), 5'000);
  run_job(alpha_, job.id(), seconds(60));
  v1::VerifyLedgerRequest verify;
  *verify.mutable_principal() = finance_;
  v1::VerifyLedgerReply verified;
  ASSERT_TRUE(call(&Stub::VerifyLedger, verify, &verified).ok());
  EXPECT_TRUE(verified.ok()) << (verified.differences_size() > 0 ? verified.differences(0) : "");
  prices.set_key(key());
  half.set_bps(10'001);
  EXPECT_EQ(call(&Stub::PublishPrices, prices, &published).code, "invalid_argument");
  prices.clear_discounts();
  prices.set_key(key());
  EXPECT_EQ(call(&Stub::PublishPrices, prices, &published).code, "invalid_argument");
}

TEST_F(Accounts, AContractSaysWhenAndAtWhatPrices) {
  v1::SetContractRequest request;
  *request.mutable_principal() = operator_;
  v1::Contract& contract = *request.mutable_contract();
  contract.set_center("alpha");
  contract.set_tax_bps(600);
  contract.set_schedule("0 2 1 * *");
  contract.set_zone("Asia/Shanghai");
  contract.set_net_days(30);
  for (const auto& [meter, per, price] : {std::tuple("core_ms", "core-hour", "0.20"), std::tuple("node_ms", "node-hour", "0"),
                                          std::tuple("gpu_ms", "gpu-hour", "5"), std::tuple("mem_mib_s", "gib-hour", "0.01")}) {
    v1::PriceRow& row = *contract.add_settlement();
    row.set_meter(meter);
    row.set_per(per);
    row.set_price(price);
    row.set_unit("CNY");
  }
  request.set_key(key());
  v1::Contract kept;
  const Answer agreed = call(&Stub::SetContract, request, &kept);
  ASSERT_TRUE(agreed.ok()) << agreed.code << " " << agreed.detail;
  EXPECT_EQ(kept.schedule(), "0 2 1 * *");
  EXPECT_EQ(kept.settlement_size(), 4);
  contract.set_schedule("sometimes");
  request.set_key(key());
  EXPECT_EQ(call(&Stub::SetContract, request, &kept).code, "invalid_argument");

  // Four cores for 30 s: the center gets its price, whatever the user pays.
  const v1::Job job = submit(ada_, spec());
  run_job(alpha_, job.id(), seconds(30));
  const auto center = engine_->read_wait([this](const broker::Market& market) {
    const auto* payable = market.ledger().account(
        broker::Market::platform_account(ledger::AccountCode::center_payable, kCny, alpha_.id.uuid));
    // 4 × 30 s at 0.20 an hour are 0.006667; 2048 MiB for 30 s at 0.01 a GiB-hour 0.000167.
    EXPECT_EQ(to_text(payable->balance()), "0.006834");
  });
  EXPECT_TRUE(center);
}

}  // namespace
}  // namespace bourse::test
