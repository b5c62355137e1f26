// A proposed admission and the invitation that it is about.
#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class ProposedAdmission : public MarketFixture {
 protected:
  const UserId alice = id_of<UserId>(501), bob = id_of<UserId>(502);
  const CenterId west = id_of<CenterId>(3);
  const ProposalId proposal = id_of<ProposalId>(900);

  void SetUp() override {
    open_market();
    ok(InviteCenter{.center = west, .name = "west", .token = hash_of("bjt"), .by = alice});
    ok(UseInvitation{.center = west, .token = hash_of("bjt"), .connector = id_of<ConnectorId>(3), .identity_key = {33}, .billing_key = {34}});
    ok(Propose{proposal, alice, EnrolCenter{west, "west", id_of<ConnectorId>(3), {33}, {34}}, "read out by telephone"});
    EXPECT_EQ(market.center(west), nullptr);
  }
};

TEST_F(ProposedAdmission, IsDoneByTheSecondPerson) {
  EXPECT_EQ(name(market.proposal(proposal)->act), "enrol_center");
  EXPECT_EQ(error(EndProposal{proposal, alice, ProposalEnd::approved, ""}), ErrorCode::forbidden);
  EXPECT_EQ(ok(EndProposal{proposal, bob, ProposalEnd::approved, ""}).object, west.uuid);
  EXPECT_EQ(market.center(west)->identity_key, PublicKey{33});
  EXPECT_EQ(market.invitation(west), nullptr);
}

TEST_F(ProposedAdmission, EndsWhenTheInvitationIsWithdrawn) {
  ok(WithdrawInvitation{west, bob, "not them"});
  EXPECT_EQ(first<ProposalEnded>().end, ProposalEnd::withdrawn);
  EXPECT_EQ(first<ProposalEnded>().by, bob);
  EXPECT_EQ(error(EndProposal{proposal, bob, ProposalEnd::approved, ""}), ErrorCode::not_found);
  EXPECT_EQ(market.center(west), nullptr);
}

TEST_F(ProposedAdmission, EndsWhenTheInvitationExpires) {
  advance(kAdmissionPatience);
  ok(Tick{});
  EXPECT_EQ(first<ProposalEnded>().end, ProposalEnd::expired);
  EXPECT_TRUE(market.proposals().empty());
  EXPECT_EQ(market.center(west), nullptr);
}

}  // namespace
}  // namespace bourse::broker
