// Disputes of both sides: who opens one, who sees it, whose evidence is kept, and who reads it.
#include "base/sha256.h"
#include "broker/adapters/api/contract/market_world.h"

namespace bourse::test {
namespace {

using Stub = v1::Market::Stub;

class Disputes : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    const StubCenter beta = enrol("beta");
    open_for_business(alpha_);
    ada_ = sign_in("ada", "Demo University", {"user"});
    bob_ = sign_in("bob", "Other University", {"user"});
    carla_ = sign_in("carla", "Alpha University", {"user", "center-admin"});
    ben_ = sign_in("ben", "Beta University", {"user", "center-admin"});
    bind("alpha", carla_);
    bind("beta", ben_);
    fund(ada_, "100");
    job_ = submit(ada_, spec()).id();
    run_job(alpha_, job_, seconds(30));
  }
  void bind(const std::string& center, const v1::Principal& who) {
    v1::CenterAdminRequest request;
    *request.mutable_principal() = operator_;
    request.set_key(key());
    request.set_center(center);
    request.set_user(who.user());
    v1::CenterAdmin reply;
    ASSERT_TRUE(call(&Stub::AddCenterAdmin, request, &reply).ok());
  }
  std::string open(const v1::Principal& who, bool for_center, v1::Dispute* out, const std::string& job = {}, const std::string& amount = "0.01") {
    v1::OpenDisputeRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_job(job.empty() ? job_ : job);
    request.set_amount(amount);
    request.set_reason("the log says otherwise");
    request.set_for_center(for_center);
    return call(&Stub::OpenDispute, request, out).code;
  }
  std::string add(const v1::Principal& who, const std::string& dispute, const std::string& data, v1::DisputeEvidence* out, const std::string& file = "slurm.out") {
    v1::AddDisputeEvidenceRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_dispute(dispute);
    request.set_file(file);
    request.set_note("line 7");
    request.set_data(data);
    return call(&Stub::AddDisputeEvidence, request, out).code;
  }
  std::string see_dispute(const v1::Principal& who, const std::string& dispute, v1::Dispute* out) {
    v1::GetDisputeRequest request;
    *request.mutable_principal() = who;
    request.set_dispute(dispute);
    return call(&Stub::GetDispute, request, out).code;
  }
  std::string read(const v1::Principal& who, const std::string& dispute, const std::string& sha256, v1::Document* out) {
    v1::GetDisputeEvidenceRequest request;
    *request.mutable_principal() = who;
    request.set_dispute(dispute);
    request.set_sha256(sha256);
    return call(&Stub::GetDisputeEvidence, request, out).code;
  }
  std::string resolve(const v1::Principal& who, const std::string& dispute) {
    v1::ResolveDisputeRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_dispute(dispute);
    request.set_to_user("none");
    request.set_reason("the log was read");
    v1::Dispute out;
    return call(&Stub::ResolveDispute, request, &out).code;
  }
  v1::ListDisputesReply list(const v1::Principal& who) {
    v1::ListDisputesRequest request;
    *request.mutable_principal() = who;
    v1::ListDisputesReply reply;
    EXPECT_TRUE(call(&Stub::ListDisputes, request, &reply).ok());
    return reply;
  }
  void expect_books_right() {
    v1::VerifyLedgerRequest request;
    *request.mutable_principal() = finance_;
    v1::VerifyLedgerReply reply;
    ASSERT_TRUE(call(&Stub::VerifyLedger, request, &reply).ok());
    EXPECT_TRUE(reply.ok()) << (reply.differences_size() == 0 ? "" : reply.differences(0));
  }

  StubCenter alpha_;
  v1::Principal ada_, bob_, carla_, ben_;
  std::string job_;
};

