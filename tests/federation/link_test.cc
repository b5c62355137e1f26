// A job's way over the link and back, and what a lost stream, broker or connector does to it: nothing.
#include "broker/domain/renewal.h"
#include "tests/federation/link_world.h"

namespace bourse::testing {
namespace {

using broker::JobState;

class LinkTest : public LinkedWorld {
 protected:
  void execute(broker::CommandBody body, Duration ahead = {}) {
    const auto done = engine_->execute({.now = clock_.now() + ahead, .body = std::move(body)});
    EXPECT_TRUE(done) << done.error().message();
  }
  // Takes all that is available out of the wallet; what it was.
  Amount drain() {
    broker::PostTransfers out;
    EXPECT_TRUE(engine_->read_wait([&](const broker::Market& market) {
      const LedgerAccountId wallet = market.account(id_of<BillingAccountId>(1))->wallet;
      out.transfers.push_back({.id = id_of<TransferId>(66), .debit = wallet,
                               .credit = broker::Market::platform_account(ledger::AccountCode::bank_clearing, kCny),
                               .amount = market.ledger().account(wallet)->available()});
    }));
    const Amount all = out.transfers.front().amount;
    execute(std::move(out));
    return all;
  }
  // Submitted, running at the center for a minute already.
  JobId running() {
    const JobId id = submit();
    EXPECT_TRUE(reaches(id, JobState::queued));
    driver_.start(driver_.ids().back(), clock_.now() - seconds(60));
    EXPECT_TRUE(reaches(id, JobState::running));
    return id;
  }
};

TEST_F(LinkTest, CarriesAJobThereAndItsUsageBack) {
  const JobId id = running();
  driver_.end(driver_.ids().front(), clock_.now(), seconds(60));
  ASSERT_TRUE(reaches(id, JobState::ended));
  const broker::Job done = job(id);
  EXPECT_EQ(done.attempt().scheduler_job, "100");
  EXPECT_TRUE(done.attempt().usage_final);
  EXPECT_EQ(done.attempt().usage[pricing::Meter::core_ms], 2 * 60'000);
  EXPECT_EQ(to_text(done.attempt().charged), "0.012");  // 2 cores for a minute at 0.36 an hour
  EXPECT_EQ(done.attempt().order_hash, sha256(broker::order_bytes(done)));
  // The evidence is under the names that the journal uses.
  const broker::Center now = center(member_.center);
  const auto evidence = blobs_.get(broker::BlobKind::report, now.chain.hash);
  ASSERT_TRUE(evidence);
  wire::Envelope envelope;
  ASSERT_TRUE(envelope.ParseFromArray(evidence->data(), static_cast<int>(evidence->size())));
  EXPECT_TRUE(federation::open(envelope, federation::kReportType, member_.billing.public_key));
  EXPECT_TRUE(blobs_.get(broker::BlobKind::order, done.attempt().order_hash));
}

TEST_F(LinkTest, ChargesWhileItRunsAndNeverTwice) {
  const JobId id = running();
  driver_.end(driver_.ids().front(), clock_.now(), seconds(30));
  ASSERT_TRUE(reaches(id, JobState::ended));
  EXPECT_EQ(job(id).attempt().usage[pricing::Meter::core_ms], 2 * 30'000);
}

TEST_F(LinkTest, CancelsWhatRuns) {
  const JobId id = running();
  cancel(id);
  ASSERT_TRUE(reaches(id, JobState::cancelled));
  EXPECT_EQ(driver_.cancels().size(), 1U);
  EXPECT_TRUE(job(id).attempt().usage_final);
}

// A job whose money ran out stands still at its center, also over a break of the link, until there is some again.
TEST_F(LinkTest, PausesWhatCanNotBePaidForUntilItCan) {
  execute(broker::SetAccountPolicy{.account = id_of<BillingAccountId>(1), .when_empty = broker::WhenEmpty::pause});
  const JobId id = submit(2, minutes(1));
  ASSERT_TRUE(reaches(id, JobState::queued));
  const Amount money = drain();
  driver_.start(driver_.ids().back(), clock_.now());
  ASSERT_TRUE(reaches(id, JobState::running));
  execute(broker::Tick{}, seconds(55));
  ASSERT_TRUE(eventually([&] { return job(id).attempt().paused; }));
  EXPECT_EQ(driver_.state(driver_.ids().back()), connector::RunState::suspended);

  connector_.reset();
  execute(broker::FundAccount{id_of<BillingAccountId>(1), money, id_of<TransferId>(77), Uuid{7, 7}});
  execute(broker::Tick{}, seconds(55) + broker::kRenewalRetry + seconds(5));
  EXPECT_FALSE(job(id).pause_wanted);
  connect();
  ASSERT_TRUE(eventually([&] { return !job(id).attempt().paused; }));
  EXPECT_EQ(driver_.state(driver_.ids().back()), connector::RunState::running);
}

TEST_F(LinkTest, ARefusalByTheSchedulerGoesBackSigned) {
  driver_.answer_submissions(Error{ErrorCode::failed_precondition, "no such account"});
  const JobId id = submit();
  ASSERT_TRUE(reaches(id, JobState::failed));
  EXPECT_NE(job(id).reason.find("no such account"), std::string::npos);
}

TEST_F(LinkTest, AnUnknownSubmissionIsFoundByItsMarkerAndNotRepeated) {
  driver_.answer_submissions(Error{ErrorCode::timeout, "no answer"}, true);
  const JobId id = submit();
  ASSERT_TRUE(reaches(id, JobState::queued));
  EXPECT_EQ(driver_.submissions(), 1);
}

TEST_F(LinkTest, AnUnknownSubmissionThatDidNotHappenIsTriedAgainOnlyWhenThatIsSure) {
  driver_.answer_markers(Error{ErrorCode::timeout, "accounting is down"});
  driver_.answer_submissions(Error{ErrorCode::timeout, "no answer"});
  const JobId id = submit();
  ASSERT_TRUE(eventually([&] { return driver_.submissions() == 1; }));
  ASSERT_TRUE(reaches(id, JobState::ordered));
  EXPECT_EQ(driver_.submissions(), 1);
  driver_.answer_submissions(std::nullopt);
  driver_.answer_markers(std::nullopt);
  ASSERT_TRUE(reaches(id, JobState::queued));
  EXPECT_EQ(driver_.submissions(), 2);
}

TEST_F(LinkTest, JobsOutliveTheirConnectorAndAreBilledOnce) {
  const JobId id = running();
  connector_.reset();
  ASSERT_TRUE(eventually([&] { return !online(); }));
  driver_.end(driver_.ids().front(), clock_.now(), seconds(60));
  connect();
  ASSERT_TRUE(reaches(id, JobState::ended));
  EXPECT_EQ(driver_.submissions(), 1);
  EXPECT_EQ(to_text(job(id).attempt().charged), "0.012");
}

TEST_F(LinkTest, ACancelThatCameInBetweenIsTheVerdictAtReconnect) {
  const JobId id = running();
  connector_.reset();
  cancel(id);
  connect();
  ASSERT_TRUE(reaches(id, JobState::cancelled));
  EXPECT_GE(driver_.cancels().size(), 1U);
}

TEST_F(LinkTest, AJobThatItsSchedulerForgotEndsAndItsMoneyComesBack) {
  const JobId id = running();
  driver_.forget(driver_.ids().front());
  ASSERT_TRUE(reaches(id, JobState::failed));
  EXPECT_NE(job(id).reason.find("LOST"), std::string::npos);
  EXPECT_TRUE(job(id).attempt().usage_final);
  EXPECT_TRUE(engine_->read_wait([&](const broker::Market& market) { EXPECT_TRUE(market.ledger().hold(market.job(id)->hold)->ended); }));
}

TEST_F(LinkTest, ASchedulerThatDoesNotAnswerHasForgottenNothing) {
  const JobId id = running();
  driver_.answer_polls(Error{ErrorCode::unavailable, "down"});
  const int then = driver_.polls();
  ASSERT_TRUE(eventually([&] { return driver_.polls() > then + 40; }));  // longer than the patience
  EXPECT_EQ(job(id).state, JobState::running);
}

TEST_F(LinkTest, AnOrderWaitsForItsCenter) {
  connector_.reset();
  ASSERT_TRUE(eventually([&] { return !online(); }));
  // As if the engine had not heard yet that the center is gone.
  broker::routing::Pool pool{.center = member_.center, .name = "batch", .arch = "x86_64", .nodes = 4, .cores_per_node = 16,
                     .mem_mib_per_node = 65'536, .gpu_model = {}, .free_cores = 64, .observed_at = clock_.now(), .online = true};
  ASSERT_TRUE(engine_->execute({.now = clock_.now(), .body = broker::ObservePools{member_.center, true, {pool}}}));
  const JobId waiting = submit();
  EXPECT_EQ(job(waiting).state, JobState::routed);
  connect();
  ASSERT_TRUE(reaches(waiting, JobState::queued));
}

TEST_F(LinkTest, ABrokerThatComesBackHearsWhatHappenedMeanwhile) {
  const JobId id = running();
  stop_server();
  driver_.end(driver_.ids().front(), clock_.now(), seconds(60));
  start_server();
  ASSERT_TRUE(reaches(id, JobState::ended));
  EXPECT_EQ(to_text(job(id).attempt().charged), "0.012");
}

TEST_F(LinkTest, AnEvidenceStoreThatFailsLosesNothing) {
  const JobId id = running();
  blobs_.fail_puts(2);
  driver_.end(driver_.ids().front(), clock_.now(), seconds(60));
  ASSERT_TRUE(reaches(id, JobState::ended));
  EXPECT_EQ(to_text(job(id).attempt().charged), "0.012");
}

TEST_F(LinkTest, ReadsALog) {
  const JobId id = running();
  const AttemptId attempt = job(id).attempt().id;
  std::mutex mutex;
  std::optional<Result<broker::LogSlice>> slice;
  // The files stream opens just after the welcome.
  ASSERT_TRUE(eventually([&] {
    std::atomic<bool> answered = false;
    link_->read_log(member_.center, id, attempt, 7, 100, [&](Result<broker::LogSlice> got) {
      const std::scoped_lock lock(mutex);
      slice = std::move(got);
      answered = true;
    });
    eventually([&] { return answered.load(); });
    const std::scoped_lock lock(mutex);
    return slice->has_value();
  }));
  EXPECT_EQ((*slice)->data, "of 100");
  EXPECT_EQ((*slice)->size, 13);
  // Idle for some heartbeats, and still there.
  const Duration asked = clock_.monotonic();
  ASSERT_TRUE(eventually([&] { return clock_.monotonic() - asked > milliseconds(700); }));
  std::atomic<bool> answered = false;
  link_->read_log(member_.center, id, attempt, 0, 6, [&](Result<broker::LogSlice> got) {
    const std::scoped_lock lock(mutex);
    slice = std::move(got);
    answered = true;
  });
  ASSERT_TRUE(eventually([&] { return answered.load(); }));
  EXPECT_TRUE(slice->has_value());
}

TEST_F(LinkTest, AnAbsentCenterHasNoLogs) {
  std::optional<ErrorCode> code;
  link_->read_log(CenterId{Uuid{1, 2}}, JobId{Uuid{1, 1}}, AttemptId{Uuid{1, 1}}, 0, 10, [&](Result<broker::LogSlice> got) { code = got.error().code; });
  ASSERT_TRUE(eventually([&] { return code.has_value(); }));
  EXPECT_EQ(*code, ErrorCode::center_unavailable);
}

TEST_F(LinkTest, AnOldCopyOfTheFolderIsRefusedByItsOwner) {
  const JobId id = running();
  connector_.reset();
  std::filesystem::remove_all(directory_ + "/north/spool");
  connector_ = std::make_unique<TestConnector>(member_, keys_, directory_ + "/north", driver_, [this] { return channel(); });
  ASSERT_TRUE(eventually([&] { return center(member_.center).chain.seq > 0; }));
  ASSERT_TRUE(eventually([&] {
    const auto status = link_->status(member_.center);
    return !status.software.empty();
  }));
  // It either finds at the welcome that the broker knows more, or signs a report that doesn't fit.
  ASSERT_FALSE(job(id).attempt().usage_final);
  ASSERT_TRUE(eventually([&] { return !online(); }));
}

TEST_F(LinkTest, StatusTellsWhoIsThere) {
  const auto status = link_->status(member_.center);
  EXPECT_TRUE(status.online);
  EXPECT_EQ(status.software, "test 1");
  EXPECT_EQ(status.driver, "fake");
  connector_.reset();
  ASSERT_TRUE(eventually([&] { return !link_->status(member_.center).online; }));
}

}  // namespace
}  // namespace bourse::testing
