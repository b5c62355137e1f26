#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class Proposals : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }
  const UserId alice = id_of<UserId>(501), bob = id_of<UserId>(502);
  FundAccount funding(std::uint64_t n = 1) const {
    return {account, Amount::whole(5), id_of<TransferId>(600 + n), Uuid{2, n}};
  }
  ProposalId propose(Act act) {
    const ProposalId id = id_of<ProposalId>(++serial_);
    ok(Propose{id, alice, std::move(act), "as agreed"});
    return id;
  }
};

TEST_F(Proposals, AnActWaitsForASecondPerson) {
  const Amount before = wallet().balance();
  const ProposalId id = propose(funding());
  EXPECT_EQ(wallet().balance(), before);
  EXPECT_EQ(name(market.proposal(id)->act), "fund_account");

  EXPECT_EQ(error(EndProposal{id, alice, ProposalEnd::approved, ""}), ErrorCode::forbidden);
  EXPECT_EQ(wallet().balance(), before);
  const CommandResult done = ok(EndProposal{id, bob, ProposalEnd::approved, "seen"});
  EXPECT_EQ(done.object, funding().transfer.uuid);
  EXPECT_EQ(wallet().balance(), before + Amount::whole(5));
  EXPECT_EQ(count<ledger::Posted>(), 1U);
  EXPECT_EQ(first<ProposalEnded>().by, bob);
  EXPECT_EQ(market.proposal(id), nullptr);
  EXPECT_EQ(error(EndProposal{id, bob, ProposalEnd::approved, ""}), ErrorCode::not_found);
  EXPECT_EQ(wallet().balance(), before + Amount::whole(5));
}

TEST_F(Proposals, RejectedOrWithdrawnItIsNeverDone) {
  const Amount before = wallet().balance();
  const ProposalId one = propose(funding()), two = propose(funding(2));
  EXPECT_EQ(error(EndProposal{two, bob, ProposalEnd::withdrawn, ""}), ErrorCode::forbidden);
  ok(EndProposal{one, bob, ProposalEnd::rejected, "unknown entry"});
  ok(EndProposal{two, alice, ProposalEnd::withdrawn, ""});
  EXPECT_TRUE(market.proposals().empty());
  EXPECT_EQ(wallet().balance(), before);
}

TEST_F(Proposals, TheyRunOut) {
  const ProposalId id = propose(funding());
  advance(kProposalValidity);
  EXPECT_EQ(error(EndProposal{id, bob, ProposalEnd::approved, ""}), ErrorCode::not_found);
  ok(Tick{});
  EXPECT_EQ(first<ProposalEnded>().end, ProposalEnd::expired);
  EXPECT_TRUE(market.proposals().empty());
}

TEST_F(Proposals, WhatWouldBeRefusedCantBeProposed) {
  const auto refused = [&](Act act) {
    return error(Propose{id_of<ProposalId>(++serial_), alice, std::move(act), ""});
  };
  FundAccount nobody = funding();
  nobody.account = id_of<BillingAccountId>(99);
  EXPECT_EQ(refused(nobody), ErrorCode::not_found);
  EXPECT_EQ(refused(PublishPrices{}), ErrorCode::invalid_argument);
  EXPECT_EQ(refused(SetPayee{north, {"North", "DE 12", "BANK"}}), ErrorCode::invalid_argument);
  EXPECT_EQ(refused(OrderPayout{}), ErrorCode::not_found);
  EXPECT_EQ(refused(ResolveDispute{}), ErrorCode::not_found);
  EXPECT_EQ(error(Propose{{}, alice, funding(), ""}), ErrorCode::invalid_argument);
}

TEST_F(Proposals, AnApprovalThatFailsLeavesTheProposalOpen) {
  const ProposalId id = propose(SetContract{
      {.id = id_of<ContractId>(700), .center = north, .unit = kCny, .terms = {}, .valid_from = now, .cycle = {}}});
  ok(SetContract{
      {.id = id_of<ContractId>(700), .center = north, .unit = kCny, .terms = {}, .valid_from = now, .cycle = {}}});
  EXPECT_EQ(error(EndProposal{id, bob, ProposalEnd::approved, ""}), ErrorCode::failed_precondition);
  EXPECT_NE(market.proposal(id), nullptr);
}

TEST_F(Proposals, TheirNumberHasABound) {
  for (std::size_t i = 0; i < kMaxProposals; ++i) propose(funding(i));
  EXPECT_EQ(error(Propose{id_of<ProposalId>(++serial_), alice, funding(), ""}), ErrorCode::overloaded);
}

TEST_F(Proposals, ACentersPeopleLeaveRoomForFinance) {
  ok(SetContract{{.id = id_of<ContractId>(701), .center = north, .unit = kCny, .terms = {}, .valid_from = now, .cycle = {}, .sale_prices = PriceSetter::center}, {}});
  const auto price = [&] {
    return PublishPrices{{{.id = id_of<PriceRowId>(++serial_), .scope = {.center = north}, .meter = pricing::Meter::core_ms,
                           .price = *parse_decimal("0.5"), .per = 3'600'000, .valid_from = now}}, {}, north};
  };
  for (int i = 0; i < 20; ++i) propose(price());
  EXPECT_EQ(error(Propose{id_of<ProposalId>(++serial_), alice, price(), ""}), ErrorCode::overloaded);
  propose(funding());
}

}  // namespace
}  // namespace bourse::broker
