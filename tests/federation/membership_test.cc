// Joining and renewing: the connector's side against the broker's desk, over an engine in memory and a certificate authority on disk.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "broker/adapters/ca/keys.h"
#include "broker/adapters/membership/desk.h"
#include "broker/adapters/membership/membership_server.h"
#include "broker/app/engine.h"
#include "broker/app/memory_journal.h"
#include "connectors/daemon/credentials.h"
#include "connectors/daemon/join_command.h"
#include "connectors/daemon/membership_client.h"
#include "connectors/daemon/renewer.h"
#include "connectors/daemon/tls.h"
#include "federation-proto/bundle.h"
#include "federation-proto/fields.h"

namespace bourse::testing {
namespace {

namespace wire = federation::v1;
using broker::CenterState;
using connector::Credentials;

constexpr const char* kMarket = "bourse.test";

template <class IdType>
IdType numbered(std::uint64_t n) {
  return IdType{Uuid{0x0190'0000'0000'7000ULL, 0x8000'0000'0000'0000ULL | n}};
}

// The desk without a network between; what is sent may be changed, and what is answered lost.
class Direct final : public connector::MembershipPort {
 public:
  explicit Direct(broker::Desk& desk) : desk_(desk) {}
  Result<std::string> begin() override { return nonce ? *nonce : desk_.begin(); }
  Result<wire::JoinReply> join(const wire::JoinCall& call) override {
    wire::JoinCall sent = call;
    if (spoil_join) spoil_join(sent);
    return desk_.join(sent);
  }
  Result<wire::CertifyReply> certify(const wire::Envelope& request) override {
    wire::Envelope sent = request;
    if (spoil_request) spoil_request(sent);
    auto reply = desk_.certify(sent);
    if (lost) return fail(ErrorCode::timeout, "lost");
    if (reply && spoil_reply) spoil_reply(*reply);
    return reply;
  }

  std::optional<std::string> nonce;
  bool lost = false;
  std::function<void(wire::JoinCall&)> spoil_join;
  std::function<void(wire::Envelope&)> spoil_request;
  std::function<void(wire::CertifyReply&)> spoil_reply;

 private:
  broker::Desk& desk_;
};

class Membership : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "bourse-membership-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
    broker_keys_ = *broker::load_or_create_keys(base_ + "/keys", rng_);
    auto authority = broker::CertificateAuthority::open(base_ + "/keys", base_ + "/root", clock_.now());
    ASSERT_TRUE(authority) << authority.error().message();
    authority_ = std::move(*authority);
    engine_ = std::make_unique<broker::Engine>(broker::EngineOptions{.tick = {}}, journal_, clock_, rng_);
    ASSERT_TRUE(engine_->start());
    desk_ = std::make_unique<broker::Desk>(broker::MembershipOptions{.audience = kMarket}, *engine_, *authority_, broker_keys_.ack, clock_, rng_);
    port_ = std::make_unique<Direct>(*desk_);
    bundle_ = invite(center_, "north");
    keys_ = *connector::make_keys(folder(), rng_);
  }
  void TearDown() override { engine_->stop(), std::filesystem::remove_all(base_); }

