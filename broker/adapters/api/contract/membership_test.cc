// A center becomes a member: invited, joined, compared, let in; or not.
#include <cctype>
#include <string>
#include <vector>

#include "broker/adapters/api/contract/market_world.h"
#include "federation-proto/bundle.h"

namespace bourse::test {
namespace {

using Stub = v1::Market::Stub;
using broker::CertifyConnector;

class Joining : public MarketWorld {
 protected:
  v1::InviteCenterRequest invitation(const std::string& name) {
    v1::InviteCenterRequest request;
    *request.mutable_principal() = operator_;
    request.set_key(key());
    request.set_name(name);
    return request;
  }
  Answer invited(const v1::InviteCenterRequest& request) {
    v1::InviteCenterReply reply;
    return call(&Stub::InviteCenter, request, &reply);
  }
  std::vector<v1::Invitation> open() {
    v1::ListInvitationsRequest request;
    *request.mutable_principal() = operator_;
    v1::ListInvitationsReply reply;
    EXPECT_TRUE(call(&Stub::ListInvitations, request, &reply).ok());
    return {reply.invitations().begin(), reply.invitations().end()};
  }
  v1::WithdrawInvitationRequest withdrawal(const std::string& center) {
    v1::WithdrawInvitationRequest request;
    *request.mutable_principal() = operator_;
    request.set_key(key());
    request.set_center(center);
    request.set_reason("went astray");
    return request;
  }
  Answer withdrawn(const v1::WithdrawInvitationRequest& request) {
    v1::Empty nothing;
    return call(&Stub::WithdrawInvitation, request, &nothing);
  }
  Answer admitted(const v1::AdmitCenterRequest& request, v1::Admission* reply = nullptr) {
    v1::Admission mine;
    return call(&Stub::AdmitCenter, request, reply == nullptr ? &mine : reply);
  }
  std::vector<v1::Center> centers(const v1::Principal& who) {
    v1::ListCentersRequest request;
    *request.mutable_principal() = who;
    v1::ListCentersReply reply;
    EXPECT_TRUE(call(&Stub::ListCenters, request, &reply).ok());
    return {reply.centers().begin(), reply.centers().end()};
  }
  using End = grpc::Status (Stub::*)(grpc::ClientContext*, const v1::EndProposalRequest&, v1::Proposal*);
  std::string end(End how, const v1::Principal& who, const std::string& proposal) {
    v1::EndProposalRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_proposal(proposal);
    v1::Proposal reply;
    return call(how, request, &reply).code;
  }
  Answer state(const StubCenter& center, const std::string& to, v1::Center* reply) {
    v1::SetCenterStateRequest request;
    *request.mutable_principal() = operator_;
    request.set_key(key());
    request.set_center(center.name);
    request.set_state(to);
    request.set_reason("it cheated");
    return call(&Stub::SetCenterState, request, reply);
  }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
};

TEST_F(Joining, TheBundleHasWhatAConnectorNeeds) {
  const Instant before = clock_.now();
  const federation::JoinBundle bundle = invite("north", "USD", 3'600'000);
  EXPECT_EQ(bundle.audience, "bourse.test");
  EXPECT_EQ(bundle.center_name, "north");
  EXPECT_EQ(federation::center_of_token(bundle.token), bundle.center);
  EXPECT_EQ(bundle.connect, "127.0.0.1:8443");
  EXPECT_EQ(bundle.server_name, "link.bourse.internal");
  EXPECT_EQ(bundle.join_server_name, "join.bourse.internal");
  EXPECT_EQ(bundle.root_pem, authority_->root_pem());
  EXPECT_EQ(bundle.order_key, broker_keys_.order.public_key);
  EXPECT_EQ(bundle.ack_key, broker_keys_.ack.public_key);
  EXPECT_GE(bundle.expires_at, before + hours(1));
  EXPECT_LE(bundle.expires_at, clock_.now() + hours(1));
  EXPECT_LE(invite("south").expires_at, clock_.now() + minutes(10));
}

TEST_F(Joining, OpenInvitationsAreListedTheOldestFirst) {
  const federation::JoinBundle first = invite("south", "USD"), second = invite("north");
  StubCenter north;
  ASSERT_TRUE(join(second, north));
  const auto listed = open();
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].name(), "south");
  EXPECT_EQ(listed[0].unit(), "USD");
  EXPECT_EQ(listed[0].center(), to_text(first.center));
  EXPECT_EQ(listed[0].by(), operator_.user());
  EXPECT_EQ(listed[0].by_name(), "Person olga");
  EXPECT_EQ(listed[0].expires_ms(), first.expires_at.unix_ms);
  EXPECT_EQ(listed[0].joined_ms(), 0);
  EXPECT_EQ(listed[0].fingerprint(), "");
  EXPECT_EQ(listed[1].name(), "north");
  EXPECT_GE(listed[1].joined_ms(), listed[1].at_ms());
  EXPECT_EQ(listed[1].fingerprint(), admission(north).fingerprint());
  EXPECT_GT(listed[1].expires_ms(), second.expires_at.unix_ms);  // people now have time to compare
}

