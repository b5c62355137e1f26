// Evidence through the API: one signed report proven to one user, and what a center says of its days.
#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/api/contract/market_world.h"
#include "broker/adapters/statement/proof.h"
#include "broker/adapters/statement/statement.h"

namespace bourse::test {
namespace {

using namespace broker;

class EvidenceApi : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
    ada_ = sign_in("ada", "Demo University", {"user"});
    eve_ = sign_in("eve", "Other University", {"user"});
    fund(ada_, "100");
    fund(eve_, "100");
  }
  v1::SettleReply settled() {
    v1::SettleRequest request;
    *request.mutable_principal() = finance_;
    request.set_key(key());
    request.set_center("alpha");
    v1::SettleReply reply;
    const Answer got = call(&v1::Market::Stub::Settle, request, &reply);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    return reply;
  }
  Answer prove(const v1::Principal& who, const std::string& id, v1::Document& document) {
    v1::GetEvidenceProofRequest request;
    *request.mutable_principal() = who;
    request.set_id(id);
    return call(&v1::Market::Stub::GetEvidenceProof, request, &document);
  }
  v1::ListDaysReply days() {
    v1::ListDaysRequest request;
    *request.mutable_principal() = finance_;
    request.set_center("alpha");
    v1::ListDaysReply reply;
    const Answer got = call(&v1::Market::Stub::ListDays, request, &reply);
    EXPECT_TRUE(got.ok()) << got.code;
    return reply;
  }
  std::vector<std::string> breaks_of_days() {
    v1::ListBreaksRequest request;
    *request.mutable_principal() = finance_;
    request.set_source("day");
    v1::ListBreaksReply reply;
    const Answer got = call(&v1::Market::Stub::ListBreaks, request, &reply);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    std::vector<std::string> out;
    for (const v1::Break& one : reply.breaks()) out.push_back(one.detail());
    return out;
  }
  std::string finished(const v1::Principal& who) {
    const std::string id = submit(who, spec()).id();
    run_job(alpha_, id, seconds(90));
    return id;
  }

  StubCenter alpha_;
  v1::Principal ada_, eve_;
};

TEST_F(EvidenceApi, AUserChecksTheReportOfHisOwnJob) {
  const std::string id = finished(ada_);
  const v1::SettleReply reply = settled();  // what the stub stored becomes leaves now
  EXPECT_EQ(reply.statement().completeness(), "not_offered");
  v1::Document document;
  const Answer got = prove(ada_, id, document);
  ASSERT_TRUE(got.ok()) << got.code << " " << got.detail;
  const statement::ProofVerification found = statement::verify_proof(document.data(), broker_keys_.ack.public_key);
  EXPECT_TRUE(found.ok) << (found.differences.empty() ? "" : found.differences.front());
  ASSERT_EQ(found.readings.size(), 1U);
  EXPECT_EQ(found.readings[0].job, id);
  EXPECT_TRUE(found.readings[0].final);
  // Any byte of the file counts.
  for (std::size_t i = 0; i < document.data().size(); i += 7) {
    std::string changed = document.data();
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(statement::verify_proof(changed, broker_keys_.ack.public_key).ok) << i;
  }
  EXPECT_EQ(prove(eve_, id, document).code, "not_found");
  EXPECT_EQ(prove(ada_, "job_nothing", document).code, "not_found");
  EXPECT_EQ(prove(ada_, std::string(64, 'a'), document).code, "not_found");

  v1::GetStatementRequest request;
  *request.mutable_principal() = finance_;
  request.set_period(reply.period());
  v1::Document file;
  ASSERT_TRUE(call(&v1::Market::Stub::GetStatement, request, &file).ok());
  const statement::Verification whole = statement::verify(file.data(), broker_keys_.ack.public_key);
  EXPECT_TRUE(whole.ok);
  EXPECT_TRUE(whole.tree_size);
  EXPECT_EQ(whole.completeness, "not_offered");
}