  std::string folder() const { return base_ + "/north"; }
  Result<broker::CommandResult> tell(broker::CommandBody body) { return engine_->execute({.key = {}, .fingerprint = 0, .now = clock_.now(), .body = std::move(body)}); }
  federation::JoinBundle invite(CenterId center, const std::string& name) {
    federation::JoinBundle bundle{.audience = kMarket, .center = center, .center_name = name, .token = federation::make_join_token(center, rng_),
                                  .expires_at = clock_.now() + minutes(10), .connect = "127.0.0.1:1", .server_name = "link.test",
                                  .join_server_name = "join.test", .root_pem = authority_->root_pem(), .order_key = broker_keys_.order.public_key,
                                  .ack_key = broker_keys_.ack.public_key};
    EXPECT_TRUE(tell(broker::InviteCenter{.center = center, .name = name, .token = federation::token_hash(bundle.token), .by = numbered<UserId>(1)}));
    return bundle;
  }
  // As people do once they have compared the fingerprint.
  void admit(CenterId center) {
    std::optional<broker::Invitation> joined;
    ASSERT_TRUE(engine_->read_wait([&](const broker::Market& market) { joined = *market.invitation(center); }));
    EXPECT_EQ(federation::keys_fingerprint(joined->identity_key, joined->billing_key),
              federation::keys_fingerprint(keys_.identity.public_key, keys_.billing.public_key));
    const auto done = tell(broker::EnrolCenter{center, joined->name, joined->connector, joined->identity_key, joined->billing_key, joined->unit});
    ASSERT_TRUE(done) << done.error().message();
  }
  broker::Center member() {
    broker::Center copy;
    EXPECT_TRUE(engine_->read_wait([&](const broker::Market& market) { copy = *market.center(center_); }));
    return copy;
  }
  Credentials admitted() {
    const auto joined = connector::join(*port_, bundle_, keys_);
    EXPECT_TRUE(joined) << joined.error().message();
    admit(center_);
    return {.connector = joined->connector, .tls_key_pem = {}, .certificate_pem = {}};
  }
  Result<Credentials> next(const Credentials& current) { return connector::certify(*port_, bundle_, keys_, current, clock_.now()); }
  ErrorCode join_error() {
    const auto joined = connector::join(*port_, bundle_, keys_);
    EXPECT_FALSE(joined);
    return joined ? ErrorCode{} : joined.error().code;
  }

  std::string base_;
  ManualClock clock_{Instant{1'800'000'000'000}};
  SystemRng rng_;
  broker::BrokerKeys broker_keys_;
  std::optional<broker::CertificateAuthority> authority_;
  broker::MemoryJournal journal_;
  std::unique_ptr<broker::Engine> engine_;
  std::unique_ptr<broker::Desk> desk_;
  std::unique_ptr<Direct> port_;
  const CenterId center_ = numbered<CenterId>(7);
  federation::JoinBundle bundle_;
  connector::ConnectorKeys keys_;
};

TEST_F(Membership, ACenterJoinsIsAdmittedAndGetsItsCertificate) {
  const auto joined = connector::join(*port_, bundle_, keys_);
  ASSERT_TRUE(joined) << joined.error().message();
  EXPECT_FALSE(joined->admitted);
  EXPECT_EQ(next({.connector = joined->connector, .tls_key_pem = {}, .certificate_pem = {}}).error().code, ErrorCode::unauthenticated) << "nobody has admitted it";
  admit(center_);
  const auto again = connector::join(*port_, bundle_, keys_);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->admitted);
  EXPECT_EQ(again->connector, joined->connector);
  const auto first = next({.connector = again->connector, .tls_key_pem = {}, .certificate_pem = {}});
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->generation, 1U);
  EXPECT_EQ(first->until, clock_.now() + hours(1));
  EXPECT_TRUE(connector::check_certificate(first->certificate_pem, first->tls_key_pem, bundle_.root_pem, clock_.now()));
}

TEST_F(Membership, ATokenIsGoodForOneKeyAndItsTime) {
  federation::JoinBundle guessed = bundle_;
  guessed.token = federation::make_join_token(center_, rng_);
  EXPECT_EQ(connector::join(*port_, guessed, keys_).error().code, ErrorCode::not_found);
  ASSERT_TRUE(connector::join(*port_, bundle_, keys_));
  connector::ConnectorKeys other{federation::make_key_pair(rng_), federation::make_key_pair(rng_)};
  EXPECT_EQ(connector::join(*port_, bundle_, other).error().code, ErrorCode::conflict);
  const federation::JoinBundle late = invite(numbered<CenterId>(8), "south");
  clock_.advance(minutes(10));
  EXPECT_EQ(connector::join(*port_, late, other).error().code, ErrorCode::failed_precondition);
}

TEST_F(Membership, OfManyAtOnceWithOneTokenOneJoins) {
  std::atomic<int> in = 0, refused = 0;
  std::vector<std::jthread> crowd;
  for (int n = 0; n < 16; ++n)
    crowd.emplace_back([&] {
      const connector::ConnectorKeys keys{federation::make_key_pair(rng_), federation::make_key_pair(rng_)};
      Direct port(*desk_);
      for (int i = 0; i < 8; ++i) {
        const auto joined = connector::join(port, bundle_, keys);
        if (!joined) EXPECT_EQ(joined.error().code, ErrorCode::conflict);
        ++(joined ? in : refused);
      }
    });
  crowd.clear();
  EXPECT_EQ(in, 8);
  EXPECT_EQ(refused, 15 * 8);
}

