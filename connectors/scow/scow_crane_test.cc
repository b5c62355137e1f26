// The pitfalls of CraneSched's adapter, and mutual TLS, which it can ask for.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "connectors/host/process_runner.h"
#include "connectors/scow/scow_world_test.h"

namespace bourse::scow {
namespace {

class ScowOnCrane : public ScowWorld {
 protected:
  void SetUp() override {
    ScowWorld::SetUp();
    be_crane();
  }
};

TEST_F(ScowOnCrane, ARunFromSubmissionToItsEnd) {
  connect();
  EXPECT_EQ(driver_->capabilities().version, "1.10.0 (CraneSched)");
  const std::string id = submit();
  EXPECT_TRUE(world_.last_submission.extra_options().empty());
  EXPECT_EQ(world_.last_submission.memory_mb(), 100U);
  EXPECT_EQ(driver_->find_by_marker(marker()).value(), id) << "a submit_time filter would mean end times here";
  EXPECT_EQ(poll(id).state, RunState::queued);
  run(id);
  clock_.advance(seconds(20));
  const RunStatus running = poll(id);
  EXPECT_EQ(running.running, seconds(20));
  EXPECT_EQ(running.allocation.cores, 2);
  EXPECT_EQ(running.allocation.mem_mib, 0) << "not told; the connector takes what was ordered";
  EXPECT_TRUE(driver_->capabilities().silent_of_cards_and_memory);
  EXPECT_EQ(driver_->find_by_marker(marker()).value(), id);
  leave_exit_code(0);
  finish(id);
  EXPECT_EQ(poll_over(id).running, seconds(20));
  EXPECT_EQ(driver_->find_by_marker(marker()).value(), id);
}

TEST_F(ScowOnCrane, WhatRanBeforeIsFoundAgainWithoutPagesOrAFilterById) {
  connect();
  const std::string id = submit();
  for (std::uint32_t i = 0; i < 500; ++i)
    world_.jobs.push_back({.id = 1'000 + i, .name = "bourse-other-" + std::to_string(i), .account = "house", .user = user_.name,
                           .partition = "cpu", .state = "RUNNING", .submit = world_.now(), .start = world_.now()});
  run(id);
  clock_.advance(seconds(3));
  connect();
  const RunStatus seen = poll(id);
  EXPECT_EQ(seen.state, RunState::running);
  EXPECT_EQ(seen.running, seconds(3));
}

TEST_F(ScowOnCrane, BothSpellingsOfCanceledAreOne) {
  connect();
  const std::string id = submit();
  run(id);
  poll(id);
  clock_.advance(seconds(4));
  ASSERT_TRUE(driver_->cancel(id, user_));
  const RunStatus over = poll_over(id);
  EXPECT_EQ(over.state, RunState::cancelled);
  EXPECT_EQ(over.running, seconds(4));
  EXPECT_NE(over.exit_code, 0);
  EXPECT_TRUE(driver_->cancel(id, user_)) << "CRANE_CALL_FAILED of an ended job";
}

TEST_F(ScowOnCrane, AStrangersJobIsNotCancelled) {
  connect();
  ASSERT_TRUE(driver_->probe({}));
  world_.jobs.push_back({.id = 55, .name = "bourse-att_x-1", .account = "physics", .user = "alice", .partition = "cpu", .state = "RUNNING"});
  world_.jobs.push_back({.id = 56, .name = "private", .account = "house", .user = user_.name, .partition = "cpu", .state = "RUNNING"});
  EXPECT_EQ(driver_->cancel("55", user_).error().code, ErrorCode::forbidden);
  EXPECT_EQ(driver_->cancel("56", user_).error().code, ErrorCode::forbidden);
  EXPECT_EQ(world_.calls["CancelJob"], 0);
}

TEST_F(ScowOnCrane, AStateItsAdapterDoesNotKnowProvesNothing) {
  connect();
  const std::string id = submit();
  run(id);
  clock_.advance(seconds(9));
  EXPECT_EQ(poll(id).running, seconds(9));
  job(id).state = "COMPLETING";  // "IVALID", and out of every filter by state
  EXPECT_EQ(driver_->find_by_marker(marker()).value(), id) << "it is there, whatever its state, so it must not be submitted again";
  EXPECT_EQ(poll(id).state, RunState::running);
  finish(id, "OUT_OF_MEMORY");  // the same, and without an end: it never comes
  for (int i = 0; i < 20; ++i, clock_.advance(seconds(30))) {
    const RunStatus stands = poll(id);
    EXPECT_EQ(stands.state, RunState::running) << "the accounting may be late";
    EXPECT_EQ(stands.running, seconds(9));
  }
  for (int i = 0; i < 20; ++i) {
    clock_.advance(seconds(30));
    EXPECT_EQ(poll(id).state, RunState::missing) << "the connector's patience decides";
  }
  job(id).state = "TIMEOUT";
  EXPECT_EQ(poll_over(id).reason, "TIMEOUT");
}

TEST_F(ScowOnCrane, NoLimitIsNotFourBillionMinutes) {
  world_.jobs.push_back({.id = 7, .name = "theirs", .account = "physics", .user = "alice", .partition = "cpu", .cores = 1,
                         .limit_minutes = 0, .submit = world_.now()});
  config_.max_walltime = hours(1);
  connect();
  EXPECT_EQ(driver_->probe({}).value()[0].pending_core_ms, 3'600'000);
}

TEST_F(ScowOnCrane, AFailedCallIsUnknownUntilTheMarkerTells) {
  connect();
  world_.fault = testing::SubmitFault::crane_call_failed;
  EXPECT_EQ(outcome_of_submit(), Outcome::unknown);
  EXPECT_EQ(driver_->find_by_marker(marker()).value(), std::to_string(world_.jobs.back().id));
}

TEST_F(ScowOnCrane, NoNodesIsNeverSent) {
  connect();
  ASSERT_TRUE(driver_->probe({}));
  auto asked = request();
  asked.need.nodes = 0;
  EXPECT_EQ(driver_->submit(asked).error().outcome(), Outcome::rejected);
  EXPECT_FALSE(world_.died);
}

class ScowTls : public ScowWorld {
 protected:
  void SetUp() override {
    ScowWorld::SetUp();
    be_crane();
    const std::string make = "cd " + base_ + R"sh( && for who in ca other; do
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=$who -keyout $who.key -out $who.pem; done
      for who in adapter client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=Scow -keyout $who.key -out $who.csr
        printf 'subjectAltName=DNS:adapter.example,IP:127.0.0.1' >san
        openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out $who.pem; done)sh";
    SystemClock clock;
    host::SystemProcessRunner runner(clock);
    const auto done = runner.run({.argv = {"/bin/sh", "-ec", make}, .env = {"PATH=/usr/bin:/bin"}});
    ASSERT_TRUE(done);
    ASSERT_EQ(done->exit_code, 0) << done->err;
    adapter_ = std::make_unique<testing::AdapterDouble>(
        world_, testing::ServerTls{.ca = file("ca.pem"), .certificate = file("adapter.pem"), .key = file("adapter.key")});
    config_.client.call_limit = seconds(3);
    config_.client.tls = TlsFiles{.ca = file("ca.pem"), .certificate = file("client.pem"), .key = file("client.key"), .server_name = ""};
  }
  std::string file(const std::string& name) const {
    std::ifstream in(base_ + "/" + name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  Outcome refused() {
    config_.client.address = adapter_->address();
    config_.account = "house";
    const auto opened = ScowDriver::open(config_, clock_);
    EXPECT_FALSE(opened);
    return opened ? Outcome::unknown : opened.error().outcome();
  }
};

TEST_F(ScowTls, BothSidesShowACertificate) {
  connect();
  const std::string id = submit();
  EXPECT_EQ(poll(id).state, RunState::queued);
  config_.client.tls->server_name = "adapter.example";
  connect();
}

TEST_F(ScowTls, WithoutOneOrWithAStrangersNothingIsSaid) {
  const TlsFiles good = *config_.client.tls;
  config_.client.tls->certificate.clear(), config_.client.tls->key.clear();
  EXPECT_EQ(refused(), Outcome::transient);
  config_.client.tls = good;
  config_.client.tls->certificate = file("other.pem"), config_.client.tls->key = file("other.key");
  EXPECT_EQ(refused(), Outcome::transient);
  config_.client.tls = good;
  config_.client.tls->ca = file("other.pem");  // the adapter isn't who it should be
  EXPECT_EQ(refused(), Outcome::transient);
  config_.client.tls = good;
  config_.client.tls->server_name = "elsewhere.example";
  EXPECT_EQ(refused(), Outcome::transient);
  config_.client.tls.reset();
  EXPECT_EQ(refused(), Outcome::transient);
  EXPECT_TRUE(world_.calls.empty());
}

}  // namespace
}  // namespace bourse::scow