TEST_F(Disputes, BothSidesAndFinanceGiveEvidenceAndReadIt) {
  v1::Dispute dispute;
  ASSERT_EQ(open(ada_, false, &dispute), "");
  v1::DisputeEvidence given;
  ASSERT_EQ(add(ada_, dispute.id(), "it crashed", &given), "");
  EXPECT_EQ(given.side(), "user");
  EXPECT_EQ(given.by_name(), "Person ada");
  EXPECT_EQ(given.sha256(), to_hex(sha256("it crashed")));
  EXPECT_EQ(given.size(), 10);
  ASSERT_EQ(add(carla_, dispute.id(), "it ran", &given, "slurmctld.log"), "");
  EXPECT_EQ(given.side(), "center");
  ASSERT_EQ(add(finance_, dispute.id(), "we asked", &given), "");
  EXPECT_EQ(given.side(), "platform");
  ASSERT_EQ(add(ada_, dispute.id(), "it crashed", &given, "again.out"), "");  // the same bytes of the same side
  EXPECT_EQ(given.file(), "slurm.out");

  for (const v1::Principal& who : {ada_, carla_, finance_}) {
    ASSERT_EQ(see_dispute(who, dispute.id(), &dispute), "") << who.name();
    ASSERT_EQ(dispute.evidence_size(), 3) << who.name();
    EXPECT_EQ(dispute.files(), 3);
    EXPECT_EQ(dispute.evidence(1).file(), "slurmctld.log");
    EXPECT_EQ(dispute.evidence(1).note(), "line 7");
    EXPECT_GT(dispute.evidence(1).at_ms(), 0);
    EXPECT_EQ(dispute.account().empty(), who.name() == carla_.name());
    EXPECT_EQ(dispute.evidence(0).by_name().empty(), who.name() == carla_.name());
    EXPECT_EQ(dispute.evidence(1).by_name().empty(), who.name() == ada_.name());
    v1::Document document;
    ASSERT_EQ(read(who, dispute.id(), dispute.evidence(0).sha256(), &document), "") << who.name();
    EXPECT_EQ(document.data(), "it crashed");
    EXPECT_EQ(document.name(), "slurm.out");
    EXPECT_EQ(document.media_type(), "application/octet-stream");
    EXPECT_EQ(read(who, dispute.id(), to_hex(sha256("something else")), &document), "not_found");
    EXPECT_EQ(read(who, dispute.id(), "../etc/passwd", &document), "not_found");
  }
  for (const v1::Principal& stranger : {bob_, ben_}) {
    v1::Document document;
    EXPECT_EQ(see_dispute(stranger, dispute.id(), &dispute), "not_found");
    EXPECT_EQ(read(stranger, dispute.id(), given.sha256(), &document), "not_found");
    EXPECT_EQ(add(stranger, dispute.id(), "mine", &given), "not_found");
    EXPECT_EQ(list(stranger).disputes_size(), 0);
  }
  v1::Document document;
  EXPECT_EQ(see_dispute(operator_, dispute.id(), &dispute), "");
  EXPECT_EQ(read(operator_, dispute.id(), given.sha256(), &document), "forbidden");
  EXPECT_EQ(add(operator_, dispute.id(), "mine", &given), "forbidden");
  expect_books_right();
}

TEST_F(Disputes, EvidenceIsProjectedOnceAndForGood) {
  v1::Dispute dispute;
  ASSERT_EQ(open(ada_, false, &dispute), "");
  v1::DisputeEvidence given;
  ASSERT_EQ(add(ada_, dispute.id(), "one", &given), "");
  ASSERT_EQ(add(carla_, dispute.id(), "one", &given), "");
  ASSERT_EQ(add(carla_, dispute.id(), "two", &given, "zwei 度.txt"), "");
  ASSERT_TRUE(projector_->wait_for(engine_->stats().position, seconds(10)));
  const std::string all = "SELECT md5(string_agg(e::text, ',' ORDER BY journal_seq, idx)) FROM market.dispute_evidence e";
  const std::string before = database_.ask(all);
  EXPECT_EQ(database_.ask("SELECT string_agg(side::text, '' ORDER BY journal_seq, idx) FROM market.dispute_evidence"), "122");
  for (const char* sql : {"UPDATE market.dispute_evidence SET note = 'x'", "DELETE FROM market.dispute_evidence", "DELETE FROM market.disputes",
                          "UPDATE market.dispute_resolutions SET resolution = 'x'",
                          "INSERT INTO market.dispute_evidence SELECT dispute, 3, sha256, file, media_type, size, note, \"by\", at, journal_seq, idx FROM market.dispute_evidence LIMIT 1"})
    EXPECT_EQ(database_.sqlstate(sql, "bourse_projector"), "23000") << sql;
  ASSERT_TRUE(projector_->rebuild());
  ASSERT_TRUE(projector_->wait_for(engine_->stats().position, seconds(30)));
  EXPECT_EQ(database_.ask(all), before);
  expect_books_right();
}