TEST_F(Membership, KeysThatProveNothingAreRefused) {
  // Under a point of small order one signature fits every message.
  std::array<std::uint8_t, 32> small{};
  small[0] = 1;
  connector::ConnectorKeys weak = keys_;
  weak.billing.public_key = small;
  EXPECT_EQ(connector::join(*port_, bundle_, weak).error().code, ErrorCode::invalid_argument);
  connector::ConnectorKeys same = keys_;
  same.billing = same.identity;
  EXPECT_EQ(connector::join(*port_, bundle_, same).error().code, ErrorCode::invalid_argument);
  connector::ConnectorKeys foreign = keys_;
  foreign.identity.public_key = federation::make_key_pair(rng_).public_key;  // of somebody else: it can't sign
  EXPECT_EQ(connector::join(*port_, bundle_, foreign).error().code, ErrorCode::bad_signature);
  // A key that another center has.
  static_cast<void>(admitted());
  const federation::JoinBundle second = invite(numbered<CenterId>(8), "south");
  connector::ConnectorKeys reused{federation::make_key_pair(rng_), keys_.billing};
  EXPECT_EQ(connector::join(*port_, second, reused).error().code, ErrorCode::failed_precondition);
}

TEST_F(Membership, ANonceIsGoodOnceAndForAMinute) {
  port_->nonce = std::string(32, 'x');
  EXPECT_EQ(join_error(), ErrorCode::unauthenticated);
  port_->nonce = desk_->begin();
  ASSERT_TRUE(connector::join(*port_, bundle_, keys_));
  EXPECT_EQ(join_error(), ErrorCode::unauthenticated);
  port_->nonce = desk_->begin();
  clock_.advance(minutes(1));
  EXPECT_EQ(join_error(), ErrorCode::unauthenticated);
  port_->nonce.reset();
  // Who asks for as many as there are room for stops nobody else.
  for (std::size_t n = 0; n < broker::Nonces::kMost; ++n) ASSERT_FALSE(desk_->begin().empty());
  EXPECT_TRUE(connector::join(*port_, bundle_, keys_));
}

TEST_F(Membership, WhatWasChangedOnItsWayIsRefused) {
  port_->spoil_join = [](wire::JoinCall& call) { call.mutable_identity_signature()->at(0) ^= 1; };
  EXPECT_EQ(join_error(), ErrorCode::bad_signature);
  port_->spoil_join = [](wire::JoinCall& call) { call.mutable_billing_signature()->resize(63); };
  EXPECT_EQ(join_error(), ErrorCode::bad_signature);
  port_->spoil_join = [](wire::JoinCall& call) { std::swap(*call.mutable_identity_signature(), *call.mutable_billing_signature()); };
  EXPECT_EQ(join_error(), ErrorCode::bad_signature);
  port_->spoil_join = [](wire::JoinCall& call) { call.mutable_payload()->append("\x40\x01", 2); };  // a field that we don't know
  EXPECT_EQ(join_error(), ErrorCode::invalid_argument);
  port_->spoil_join = [](wire::JoinCall& call) { call.mutable_payload()->resize(1 << 20); };
  EXPECT_EQ(join_error(), ErrorCode::too_large);
  federation::JoinBundle elsewhere = bundle_;
  elsewhere.audience = "another.market";
  port_->spoil_join = nullptr;
  EXPECT_EQ(connector::join(*port_, elsewhere, keys_).error().code, ErrorCode::invalid_argument);
  const Credentials ours = admitted();
  port_->spoil_request = [](wire::Envelope& envelope) { envelope.mutable_signature()->at(5) ^= 1; };
  EXPECT_EQ(next(ours).error().code, ErrorCode::bad_signature);
  // A hello's signature, or that of the key for bills, is none of a request for a certificate.
  port_->spoil_request = [&](wire::Envelope& envelope) { envelope = federation::seal(keys_.billing, federation::kCertifyType, envelope.payload()); };
  EXPECT_EQ(next(ours).error().code, ErrorCode::bad_signature);
  port_->spoil_request = [&](wire::Envelope& envelope) { envelope = federation::seal(keys_.identity, federation::kHelloType, envelope.payload()); };
  EXPECT_EQ(next(ours).error().code, ErrorCode::bad_signature);
  port_->spoil_request = nullptr;
  EXPECT_EQ(member().certification.issued, 0U);
  EXPECT_TRUE(next(ours));
}

