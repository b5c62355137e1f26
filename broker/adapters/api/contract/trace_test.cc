// One id followed through all of it, from every id that a trace shows; and what an account's people are not shown.
#include <algorithm>

#include "base/sha256.h"
#include "broker/adapters/api/contract/books_world.h"
#include "broker/adapters/evidence/notary.h"
#include "broker/adapters/link/link_server.h"

namespace bourse::test {
namespace {

class Traces : public BooksWorld {
 protected:
  std::vector<v1::TraceStep> trace(const v1::Principal& who, const std::string& id, std::string* code = nullptr) {
    v1::TraceRequest request;
    request.set_id(id);
    v1::TraceReply reply;
    const std::string got = ask(&Stub::Trace, request, who, &reply);
    if (code != nullptr) *code = got;
    else EXPECT_EQ(got, "") << id;
    return {reply.steps().begin(), reply.steps().end()};
  }
  std::string refused(const v1::Principal& who, const std::string& id) {
    std::string code;
    trace(who, id, &code);
    return code;
  }
  static const v1::TraceStep& step(const std::vector<v1::TraceStep>& steps, const std::string& kind) {
    const auto found = std::ranges::find(steps, kind, &v1::TraceStep::kind);
    static const v1::TraceStep none;
    EXPECT_NE(found, steps.end()) << kind;
    return found == steps.end() ? none : *found;
  }
  static std::string all_text(const std::vector<v1::TraceStep>& steps) {
    std::string out;
    for (const v1::TraceStep& one : steps) out += one.kind() + " " + one.id() + " " + one.text() + "\n";
    return out;
  }
  static std::string sha_in(const std::string& text) {
    const std::size_t at = text.find("sha256 ");
    return at == std::string::npos ? "" : text.substr(at + 7, 64);
  }
  // A job worth whole cents that another account's job shares its period with, settled, paid and in a payment file.
  void settle_and_pay() {
    fund(bob_, "100");
    const std::string other = submit(bob_, spec()).id();
    run_job(alpha_, other, seconds(30));
    v1::JobSpec large = spec("mine");
    large.set_cores(16);
    job_ = submit(ada_, large).id();
    const broker::Job now = job(job_);
    order_ = sha256(broker::order_bytes(now));
    run_job(alpha_, job_, seconds(30));
    keep_order(now);
    v1::SettleRequest settle;
    settle.set_center("alpha");
    v1::SettleReply settled;
    ASSERT_EQ(ask(&Stub::Settle, settle, finance_, &settled), "") << detail_;
    period_ = settled.period();
    v1::SetPayeeRequest payee;
    payee.set_center("alpha");
    payee.mutable_payee()->set_name("Alpha e.V.");
    payee.mutable_payee()->set_account("DE89370400440532013000");
    payee.mutable_payee()->set_bank("COBADEFFXXX");
    v1::PayeeReply kept;
    ASSERT_EQ(ask(&Stub::SetPayee, payee, finance_, &kept), "") << detail_;
    v1::OrderPayoutRequest pay;
    pay.set_center("alpha");
    v1::Payout ordered;
    ASSERT_EQ(ask(&Stub::OrderPayout, pay, finance_, &ordered), "") << detail_;
    payout_ = ordered.id();
    v1::ExportPaymentsRequest exporting;
    exporting.set_execution_date("2026-03-02");
    v1::PaymentFile file;
    ASSERT_EQ(ask(&Stub::ExportPayments, exporting, finance_, &file), "") << detail_;
    file_ = file.id();
  }
  // As the link does before it sends one.
  void keep_order(const broker::Job& now) {
    const std::string bytes = broker::order_bytes(now);
    ASSERT_TRUE(blobs_->put(broker::BlobKind::order, std::as_bytes(std::span(bytes))));
    const broker::EvidenceItem item = broker::evidence_of(alpha_.id, broker::EvidenceKind::order, bytes);
    ASSERT_TRUE(evidence_->append({&item, 1}));
  }

