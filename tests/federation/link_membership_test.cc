// What a hello says of its connector's certificates, and how a center that may not come any more is cut off.
#include <gtest/gtest.h>

#include <memory>

#include "tests/federation/link_world.h"

namespace bourse::testing {
namespace {

using broker::CenterState;

class LinkMembership : public LinkedWorld {
 protected:
  void certify(std::uint64_t generation) {
    const auto done = engine_->execute({.key = {}, .fingerprint = 0, .now = clock_.now(),
                                        .body = broker::CertifyConnector{member_.center, member_.connector, generation, clock_.now() + hours(1)}});
    ASSERT_TRUE(done) << done.error().message();
  }
  void change(CenterState state) {
    const auto done = engine_->execute({.key = {}, .fingerprint = 0, .now = clock_.now(), .body = broker::ChangeCenterState{member_.center, state, "as asked"}});
    ASSERT_TRUE(done) << done.error().message();
  }
  void come_again(std::uint64_t generation) {
    connector_.reset();
    generation_ = generation;
    connector_ = std::make_unique<TestConnector>(member_, keys_, directory_ + "/north", driver_, [this] { return channel(); }, generation);
  }
};

TEST_F(LinkMembership, ANewerCertificateIsTakenUpWithTheNextHello) {
  certify(0);
  come_again(1);
  EXPECT_TRUE(eventually([&] { return center(member_.center).certification.acknowledged == 1; }));
  EXPECT_TRUE(eventually([&] { return online(); }));
}

TEST_F(LinkMembership, WhoShowsAnOlderOneIsACopyAndLocksTheCenter) {
  certify(0);
  certify(1);
  certify(2);
  come_again(1);
  EXPECT_TRUE(eventually([&] { return center(member_.center).state == CenterState::quarantined; }));
  EXPECT_TRUE(eventually([&] { return !online(); }));
  EXPECT_FALSE(connector_->ready());
  come_again(3);  // the real one has to wait for a person too
  EXPECT_FALSE(connector_->ready());
  change(CenterState::active);
  EXPECT_TRUE(eventually([&] { return connector_->ready(); }));
}

TEST_F(LinkMembership, OneThatWasNeverIssuedIsRefused) {
  come_again(1);
  EXPECT_TRUE(eventually([&] { return !online(); }));
  EXPECT_FALSE(connector_->ready());
  EXPECT_EQ(center(member_.center).state, CenterState::active);
}

TEST_F(LinkMembership, RevocationCutsALiveStream) {
  ASSERT_TRUE(online());
  const Duration before = clock_.monotonic();
  change(CenterState::revoked);
  EXPECT_TRUE(eventually([&] { return !online(); }));
  EXPECT_LT((clock_.monotonic() - before).ms, seconds(5).ms);
  come_again(0);
  EXPECT_FALSE(connector_->ready());
}

}  // namespace
}  // namespace bourse::testing
