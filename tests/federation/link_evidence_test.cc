// The evidence tree over the link: everything signed is in it, the connector keeps the newest checkpoint, and a broker that
// changed the past is found out.
#include <set>

#include "broker/adapters/link/link_server.h"
#include "connectors/core/witness.h"
#include "federation-proto/fields.h"
#include "tests/federation/link_world.h"

namespace bourse::testing {
namespace {

using broker::EvidenceKind;
using broker::JobState;

class LinkEvidenceTest : public LinkedWorld {
 protected:
  void SetUp() override {
    checkpoint_every_ = milliseconds(50);
    LinkedWorld::SetUp();
  }
  JobId finished() {
    const JobId id = submit();
    EXPECT_TRUE(reaches(id, JobState::queued));
    driver_.start(driver_.ids().back(), clock_.now() - seconds(60));
    driver_.end(driver_.ids().back(), clock_.now(), seconds(60));
    EXPECT_TRUE(reaches(id, JobState::ended));
    return id;
  }
  std::uint64_t size() { return evidence_.frontier(member_.center)->size(); }
  // What the connector would go on from after a restart.
  Result<connector::Witness> witness(const std::string& name = "/north/checkpoints.log") {
    us_ = {kAudience, member_.center, member_.connector, 1, keys_.order.public_key, keys_.ack.public_key};
    return connector::Witness::open(directory_ + name, us_);
  }
  bool acknowledged() {
    const auto report = center(member_.center).chain.hash;
    return evidence_.find(member_.center, EvidenceKind::acknowledgement, {&report, 1})->front().has_value();
  }

  connector::Membership us_;
};

TEST_F(LinkEvidenceTest, ReportsOrdersAndAcknowledgementsAreLeaves) {
  const JobId id = finished();
  ASSERT_TRUE(eventually([&] { return acknowledged(); }));
  const Hash256 order = job(id).attempt().order_hash;
  const Hash256 report = center(member_.center).chain.hash;
  EXPECT_TRUE(evidence_.find(member_.center, EvidenceKind::order, {&order, 1})->front());
  EXPECT_TRUE(evidence_.find(member_.center, EvidenceKind::report, {&report, 1})->front());
  const auto ack = evidence_.find(member_.center, EvidenceKind::acknowledgement, {&report, 1})->front();
  ASSERT_TRUE(ack);
  const auto bytes = blobs_.get(broker::BlobKind::acknowledgement, ack->name);
  ASSERT_TRUE(bytes);
  wire::Envelope envelope;
  ASSERT_TRUE(envelope.ParseFromArray(bytes->data(), static_cast<int>(bytes->size())));
  EXPECT_TRUE(federation::open(envelope, federation::kAckType, keys_.ack.public_key));
  // As many as were signed: one order, and every report with its answer.
  EXPECT_EQ(size(), 1 + 2 * center(member_.center).chain.seq);
}

TEST_F(LinkEvidenceTest, TheConnectorKeepsTheNewestCheckpoint) {
  std::uint64_t before = 0;
  for (int round = 0; round < 3; ++round) {
    finished();
    ASSERT_TRUE(eventually([&] {
      const auto kept = witness();
      return kept && kept->size() == size() && size() > before;
    })) << (witness() ? std::to_string(witness()->size()) : witness().error().message());
    EXPECT_EQ(witness()->root(), evidence_.frontier(member_.center)->root());
    before = size();
    if (round == 1) {
      connector_.reset();
      connect();
    }
  }
}

TEST_F(LinkEvidenceTest, ABrokerThatChangedThePastIsNotWorkedWith) {
  finished();
  ASSERT_TRUE(eventually([&] {
    const auto kept = witness();
    return kept && kept->size() == size() && acknowledged();
  }));
  const std::uint64_t kept = witness()->size();
  stop_server();
  // The same number of leaves and more, but others.
  broker::MemoryEvidenceLog other;
  for (int i = 0; i < static_cast<int>(kept) + 2; ++i) {
    const auto item = broker::evidence_of(member_.center, EvidenceKind::report, "forged " + std::to_string(i));
    ASSERT_TRUE(other.append({&item, 1}));
  }
  notary_ = std::make_unique<broker::Notary>(kAudience, other, keys_.ack, clock_);
  start_server();
  ASSERT_TRUE(eventually([&] { return !witness(); }));
  const Status ended = connector_->ended();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::integrity) << ended.error().message();
  // Nor after a restart: both signatures are kept.
  EXPECT_EQ(witness().error().code, ErrorCode::integrity);
  stop_server();
}

TEST_F(LinkEvidenceTest, AnotherCentersOrUnsignedCheckpointIsNotTaken) {
  auto kept = witness("/checkpoints.log");
  ASSERT_TRUE(kept);
  const auto update = [&](const std::string& market, CenterId center, const broker::SigningKey& key) {
    wire::CheckpointUpdate out;
    *out.mutable_checkpoint() = federation::seal_checkpoint({key.secret, key.public_key}, {market, center, 0, evidence::empty_root(), clock_.now()});
    return out;
  };
  EXPECT_EQ(kept->take(update(kAudience, member_.center, keys_.order)).error().code, ErrorCode::bad_signature);
  EXPECT_EQ(kept->take(update("bourse.other", member_.center, keys_.ack)).error().code, ErrorCode::forbidden);
  EXPECT_EQ(kept->take(update(kAudience, CenterId{member_.connector.uuid}, keys_.ack)).error().code, ErrorCode::forbidden);
  auto from = update(kAudience, member_.center, keys_.ack);
  from.set_from_size(3);
  EXPECT_EQ(kept->take(from).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(witness("/checkpoints.log"));
}

TEST_F(LinkEvidenceTest, AProofThatWasSpoiledOnItsWayAccusesNobody) {
  const std::string log = "/spoiled-checkpoints.log";
  auto kept = witness(log);
  ASSERT_TRUE(kept);
  const auto signed_at = [&](std::uint64_t size, std::string_view root) {
    wire::CheckpointUpdate out;
    *out.mutable_checkpoint() = federation::seal_checkpoint({keys_.ack.secret, keys_.ack.public_key}, {kAudience, member_.center, size, sha256(root), clock_.now()});
    return out;
  };
  wire::CheckpointUpdate spoiled = signed_at(2, "a root");
  spoiled.add_consistency(std::string(32, 'x'));
  for (int time = 0; time < 2; ++time) EXPECT_EQ(kept->take(spoiled).error().code, ErrorCode::bad_signature);
  EXPECT_TRUE(witness(log)) << "a restart finds nothing wrong";
  EXPECT_TRUE(kept->take(signed_at(2, "a root")));
  // A broker that never has a better one is found out all the same.
  wire::CheckpointUpdate other = signed_at(5, "another root");
  other.set_from_size(2);
  for (int time = 0; time < 2; ++time) EXPECT_EQ(kept->take(other).error().code, ErrorCode::bad_signature);
  EXPECT_EQ(kept->take(other).error().code, ErrorCode::integrity);
  EXPECT_FALSE(witness(log));
}

}  // namespace
}  // namespace bourse::testing