TEST_F(EvidenceApi, AReportOfTwoPeoplesJobsIsForFinance) {
  const std::string hers = submit(ada_, spec()).id(), other = submit(eve_, spec()).id();
  std::vector<ReportRecord> records;
  for (const std::string& id : {hers, other}) {
    const Job now = job(id);
    for (const Happening happening : {Happening::accepted, Happening::started})
      records.push_back(EventRecord{.job = now.id, .attempt = now.attempt().id, .fence = now.attempt().fence, .order_hash = sha256(order_bytes(now)),
                                    .happening = happening, .at = clock_.now(), .scheduler_job = "1", .reason = {}});
  }
  report(alpha_, hers, std::move(records));
  const Hash256 name = alpha_.previous;
  const auto bytes = blobs_->get(BlobKind::report, name);
  ASSERT_TRUE(bytes);
  federation::v1::Envelope envelope;
  ASSERT_TRUE(envelope.ParseFromArray(bytes->data(), static_cast<int>(bytes->size())));
  const EvidenceItem item = evidence_of(alpha_.id, EvidenceKind::report, envelope.payload());
  ASSERT_TRUE(evidence_->append({&item, 1}));
  v1::Document document;
  EXPECT_EQ(prove(ada_, to_hex(name), document).code, "forbidden");
  ASSERT_TRUE(prove(finance_, to_hex(name), document).ok());
  EXPECT_TRUE(statement::verify_proof(document.data(), broker_keys_.ack.public_key).ok);
}

TEST_F(EvidenceApi, DaysAreShownWithWhatDiffers) {
  EXPECT_FALSE(days().offered());
  const std::string id = finished(ada_);
  const Attempt attempt = job(id).attempt();
  using pricing::Meter;
  evidence::DayReadings readings;
  readings[attempt.id] = {true, attempt.usage[Meter::core_ms], attempt.usage[Meter::gpu_ms], attempt.usage[Meter::node_ms],
                          attempt.usage[Meter::mem_mib_s]};
  const evidence::Day today = evidence::day_of(clock_.now());
  evidence::DayReadings wrong = readings;
  wrong[attempt.id].core_ms += 1;
  report(alpha_, id, {DayRecord{today, 1, evidence::sum_of(wrong), wrong}});
  v1::ListDaysReply reply = days();
  ASSERT_EQ(reply.days_size(), 1);
  EXPECT_TRUE(reply.offered());
  EXPECT_EQ(reply.days(0).state(), "differs");
  ASSERT_EQ(reply.days(0).differences_size(), 1);
  EXPECT_EQ(reply.days(0).differences(0).attempt(), to_text(attempt.id));
  EXPECT_EQ(reply.days(0).day(), evidence::to_text(today));
  report(alpha_, id, {DayRecord{today, 2, evidence::sum_of(readings), {}}});
  reply = days();
  EXPECT_EQ(reply.days(0).state(), "agreed");
  EXPECT_EQ(reply.days(0).said().digest(), reply.days(0).booked().digest());
  finished(ada_);
  EXPECT_EQ(days().days(0).state(), "changed");
  EXPECT_TRUE(breaks_of_days().empty()) << "the day isn't over";
}

TEST_F(EvidenceApi, ADayThatDiffersIsABreakOnceItIsOver) {
  const std::string id = finished(ada_);
  const evidence::Day yesterday = evidence::day_of(clock_.now()) - 1;
  evidence::DayReadings readings;
  readings[job(id).attempt().id] = {true, 7, 0, 7, 7};  // ended today: nothing of it is booked for yesterday
  report(alpha_, id, {DayRecord{yesterday, 1, evidence::sum_of(readings), readings}});
  EXPECT_EQ(breaks_of_days(), std::vector<std::string>{"attempts: center 1, broker 0; core_ms: center 7, broker 0"});
  report(alpha_, id, {DayRecord{yesterday, 2, evidence::sum_of({}), {}}});
  EXPECT_TRUE(breaks_of_days().empty());
}

}  // namespace
}  // namespace bourse::test
