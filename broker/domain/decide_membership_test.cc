#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class Membership : public MarketFixture {
 protected:
  const UserId operator_id = id_of<UserId>(9);
  const CenterId west = id_of<CenterId>(3);
  const ConnectorId west_connector = id_of<ConnectorId>(3);
  const Hash256 token = hash_of("bjt");

  void SetUp() override { open_market(); }

  InviteCenter invitation() const { return {.center = west, .name = "west", .token = token, .by = operator_id}; }
  UseInvitation use() const { return {.center = west, .token = token, .connector = west_connector, .identity_key = {33}, .billing_key = {34}}; }
  EnrolCenter admission() const { return {west, "west", west_connector, {33}, {34}}; }
  CertifyConnector certify(std::uint64_t generation) const { return {west, west_connector, generation, now + hours(1)}; }
  const Certification& certification() const { return market.center(west)->certification; }
  void join() {
    ok(invitation());
    ok(use());
    ok(admission());
  }
};

TEST_F(Membership, AnInvitedConnectorJoinsAndIsAdmitted) {
  ok(invitation());
  EXPECT_FALSE(market.invitation(west)->joined());
  ok(use());
  const Invitation& joined = *market.invitation(west);
  EXPECT_EQ(joined.connector, west_connector);
  EXPECT_EQ(joined.expires_at, now + kAdmissionPatience);
  EXPECT_EQ(market.center(west), nullptr);  // nobody sells before people have compared fingerprints
  ok(admission());
  EXPECT_EQ(market.invitation(west), nullptr);
  EXPECT_EQ(market.center(west)->identity_key, PublicKey{33});
  EXPECT_EQ(market.center_named("west")->id, west);
  const Period& period = *market.period(market.center(west)->open_period);
  EXPECT_EQ(period.number, 1U);
  EXPECT_EQ(period.unit, kCny);
}

