// What moves or commits money, where the market asks for two people: proposed by one, done by another.
#include "broker/adapters/api/contract/market_world.h"

namespace bourse::test {
namespace {

using Stub = v1::Market::Stub;

class TwoPeople : public MarketWorld {
 protected:
  void SetUp() override {
    two_people_ = true;
    MarketWorld::SetUp();
    fritz_ = sign_in("fritz", "The Market", {"finance"});
    oskar_ = sign_in("oskar", "The Market", {"operator"});
    ada_ = sign_in("ada", "Demo University", {"user"});
  }
  v1::FundAccountRequest funding(const std::string& amount, const std::string& reference) {
    v1::FundAccountRequest request;
    *request.mutable_principal() = finance_;
    request.set_key(key());
    request.set_account(ada_.accounts(0));
    request.mutable_money()->set_amount(amount);
    request.mutable_money()->set_unit("CNY");
    request.set_bank_reference(reference);
    request.set_note("came in on Monday");
    return request;
  }
  v1::Wallet funded(const v1::FundAccountRequest& request) {
    v1::Wallet wallet;
    const Answer got = call(&Stub::FundAccount, request, &wallet);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    return wallet;
  }
  using End = grpc::Status (Stub::*)(grpc::ClientContext*, const v1::EndProposalRequest&, v1::Proposal*);
  Answer end(End how, const v1::Principal& who, const std::string& proposal, const std::string& with_key, v1::Proposal* out) {
    v1::EndProposalRequest request;
    *request.mutable_principal() = who;
    request.set_key(with_key);
    request.set_proposal(proposal);
    return call(how, request, out);
  }
  std::string end(End how, const v1::Principal& who, const std::string& proposal) {
    v1::Proposal out;
    return end(how, who, proposal, key(), &out).code;
  }
  std::vector<v1::Proposal> open() {
    v1::ListProposalsRequest request;
    *request.mutable_principal() = finance_;
    v1::ListProposalsReply reply;
    EXPECT_TRUE(call(&Stub::ListProposals, request, &reply).ok());
    return {reply.proposals().begin(), reply.proposals().end()};
  }
  std::string balance() {
    v1::ListWalletsRequest request;
    *request.mutable_principal() = ada_;
    v1::ListWalletsReply reply;
    EXPECT_TRUE(call(&Stub::ListWallets, request, &reply).ok());
    return reply.wallets(0).balance();
  }
  v1::Principal fritz_, oskar_, ada_;
};

TEST_F(TwoPeople, ATopUpIsDoneByTheSecond) {
  const v1::FundAccountRequest request = funding("100", "BK-1");
  const v1::Wallet asked = funded(request);
  ASSERT_TRUE(asked.has_proposal());
  EXPECT_EQ(asked.balance(), "0.00");
  const v1::Proposal& proposal = asked.proposal();
  EXPECT_EQ(proposal.what(), "fund_account");
  EXPECT_EQ(proposal.by_name(), "Person fu");
  EXPECT_EQ(proposal.note(), "came in on Monday");
  EXPECT_GT(proposal.expires_ms(), clock_.now().unix_ms);
  for (const char* part : {"100.00 CNY", "Person ada", "BK-1"}) EXPECT_NE(proposal.text().find(part), std::string::npos) << proposal.text();
  EXPECT_EQ(proposal.act().fund_account().account(), ada_.accounts(0));
  EXPECT_EQ(proposal.act().fund_account().bank_reference(), "BK-1");
  EXPECT_EQ(funded(request).proposal().id(), proposal.id());  // a lost answer, asked for again
  ASSERT_EQ(open().size(), 1u);

  EXPECT_EQ(end(&Stub::ApproveProposal, finance_, proposal.id()), "forbidden");   // who proposed it
  EXPECT_EQ(end(&Stub::ApproveProposal, operator_, proposal.id()), "forbidden");  // another trade
  EXPECT_EQ(end(&Stub::ApproveProposal, ada_, proposal.id()), "forbidden");
  EXPECT_EQ(end(&Stub::WithdrawProposal, fritz_, proposal.id()), "forbidden");
  EXPECT_EQ(balance(), "0.00");

  v1::Proposal done;
  const std::string once = key();
  ASSERT_TRUE(end(&Stub::ApproveProposal, fritz_, proposal.id(), once, &done).ok());
  EXPECT_EQ(done.state(), "approved");
  EXPECT_EQ(done.ended_by_name(), "Person fritz");
  EXPECT_EQ(balance(), "100.00");
  v1::Proposal again;
  const Answer repeated = end(&Stub::ApproveProposal, fritz_, proposal.id(), once, &again);
  EXPECT_TRUE(repeated.ok()) << repeated.code;
  EXPECT_EQ(again.state(), "approved");
  EXPECT_EQ(end(&Stub::ApproveProposal, fritz_, proposal.id()), "not_found");
  EXPECT_EQ(balance(), "100.00");
  EXPECT_TRUE(open().empty());
  EXPECT_EQ(funded(request).proposal().state(), "approved");

  // The same entry, proposed again under another key: approved, it is the same transfer.
  const v1::Wallet twice = funded(funding("100", "BK-1"));
  EXPECT_EQ(end(&Stub::ApproveProposal, fritz_, twice.proposal().id()), "");
  EXPECT_EQ(balance(), "100.00");
}

TEST_F(TwoPeople, RejectedAndWithdrawnActsAreNotDone) {
  const v1::Wallet first = funded(funding("1", "BK-1")), second = funded(funding("2", "BK-2"));
  EXPECT_EQ(end(&Stub::RejectProposal, fritz_, first.proposal().id()), "");
  EXPECT_EQ(end(&Stub::WithdrawProposal, finance_, second.proposal().id()), "");
  for (const v1::Wallet& each : {first, second}) EXPECT_EQ(end(&Stub::ApproveProposal, fritz_, each.proposal().id()), "not_found");
  EXPECT_EQ(end(&Stub::ApproveProposal, fritz_, "prp_nonsense"), "not_found");
  EXPECT_EQ(balance(), "0.00");
}

TEST_F(TwoPeople, OperatorsActsWaitForAnOperator) {
  const StubCenter alpha = enrol("alpha");
  v1::SetContractRequest contract;
  *contract.mutable_principal() = operator_;
  contract.set_key(key());
  contract.mutable_contract()->set_center("alpha");
  contract.mutable_contract()->set_margin_bps(1000);
  v1::Contract kept;
  ASSERT_TRUE(call(&Stub::SetContract, contract, &kept).ok());
  ASSERT_TRUE(kept.has_proposal());
  EXPECT_NE(kept.proposal().text().find("Terms for alpha"), std::string::npos) << kept.proposal().text();
  v1::PublishPricesRequest prices;
  *prices.mutable_principal() = operator_;
  prices.set_key(key());
  v1::PriceRow& row = *prices.add_rows();
  row.set_center("alpha");
  row.set_meter("core_ms");
  row.set_per("core-hour");
  row.set_price("0.36");
  row.set_unit("CNY");
  v1::Discount& summer = *prices.add_discounts();
  summer.set_name("summer");
  summer.set_bps(1'500);
  v1::PublishPricesReply published;
  ASSERT_TRUE(call(&Stub::PublishPrices, prices, &published).ok());
  EXPECT_NE(published.proposal().text().find("\"summer\", 1500 bps off everything at every center"), std::string::npos) << published.proposal().text();
  EXPECT_NE(published.proposal().text().find("0.36 CNY per core-hour at alpha"), std::string::npos) << published.proposal().text();
  EXPECT_EQ(end(&Stub::ApproveProposal, fritz_, kept.proposal().id()), "forbidden");
  EXPECT_EQ(end(&Stub::ApproveProposal, oskar_, kept.proposal().id()), "");
  EXPECT_EQ(end(&Stub::ApproveProposal, oskar_, published.proposal().id()), "");
  v1::ListCentersRequest list;
  *list.mutable_principal() = operator_;
  v1::ListCentersReply centers;
  ASSERT_TRUE(call(&Stub::ListCenters, list, &centers).ok());
  ASSERT_EQ(centers.centers(0).contracts_size(), 1);
  EXPECT_EQ(centers.centers(0).contracts(0).margin_bps(), 1000);
}

}  // namespace
}  // namespace bourse::test
