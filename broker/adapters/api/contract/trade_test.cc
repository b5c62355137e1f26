// The market's whole way through the API: sign in, fund, quote, submit, run, receipt, trace, settle, verify, export.
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "broker/adapters/api/contract/market_world.h"
#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/statement/statement.h"

namespace bourse::test {
namespace {

class Trade : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
    user_ = sign_in("ada", "Demo University", {"user"});
    fund(user_, "100");
  }
  v1::Wallet wallet() {
    v1::ListWalletsRequest request;
    *request.mutable_principal() = user_;
    v1::ListWalletsReply reply;
    EXPECT_TRUE(call(&v1::Market::Stub::ListWallets, request, &reply).ok());
    EXPECT_EQ(reply.wallets_size(), 1);
    return reply.wallets(0);
  }
  v1::SettleReply settle() {
    v1::SettleRequest request;
    *request.mutable_principal() = finance_;
    request.set_key(key());
    request.set_center("alpha");
    v1::SettleReply reply;
    const Answer got = call(&v1::Market::Stub::Settle, request, &reply);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    return reply;
  }
  std::string statement(const std::string& period) {
    v1::GetStatementRequest request;
    *request.mutable_principal() = finance_;
    request.set_period(period);
    v1::Document document;
    const Answer got = call(&v1::Market::Stub::GetStatement, request, &document);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    EXPECT_EQ(document.name(), "statement-alpha-1.json");
    return document.data();
  }
  std::string chain_of(const std::string& id) {
    v1::TraceRequest request;
    *request.mutable_principal() = user_;
    request.set_id(id);
    v1::TraceReply chain;
    const Answer got = call(&v1::Market::Stub::Trace, request, &chain);
    EXPECT_TRUE(got.ok()) << id << " " << got.code;
    std::string kinds;
    for (const v1::TraceStep& step : chain.steps()) kinds += step.kind() + " ";
    return kinds;
  }
  std::string exported() {
    v1::ExportLedgerRequest request;
    *request.mutable_principal() = finance_;
    request.set_format("hledger");
    grpc::ClientContext context;
    const auto reader = stub_->ExportLedger(&context, request);
    std::string text;
    v1::Chunk chunk;
    while (reader->Read(&chunk)) text += chunk.data();
    EXPECT_TRUE(reader->Finish().ok());
    return text;
  }
  StubCenter alpha_;
  v1::Principal user_;
};

TEST_F(Trade, FromSignInToSettlement) {
  EXPECT_EQ(wallet().balance(), "100.00");
  v1::QuoteRequest asked;
  *asked.mutable_principal() = user_;
  asked.set_key(key());
  *asked.mutable_spec() = spec();
  v1::QuoteReply quoted;
  const Answer quote = call(&v1::Market::Stub::Quote, asked, &quoted);
  ASSERT_TRUE(quote.ok()) << quote.code << " " << quote.detail;
  ASSERT_EQ(quoted.decision().plans_size(), 1);
  EXPECT_EQ(quoted.decision().plans(0).center_name(), "alpha");
  EXPECT_NE(quoted.decision().why().find("alpha/cpu"), std::string::npos) << quoted.decision().why();

  v1::SubmitRequest accept;
  *accept.mutable_principal() = user_;
  accept.set_key(key());
  accept.set_quote(quoted.quote());
  v1::Job job;
  const Answer submitted = call(&v1::Market::Stub::Submit, accept, &job);
  ASSERT_TRUE(submitted.ok()) << submitted.code << " " << submitted.detail;
  EXPECT_EQ(job.state(), "routed");
  EXPECT_EQ(job.quote(), quoted.quote());
  EXPECT_EQ(job.held().amount(), quoted.decision().plans(0).cap().amount());
  EXPECT_EQ(wallet().held(), job.held().amount());
  EXPECT_TRUE(job.unreachable());  // the stub center has no stream
  v1::Job again;
  ASSERT_TRUE(call(&v1::Market::Stub::Submit, accept, &again).ok());
  EXPECT_EQ(again.id(), job.id());

  run_job(alpha_, job.id(), seconds(30));
  const v1::Job ended = see(user_, job.id());
  EXPECT_EQ(ended.state(), "ended");
  // 4 cores × 30 s at 0.36 a core-hour and 2 GiB × 30 s at 0.0125 a GiB-hour, each rounded to a micro-unit.
  EXPECT_EQ(ended.charged().amount(), "0.012208");
  EXPECT_EQ(wallet().balance(), "99.987792");
  EXPECT_EQ(wallet().held(), "0.00");

  v1::GetJobRequest which;
  *which.mutable_principal() = user_;
  which.set_job(job.id());
  v1::Receipt receipt;
  const Answer shown = call(&v1::Market::Stub::GetReceipt, which, &receipt);
  ASSERT_TRUE(shown.ok()) << shown.code << " " << shown.detail;
  EXPECT_EQ(receipt.charged().amount(), "0.012208");
  Amount lines;
  for (const v1::RatedLine& line : receipt.lines()) lines += *parse_amount(line.amount().amount());
  EXPECT_EQ(to_text(lines), "0.012208");
  ASSERT_EQ(receipt.evidence_size(), 1);
  EXPECT_EQ(*parse_amount(receipt.held().amount()), *parse_amount(receipt.charged().amount()) + *parse_amount(receipt.released().amount()));

  const v1::SettleReply settled = settle();
  EXPECT_EQ(settled.statement().state(), "closed");
  EXPECT_EQ(settled.statement().captures(), 1u);
  EXPECT_EQ(settled.statement().gross().amount(), "0.012208");
  const std::string file = statement(settled.period());
  const statement::Verification verified = statement::verify(file, broker_keys_.ack.public_key);
  EXPECT_TRUE(verified.ok) << (verified.differences.empty() ? "" : verified.differences.front());
  EXPECT_EQ(to_hex(verified.file_sha256), settled.statement().sha256());
  EXPECT_EQ(verified.lines, 1u);

  for (const std::string& id : {job.id(), quoted.quote(), job.hold(), job.attempt(), receipt.evidence(0).usage_record()})
    EXPECT_EQ(chain_of(id), "quote job hold order event event event usage rated rated rated capture transfer export release closed period statement ") << id;
}

