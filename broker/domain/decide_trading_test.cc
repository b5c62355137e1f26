#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

class Trading : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }

  QuoteId quote(JobSpec what = spec(), Duration validity = minutes(10)) {
    const QuoteId id = id_of<QuoteId>(++serial_);
    ok(IssueQuote{id, account, user, std::move(what), validity});
    return id;
  }
  SubmitJob submission(QuoteId quote_id = {}) {
    return {id_of<JobId>(++serial_),
            id_of<AttemptId>(++serial_),
            id_of<HoldId>(++serial_),
            account,
            user,
            quote_id,
            spec()};
  }
};

TEST_F(Trading, AQuoteRanksPlansAndLocksTheirPrices) {
  const QuoteId id = quote();
  const Quote& issued = *market.quote(id);
  ASSERT_EQ(issued.decision.plans.size(), 2U);
  EXPECT_EQ(issued.decision.plans[0].center, north);
  EXPECT_EQ(issued.decision.plans[0].cap, *parse_amount("1.44"));
  EXPECT_EQ(issued.valid_until, now + minutes(10));

  // Prices change; the quote doesn't.
  PublishPrices dearer;
  dearer.rows.push_back({.id = id_of<PriceRowId>(5),
                         .scope = {.center = north},
                         .price = *parse_decimal("99"),
                         .per = 3'600'000,
                         .valid_from = now});
  ok(dearer);
  const JobId job = submit(spec(), id);
  EXPECT_EQ(market.job(job)->quote, id);
  EXPECT_EQ(market.job(job)->plan().cap, *parse_amount("1.44"));
  EXPECT_EQ(market.quote(id), nullptr);
  run(job, hours(1));
  EXPECT_EQ(market.job(job)->attempt().charged, *parse_amount("1.44"));
}

TEST_F(Trading, APriceThatChangesWhileAJobRunsIsForTheNextOne) {
  const JobId job = submit();
  start(job);
  advance(minutes(30));
  report(north, {used(job, minutes(30), false)});
  PublishPrices dearer;
  dearer.rows.push_back({.id = id_of<PriceRowId>(5),
                         .scope = {.center = north},
                         .price = *parse_decimal("0.54"),
                         .per = 3'600'000,
                         .valid_from = now - minutes(20)});  // even from a time at which it ran already
  ok(dearer);
  advance(minutes(30));
  report(north, {happens(job, Happening::ended), used(job, hours(1))});
  EXPECT_EQ(market.job(job)->attempt().charged, *parse_amount("1.44"));
  const JobId next = submit();
  run(next, hours(1));
  EXPECT_EQ(market.job(next)->attempt().charged, *parse_amount("2.16"));
}

TEST_F(Trading, TheHoldCoversTheDearestPlan) {
  const JobId job = submit();
  EXPECT_EQ(market.ledger().hold(market.job(job)->hold)->amount, *parse_amount("2.88"));
  EXPECT_EQ(wallet().available(), *parse_amount("997.12"));
  EXPECT_EQ(wallet().balance(), Amount::whole(1000));
  std::vector<std::size_t> order;
  for (const Event& event : emitted) order.push_back(event.index());
  EXPECT_EQ(order, (std::vector<std::size_t>{Event(ledger::HoldPlaced{}).index(), Event(JobSubmitted{}).index(),
                                             Event(AttemptOrdered{}).index()}));
  const auto& ordered = first<AttemptOrdered>();
  EXPECT_EQ(ordered.fence, 1U);
  EXPECT_EQ(ordered.not_after, now + Limits{}.order_validity);
}

TEST_F(Trading, AnOrderWithFilesIsGoodForLongerAndItsListIsInUseUntilTheEnd) {
  JobSpec staged = spec();
  staged.manifest.bytes[0] = 7;
  const JobId job = submit(staged);
  EXPECT_EQ(first<AttemptOrdered>().not_after, now + Limits{}.staged_order_validity);
  EXPECT_EQ(market.manifests_in_use(), (std::set{std::pair(account, staged.manifest)}));
  run(job, hours(1));
  EXPECT_TRUE(market.manifests_in_use().empty());
}

TEST_F(Trading, AQuoteIsGoodOnceForItsAccountAndItsTime) {
  const QuoteId id = quote();
  ok(OpenBillingAccount{id_of<BillingAccountId>(2), tenant, "other", kCny, stranger});
  SubmitJob foreign = submission(id);
  foreign.account = id_of<BillingAccountId>(2);
  foreign.user = stranger;
  EXPECT_EQ(error(foreign), ErrorCode::not_found);
  submit(spec(), id);
  EXPECT_EQ(error(submission(id)), ErrorCode::quote_expired);
  EXPECT_EQ(error(submission(id_of<QuoteId>(9))), ErrorCode::quote_expired);
  const QuoteId late = quote();
  advance(minutes(10));
  EXPECT_EQ(error(submission(late)), ErrorCode::quote_expired);
  ok(Tick{});
  EXPECT_EQ(count<QuoteDropped>(), 1U);
  EXPECT_EQ(market.quote(late), nullptr);
}