TEST_F(Membership, TheConnectorBelievesNoAnswerButTheMarketsOwn) {
  const Credentials ours = admitted();
  const auto error_after = [&](std::function<void(wire::CertifyReply&)> spoil) {
    port_->spoil_reply = std::move(spoil);
    const auto got = next(ours);
    EXPECT_FALSE(got);
    return got ? ErrorCode{} : got.error().code;
  };
  EXPECT_EQ(error_after([](wire::CertifyReply& reply) { reply.mutable_join_state()->mutable_signature()->at(0) ^= 1; }), ErrorCode::integrity);
  EXPECT_EQ(error_after([&](wire::CertifyReply& reply) {
              *reply.mutable_join_state() = federation::seal(keys_.identity, federation::kJoinStateType, reply.join_state().payload());
            }), ErrorCode::integrity);
  EXPECT_EQ(error_after([&](wire::CertifyReply& reply) {
              wire::JoinState state;
              ASSERT_TRUE(state.ParseFromString(reply.join_state().payload()));
              state.set_generation(0);
              *reply.mutable_join_state() = federation::seal({broker_keys_.ack.secret, broker_keys_.ack.public_key}, federation::kJoinStateType, state.SerializeAsString());
            }), ErrorCode::integrity);
  EXPECT_EQ(error_after([&](wire::CertifyReply& reply) {  // a good certificate, for another key
              const auto key = connector::make_tls_key();
              reply.set_certificate_pem(*authority_->issue_connector(*connector::make_request(*key), kMarket, center_, ours.connector, clock_.now(), hours(1)));
            }), ErrorCode::integrity);
  EXPECT_EQ(error_after([](wire::CertifyReply& reply) { reply.set_certificate_pem("no certificate"); }), ErrorCode::integrity);
  port_->spoil_reply = nullptr;
  const auto got = next(ours);
  EXPECT_TRUE(got);  // none of those counted
}

TEST_F(Membership, ALostAnswerDoesNoHarmAndAnOlderCopyLocks) {
  const Credentials none = admitted();
  const auto first = next(none);
  ASSERT_TRUE(first);
  port_->lost = true;
  EXPECT_FALSE(next(*first));
  port_->lost = false;
  const auto second = next(*first);
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(second->generation, 3U);
  const auto third = next(*second);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->generation, 4U);
  EXPECT_EQ(next(*first).error().code, ErrorCode::forbidden);  // a copy of the folder, taken long ago
  EXPECT_EQ(member().state, CenterState::quarantined);
  EXPECT_EQ(next(*third).error().code, ErrorCode::forbidden);  // which of the two is the center's own, people find out
  ASSERT_TRUE(tell(broker::ChangeCenterState{center_, CenterState::active, "the copy is gone"}));
  EXPECT_TRUE(next(*third));
}

TEST_F(Membership, RecoversThreeTimesThenAPersonHasToLook) {
  auto ours = next(admitted());
  ASSERT_TRUE(ours);
  for (int n = 0; n < 3; ++n) {
    clock_.advance(hours(24 * 40));
    ours = next(*ours);
    ASSERT_TRUE(ours) << ours.error().message();
  }
  clock_.advance(hours(2));
  const auto refused = next(*ours);
  EXPECT_EQ(refused.error().code, ErrorCode::failed_precondition);
  EXPECT_NE(refused.error().detail.find("operator"), std::string::npos) << refused.error().detail;
  ASSERT_TRUE(tell(broker::ChangeCenterState{center_, CenterState::active, ""}));
  EXPECT_TRUE(next(*ours));
}

TEST_F(Membership, ARevokedCenterGetsNoCertificate) {
  const auto ours = next(admitted());
  ASSERT_TRUE(ours);
  ASSERT_TRUE(tell(broker::ChangeCenterState{center_, CenterState::revoked, "the contract ended"}));
  EXPECT_EQ(next(*ours).error().code, ErrorCode::forbidden);
}

