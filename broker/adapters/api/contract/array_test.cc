// Arrays of jobs and jobs that wait for others, as their users see them: quoted, submitted, listed, shown, cancelled.
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <thread>

#include "broker/adapters/api/contract/market_world.h"

namespace bourse::test {
namespace {

class Arrays : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    user_ = sign_in("ada", "Demo University", {"user"});
    fund(user_, "1000");
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
  }

  v1::JobSpec asking(const std::string& array, const std::string& dependency = {}) {
    v1::JobSpec wanted = spec();
    wanted.set_array(array);
    wanted.set_dependency(dependency);
    return wanted;
  }
  Answer try_submit(const v1::JobSpec& wanted) {
    v1::SubmitRequest request;
    *request.mutable_principal() = user_;
    request.set_key(key());
    *request.mutable_spec() = wanted;
    v1::Job job;
    return call(&v1::Market::Stub::Submit, request, &job);
  }
  // Until the engine and the projections have done what was asked of them.
  v1::Job seen_as(const std::string& id, const std::string& counts) {
    v1::Job job;
    for (int n = 0; n < 600; ++n) {
      job = see(user_, id);
      if (told(job) == counts) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_EQ(told(job), counts);
    return job;
  }
  static std::string told(const v1::Job& array) {
    std::map<std::string, std::uint32_t> states;
    for (const v1::StateCount& count : array.elements().states()) states[count.state()] = count.count();
    std::string out;
    for (const auto& [state, count] : states) out += (out.empty() ? "" : ", ") + std::to_string(count) + " " + state;
    return out;
  }
  v1::ListJobsReply listed(const std::string& arrays, const std::string& array = {}, const std::string& cursor = {}, int limit = 50) {
    v1::ListJobsRequest request;
    *request.mutable_principal() = user_;
    request.set_arrays(arrays);
    request.set_array(array);
    request.set_cursor(cursor);
    request.set_limit(limit);
    v1::ListJobsReply reply;
    const Answer got = call(&v1::Market::Stub::ListJobs, request, &reply);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    return reply;
  }
  Answer cancel(const v1::Principal& who, const std::string& id, const std::string& elements, v1::Job* job) {
    v1::CancelJobRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_job(id);
    request.set_elements(elements);
    return call(&v1::Market::Stub::CancelJob, request, job);
  }

  v1::Principal user_;
  StubCenter alpha_;
};

TEST_F(Arrays, AreQuotedSubmittedRunAndShownAsOne) {
  v1::QuoteRequest ask;
  *ask.mutable_principal() = user_;
  ask.set_key(key());
  *ask.mutable_spec() = asking("1-9:2%2");
  v1::QuoteReply quote;
  ASSERT_TRUE(call(&v1::Market::Stub::Quote, ask, &quote).ok());
  EXPECT_EQ(quote.elements(), 5U);
  const Amount each = *parse_amount(quote.decision().plans(0).total().amount());
  EXPECT_EQ(quote.total().amount(), to_text(Amount{each.micros * 5}));

  v1::SubmitRequest take;
  *take.mutable_principal() = user_;
  take.set_key(key());
  take.set_quote(quote.quote());
  v1::Job array;
  const Answer got = call(&v1::Market::Stub::Submit, take, &array);
  ASSERT_TRUE(got.ok()) << got.code << " " << got.detail;
  EXPECT_EQ(array.elements().count(), 5U);
  EXPECT_EQ(array.elements().indices(), "1-9:2");
  EXPECT_EQ(array.elements().at_once(), 2U);
  EXPECT_EQ(array.held().amount(), quote.held().amount());
  seen_as(array.id(), "2 routed, 3 waiting");

  const v1::Job third = see(user_, array.id() + "_5");
  EXPECT_EQ(third.state(), "waiting");
  EXPECT_EQ(third.array(), array.id());
  EXPECT_EQ(third.array_index(), 5U);
  EXPECT_GT(third.wait_until_ms(), third.submitted_ms());
  v1::Job again;
  ASSERT_TRUE(call(&v1::Market::Stub::Submit, take, &again).ok());  // the same key: the same array
  EXPECT_EQ(again.id(), array.id());

  run_job(alpha_, see(user_, array.id() + "_1").id(), minutes(1));
  seen_as(array.id(), "1 ended, 2 routed, 2 waiting");
  v1::Job cancelled;
  ASSERT_TRUE(cancel(user_, array.id(), "9", &cancelled).ok());
  seen_as(array.id(), "1 cancelled, 1 ended, 2 routed, 1 waiting");
  run_job(alpha_, see(user_, array.id() + "_3").id(), minutes(1));
  run_job(alpha_, see(user_, array.id() + "_5").id(), minutes(1));
  seen_as(array.id(), "1 cancelled, 3 ended, 1 routed");
  run_job(alpha_, see(user_, array.id() + "_7").id(), minutes(1));
  const v1::Job over = seen_as(array.id(), "1 cancelled, 4 ended");
  EXPECT_EQ(over.state(), "cancelled");
  EXPECT_GT(over.ended_ms(), 0);
  EXPECT_NE(over.charged().amount(), "0");
}

TEST_F(Arrays, AreOneLineOfAList) {
  const v1::Job before = submit(user_, spec("before"));
  const v1::Job array = submit(user_, asking("0-19"));
  const v1::Job after = submit(user_, spec("after"));
  seen_as(array.id(), "20 routed");
  const v1::ListJobsReply folded = listed("folded");
  ASSERT_EQ(folded.jobs_size(), 3);
  EXPECT_EQ(folded.jobs(0).id(), after.id());
  EXPECT_EQ(folded.jobs(1).id(), array.id());
  EXPECT_EQ(told(folded.jobs(1)), "20 routed");
  EXPECT_EQ(folded.jobs(2).id(), before.id());
  const v1::ListJobsReply first = listed("folded", {}, {}, 2);
  ASSERT_EQ(first.jobs_size(), 2);
  const v1::ListJobsReply rest = listed("folded", {}, first.next_cursor(), 2);
  ASSERT_EQ(rest.jobs_size(), 1);
  EXPECT_EQ(rest.jobs(0).id(), before.id());
  EXPECT_EQ(listed("", array.id()).jobs_size(), 20);
  EXPECT_EQ(listed("").jobs_size(), 22);
}

TEST_F(Arrays, SomeElementsCanBeCancelledAndStrangersSeeNothing) {
  const v1::Job array = submit(user_, asking("0-9%1"));
  seen_as(array.id(), "1 routed, 9 waiting");
  const v1::Principal stranger = sign_in("mallory", "Other University", {"user"});
  v1::Job job;
  EXPECT_EQ(cancel(stranger, array.id(), "", &job).code, "not_found");
  v1::GetJobRequest look;
  *look.mutable_principal() = stranger;
  for (const std::string& id : {array.id(), array.id() + "_3"}) {
    look.set_job(id);
    EXPECT_EQ(call(&v1::Market::Stub::GetJob, look, &job).code, "not_found");
  }
  EXPECT_EQ(cancel(user_, array.id(), "3-", &job).code, "invalid_argument");
  EXPECT_EQ(cancel(user_, array.id(), "10", &job).code, "not_found");
  ASSERT_TRUE(cancel(user_, array.id(), "3,5-9", &job).ok());
  seen_as(array.id(), "6 cancelled, 1 routed, 3 waiting");
}

TEST_F(Arrays, JobsWaitForOthersAndSayForWhich) {
  const v1::Job first = submit(user_, spec("first"));
  const v1::Job second = submit(user_, asking("", "afterok:" + first.id()));
  EXPECT_EQ(second.state(), "waiting");
  EXPECT_TRUE(second.center().empty());
  EXPECT_EQ(second.attempts(), 0U);
  ASSERT_EQ(second.waits_for_size(), 1);
  EXPECT_EQ(second.waits_for(0).kind(), "afterok");
  EXPECT_EQ(second.waits_for(0).job(), first.id());
  EXPECT_EQ(second.waits_for(0).stands(), "open");
  const v1::Job third = submit(user_, asking("", "afternotok:" + second.id()));
  run_job(alpha_, first.id(), minutes(1));
  for (int n = 0; n < 600 && see(user_, second.id()).state() == "waiting"; ++n) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  run_job(alpha_, second.id(), minutes(1));
  for (int n = 0; n < 600 && see(user_, third.id()).state() == "waiting"; ++n) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const v1::Job given_up = see(user_, third.id());
  EXPECT_EQ(given_up.state(), "cancelled");
  EXPECT_NE(given_up.reason().find("afternotok:" + second.id()), std::string::npos) << given_up.reason();
  EXPECT_EQ(try_submit(asking("", "afternotok:" + second.id())).code, "failed_precondition");
  EXPECT_EQ(try_submit(asking("", "afterok:12")).code, "invalid_argument");
  EXPECT_EQ(try_submit(asking("5-1")).code, "invalid_argument");
  v1::JobSpec dear = asking("0-9999");
  dear.set_walltime_ms(hours(100).ms);
  EXPECT_EQ(try_submit(dear).code, "insufficient_funds");
}

// What waits is there again after a restart, from the journal alone and with the projections.
TEST_F(Arrays, OutliveARestart) {
  const v1::Job array = submit(user_, asking("0-4%1"));
  const v1::Job last = submit(user_, asking("", "afterany:" + array.id()));
  seen_as(array.id(), "1 routed, 4 waiting");
  stop();
  start();
  const broker::routing::Pool pool{.center = alpha_.id, .name = "cpu", .arch = "x86_64", .nodes = 4, .cores_per_node = 16, .mem_mib_per_node = 65'536,
                                   .free_cores = 64, .online = true};
  ASSERT_TRUE(engine_->execute({.key = {}, .fingerprint = 0, .now = clock_.now(), .body = broker::ObservePools{alpha_.id, true, {pool}}}));
  for (int index = 0; index < 5; ++index) {
    const std::string id = array.id() + "_" + std::to_string(index);
    for (int n = 0; n < 600 && see(user_, id).state() == "waiting"; ++n) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    run_job(alpha_, see(user_, id).id(), minutes(1));
  }
  EXPECT_EQ(seen_as(array.id(), "5 ended").state(), "ended");
  for (int n = 0; n < 600 && see(user_, last.id()).state() == "waiting"; ++n) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(see(user_, last.id()).state(), "routed");
}

}  // namespace
}  // namespace bourse::test