TEST_F(Trade, TheLedgerVerifiesAndAnotherProgramAddsItUp) {
  for (int i = 0; i < 3; ++i) run_job(alpha_, submit(user_, spec("job" + std::to_string(i))).id(), seconds(20 + i));
  settle();
  submit(user_, spec("still-held"));

  v1::VerifyLedgerRequest request;
  *request.mutable_principal() = finance_;
  v1::VerifyLedgerReply verified;
  const Answer got = call(&v1::Market::Stub::VerifyLedger, request, &verified);
  ASSERT_TRUE(got.ok()) << got.code << " " << got.detail;
  EXPECT_TRUE(verified.ok()) << (verified.differences_size() == 0 ? "" : verified.differences(0));
  EXPECT_TRUE(verified.chain_ok() && verified.balanced() && verified.projections_match() && verified.state_match());

  v1::TrialBalanceRequest trial;
  *trial.mutable_principal() = finance_;
  v1::TrialBalanceReply balance;
  ASSERT_TRUE(call(&v1::Market::Stub::TrialBalance, trial, &balance).ok());
  ASSERT_EQ(balance.totals_size(), 1);
  EXPECT_EQ(balance.totals(0).debits_posted(), balance.totals(0).credits_posted());
  EXPECT_EQ(balance.totals(0).debits_pending(), balance.totals(0).credits_pending());

  const std::string book = exported();
  EXPECT_NE(book.find("top-up wire"), std::string::npos);
  ASSERT_EQ(std::system("hledger --version >/dev/null 2>&1"), 0) << "hledger is missing: ./dev installs it";
  const std::string path = directory_ + "/ledger.journal";
  const auto checks = [&](const std::string& text) {
    std::ofstream(path) << text;
    return std::system(("hledger -f '" + path + "' check --strict >'" + path + ".out' 2>&1").c_str()) == 0;
  };
  const bool good = checks(book);
  std::ostringstream said;
  said << std::ifstream(path + ".out").rdbuf();
  EXPECT_TRUE(good) << said.str() << "\n" << book;
  std::string off = book;
  const std::size_t at = off.find("0.0", off.find("capture"));
  ASSERT_NE(at, std::string::npos);
  off[at + 7] = off[at + 7] == '9' ? '8' : static_cast<char>(off[at + 7] + 1);
  EXPECT_FALSE(checks(off)) << "a millionth too much went unnoticed";
}

TEST_F(Trade, SettlementsAgainAtOnceAndOfNothingPayOnce) {
  run_job(alpha_, submit(user_, spec()).id(), seconds(30));
  v1::SettleRequest request;
  *request.mutable_principal() = finance_;
  request.set_center("alpha");
  std::vector<v1::SettleReply> replies(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      request.set_key(i == 0 ? "same" : key());
      threads.emplace_back(
          [this, request, &reply = replies[i]] { EXPECT_TRUE(call(&v1::Market::Stub::Settle, request, &reply).ok()); });
    }
  }
  std::set<std::string> periods;
  Amount gross;
  for (const v1::SettleReply& reply : replies) {
    EXPECT_EQ(reply.statement().state(), "closed");
    periods.insert(reply.period());
    gross += *parse_amount(reply.statement().gross().amount());
  }
  EXPECT_EQ(periods.size(), replies.size());
  EXPECT_EQ(to_text(gross), "0.012208");
  request.set_key("same");  // a lost answer, asked for again
  v1::SettleReply again;
  ASSERT_TRUE(call(&v1::Market::Stub::Settle, request, &again).ok());
  EXPECT_EQ(again.SerializeAsString(), replies[0].SerializeAsString());
  EXPECT_EQ(settle().statement().captures(), 0u);
  v1::VerifyLedgerRequest check;
  *check.mutable_principal() = finance_;
  v1::VerifyLedgerReply verified;
  ASSERT_TRUE(call(&v1::Market::Stub::VerifyLedger, check, &verified).ok());
  EXPECT_TRUE(verified.ok()) << (verified.differences_size() == 0 ? "" : verified.differences(0));
}