TEST_F(Membership, RenewsAtHalfTheCertificatesTimeAndKeepsItFirst) {
  const auto first = next(admitted());
  ASSERT_TRUE(first);
  ASSERT_TRUE(connector::save(*first, folder()));
  connector::Renewer renewer(folder(), bundle_, keys_, *first, *port_, clock_, rng_);
  EXPECT_GE(renewer.due(), first->since + minutes(24));
  EXPECT_LE(renewer.due(), first->since + minutes(36) + milliseconds(1));
  clock_.advance(minutes(36));
  port_->lost = true;
  EXPECT_FALSE(renewer.renew());
  EXPECT_GT(renewer.due(), clock_.now());
  EXPECT_LE(renewer.due(), clock_.now() + milliseconds(2 * connector::Renewer::kSoonest.ms));
  for (int n = 0; n < 20; ++n) EXPECT_FALSE(renewer.renew());
  EXPECT_LE(renewer.due(), clock_.now() + milliseconds(2 * connector::Renewer::kLatest.ms));
  EXPECT_EQ(renewer.generation(), 1U);
  port_->lost = false;
  ASSERT_TRUE(renewer.renew());
  EXPECT_GT(renewer.generation(), 1U);
  const auto kept = connector::load_credentials(folder());
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->generation, renewer.generation());
  EXPECT_NE(kept->tls_key_pem, first->tls_key_pem);  // every certificate has a key of its own
  std::filesystem::remove_all(folder());  // a disk that takes nothing
  EXPECT_FALSE(renewer.renew());
  EXPECT_EQ(renewer.generation(), kept->generation);
}

TEST_F(Membership, TheJoinCommandGoesOnWhereItWas) {
  std::vector<std::string> said;
  int naps = 0;
  std::function<bool(Duration)> nap = [&](Duration) { return false; };  // Ctrl-C
  const auto run = [&](const std::string& bundle_json, bool wait = true) {
    return connector::run_join({.directory = folder(), .bundle_json = bundle_json, .wait = wait},
                               [&](const federation::JoinBundle&) { return std::make_unique<Direct>(*desk_); },
                               [&](const std::string& text) { said.push_back(text); }, nap, clock_, rng_);
  };
  EXPECT_EQ(run("{}").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(run(federation::to_json(bundle_), false).error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(run("").error().code, ErrorCode::failed_precondition);
  const std::string fingerprint = federation::shown_fingerprint(federation::keys_fingerprint(keys_.identity.public_key, keys_.billing.public_key));
  EXPECT_NE(said.front().find(fingerprint), std::string::npos) << said.front();
  nap = [&](Duration) {
    if (++naps == 3) admit(center_);
    return true;
  };
  ASSERT_TRUE(run(""));
  EXPECT_EQ(naps, 3);
  EXPECT_EQ(connector::load_credentials(folder())->generation, 1U);
  ASSERT_TRUE(run(""));  // and once more
  EXPECT_NE(said.back().find("already"), std::string::npos);
  EXPECT_EQ(run(federation::to_json(invite(numbered<CenterId>(9), "west"))).error().code, ErrorCode::conflict);
}

TEST_F(Membership, GoesOverGrpc) {
  broker::MembershipServer server({.audience = kMarket}, *engine_, *authority_, broker_keys_.ack, clock_, rng_);
  grpc::ServerBuilder builder;
  const std::string address = "unix:" + base_ + "/desk.sock";
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(&server.service());
  const auto listening = builder.BuildAndStart();
  connector::MembershipClient client([&] { return grpc::CreateChannel(address, grpc::InsecureChannelCredentials()); });
  federation::JoinBundle guessed = bundle_;
  guessed.token = federation::make_join_token(center_, rng_);
  EXPECT_EQ(connector::join(client, guessed, keys_).error().code, ErrorCode::not_found);
  const auto joined = connector::join(client, bundle_, keys_);
  ASSERT_TRUE(joined) << joined.error().message();
  admit(center_);
  const auto first = connector::certify(client, bundle_, keys_, {.connector = joined->connector, .tls_key_pem = {}, .certificate_pem = {}}, clock_.now());
  ASSERT_TRUE(first) << first.error().message();
  listening->Shutdown();
  server.shutdown();
  EXPECT_EQ(connector::join(client, bundle_, keys_).error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace bourse::testing