TEST_F(Joining, WhoJoinedIsLetInByTheFingerprint) {
  const federation::JoinBundle bundle = invite("north", "USD");
  StubCenter north{.name = "north"};
  v1::AdmitCenterRequest early = admission(north);
  const Answer nobody = admitted(early);
  EXPECT_EQ(nobody.code, "failed_precondition");
  EXPECT_TRUE(has(nobody.detail, "Nobody has joined as north")) << nobody.detail;
  ASSERT_TRUE(join(bundle, north));
  EXPECT_TRUE(centers(operator_).empty());

  v1::AdmitCenterRequest request = admission(north);
  const std::string right = request.fingerprint();
  std::string typed = right;
  for (char& c : typed) c = c == ' ' ? ':' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  request.set_fingerprint(typed);
  v1::Admission done, again;
  const Answer got = admitted(request, &done);
  ASSERT_TRUE(got.ok()) << got.code << " " << got.detail;
  EXPECT_FALSE(done.has_proposal());
  EXPECT_EQ(done.center(), to_text(bundle.center));
  EXPECT_EQ(done.name(), "north");
  EXPECT_TRUE(open().empty());
  const auto all = centers(operator_);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].id(), to_text(bundle.center));
  EXPECT_EQ(all[0].connector(), to_text(north.connector));
  EXPECT_EQ(all[0].state(), "active");
  EXPECT_EQ(all[0].owed().unit(), "USD");

  stop();
  start();  // a lost answer, asked for again
  ASSERT_TRUE(admitted(request, &again).ok());
  EXPECT_EQ(again.center(), done.center());
  EXPECT_EQ(again.name(), "north");
  request.set_key(key());
  EXPECT_EQ(admitted(request).code, "failed_precondition");  // nobody is let in twice
}

TEST_F(Joining, AnotherFingerprintLetsNobodyIn) {
  StubCenter north;
  ASSERT_TRUE(join(invite("north"), north));
  v1::AdmitCenterRequest request = admission(north);
  const std::string right = request.fingerprint();
  std::string wrong = right;
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  request.set_fingerprint(wrong);
  const Answer refused = admitted(request);
  EXPECT_EQ(refused.code, "failed_precondition");
  for (const std::string& part : {right, wrong, std::string("The fingerprints differ"), std::string("Nobody was let in")})
    EXPECT_TRUE(has(refused.detail, part)) << refused.detail;
  for (const char* garbage : {"", "12", "zz", "north"}) {
    request.set_key(key());
    request.set_fingerprint(garbage);
    const Answer unread = admitted(request);
    EXPECT_EQ(unread.code, "invalid_argument") << garbage;
    EXPECT_TRUE(unread.detail.starts_with("fingerprint: ")) << unread.detail;
  }
  EXPECT_TRUE(centers(operator_).empty());
  EXPECT_EQ(open().size(), 1U);
  EXPECT_TRUE(admitted(admission(north)).ok());
}

TEST_F(Joining, ABundleIsShownOnce) {
  v1::InviteCenterRequest request = invitation("north");
  ASSERT_TRUE(invited(request).ok());
  const Answer again = invited(request);
  EXPECT_EQ(again.code, "conflict");
  EXPECT_TRUE(has(again.detail, "shown once")) << again.detail;
  request.set_unit("USD");
  EXPECT_EQ(invited(request).code, "conflict");  // the key with another request
  EXPECT_EQ(open().size(), 1U);
  ASSERT_TRUE(withdrawn(withdrawal("north")).ok());
  EXPECT_TRUE(invited(invitation("north")).ok());
}

