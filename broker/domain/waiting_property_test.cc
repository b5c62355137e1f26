// Random jobs, arrays and dependencies between them, beside what they must come to: nothing goes before its conditions hold, all of it
// comes to an end, and then no money is held.
#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class WaitingWorld : public MarketFixture {
 protected:
  struct Asked {
    JobId id;
    bool is_array = false;
  };

  // Names some of what there is already: so there are no cycles.
  JobSpec wish() {
    JobSpec wanted = spec();
    wanted.need = {.cores = 1, .nodes = 1, .mem_mib = 1};
    if (rng_->below(3) == 0) {
      const auto first = static_cast<std::uint32_t>(rng_->below(5));
      wanted.array = {{{first, first + static_cast<std::uint32_t>(rng_->below(6)), 1 + static_cast<std::uint32_t>(rng_->below(2))}},
                      static_cast<std::uint32_t>(rng_->below(4))};
    }
    for (std::uint64_t n = asked_.empty() ? 0 : rng_->below(4); n > 0; --n) {
      const Asked& on = asked_[rng_->below(asked_.size())];
      Condition condition{static_cast<After>(1 + rng_->below(4)), on.id};
      if (on.is_array && rng_->below(2) == 0) condition.on = element_id(on.id, market.array(on.id)->spec.array.ranges.front().first);
      wanted.after.of.push_back(condition);
    }
    wanted.after.any = rng_->below(2) == 0;
    return wanted;
  }

  void ask() {
    const JobId id = id_of<JobId>(++serial_);
    const JobSpec wanted = wish();
    const auto result = decide(SubmitJob{id, id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, {}, wanted});
    if (result) return asked_.push_back({id, wanted.array.is_array()});
    ASSERT_EQ(result.error().code, ErrorCode::failed_precondition) << result.error().message();  // what can't be any more
  }

  std::vector<const Job*> all() const {
    std::vector<const Job*> jobs;
    for (const Asked& one : asked_) {
      const JobArray* array = market.array(one.id);
      const std::uint32_t count = array == nullptr ? 1 : array->made;
      for (std::uint32_t n = 0; n < count; ++n) jobs.push_back(market.job(array == nullptr ? one.id : element_id(one.id, array->index_at(n))));
    }
    return jobs;
  }

  // Something happens to one of those that are at a center.
  void live() {
    std::vector<JobId> there;
    for (const Job* job : all())
      if (!job->attempts.empty() && !is_final(job->state)) there.push_back(job->id);
    if (there.empty()) return;
    const JobId id = there[rng_->below(there.size())];
    const CenterId center = market.job(id)->attempt().center;
    advance(seconds(1));
    switch (rng_->below(5)) {
      case 0:
        ok(CancelJob{id, user, ""});
        break;
      case 1:
        if (!market.job(id)->attempt().started_at) report(center, {happens(id, Happening::rejected)});
        break;
      default:
        if (!market.job(id)->attempt().started_at) return start(id);
        report(center, {happens(id, market.job(id)->cancel_requested ? Happening::cancelled : Happening::ended, rng_->below(3) == 0 ? 1 : 0),
                        used(id, seconds(1))});
    }
  }

  void check() {
    std::map<JobId, std::uint32_t> at_once;
    for (const Job* job : all()) {
      const JobArray* array = market.array(job->spec.element.array);
      const Dependency& after = array != nullptr ? array->spec.after : job->spec.after;
      Gate gate;
      for (const Condition& condition : after.of) gate.of.push_back(market.met(condition).value_or(Met::open));
      if (job->waits()) ASSERT_EQ(gate.of, (array != nullptr ? array->gate : job->gate).of) << "what is kept is not what is";  // it isn't looked at later
      if (!job->attempts.empty()) ASSERT_EQ(gate.state(after.any), Met::met) << to_text(job->id);
      if (job->waits() && gate.state(after.any) == Met::never) ASSERT_TRUE(market.has_work()) << to_text(job->id);
      ASSERT_EQ(market.ledger().hold(job->hold)->ended, is_final(job->state));
      if (array != nullptr && !job->attempts.empty() && !is_final(job->state)) ++at_once[array->id];
    }
    for (const auto& [id, count] : at_once) {
      const JobArray* array = market.array(id);
      ASSERT_EQ(count, array->live);
      if (array->spec.array.at_once > 0) ASSERT_LE(count, array->spec.array.at_once);
    }
  }

  void run_world(std::uint64_t seed) {
    SeededRng rng(seed);
    rng_ = &rng;
    for (int step = 0; step < 60; ++step) {
      if (rng.below(3) == 0) ask();
      if (rng.below(3) == 0) ok(Advance{});
      if (rng.below(12) == 0 && !asked_.empty()) static_cast<void>(decide(CancelJob{asked_[rng.below(asked_.size())].id, user, "not needed"}));
      live();
      check();
      if (HasFatalFailure()) return;
    }
    for (int step = 0; step < 5'000 && (market.live_jobs() > 0 || market.has_work()); ++step) {
      while (market.has_work()) ok(Advance{});
      live();
      check();
      if (HasFatalFailure()) return;
    }
    EXPECT_EQ(market.live_jobs(), 0U) << "something waits for ever";
    EXPECT_TRUE(wallet().debits_pending.is_zero());
    for (const Asked& one : asked_) EXPECT_TRUE(market.waiters_of(one.id).empty());
    const MemberSpending* spending = market.spending(account, user);
    EXPECT_TRUE(spending == nullptr || spending->held.is_zero());
  }

  Rng* rng_ = nullptr;
  std::vector<Asked> asked_;
};

class WaitingWorlds : public WaitingWorld, public ::testing::WithParamInterface<int> {};

TEST_P(WaitingWorlds, EndWithNothingHeldAndNothingWaiting) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  open_market();
  run_world(static_cast<std::uint64_t>(GetParam()));
}
INSTANTIATE_TEST_SUITE_P(Seeds, WaitingWorlds, ::testing::Range(1, 31));

}  // namespace
}  // namespace bourse::broker