TEST_F(Disputes, ACentersPeopleDisputeWhatWasChargedThere) {
  v1::Dispute dispute;
  EXPECT_EQ(open(ada_, true, &dispute), "forbidden");
  EXPECT_EQ(open(ben_, true, &dispute), "not_found");
  EXPECT_EQ(open(carla_, false, &dispute), "not_found");  // she is no member of the account
  const std::string uncharged = submit(ada_, spec()).id();
  EXPECT_EQ(open(carla_, true, &dispute, uncharged), "not_found");
  EXPECT_EQ(open(carla_, true, &dispute, to_text(JobId{})), "not_found");
  ASSERT_EQ(open(carla_, true, &dispute), "");
  EXPECT_EQ(dispute.side(), "center");
  EXPECT_EQ(dispute.account(), "");
  EXPECT_EQ(list(carla_).disputes_size(), 1);
  EXPECT_EQ(list(carla_).disputes(0).account(), "");
  EXPECT_EQ(list(ada_).disputes(0).account(), ada_.accounts(0));
  v1::DisputeEvidence given;
  EXPECT_EQ(add(ada_, dispute.id(), "hers", &given), "");
  EXPECT_EQ(resolve(carla_, dispute.id()), "forbidden");
  EXPECT_EQ(resolve(ben_, dispute.id()), "not_found");
  EXPECT_EQ(resolve(finance_, dispute.id()), "");
  EXPECT_EQ(add(carla_, dispute.id(), "late", &given), "failed_precondition");
  // Who no longer speaks for the center is a stranger.
  v1::CenterAdminRequest request;
  *request.mutable_principal() = operator_;
  request.set_key(key());
  request.set_center("alpha");
  request.set_user(carla_.user());
  v1::Empty empty;
  ASSERT_TRUE(call(&Stub::RemoveCenterAdmin, request, &empty).ok());
  EXPECT_EQ(see_dispute(carla_, dispute.id(), &dispute), "not_found");
  EXPECT_EQ(list(carla_).disputes_size(), 0);
}

TEST_F(Disputes, AnOperatorWhoOpenedOneForACenterSpeaksForIt) {
  v1::Dispute dispute;
  ASSERT_EQ(open(operator_, true, &dispute), "");
  v1::DisputeEvidence given;
  ASSERT_EQ(add(operator_, dispute.id(), "from the center by mail", &given), "");
  EXPECT_EQ(given.side(), "center");
  v1::Document document;
  EXPECT_EQ(read(operator_, dispute.id(), given.sha256(), &document), "");
}

TEST_F(Disputes, WhatIsNoEvidenceIsRefusedAndNotStored) {
  v1::Dispute dispute;
  ASSERT_EQ(open(ada_, false, &dispute), "");
  v1::DisputeEvidence given;
  EXPECT_EQ(add(ada_, dispute.id(), "", &given), "invalid_argument");
  EXPECT_EQ(add(ada_, dispute.id(), std::string((1 << 20) + 1, 'x'), &given), "too_large");
  for (const std::string& file : {std::string(), std::string("../../x"), std::string("a\r\nb"), std::string("\xE2\x80\xAEgpj.exe")})
    EXPECT_EQ(add(ada_, dispute.id(), "x", &given, file), "invalid_argument") << file;
  EXPECT_EQ(database_.ask("SELECT count(*) FROM blob.blobs WHERE kind = 7"), "0");
  for (int i = 0; i < 16; ++i) ASSERT_EQ(add(ada_, dispute.id(), std::string(i == 0 ? 1 << 20 : 10, static_cast<char>('a' + i)), &given), "") << i;
  EXPECT_EQ(add(ada_, dispute.id(), "one more", &given), "too_large");
  EXPECT_EQ(database_.ask("SELECT count(*) FROM blob.blobs WHERE kind = 7"), "16");
  EXPECT_EQ(add(carla_, dispute.id(), "the other side", &given), "") << "what one side gives leaves the other its room";
  // What was altered at rest is not passed off as what was given.
  database_.ask("UPDATE blob.blobs SET bytes = '\\x00' WHERE kind = 7");
  v1::Document document;
  EXPECT_EQ(read(finance_, dispute.id(), given.sha256(), &document), "integrity");
}

}  // namespace
}  // namespace bourse::test