TEST_F(Trade, ListsPageAndFilter) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(submit(user_, spec("job" + std::to_string(i))).id());
  v1::ListJobsRequest request;
  *request.mutable_principal() = user_;
  request.set_limit(2);
  request.set_at_least_position(engine_->stats().position);
  std::vector<std::string> listed;
  for (;;) {
    v1::ListJobsReply reply;
    const Answer got = call(&v1::Market::Stub::ListJobs, request, &reply);
    ASSERT_TRUE(got.ok()) << got.code << " " << got.detail;
    for (const v1::Job& job : reply.jobs()) listed.push_back(job.id());
    if (reply.next_cursor().empty()) break;
    request.set_cursor(reply.next_cursor());
  }
  EXPECT_EQ(listed, std::vector<std::string>(ids.rbegin(), ids.rend()));
  request.clear_cursor();
  request.set_limit(0);
  request.set_state("ended");
  v1::ListJobsReply none;
  ASSERT_TRUE(call(&v1::Market::Stub::ListJobs, request, &none).ok());
  EXPECT_EQ(none.jobs_size(), 0);
}

TEST_F(Trade, ABudgetTooSmallSaysWhatWouldHaveBeenEnough) {
  v1::SubmitRequest request;
  *request.mutable_principal() = user_;
  request.set_key(key());
  *request.mutable_spec() = spec();
  request.mutable_spec()->set_budget("0.000001");
  v1::Job job;
  const Answer got = call(&v1::Market::Stub::Submit, request, &job);
  EXPECT_EQ(got.code, "budget_too_small");
  EXPECT_NE(got.detail.find("0.24"), std::string::npos) << got.detail;
  EXPECT_EQ(got.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(Trade, ACancelledJobNeverAcceptedWaitsForTheCentersWord) {
  const v1::Job job = submit(user_, spec());
  v1::CancelJobRequest request;
  *request.mutable_principal() = user_;
  request.set_key(key());
  request.set_job(job.id());
  request.set_reason("changed my mind");
  v1::Job cancelled;
  ASSERT_TRUE(call(&v1::Market::Stub::CancelJob, request, &cancelled).ok());
  EXPECT_TRUE(cancelled.cancel_requested());
  EXPECT_EQ(cancelled.state(), "routed");
}

TEST_F(Trade, ABankEntryFundsAnAccountOnce) {
  v1::FundAccountRequest request;
  *request.mutable_principal() = finance_;
  request.set_key(key());
  request.set_account(user_.accounts(0));
  request.mutable_money()->set_amount("5");
  request.mutable_money()->set_unit("CNY");
  request.set_bank_reference("BK-2026-0001");
  v1::Wallet after;
  ASSERT_TRUE(call(&v1::Market::Stub::FundAccount, request, &after).ok());
  EXPECT_EQ(after.balance(), "105.00");
  request.set_key(key());  // entered again, under another key
  ASSERT_TRUE(call(&v1::Market::Stub::FundAccount, request, &after).ok());
  EXPECT_EQ(after.balance(), "105.00");
  request.set_key(key());
  request.mutable_money()->set_amount("6");
  EXPECT_EQ(call(&v1::Market::Stub::FundAccount, request, &after).code, "conflict");
  request.mutable_money()->set_unit("DU");
  request.set_key(key());
  EXPECT_EQ(call(&v1::Market::Stub::FundAccount, request, &after).code, "unit_mismatch");
}

// Priced by the hours of the week, through API, order, projections and statement.
TEST_F(Trade, WeeklyWindowsAreSoldAndTheirStatementVerifies) {
  v1::PublishPricesRequest prices;
  *prices.mutable_principal() = operator_;
  prices.set_key(key());
  for (const bool by_day : {true, false}) {
    v1::PriceRow& row = *prices.add_rows();
    row.set_center("alpha");
    row.set_meter("core_ms");
    row.set_per("core-hour");
    row.set_price(by_day ? "36" : "18");
    row.set_unit("CNY");
    row.set_valid_from_ms(by_day ? 3 : 2);
    if (!by_day) continue;
    row.set_zone("Asia/Shanghai");
    v1::PriceWindow& window = *row.add_windows();
    window.set_from("00:00");
    window.set_until("12:00");
  }
  v1::PublishPricesReply published;
  const Answer answer = call(&v1::Market::Stub::PublishPrices, prices, &published);
  ASSERT_TRUE(answer.ok()) << answer.code << " " << answer.detail;
  const v1::Job job = submit(user_, spec());
  EXPECT_EQ(job.decision().plans(0).prices(0).windows(0).until(), "12:00");
  EXPECT_EQ(job.decision().plans(0).prices(0).windows(0).days_size(), 7);
  EXPECT_EQ(job.decision().plans(0).prices(1).windows_size(), 0);
  federation::v1::DispatchOrder order;
  ASSERT_TRUE(order.ParseFromString(order_bytes(this->job(job.id()))));
  EXPECT_EQ(order.tariff_edges_ms_size(), 80);  // two a day while it may wait
  run_job(alpha_, job.id(), seconds(10));
  const v1::SettleReply settled = settle();
  const statement::Verification verified = statement::verify(statement(settled.period()), broker_keys_.ack.public_key);
  EXPECT_TRUE(verified.ok) << (verified.differences.empty() ? "" : verified.differences.front());
  prices.mutable_rows(0)->mutable_windows(0)->set_until("25:00");
  prices.set_key(key());
  EXPECT_EQ(call(&v1::Market::Stub::PublishPrices, prices, &published).code, "invalid_argument");
}

TEST_F(Trade, APeriodClosedBeforeACrashIsSealedAfterIt) {
  run_job(alpha_, submit(user_, spec()).id(), seconds(10));
  sealer_->stop();  // as if the process had died between the cut-off and the seal
  const auto closed = engine_->execute({.key = "test/close", .fingerprint = 1, .now = clock_.now(), .body = broker::ClosePeriod{alpha_.id, PeriodId::make(clock_.now(), rng_)}});
  ASSERT_TRUE(closed) << closed.error().message();
  const PeriodId period{closed->object};
  stop();
  start();
  ASSERT_TRUE(sealer_->wait_sealed(period, seconds(20)));
  const statement::Verification verified = statement::verify(statement(to_text(period)), broker_keys_.ack.public_key);
  EXPECT_TRUE(verified.ok) << (verified.differences.empty() ? "" : verified.differences.front());
  // What was made before the stop is still there, by id and in lists.
  const v1::Principal again = sign_in("ada", "Demo University", {"user"});
  EXPECT_EQ(again.user(), user_.user());
  EXPECT_EQ(again.accounts(0), user_.accounts(0));
}

TEST_F(Trade, SessionsResolveUntilTheyEnd) {
  v1::CreateSessionRequest create;
  create.set_token_sha256(std::string(32, 'x'));
  create.set_user(user_.user());
  create.add_roles("user");
  create.set_kind("cli");
  create.set_expires_ms(clock_.now().unix_ms + 60'000);
  v1::Empty nothing;
  ASSERT_TRUE(call(&v1::Market::Stub::CreateSession, create, &nothing).ok());
  ASSERT_TRUE(call(&v1::Market::Stub::CreateSession, create, &nothing).ok());  // a lost reply, sent again
  v1::ResolveSessionRequest resolve;
  resolve.set_token_sha256(std::string(32, 'x'));
  v1::Principal principal;
  ASSERT_TRUE(call(&v1::Market::Stub::ResolveSession, resolve, &principal).ok());
  EXPECT_EQ(principal.user(), user_.user());
  EXPECT_EQ(principal.roles(0), "user");
  EXPECT_EQ(principal.accounts(0), user_.accounts(0));
  v1::EndSessionRequest end;
  end.set_token_sha256(std::string(32, 'x'));
  ASSERT_TRUE(call(&v1::Market::Stub::EndSession, end, &nothing).ok());
  EXPECT_EQ(call(&v1::Market::Stub::ResolveSession, resolve, &principal).code, "unauthenticated");
  EXPECT_EQ(sign_in("ada", "Demo University", {"user"}).user(), user_.user());
  v1::SignInRequest elsewhere;
  elsewhere.set_issuer("https://idp.test");
  elsewhere.set_subject("ada");
  elsewhere.set_tenant_name("Another University");
  EXPECT_EQ(call(&v1::Market::Stub::SignIn, elsewhere, &principal).code, "forbidden");
  elsewhere.set_subject("eve");
  elsewhere.set_name("-rf \n" + std::string(10'000, 'x'));
  ASSERT_TRUE(call(&v1::Market::Stub::SignIn, elsewhere, &principal).ok());
  EXPECT_EQ(principal.name(), "eve");
  EXPECT_EQ(principal.accounts_size(), 1);
}

}  // namespace
}  // namespace bourse::test