TEST_F(Membership, AnInvitationIsForOneNewNameInMoneyAndForATime) {
  const auto changed = [&](auto&& change) {
    InviteCenter command = invitation();
    change(command);
    return error(command);
  };
  EXPECT_EQ(changed([](auto& c) { c.name = "north"; }), ErrorCode::failed_precondition);
  EXPECT_EQ(changed([](auto& c) { c.name = "West"; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([&](auto& c) { c.center = north; }), ErrorCode::failed_precondition);
  EXPECT_EQ(changed([](auto& c) { c.center = {}; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& c) { c.unit = kDu; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& c) { c.validity = Duration{}; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& c) { c.validity = kMaxInvitationValidity + milliseconds(1); }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& c) { c.token = {}; }), ErrorCode::invalid_argument);
  ok(invitation());
  EXPECT_EQ(changed([](auto& c) { c.center = id_of<CenterId>(4); }), ErrorCode::failed_precondition);  // the name is taken
  ok(WithdrawInvitation{west, operator_id, "a slip"});
  EXPECT_EQ(error(WithdrawInvitation{west, operator_id, ""}), ErrorCode::not_found);
  EXPECT_EQ(error(use()), ErrorCode::not_found);
  ok(invitation());
}

TEST_F(Membership, TooManyInvitationsAreRefused) {
  for (std::uint64_t n = 0; n < kMaxInvitations; ++n) {
    InviteCenter command = invitation();
    command.center = id_of<CenterId>(1000 + n);
    command.name = "c" + std::to_string(n);
    ok(command);
  }
  EXPECT_EQ(error(invitation()), ErrorCode::overloaded);
}

TEST_F(Membership, AnInvitationIsGoodForOneKeyAndMayBeUsedAgainWithIt) {
  ok(invitation());
  UseInvitation wrong = use();
  wrong.token = hash_of("guessed");
  EXPECT_EQ(error(wrong), ErrorCode::not_found);
  ok(use());
  EXPECT_FALSE(emitted.empty());
  ok(use());  // the answer was lost
  EXPECT_TRUE(emitted.empty());
  UseInvitation other = use();
  other.billing_key = {35};
  EXPECT_EQ(error(other), ErrorCode::conflict);
  advance(hours(1));
  ok(use());  // also when it would have expired for others
  ok(admission());
  ok(use());
  EXPECT_EQ(error(other), ErrorCode::conflict);
}

TEST_F(Membership, NobodyUsesAnExpiredInvitation) {
  ok(invitation());
  advance(kInvitationValidity);
  EXPECT_EQ(error(use()), ErrorCode::failed_precondition);
  ok(Tick{});
  EXPECT_EQ(first<InvitationEnded>().end, InvitationEnd::expired);
  EXPECT_EQ(error(use()), ErrorCode::not_found);
}

TEST_F(Membership, WhoIsNeverAdmittedIsForgotten) {
  ok(invitation());
  ok(use());
  advance(kAdmissionPatience);
  EXPECT_EQ(error(admission()), ErrorCode::failed_precondition);
  ok(Tick{});
  EXPECT_EQ(market.invitation(west), nullptr);
}

TEST_F(Membership, AKeySpeaksForOneCenterOnly) {
  ok(invitation());
  const auto with = [&](PublicKey identity, PublicKey billing) {
    UseInvitation command = use();
    command.identity_key = identity;
    command.billing_key = billing;
    return error(command);
  };
  EXPECT_EQ(with(market.center(north)->identity_key, {34}), ErrorCode::failed_precondition);
  EXPECT_EQ(with({33}, market.center(north)->identity_key), ErrorCode::failed_precondition);
  EXPECT_EQ(with({33}, {33}), ErrorCode::invalid_argument);
  EXPECT_EQ(with({33}, {}), ErrorCode::invalid_argument);
  UseInvitation taken = use();
  taken.connector = market.center(north)->connector;
  EXPECT_EQ(error(taken), ErrorCode::failed_precondition);
  ok(use());
  InviteCenter second = invitation();
  second.center = id_of<CenterId>(4);
  second.name = "east";
  ok(second);
  UseInvitation same = use();
  same.center = second.center;
  same.connector = id_of<ConnectorId>(4);
  EXPECT_EQ(error(same), ErrorCode::failed_precondition);
}

TEST_F(Membership, OnlyWhatJoinedIsAdmitted) {
  EXPECT_EQ(error(admission()), ErrorCode::failed_precondition);  // nobody was invited
  ok(invitation());
  EXPECT_EQ(error(admission()), ErrorCode::failed_precondition);  // nobody has joined
  ok(use());
  EnrolCenter other = admission();
  other.identity_key = {36};
  EXPECT_EQ(error(other), ErrorCode::failed_precondition);
  other = admission();
  other.center = id_of<CenterId>(4);  // the name is another's
  EXPECT_EQ(error(other), ErrorCode::failed_precondition);
  other = admission();
  other.unit = *parse_unit("USD");
  EXPECT_EQ(error(other), ErrorCode::failed_precondition);
  ok(WithdrawInvitation{west, operator_id, "not them"});
  EXPECT_EQ(error(admission()), ErrorCode::failed_precondition);
}

TEST_F(Membership, ASecondPersonAdmitsWhatTheFirstCompared) {
  ok(invitation());
  ok(use());
  ok(Propose{.proposal = id_of<ProposalId>(1), .by = operator_id, .act = admission(), .note = "compared by telephone"});
  EXPECT_EQ(error(EndProposal{id_of<ProposalId>(1), operator_id, ProposalEnd::approved, {}}), ErrorCode::forbidden);
  ok(EndProposal{id_of<ProposalId>(1), user, ProposalEnd::approved, {}});
  EXPECT_NE(market.center(west), nullptr);
}

TEST_F(Membership, EachRenewalIsANewGeneration) {
  join();
  ok(certify(0));
  EXPECT_EQ(certification().issued, 1U);
  ok(certify(0));  // the answer was lost
  EXPECT_EQ(certification().issued, 2U);
  ok(ShowGeneration{west, west_connector, 2});
  EXPECT_EQ(certification().acknowledged, 2U);
  ok(ShowGeneration{west, west_connector, 2});
  EXPECT_TRUE(emitted.empty());
  ok(certify(2));
  EXPECT_EQ(certification().issued, 3U);
  ok(ShowGeneration{west, west_connector, 2});  // it did not get the third
  ok(certify(2));
  EXPECT_EQ(certification().issued, 4U);
  ok(certify(4));  // asking with it shows it
  EXPECT_EQ(certification().acknowledged, 4U);
  EXPECT_EQ(certification().issued, 5U);
  EXPECT_EQ(error(certify(6)), ErrorCode::invalid_argument);
  EXPECT_EQ(error(ShowGeneration{west, west_connector, 6}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(CertifyConnector{west, id_of<ConnectorId>(8), 3, now + hours(1)}), ErrorCode::unauthenticated);
}

TEST_F(Membership, ACopyOfAConnectorLocksItsCenter) {
  join();
  ok(certify(0));
  ok(certify(1));
  ok(certify(2));
  ok(ShowGeneration{west, west_connector, 1});
  EXPECT_EQ(market.center(west)->state, CenterState::quarantined);
  EXPECT_EQ(error(certify(3)), ErrorCode::forbidden);
  EXPECT_EQ(error(ShowGeneration{west, west_connector, 3}), ErrorCode::forbidden);
  ok(ChangeCenterState{west, CenterState::active, "the copy is gone"});
  ok(certify(1));  // it was the center's own: brought back from a backup
  EXPECT_EQ(certification().acknowledged, 1U);
  EXPECT_EQ(certification().issued, 4U);
  ok(certify(4));
  ok(certify(3));  // and the one that went on without it asks for a certificate
  EXPECT_EQ(first<CenterStateChanged>().state, CenterState::quarantined);
}

TEST_F(Membership, OfTwoThatRenewInTurnTheFirstIsFoundOut) {
  join();
  ok(certify(0));
  ok(certify(1));  // one of them
  ok(certify(1));  // the other
  ok(ShowGeneration{west, west_connector, 2});
  EXPECT_EQ(market.center(west)->state, CenterState::quarantined);
}

TEST_F(Membership, ACertificateThatRanOutIsRecoveredThreeTimes) {
  join();
  ok(certify(0));
  for (std::uint64_t n = 1; n <= kRecoveries; ++n) {
    advance(hours(24));
    ok(certify(n));
    EXPECT_TRUE(first<CertificateIssued>().recovered);
  }
  ok(certify(kRecoveries + 1));  // in time
  EXPECT_FALSE(first<CertificateIssued>().recovered);
  advance(hours(24));
  EXPECT_EQ(error(certify(kRecoveries + 2)), ErrorCode::failed_precondition);
  ok(ChangeCenterState{west, CenterState::active, "looked into"});
  ok(certify(kRecoveries + 2));
}

TEST_F(Membership, ARevokedCenterNeverComesBack) {
  join();
  ok(certify(0));
  ok(ChangeCenterState{west, CenterState::revoked, "the contract ended"});
  EXPECT_EQ(error(ChangeCenterState{west, CenterState::active, ""}), ErrorCode::failed_precondition);
  EXPECT_EQ(error(certify(1)), ErrorCode::forbidden);
  EXPECT_EQ(error(ShowGeneration{west, west_connector, 1}), ErrorCode::forbidden);
  EXPECT_EQ(error(next_report(west, {})), ErrorCode::failed_precondition);  // what was under way when it was revoked
  EXPECT_EQ(market.center(west)->state, CenterState::revoked);
}

TEST_F(Membership, SurvivesASnapshot) {
  join();
  ok(certify(0));
  InviteCenter second = invitation();
  second.center = id_of<CenterId>(4);
  second.name = "east";
  ok(second);
  std::vector<std::byte> saved;
  market.save(saved);
  Market loaded;
  ASSERT_TRUE(loaded.load(saved));
  EXPECT_EQ(loaded.digest(), market.digest());
  EXPECT_EQ(loaded.invitation(second.center)->name, "east");
  EXPECT_EQ(loaded.center(west)->certification.issued, 1U);
}

}  // namespace
}  // namespace bourse::broker
