// A center's accounting against the books, over the real tables: what is found, cleared, said of it, and found again.
#include "broker/adapters/api/contract/books_world.h"
#include "reconciliation/accounting.h"

namespace bourse::test {
namespace {

using reconciliation::AccountedRun;

class Reconciles : public BooksWorld {
 protected:
  // What the center's scheduler would have accounted for the job.
  AccountedRun accounted(const std::string& job_id) {
    const broker::Job seen = job(job_id);
    const broker::Attempt& attempt = seen.attempts.back();
    AccountedRun run{.attempt = attempt.id, .fence = attempt.fence, .job = "4711", .start = Instant{(attempt.ended_at->unix_ms / 1000 - 30) * 1000},
                     .end = Instant{attempt.ended_at->unix_ms / 1000 * 1000}};
    const auto core_ms = attempt.usage[pricing::Meter::core_ms], node_ms = attempt.usage[pricing::Meter::node_ms];
    run.elapsed = Duration{node_ms};
    run.nodes = 1;
    run.cores = core_ms / node_ms;
    run.gpus = attempt.usage[pricing::Meter::gpu_ms] / node_ms;
    run.mem_mib = attempt.usage[pricing::Meter::mem_mib_s] * 1000 / node_ms;
    return run;
  }
  v1::ReconcileReply reconcile(const std::vector<AccountedRun>& runs) {
    v1::ReconcileCenterRequest request;
    request.set_center("alpha");
    request.set_from(today(1));
    request.set_to(today());
    request.set_data(reconciliation::write_accounting(runs));
    v1::ReconcileReply reply;
    EXPECT_EQ(ask(&Stub::ReconcileCenter, request, finance_, &reply), "") << detail_;
    return reply;
  }
  v1::ListBreaksReply breaks(const std::string& source = "usage", bool all = false) {
    v1::ListBreaksRequest request;
    request.set_source(source);
    if (source == "usage") request.set_center("alpha");
    request.set_all(all ? 1 : 0);
    v1::ListBreaksReply reply;
    EXPECT_EQ(ask(&Stub::ListBreaks, request, finance_, &reply), "") << detail_;
    return reply;
  }
  std::string handle(const v1::HandleBreakRequest& request, v1::Break* out) { return ask(&Stub::HandleBreak, request, finance_, out); }
};

TEST_F(Reconciles, AgreesAndFindsWhatDiffers) {
  const std::string first = run("p", seconds(30)), second = run("p", seconds(20));
  const AccountedRun a = accounted(first), b = accounted(second);
  v1::ReconcileReply reply = reconcile({a, b});
  EXPECT_EQ(reply.agreed(), 2);
  EXPECT_EQ(reply.findings(), 0);
  EXPECT_EQ(reply.accounted_sum().core_ms(), reply.booked_sum().core_ms());
  EXPECT_EQ(breaks().total(), 0);

  AccountedRun shorter = a;
  shorter.elapsed = seconds(15);
  reply = reconcile({shorter});
  EXPECT_EQ(reply.findings(), 2);
  const v1::ListBreaksReply found = breaks();
  ASSERT_EQ(found.breaks_size(), 2);
  for (const v1::Break& one : found.breaks()) {
    EXPECT_EQ(one.center_name(), "alpha");
    const bool of_first = one.job() == first;
    EXPECT_EQ(one.kind(), of_first ? "quantity" : "not_accounted");
    const Amount at_stake = *parse_amount(one.at_stake().amount());
    // Half of it was run: half of what was charged is at stake.
    if (of_first) EXPECT_LE((at_stake + at_stake - charged(first)).micros, 4) << one.at_stake().amount();
    else EXPECT_EQ(at_stake, charged(second));
  }
  // The center mends its file: nothing is open any more, and nothing was lost of what had been.
  EXPECT_EQ(reconcile({a, b}).findings(), 0);
  EXPECT_EQ(breaks().total(), 0);
  EXPECT_EQ(database_.ask("SELECT count(*) FROM reconciliation.findings WHERE cleared_at IS NOT NULL"), "2");
}

TEST_F(Reconciles, FindsWhatOnlyTheCenterHas) {
  const std::string id = run("p");
  AccountedRun stranger = accounted(id);
  stranger.attempt = AttemptId{make_uuid_v7(clock_.now(), rng_)};
  EXPECT_EQ(reconcile({accounted(id), stranger}).findings(), 1);
  const v1::ListBreaksReply found = breaks();
  ASSERT_EQ(found.breaks_size(), 1);
  EXPECT_EQ(found.breaks(0).kind(), "not_booked");
  EXPECT_FALSE(found.breaks(0).has_at_stake());
}

TEST_F(Reconciles, AnExplanationHoldsForItsFigures) {
  const std::string id = run("p");
  AccountedRun shorter = accounted(id);
  shorter.elapsed = seconds(15);
  reconcile({shorter});
  const std::string name = breaks().breaks(0).id();
  v1::HandleBreakRequest say;
  say.set_id(name);
  say.set_owner("me");
  v1::Break out;
  ASSERT_EQ(handle(say, &out), "") << detail_;
  EXPECT_FALSE(out.owner_name().empty());
  say.set_owner("");
  say.set_state("explained");
  EXPECT_EQ(handle(say, &out), "invalid_argument");  // why?
  say.set_text("the node's clock stood still");
  say.set_key(key());
  ASSERT_EQ(handle(say, &out), "") << detail_;
  ASSERT_EQ(handle(say, &out), "") << detail_;  // the same key: said once
  EXPECT_EQ(out.words_size(), 2);
  EXPECT_EQ(out.state(), "explained");
  EXPECT_FALSE(out.owner().empty());
  EXPECT_EQ(breaks().total(), 0);
  EXPECT_EQ(breaks("usage", true).total(), 1);

  reconcile({shorter});
  EXPECT_EQ(breaks().total(), 0);  // the same figures
  shorter.elapsed = seconds(10);
  reconcile({shorter});
  ASSERT_EQ(breaks().total(), 1);
  EXPECT_TRUE(breaks().breaks(0).changed());
  v1::ListBreaksRequest mine;
  mine.set_owner("me");
  v1::ListBreaksReply reply;
  ASSERT_EQ(ask(&Stub::ListBreaks, mine, finance_, &reply), "");
  EXPECT_EQ(reply.total(), 1);
}

TEST_F(Reconciles, ATopUpThatNoBankStatementShows) {
  EXPECT_EQ(breaks("top_up").total(), 0);  // fresh: the statement may still come
  days_ago(6);
  const v1::ListBreaksReply found = breaks("top_up");
  ASSERT_GE(found.breaks_size(), 1);
  EXPECT_EQ(found.breaks(0).at_stake().amount(), "100.00");
  v1::GetBreakRequest which;
  which.set_id(found.breaks(0).id());
  v1::Break one;
  EXPECT_EQ(ask(&Stub::GetBreak, which, finance_, &one), "") << detail_;
  EXPECT_EQ(one.kind(), "top_up");
}

TEST_F(Reconciles, RefusesWhatCanNotBe) {
  v1::ReconcileCenterRequest request;
  request.set_center("alpha");
  request.set_from("2026-01-01");
  request.set_to("2026-01-31");
  v1::ReconcileReply reply;
  EXPECT_EQ(ask(&Stub::ReconcileCenter, request, finance_, &reply), "invalid_argument");  // an empty file
  request.set_data(std::string(reconciliation::kHeader) + "\nprimes,1,2,3,1,1,1,1,1\n");
  EXPECT_EQ(ask(&Stub::ReconcileCenter, request, finance_, &reply), "invalid_argument");
  EXPECT_TRUE(detail_.starts_with("line 2: ")) << detail_;
  request.set_data(reconciliation::write_accounting({}));
  request.set_to("2026-12-31");
  EXPECT_EQ(ask(&Stub::ReconcileCenter, request, finance_, &reply), "invalid_argument");  // too long a time
  request.set_to("2026-01-31");
  request.set_center("omega");
  EXPECT_EQ(ask(&Stub::ReconcileCenter, request, finance_, &reply), "not_found");
  v1::Break out;
  for (const char* bad : {"", "usage", "usage:", "usage:job_1", "day:2026", "bank:00", "x:y", "payout:pay_06A1B2C3D4E5F6G7H8J9KAMBNC"}) {
    v1::GetBreakRequest which;
    which.set_id(bad);
    EXPECT_EQ(ask(&Stub::GetBreak, which, finance_, &out), "not_found") << bad;
  }
}

}  // namespace
}  // namespace bourse::test