  std::string job_, period_, payout_, file_;
  Hash256 order_;
};

TEST_F(Traces, EveryIdLeadsToTheWholeChain) {
  settle_and_pay();
  const auto chain = trace(finance_, job_);
  std::vector<std::string> kinds;
  for (const v1::TraceStep& one : chain)
    if (std::ranges::find(kinds, one.kind()) == kinds.end()) kinds.push_back(one.kind());
  EXPECT_EQ(kinds, (std::vector<std::string>{"job", "hold", "order", "event", "usage", "rated", "capture", "transfer", "export", "release", "closed", "period", "cut-off", "statement",
                                             "payout", "payment file"})) << all_text(chain);
  // The legs are what the capture says it moved.
  Amount legs;
  for (const v1::TraceStep& one : chain)
    if (one.kind() == "transfer" && one.text().find("from wallet") != std::string::npos) legs += *parse_amount(one.text().substr(0, one.text().find(' ')));
  EXPECT_EQ(legs, charged(job_));
  EXPECT_EQ(sha_in(step(chain, "order").text()), to_hex(order_));

  const std::string report = sha_in(step(chain, "usage").text()), statement = sha_in(step(chain, "statement").text());
  for (const std::string& id : {step(chain, "hold").id(), step(chain, "order").id(), step(chain, "usage").id(), step(chain, "rated").id(), step(chain, "transfer").id(),
                                to_hex(order_), report, step(chain, "export").id()})
    for (const v1::Principal& who : {finance_, ada_}) EXPECT_EQ(step(trace(who, id), "job").id(), job_) << id;
  EXPECT_NE(step(chain, "rated").id(), step(chain, "usage").id());

  // A period, its statement by hash or number, a payout and a file list what is in them.
  for (const std::string& id : {period_, statement, std::string("alpha:1")}) {
    const auto steps = trace(finance_, id);
    EXPECT_EQ(step(steps, "payout").id(), payout_) << id;
    EXPECT_EQ(std::ranges::count(steps, "job", &v1::TraceStep::kind), 2) << all_text(steps);
  }
  EXPECT_EQ(step(trace(finance_, payout_), "payment file").id(), file_);
  EXPECT_EQ(step(trace(finance_, payout_), "statement").id(), period_);
  EXPECT_EQ(step(trace(finance_, file_), "payout").id(), payout_);
  std::string leg;
  const auto paid = trace(finance_, payout_);
  for (const v1::TraceStep& one : paid)
    if (one.kind() == "transfer") leg = one.id();
  EXPECT_EQ(step(trace(finance_, leg), "payout").id(), payout_) << leg;
}

TEST_F(Traces, AnAccountsPeopleSeeTheirOwnChargesAlone) {
  settle_and_pay();
  const auto staff = trace(finance_, job_);
  const auto own = trace(ada_, job_);
  const std::string text = all_text(own);
  EXPECT_EQ(text.find("DE89"), std::string::npos) << text;
  EXPECT_EQ(text.find("gross"), std::string::npos) << text;
  EXPECT_EQ(text.find(payout_), std::string::npos) << text;
  EXPECT_EQ(text.find("center_payable"), std::string::npos) << text;
  EXPECT_EQ(text.find("margin"), std::string::npos) << text;
  EXPECT_EQ(step(own, "period").text(), "period 1 of alpha, closed");
  EXPECT_EQ(step(own, "statement").text(), step(staff, "statement").text());
  EXPECT_EQ(std::ranges::count(own, "cut-off", &v1::TraceStep::kind), 0);
  EXPECT_EQ(step(own, "transfer").text(), to_text(charged(job_)) + " CNY from the wallet");

  const auto of_period = trace(ada_, period_);
  EXPECT_EQ(std::ranges::count(of_period, "job", &v1::TraceStep::kind), 1) << all_text(of_period);
  EXPECT_EQ(step(of_period, "job").id(), job_);
  EXPECT_EQ(all_text(of_period).find("gross"), std::string::npos);
  const v1::Principal eve = sign_in("eve", "Third University", {"user"});
  const std::string statement = sha_in(step(staff, "statement").text());
  for (const v1::Principal& who : {eve, ada_})
    for (const std::string& id : {payout_, file_}) EXPECT_EQ(refused(who, id), "not_found") << id;
  for (const std::string& id : {job_, period_, statement, std::string("alpha:1"), step(staff, "rated").id(), step(staff, "transfer").id(), to_hex(order_),
                                sha_in(step(staff, "usage").text())})
    EXPECT_EQ(refused(eve, id), "not_found") << id;
}

TEST_F(Traces, MoneyInAndLotsHaveATraceAndNonsenseHasNone) {
  v1::GrantLotRequest grant;
  grant.set_account(ada_.accounts(0));
  grant.mutable_money()->set_amount("5");
  grant.mutable_money()->set_unit("CNY");
  grant.set_expires_ms((clock_.now() + hours(48)).unix_ms);
  grant.set_reason("welcome");
  v1::Lot lot;
  ASSERT_EQ(ask(&Stub::GrantLot, grant, finance_, &lot), "") << detail_;
  const std::string id = run("p");
  const auto used = trace(ada_, lot.id());
  EXPECT_EQ(step(used, "lot").id(), lot.id());
  EXPECT_EQ(step(used, "used").id(), id);
  EXPECT_EQ(refused(bob_, lot.id()), "not_found");
  projector_settled();
  const std::string top_up = database_.ask("SELECT journal_seq || '.' || idx FROM market.transfers WHERE code = 1 ORDER BY journal_seq LIMIT 1");
  EXPECT_NE(step(trace(ada_, top_up), "transfer").text().find("to wallet"), std::string::npos);
  EXPECT_EQ(refused(bob_, top_up), "not_found");
  for (const char* nonsense : {"1.", ".1", "1.2.3", "-1.0", "99999999999999999999.0", "0.0", "1.99999999999", "alpha:", "alpha:0", "alpha:99", ":1", "alpha:1'", "usg_.1",
                               "0000000000000000000000000000000000000000000000000000000000000000"})
    for (const v1::Principal& who : {finance_, ada_}) EXPECT_EQ(refused(who, nonsense), "not_found") << nonsense;
}

}  // namespace
}  // namespace bourse::test