TEST_F(Trading, StrangersSeeNothing) {
  EXPECT_EQ(error(IssueQuote{id_of<QuoteId>(1), account, stranger, spec(), minutes(1)}), ErrorCode::not_found);
  SubmitJob foreign = submission();
  foreign.user = stranger;
  EXPECT_EQ(error(foreign), ErrorCode::not_found);
  EXPECT_EQ(error(CancelJob{submit(), stranger, ""}), ErrorCode::not_found);
  EXPECT_EQ(error(CancelJob{id_of<JobId>(9), user, ""}), ErrorCode::not_found);
}

TEST_F(Trading, RefusalsSayWhatWouldHaveBeenEnough) {
  JobSpec poor = spec();
  poor.budget = *parse_amount("1.43");
  auto refused = decide(IssueQuote{id_of<QuoteId>(1), account, user, poor, minutes(1)}, "k");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::budget_too_small);
  EXPECT_EQ(refused.error().detail, "The cheapest fitting plan needs 1.44 CNY.");
  ASSERT_EQ(emitted.size(), 1U);
  EXPECT_EQ(first<CommandAnswered>().error, ErrorCode::budget_too_small);

  JobSpec late = spec();
  late.deadline = now + minutes(1);
  EXPECT_EQ(error(IssueQuote{id_of<QuoteId>(1), account, user, late, minutes(1)}), ErrorCode::deadline_unreachable);
  JobSpec huge = spec();
  huge.need.cores = 10'000;
  EXPECT_EQ(error(IssueQuote{id_of<QuoteId>(1), account, user, huge, minutes(1)}), ErrorCode::no_fitting_pool);
  JobSpec bad = spec();
  bad.name = "-x";
  EXPECT_EQ(error(IssueQuote{id_of<QuoteId>(1), account, user, bad, minutes(1)}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(IssueQuote{id_of<QuoteId>(1), account, user, spec(), {}}), ErrorCode::invalid_argument);
  EXPECT_EQ(error(IssueQuote{id_of<QuoteId>(1), account, user, spec(), hours(25)}), ErrorCode::invalid_argument);
}

TEST_F(Trading, ATransientRefusalLeavesItsKeyUsable) {
  ok(ObservePools{north, false, {}});
  ok(ObservePools{south, false, {}});
  const SubmitJob command = submission();
  EXPECT_EQ(error(command, "k"), ErrorCode::center_unavailable);
  EXPECT_TRUE(emitted.empty());
  observe(north, true);
  EXPECT_FALSE(ok(command, "k").repeated);
}

TEST_F(Trading, AMarketWithoutPricesOrContractsSellsNothing) {
  Market bare;
  const auto tell = [&](CommandBody body) {
    return bare.decide({.now = now, .body = std::move(body)}, [](Event&&) {});
  };
  ASSERT_TRUE(tell(OpenBillingAccount{account, tenant, "a", kCny, user}));
  const IssueQuote ask{id_of<QuoteId>(1), account, user, spec(), minutes(1)};
  EXPECT_EQ(tell(ask).error().code, ErrorCode::no_fitting_pool);
  for (CommandBody& step : enrolment({north, "north", id_of<ConnectorId>(1), {1}, {2}})) ASSERT_TRUE(tell(std::move(step)));
  EXPECT_EQ(tell(ask).error().code, ErrorCode::center_unavailable);
  routing::Pool pool{.name = "batch", .arch = "x86_64", .nodes = 4, .cores_per_node = 16, .mem_mib_per_node = 65'536};
  ASSERT_TRUE(tell(ObservePools{north, true, {pool}}));
  EXPECT_EQ(tell(ask).error().code, ErrorCode::no_fitting_pool);
  ASSERT_TRUE(tell(SetContract{{id_of<ContractId>(1), north, kCny, {}, now, {}}}));
  EXPECT_EQ(tell(ask).error().code, ErrorCode::no_price);
}

TEST_F(Trading, TheWalletIsTheLimit) {
  JobSpec big = spec();
  big.need.cores = 64;
  big.need.nodes = 4;
  big.walltime = hours(24 * 30);
  SubmitJob command = submission();
  command.spec = big;
  const auto refused = decide(command);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::insufficient_funds);
  EXPECT_EQ(refused.error().detail, "The hold is 33177.60 CNY; 1000.00 CNY is available.");
  EXPECT_TRUE(emitted.empty());
  EXPECT_EQ(wallet().debits_pending, Amount{});
}

TEST_F(Trading, IdsMustBeNew) {
  SubmitJob command = submission();
  ok(command);
  EXPECT_EQ(error(command), ErrorCode::invalid_argument);
  command.job = id_of<JobId>(++serial_);
  EXPECT_EQ(error(command), ErrorCode::conflict);  // the hold's id
  const QuoteId id = quote();
  EXPECT_EQ(error(IssueQuote{id, account, user, spec(), minutes(1)}), ErrorCode::invalid_argument);
}

