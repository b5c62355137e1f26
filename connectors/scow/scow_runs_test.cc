#include "connectors/scow/scow_runs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <rapidcheck/gtest.h>

#include "connectors/scow/scow_submit.h"

namespace bourse::scow {
namespace {

JobRow ended(std::int64_t start, std::int64_t end, std::int64_t submit = 1) {
  JobRow row{.id = "1", .name = "bourse-a-1", .state = parse_state("COMPLETED")};
  row.submit = Instant{submit * 1000}, row.start = Instant{start * 1000}, row.end = Instant{end * 1000};
  return row;
}

TEST(ScowText, ReadsStatesAsAdaptersSpellThem) {
  EXPECT_EQ(parse_state("CANCELLED by 1001").word, "CANCELED");
  EXPECT_EQ(parse_state("CANCELED").phase, Phase::over);
  EXPECT_EQ(parse_state("PENDING").phase, Phase::waiting);
  EXPECT_EQ(parse_state("COMPLETING").phase, Phase::running);
  EXPECT_EQ(parse_state("SUSPENDED").phase, Phase::suspended);
  for (const char* word : {"", "IVALID", "running", "RUNNING\n", "RUNNINGX"}) EXPECT_EQ(parse_state(word).phase, Phase::unknown) << word;
}

TEST(ScowText, TakesOnlyWhatMakesSenseOfARow) {
  wire::JobInfo job;
  EXPECT_FALSE(read_row(job)) << "job id 0";
  job.set_job_id(5);
  job.set_name("a\nb|c");
  job.set_user("Bad User");
  job.set_state("COMPLETED");
  job.set_working_directory("/tmp/../etc");
  job.mutable_end_time()->set_seconds(0);
  job.mutable_start_time()->set_seconds(-5);
  job.mutable_submit_time()->set_seconds(INT64_MAX);
  job.set_cpus_alloc(-3);
  job.set_mem_alloc_mb(INT64_MAX);
  job.set_elapsed_seconds(INT64_MIN);
  job.set_time_limit_minutes(4'294'967'295);
  const auto row = read_row(job);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->name + row->user + row->workdir, "");
  EXPECT_FALSE(row->submit || row->start || row->end || row->elapsed);
  EXPECT_FALSE(row->over()) << "without an end it isn't over, whatever its state says";
  EXPECT_FALSE(row->live());
  EXPECT_EQ(row->allocation.cores, 0);
  EXPECT_LE(row->allocation.mem_mib, 1'000'000'000);
  EXPECT_EQ(row->limit, Duration{});
  EXPECT_EQ(row->raw.find('\n'), std::string::npos);
}

TEST(ScowText, ALiveStateBesideAnEndGoesOn) {
  JobRow row = ended(10, 20);
  row.state = parse_state("RUNNING");
  EXPECT_FALSE(row.over());
  EXPECT_TRUE(row.live());
  EXPECT_FALSE(ended(20, 10).over()) << "an end before the start";
}

TEST(ScowSubmit, ReadsExitCodesStrictly) {
  EXPECT_EQ(parse_exit_code("0\n"), 0);
  EXPECT_EQ(parse_exit_code("137\n"), 137);
  for (const char* text : {"", "0", "\n", "256\n", "-1\n", "0x1\n", "1 \n", "1\n\n"}) EXPECT_FALSE(parse_exit_code(text)) << text;
}

TEST(ScowSubmit, TellsRefusalsFromSilence) {
  const auto outcome = [](Said said, std::uint32_t id = 0) {
    const auto read = read_submission(said, id);
    return read ? "id " + *read : std::to_string(static_cast<int>(read.error().outcome()));
  };
  const auto text = [](Outcome o) { return std::to_string(static_cast<int>(o)); };
  using grpc::StatusCode;
  EXPECT_EQ(outcome({}, 7), "id 7");
  EXPECT_EQ(outcome({}, 0), text(Outcome::unknown));
  EXPECT_EQ(outcome({.code = StatusCode::INVALID_ARGUMENT}), text(Outcome::rejected));
  EXPECT_EQ(outcome({.code = StatusCode::NOT_FOUND, .reason = "ACCOUNT_NOT_FOUND"}), text(Outcome::rejected));
  for (const StatusCode code : {StatusCode::DEADLINE_EXCEEDED, StatusCode::UNAVAILABLE, StatusCode::UNKNOWN, StatusCode::INTERNAL,
                                StatusCode::CANCELLED, StatusCode::ABORTED, StatusCode::RESOURCE_EXHAUSTED, StatusCode::DATA_LOSS})
    EXPECT_EQ(outcome({.code = code}), text(Outcome::unknown)) << static_cast<int>(code);
  const auto sbatch = [](const char* why) { return Said{.code = StatusCode::UNKNOWN, .reason = "SBATCH_FAILED", .text = "", .why = why}; };
  EXPECT_EQ(outcome(sbatch("sbatch: error: Batch job submission failed: Invalid qos")), text(Outcome::rejected));
  EXPECT_EQ(outcome(sbatch("sbatch: error: Unable to contact slurm controller (connect failure)")), text(Outcome::transient));
  EXPECT_EQ(outcome(sbatch("Socket timed out on send/recv")), text(Outcome::unknown));
  EXPECT_EQ(outcome(sbatch("")), text(Outcome::unknown));
  EXPECT_EQ(outcome({.code = StatusCode::UNAUTHENTICATED}), text(Outcome::transient));
}

TEST(ScowRuns, AProvisionalFigureIsTheSmallerOfTwoAndNeverFalls) {
  Seen seen;
  JobRow live{.id = "1", .state = parse_state("RUNNING")};
  live.start = Instant{100'000};
  live.elapsed = seconds(40);
  EXPECT_EQ(live_status(seen, live, Instant{150'000}).running, seconds(40)) << "our clock is ahead";
  live.elapsed = seconds(90);
  EXPECT_EQ(live_status(seen, live, Instant{150'000}).running, seconds(50)) << "the adapter's is";
  EXPECT_EQ(live_status(seen, live, Instant{120'000}).running, seconds(50));
}

TEST(ScowRuns, AnEndToldBetweenTheQueueAndItsAnswerTakesNothingBack) {
  Seen seen;
  JobRow told{.id = "1", .name = "bourse-a-1", .state = parse_state("RUNNING")};
  told.start = Instant{1000};
  learn(seen, told);
  EXPECT_EQ(live_status(seen, told, Instant{5000}).running, seconds(4));
  learn(seen, ended(1, 5));
  JobRow silent = told;  // Slurm's queue doesn't tell since when
  silent.start.reset();
  EXPECT_EQ(live_status(seen, silent, Instant{5500}).running, seconds(4));
}

TEST(ScowRuns, WhatNeverRanCostsNothing) {
  Seen seen;
  JobRow row = ended(1, 1);
  row.start.reset();
  row.state = parse_state("CANCELED");
  learn(seen, row);
  const auto status = final_status(seen, std::nullopt);
  EXPECT_EQ(status.state, connector::RunState::cancelled);
  EXPECT_FALSE(status.started);
  EXPECT_EQ(status.running, Duration{});
  EXPECT_NE(status.exit_code, 0);
}


// Any rows of one job, in any order and repeated: never more than the sum, never more than from the first start to the last
// end, exactly the sum where they don't overlap, and the same again whatever the order and the repeats.
RC_GTEST_PROP(ScowRuns, CoveredTimeCountsOnce, ()) {
  const auto numbers = *rc::gen::container<std::vector<std::pair<int, int>>>(rc::gen::pair(rc::gen::inRange(1, 500), rc::gen::inRange(0, 80)));
  std::vector<JobRow> rows;
  for (const auto& [start, length] : numbers) rows.push_back(ended(start, start + length));
  if (rows.size() > kMaxIncarnations) rows.resize(kMaxIncarnations);
  Seen once, shuffled;
  std::vector<bool> second(600, false);
  for (const JobRow& row : rows) {
    learn(once, row);
    for (std::int64_t s = row.start->unix_ms / 1000; s < row.end->unix_ms / 1000; ++s) second[static_cast<std::size_t>(s)] = true;
  }
  std::vector<JobRow> again = rows;
  again.insert(again.end(), rows.begin(), rows.end());
  std::ranges::reverse(again);
  for (const JobRow& row : again) learn(shuffled, row);
  RC_ASSERT(covered(once).ms == 1000 * std::ranges::count(second, true));
  RC_ASSERT(covered(once) == covered(shuffled));
}

// However a run is watched: no provisional figure is above the final one as long as clocks agree.
RC_GTEST_PROP(ScowRuns, NothingProvisionalIsAboveTheFinal, ()) {
  const std::int64_t start = *rc::gen::inRange(10, 1000), length = *rc::gen::inRange(1, 1000);
  Seen seen;
  JobRow live{.id = "1", .state = parse_state("RUNNING")};
  live.start = Instant{start * 1000};
  Duration most;
  std::int64_t at = start;
  while ((at += *rc::gen::inRange(1, 200)) <= start + length) {
    live.state = parse_state(*rc::gen::arbitrary<bool>() ? "SUSPENDED" : "RUNNING");
    live.elapsed = seconds(at - start);
    watch_suspension(seen, live.state.phase, Instant{at * 1000});
    most = std::max(most, live_status(seen, live, Instant{at * 1000}).running);
  }
  learn(seen, ended(start, start + length));
  RC_ASSERT(most <= final_status(seen, 0).running);
}

}  // namespace
}  // namespace bourse::scow
