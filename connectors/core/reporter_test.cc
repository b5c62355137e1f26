#include "connectors/core/reporter.h"

#include <optional>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "connectors/core/temporary_folder.h"
#include "federation-proto/fields.h"

namespace bourse::connector {
namespace {

namespace wire = federation::v1;

class ReporterTest : public TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    key_ = federation::make_key_pair(rng_);
    us_ = {.audience = "bourse.test", .center = CenterId{Uuid{1, 1}}, .connector = ConnectorId{Uuid{2, 2}}};
    open();
  }
  void open() {
    reporter_.reset();
    auto spool = Spool::open({.directory = path("spool")});
    ASSERT_TRUE(spool) << spool.error().message();
    spool_ = std::move(*spool);
    auto table = RunTable::open(path("runs.log"));
    ASSERT_TRUE(table) << table.error().message();
    table_ = std::move(*table);
    reporter_.emplace(us_, key_, *spool_, *table_, clock_, rng_);
    ASSERT_TRUE(reporter_->recover());
  }
  connector::Run& run(std::uint64_t n) {
    return table_->add({.attempt = AttemptId{Uuid{7, n}}, .job = JobId{Uuid{8, n}}, .fence = 1, .order_hash = sha256(std::string_view("order")), .order = "order"});
  }
  wire::Report report(std::uint64_t seq) {
    wire::Envelope envelope;
    wire::Report r;
    EXPECT_TRUE(envelope.ParseFromString(*spool_->envelope(seq)));
    EXPECT_TRUE(federation::open(envelope, federation::kReportType, key_.public_key));
    EXPECT_TRUE(federation::parse_strict(envelope.payload(), r));
    EXPECT_EQ(sha256(envelope.payload()), *spool_->hash(seq));
    return r;
  }
  static std::vector<int> kinds(const wire::Report& report) {
    std::vector<int> result;
    for (const auto& record : report.records()) result.push_back(record.has_event() ? record.event().kind() : 100 + static_cast<int>(record.usage().revision()));
    return result;
  }
  void started(connector::Run& r) {
    r.phase = RunPhase::submitted;
    r.scheduler_job = "4711";
    r.started_ms = clock_.now().unix_ms;
    r.allocation = {.cores = 2, .nodes = 1, .mem_mib = 10};
  }

  SeededRng rng_{1};
  ManualClock clock_{Instant{1'800'000'000'000}};
  federation::KeyPair key_;
  Membership us_;
  std::optional<Spool> spool_;
  std::optional<RunTable> table_;
  std::optional<Reporter> reporter_;
};