TEST_F(Joining, AWithdrawnInvitationIsGoodForNothing) {
  const federation::JoinBundle unused = invite("north");
  const v1::WithdrawInvitationRequest request = withdrawal("north");
  ASSERT_TRUE(withdrawn(request).ok());
  EXPECT_TRUE(withdrawn(request).ok());  // a lost answer, asked for again
  EXPECT_EQ(withdrawn(withdrawal("north")).code, "not_found");
  StubCenter late;
  EXPECT_EQ(join(unused, late).error().code, ErrorCode::not_found);
  EXPECT_TRUE(open().empty());

  const federation::JoinBundle used = invite("north");
  StubCenter north;
  ASSERT_TRUE(join(used, north));
  ASSERT_TRUE(withdrawn(withdrawal(to_text(used.center))).ok());
  EXPECT_EQ(admitted(admission(north)).code, "not_found");
  EXPECT_TRUE(centers(operator_).empty());
  for (const std::string& nothing : {std::string(), std::string("ctr_"), std::string("'; DROP"), std::string(10'000, 'x')})
    EXPECT_EQ(withdrawn(withdrawal(nothing)).code, "not_found") << nothing.substr(0, 20);
}

TEST_F(Joining, AnExpiredInvitationIsNotThere) {
  const federation::JoinBundle bundle = invite("north", "CNY", 1);
  while (clock_.now() <= bundle.expires_at) {
  }
  EXPECT_TRUE(open().empty());
  StubCenter north;
  EXPECT_FALSE(join(bundle, north));
  EXPECT_EQ(admitted(admission(north)).code, "not_found");
  EXPECT_EQ(withdrawn(withdrawal("north")).code, "not_found");
}

TEST_F(Joining, WhatCantBeMeantIsRefused) {
  const auto refused = [&](auto&& change) {
    v1::InviteCenterRequest request = invitation("north");
    change(request);
    return invited(request).code;
  };
  for (const std::string& name : {std::string(), std::string("North"), std::string("a b"), std::string("-a"), std::string("north; rm -rf /"), std::string(64, 'a')})
    EXPECT_EQ(refused([&](auto& r) { r.set_name(name); }), "invalid_argument") << name;
  for (const char* unit : {"cny", "C", "¥", "=A1", "DU"}) EXPECT_EQ(refused([&](auto& r) { r.set_unit(unit); }), "invalid_argument") << unit;
  for (const std::int64_t ms : {std::int64_t{-1}, hours(24 * 7).ms + 1, INT64_MAX, INT64_MIN})
    EXPECT_EQ(refused([&](auto& r) { r.set_validity_ms(ms); }), "invalid_argument") << ms;
  EXPECT_EQ(refused([&](auto& r) { r.clear_key(); }), "invalid_argument");
  EXPECT_TRUE(open().empty());

  StubCenter alpha = enrol("alpha");
  EXPECT_EQ(refused([](auto& r) { r.set_name("alpha"); }), "failed_precondition");
  const federation::JoinBundle bundle = invite("north");
  EXPECT_EQ(refused([](auto&) {}), "failed_precondition");  // the name is promised
  // A known center's keys under another name: else it could deny or double what it signs.
  StubCenter twice = alpha;
  EXPECT_EQ(join(bundle, twice).error().code, ErrorCode::failed_precondition);
}

TEST_F(Joining, IsTheOperatorsBusinessAlone) {
  const v1::Principal carla = sign_in("carla", "Alpha University", {"user", "center-admin"});
  StubCenter north;
  ASSERT_TRUE(join(invite("north"), north));
  for (const v1::Principal& who : {finance_, carla}) {
    v1::InviteCenterRequest invite_one = invitation("south");
    *invite_one.mutable_principal() = who;
    EXPECT_EQ(invited(invite_one).code, "forbidden");
    v1::ListInvitationsRequest list;
    *list.mutable_principal() = who;
    v1::ListInvitationsReply listed;
    EXPECT_EQ(call(&Stub::ListInvitations, list, &listed).code, "forbidden");
    v1::WithdrawInvitationRequest withdraw = withdrawal("north");
    *withdraw.mutable_principal() = who;
    EXPECT_EQ(withdrawn(withdraw).code, "forbidden");
    v1::AdmitCenterRequest admit = admission(north);
    *admit.mutable_principal() = who;
    EXPECT_EQ(admitted(admit).code, "forbidden");
  }
  EXPECT_EQ(open().size(), 1U);
  EXPECT_TRUE(centers(operator_).empty());
}

TEST_F(Joining, WhereTwoPeopleAreAskedForTheSecondLetsItIn) {
  stop();
  two_people_ = true;
  start();
  const v1::Principal oskar = sign_in("oskar", "The Market", {"operator"});
  StubCenter north, south;
  ASSERT_TRUE(join(invite("north"), north));
  v1::AdmitCenterRequest request = admission(north);
  request.set_note("read out by telephone");
  v1::Admission asked;
  ASSERT_TRUE(admitted(request, &asked).ok());
  ASSERT_TRUE(asked.has_proposal());
  EXPECT_EQ(asked.name(), "north");
  EXPECT_EQ(asked.center(), to_text(north.id));
  const v1::Proposal& proposal = asked.proposal();
  EXPECT_EQ(proposal.what(), "enrol_center");
  EXPECT_EQ(proposal.note(), "read out by telephone");
  for (const std::string& part : {std::string("Let north"), to_text(north.id), std::string("settled in CNY"), request.fingerprint()})
    EXPECT_TRUE(has(proposal.text(), part)) << proposal.text();
  EXPECT_EQ(proposal.act().enrol_center().name(), "north");
  EXPECT_EQ(proposal.act().enrol_center().unit(), "CNY");
  EXPECT_EQ(proposal.act().enrol_center().fingerprint(), request.fingerprint());
  EXPECT_TRUE(centers(operator_).empty());
  EXPECT_EQ(open().size(), 1U);
  EXPECT_EQ(end(&Stub::ApproveProposal, operator_, proposal.id()), "forbidden");  // who proposed it
  EXPECT_EQ(end(&Stub::ApproveProposal, finance_, proposal.id()), "forbidden");   // another trade
  EXPECT_EQ(end(&Stub::ApproveProposal, oskar, proposal.id()), "");
  ASSERT_EQ(centers(operator_).size(), 1U);
  EXPECT_TRUE(open().empty());
  ASSERT_TRUE(admitted(request, &asked).ok());
  EXPECT_EQ(asked.proposal().state(), "approved");

  // Withdrawn meanwhile: nobody's approval lets it in.
  ASSERT_TRUE(join(invite("south"), south));
  ASSERT_TRUE(admitted(admission(south), &asked).ok());
  ASSERT_TRUE(withdrawn(withdrawal("south")).ok());
  EXPECT_EQ(end(&Stub::ApproveProposal, oskar, asked.proposal().id()), "not_found");
  EXPECT_EQ(centers(operator_).size(), 1U);
}

TEST_F(Joining, ARevokedCenterNeverComesBack) {
  const StubCenter alpha = enrol("alpha");
  v1::Center view;
  ASSERT_TRUE(state(alpha, "quarantined", &view).ok());
  ASSERT_TRUE(state(alpha, "active", &view).ok());
  ASSERT_TRUE(state(alpha, "revoked", &view).ok());
  EXPECT_EQ(view.state(), "revoked");
  for (const char* other : {"active", "paused", "quarantined"}) EXPECT_EQ(state(alpha, other, &view).code, "failed_precondition") << other;
  EXPECT_TRUE(state(alpha, "revoked", &view).ok());
  EXPECT_EQ(state(alpha, "gone", &view).code, "invalid_argument");
  EXPECT_EQ(invited(invitation("alpha")).code, "failed_precondition");
  ASSERT_TRUE(projector_->wait_for(engine_->stats().position, seconds(20)));
  EXPECT_EQ(database_.ask("SELECT state || ' ' || state_reason FROM market.centers"), "4 it cheated");
  stop();
  start();
  ASSERT_EQ(centers(operator_).size(), 1U);
  EXPECT_EQ(centers(operator_)[0].state(), "revoked");
}

TEST_F(Joining, OperatorsSeeHowLongACertificateLasts) {
  const StubCenter alpha = enrol("alpha");
  EXPECT_EQ(centers(operator_)[0].certificate_generation(), 0U);
  EXPECT_EQ(centers(operator_)[0].certificate_until_ms(), 0);
  const Instant until = clock_.now() + hours(1);
  const auto certified = engine_->execute({.key = {}, .fingerprint = 0, .now = clock_.now(), .body = CertifyConnector{alpha.id, alpha.connector, 0, until}});
  ASSERT_TRUE(certified) << certified.error().message();
  const v1::Center seen = centers(operator_)[0];
  EXPECT_EQ(seen.certificate_generation(), 1U);
  EXPECT_EQ(seen.certificate_until_ms(), until.unix_ms);
  EXPECT_EQ(seen.recoveries(), 0U);
  const v1::Principal ada = sign_in("ada", "Demo University", {"user"});
  EXPECT_EQ(centers(ada)[0].certificate_generation(), 0U);  // nobody else's business
  EXPECT_EQ(centers(ada)[0].certificate_until_ms(), 0);
}

}  // namespace
}  // namespace bourse::test