TEST_F(Trading, TheAcceptedListIsKeptWhenItsFirstCenterIsGone) {
  const QuoteId id = quote();
  ok(ChangeCenterState{north, CenterState::quarantined, "test"});
  const JobId job = submit(spec(), id);
  EXPECT_EQ(market.job(job)->attempt().plan, 1U);
  EXPECT_EQ(market.job(job)->plan().center, south);
}

TEST_F(Trading, QuotesAreBounded) {
  Market small(Limits{.quotes = 1});
  std::vector<Event> events;
  ASSERT_TRUE(decode(journal));
  for (const Event& event : *decode(journal)) small.apply(event);
  const auto tell = [&](CommandBody body) {
    return small.decide({.now = now, .body = std::move(body)}, [](Event&&) {});
  };
  small.adopt_pools(market);
  ASSERT_TRUE(tell(IssueQuote{id_of<QuoteId>(1), account, user, spec(), minutes(1)}));
  EXPECT_EQ(tell(IssueQuote{id_of<QuoteId>(2), account, user, spec(), minutes(1)}).error().code, ErrorCode::overloaded);
}

TEST_F(Trading, ACancelWaitsForTheCentersWord) {
  const JobId job = submit();
  ok(CancelJob{job, user, "changed my mind"}, "c/1");
  EXPECT_TRUE(market.job(job)->cancel_requested);
  EXPECT_EQ(market.outbox(north).cancels, std::vector{job});
  EXPECT_EQ(market.outbox(north).orders, std::vector{job});
  EXPECT_EQ(market.verdict(north, job, 1), Verdict::cancel);
  ok(CancelJob{job, user, "again"});
  EXPECT_TRUE(emitted.empty());
  report(north, {happens(job, Happening::rejected)});
  EXPECT_EQ(market.job(job)->state, JobState::cancelled);
  EXPECT_TRUE(market.outbox(north).cancels.empty());
  EXPECT_EQ(error(CancelJob{job, user, ""}), ErrorCode::job_ended);
  EXPECT_EQ(wallet().available(), Amount::whole(1000));
}

TEST_F(Trading, ACancelledRunPaysForWhatItUsed) {
  const JobId job = submit();
  start(job);
  advance(minutes(15));
  ok(CancelJob{job, user, ""});
  report(north, {happens(job, Happening::cancelled)});
  EXPECT_EQ(market.job(job)->state, JobState::ending);
  EXPECT_TRUE(market.outbox(north).cancels.empty());
  report(north, {used(job, minutes(15))});
  EXPECT_EQ(market.job(job)->state, JobState::cancelled);
  EXPECT_EQ(wallet().available(), *parse_amount("999.64"));
}

TEST_F(Trading, ACancelledRunThatDiedOfItIsCancelled) {
  const JobId job = submit();
  start(job);
  ok(CancelJob{job, user, ""});
  advance(minutes(1));
  report(north, {happens(job, Happening::ended, 143), used(job, minutes(1))});
  EXPECT_EQ(market.job(job)->state, JobState::cancelled);
}

TEST_F(Trading, ACancelInTheQueueClosesWithoutUsage) {
  const JobId job = submit();
  report(north, {happens(job, Happening::queued), happens(job, Happening::cancelled)});
  EXPECT_EQ(market.job(job)->state, JobState::cancelled);
  UsageRecord nothing = used(job, {});
  EXPECT_EQ(aside(north, nothing), std::nullopt);  // a center may still say so
  EXPECT_TRUE(market.job(job)->attempt().usage_final);
  UsageRecord something = used(job, minutes(1));
  EXPECT_EQ(aside(north, something), QuarantineCode::after_final);
}

TEST_F(Trading, AFreeJobHoldsTheLeastThereIs) {
  PublishPrices free;
  for (const CenterId center : {north, south})
    free.rows.push_back({.id = id_of<PriceRowId>(++serial_), .scope = {.center = center}, .per = 1, .valid_from = now});
  ok(free);
  const JobId job = submit();
  EXPECT_EQ(market.ledger().hold(market.job(job)->hold)->amount, Amount::of_micros(1));
  run(job, minutes(5));
  EXPECT_EQ(market.job(job)->state, JobState::ended);
  EXPECT_EQ(wallet().available(), Amount::whole(1000));
}

TEST_F(Trading, OldEndedJobsAreForgotten) {
  Market small(Limits{.ended_jobs = 2});
  std::vector<JobId> jobs;
  for (int i = 0; i < 4; ++i) {
    jobs.push_back(submit());
    run(jobs.back(), minutes(1));
  }
  for (const Event& event : *decode(journal)) small.apply(event);
  EXPECT_EQ(small.job(jobs[1]), nullptr);
  EXPECT_NE(small.job(jobs[2]), nullptr);
  EXPECT_EQ(small.live_jobs(), 0U);
}

}  // namespace
}  // namespace bourse::broker