TEST_F(ReporterTest, SaysEachThingOnceAndInOrder) {
  connector::Run& r = run(1);
  reporter_->touch(r.attempt);
  ASSERT_TRUE(reporter_->flush());
  EXPECT_EQ(kinds(report(1)), (std::vector<int>{1}));
  started(r);
  r.running_ms = 5'000;
  reporter_->touch(r.attempt, true);
  ASSERT_TRUE(reporter_->flush());
  EXPECT_EQ(kinds(report(2)), (std::vector<int>{2, 3, 101}));
  clock_.advance(seconds(10));
  r.phase = RunPhase::over;
  r.running_ms = 9'000;
  r.ended_ms = clock_.now().unix_ms;
  reporter_->touch(r.attempt);
  ASSERT_TRUE(reporter_->flush());
  const wire::Report last = report(3);
  EXPECT_EQ(kinds(last), (std::vector<int>{4, 102}));
  const wire::UsageRecord& usage = last.records(1).usage();
  EXPECT_TRUE(usage.final());
  EXPECT_EQ(usage.core_ms(), 18'000);
  EXPECT_EQ(usage.supersedes(), report(2).records(2).usage().record_id());
  EXPECT_EQ(last.previous(), federation::to_bytes(*spool_->hash(2)));
  reporter_->touch(r.attempt, true);
  ASSERT_TRUE(reporter_->flush());
  EXPECT_EQ(spool_->last_seq(), 3U) << "nothing is owed any more";
}

// The report reached the disk, the mark in the run table did not.
TEST_F(ReporterTest, FindsOutAfterACrashWhatItHadSaid) {
  connector::Run& r = run(1);
  started(r);
  r.running_ms = 5'000;
  ASSERT_TRUE(table_->save(r.attempt));
  std::filesystem::copy_file(path("runs.log"), path("before"));
  reporter_->touch(r.attempt, true);
  ASSERT_TRUE(reporter_->flush());
  const UsageRecordId record = r.usage_record;
  std::filesystem::copy_file(path("before"), path("runs.log"), std::filesystem::copy_options::overwrite_existing);
  open();
  const connector::Run& again = *table_->find(AttemptId{Uuid{7, 1}});
  EXPECT_TRUE(again.has(Happening::started));
  EXPECT_EQ(again.revision, 1U);
  EXPECT_EQ(again.usage_record, record);
  EXPECT_EQ(again.last_report, 1U);
  reporter_->touch(again.attempt);
  ASSERT_TRUE(reporter_->flush());
  EXPECT_EQ(spool_->last_seq(), 1U);
}

TEST_F(ReporterTest, ARefusedRunIsOverWithOneWord) {
  connector::Run& r = run(1);
  r.phase = RunPhase::refused;
  r.rejected = true;
  r.reason = std::string("no\nsuch \xFF account") + std::string(600, 'x');
  reporter_->touch(r.attempt);
  ASSERT_TRUE(reporter_->flush());
  EXPECT_EQ(kinds(report(1)), (std::vector<int>{6}));
  EXPECT_TRUE(report(1).records(0).event().reason().starts_with("no?such ? account"));
  EXPECT_EQ(report(1).records(0).event().reason().size(), 512U);
  EXPECT_TRUE(r.said_all());
}

TEST_F(ReporterTest, ACancelledRunThatNeverStartedOwesAnEmptyReading) {
  connector::Run& r = run(1);
  r.phase = RunPhase::over;
  r.scheduler_job = "4711";
  r.cancelled = true;
  r.ended_ms = clock_.now().unix_ms;
  reporter_->touch(r.attempt);
  ASSERT_TRUE(reporter_->flush());
  const wire::Report said = report(1);
  EXPECT_EQ(kinds(said), (std::vector<int>{1, 2, 5, 101}));
  EXPECT_EQ(said.records(3).usage().start_ms(), said.records(3).usage().end_ms());
  EXPECT_EQ(said.records(3).usage().core_ms(), 0);
}

TEST_F(ReporterTest, CutsReportsAtAThousandRecords) {
  for (std::uint64_t n = 1; n <= 2'500; ++n) reporter_->touch(run(n).attempt);
  ASSERT_TRUE(reporter_->flush());
  std::size_t records = 0;
  for (std::uint64_t seq = 1; seq <= spool_->last_seq(); ++seq) {
    EXPECT_LE(report(seq).records_size(), 1000);
    records += static_cast<std::size_t>(report(seq).records_size());
  }
  EXPECT_EQ(records, 2'500U);
}

TEST_F(ReporterTest, ReadingsNeverGoDown) {
  connector::Run& r = run(1);
  started(r);
  r.running_ms = 5'000;
  reporter_->touch(r.attempt, true);
  ASSERT_TRUE(reporter_->flush());
  r.running_ms = 4'000;  // a scheduler that changed its mind
  reporter_->touch(r.attempt, true);
  ASSERT_TRUE(reporter_->flush());
  EXPECT_EQ(report(2).records(0).usage().core_ms(), 10'000);
}

TEST_F(ReporterTest, AReadingHasRoomForItsTimeWhenTheSchedulersClockIsAhead) {
  connector::Run& r = run(1);
  started(r);
  r.started_ms += 60'000;
  r.running_ms = 5'000;
  reporter_->touch(r.attempt, true);
  ASSERT_TRUE(reporter_->flush());
  const wire::Report sent = report(1);
  const wire::UsageRecord& usage = sent.records(sent.records_size() - 1).usage();
  EXPECT_EQ(usage.start_ms(), r.started_ms);
  EXPECT_EQ(usage.end_ms(), r.started_ms + 5'000);
}

TEST_F(ReporterTest, ReadingsAtEdgesGoWithTheNextRecordOnce) {
  connector::Run& r = run(1);
  started(r);
  const std::int64_t start = r.started_ms;
  const std::vector<std::int64_t> edges = {start + 2'000, start + 4'000};
  clock_.advance(seconds(5));
  see_running(r, start + 5'000, 5'000, edges);
  ASSERT_TRUE(table_->save(r.attempt));
  std::filesystem::copy_file(path("runs.log"), path("before"));
  reporter_->touch(r.attempt, true);
  ASSERT_TRUE(reporter_->flush());
  const wire::UsageRecord usage = report(1).records(3).usage();
  ASSERT_EQ(usage.readings_size(), 2);
  EXPECT_EQ(usage.readings(0).at_ms(), start + 2'000);
  EXPECT_EQ(usage.readings(0).core_ms(), 4'000);
  EXPECT_EQ(usage.readings(1).core_ms(), 8'000);
  EXPECT_EQ(usage.end_ms(), start + 5'000);
  EXPECT_TRUE(r.at_edges.empty());
  // The report reached the disk, the mark did not: nothing is said again.
  std::filesystem::copy_file(path("before"), path("runs.log"), std::filesystem::copy_options::overwrite_existing);
  open();
  connector::Run& again = *table_->find(AttemptId{Uuid{7, 1}});
  EXPECT_TRUE(again.at_edges.empty());
  see_running(again, start + 6'000, 6'000, edges);
  EXPECT_TRUE(again.at_edges.empty());
}

}  // namespace
}  // namespace bourse::connector
