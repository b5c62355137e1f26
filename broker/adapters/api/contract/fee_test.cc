// A contract's fixed fee: from the operator's terms to the center's statement, finance's reports and the trace.
#include <algorithm>

#include "broker/adapters/api/contract/books_world.h"
#include "broker/adapters/statement/statement.h"

namespace bourse::test {
namespace {

class Fees : public BooksWorld {
 protected:
  void SetUp() override {
    BooksWorld::SetUp();
    admin_ = sign_in("carla", "Alpha University", {"user", "center-admin"});
    v1::CenterAdminRequest bind;
    bind.set_center("alpha");
    bind.set_user(admin_.user());
    v1::CenterAdmin bound;
    ASSERT_EQ(ask(&Stub::AddCenterAdmin, bind, operator_, &bound), "") << detail_;
  }
  // A zone whose next midnight is the next full hour.
  std::string zone() const {
    const auto hour = static_cast<int>((clock_.now().unix_ms / 3'600'000 + 1) % 24);
    const int offset = hour == 0 ? 0 : hour > 10 ? 24 - hour : -hour;
    return offset == 0 ? "UTC" : "Etc/GMT" + std::string(offset > 0 ? "-" : "+") + std::to_string(std::abs(offset));
  }
  std::string set_fee(const std::string& fee, int tax_bps, v1::Contract* kept, const std::string& settlement_prices = "") {
    v1::SetContractRequest request;
    v1::Contract& terms = *request.mutable_contract();
    terms.set_center("alpha");
    terms.set_tax_bps(600);
    terms.set_margin_bps(1000);
    terms.set_zone(zone());
    terms.set_monthly_fee(fee);
    terms.set_fee_tax_bps(tax_bps);
    terms.set_settlement_prices(settlement_prices);
    return ask(&Stub::SetContract, request, operator_, kept);
  }
  // As if the next full hour were over.
  std::string close_later() {
    const auto closed = engine_->execute({.now = clock_.now() + hours(1), .body = broker::ClosePeriod{.center = alpha_.id}});
    EXPECT_TRUE(closed) << closed.error().message();
    return to_text(PeriodId{closed->object});
  }
  v1::Statement statement(const std::string& period, const v1::Principal& who) {
    v1::ListStatementsRequest request;
    v1::ListStatementsReply reply;
    EXPECT_EQ(ask(&Stub::ListStatements, request, who, &reply), "") << detail_;
    for (const v1::Statement& one : reply.statements())
      if (one.period() == period) return one;
    ADD_FAILURE() << period << " is not listed";
    return {};
  }
  Amount balance_of(const std::string& account) {
    v1::ListEntriesRequest request;
    request.set_account(account);
    v1::ListEntriesReply reply;
    EXPECT_EQ(ask(&Stub::ListEntries, request, finance_, &reply), "") << detail_;
    return *parse_amount(reply.closing());
  }

  v1::Principal admin_;
};

TEST_F(Fees, FromTheTermsToTheStatement) {
  v1::Contract kept;
  ASSERT_EQ(set_fee("3100", 600, &kept), "") << detail_;
  EXPECT_EQ(kept.monthly_fee(), "3100.00");
  EXPECT_EQ(kept.fee_tax_bps(), 600);
  run("p");
  const std::string period = close_later();
  projector_settled();
  for (const v1::Principal& who : {finance_, admin_}) {
    const v1::Statement closed = statement(period, who);
    const Amount fee = *parse_amount(closed.fee().amount());
    EXPECT_GE(fee, Amount::whole(100));  // a day of a month of 28 to 31
    EXPECT_LE(fee, Amount{110'714'286});
    EXPECT_EQ(*parse_amount(closed.closing().amount()), *parse_amount(closed.center_share().amount()) - fee);
  }
  v1::GetStatementRequest get;
  get.set_period(period);
  v1::Document document;
  std::string code = "not sealed";
  for (int i = 0; i < 100 && !code.empty(); ++i) {
    usleep(100'000);
    code = ask(&Stub::GetStatement, get, finance_, &document);
  }
  ASSERT_EQ(code, "") << detail_;
  const statement::Verification found = statement::verify(document.data());
  EXPECT_TRUE(found.ok) << (found.differences.empty() ? "" : found.differences.front());
  EXPECT_EQ(found.fee, statement(period, finance_).fee().amount());

  v1::TraceRequest request;
  request.set_id(period);
  v1::TraceReply trace;
  ASSERT_EQ(ask(&Stub::Trace, request, finance_, &trace), "") << detail_;
  const auto steps = [&](const std::string& kind) { return std::ranges::count(trace.steps(), kind, &v1::TraceStep::kind); };
  EXPECT_EQ(steps("fee"), 1);
  EXPECT_EQ(steps("transfer"), 2);
  ASSERT_EQ(ask(&Stub::Trace, request, ada_, &trace), "") << detail_;  // who has a job in it sees the period, not what its center pays
  EXPECT_EQ(steps("fee"), 0);

  v1::VerifyLedgerRequest verify;
  v1::VerifyLedgerReply verdict;
  ASSERT_EQ(ask(&Stub::VerifyLedger, verify, finance_, &verdict), "") << detail_;
  EXPECT_TRUE(verdict.ok()) << verdict.DebugString();
}

TEST_F(Fees, ReportsAreWhatTheLedgerHolds) {
  run("p");
  v1::Contract kept;
  ASSERT_EQ(set_fee("3100", 600, &kept), "") << detail_;
  close_later();
  projector_settled();
  for (const char* kind : {"revenue", "tax"}) {
    v1::GetReportRequest request;
    request.set_kind(kind);
    v1::Report report;
    ASSERT_EQ(ask(&Stub::GetReport, request, finance_, &report), "") << detail_;
    ASSERT_EQ(report.revenue_size(), 1) << kind;
    const v1::RevenueRow& row = report.revenue(0);
    const auto amount = [](const v1::Money& money) { return *parse_amount(money.amount()); };
    EXPECT_EQ(amount(row.margin()), balance_of("platform_revenue")) << kind;
    EXPECT_EQ(amount(row.tax()), balance_of("tax_payable")) << kind;
    EXPECT_EQ(amount(row.center_share()), balance_of("alpha")) << kind;
    EXPECT_TRUE(amount(row.center_share()).is_negative());
    EXPECT_EQ(amount(row.gross()), amount(row.center_share()) + amount(row.margin()) + amount(row.tax())) << kind;
    EXPECT_EQ(row.bookings(), 2U);
  }
}

TEST_F(Fees, AnAccrualHasWhatClosingNowWouldCharge) {
  const auto accrued = [&] {
    v1::GetReportRequest request;
    request.set_kind("accrual");
    v1::Report report;
    EXPECT_EQ(ask(&Stub::GetReport, request, finance_, &report), "") << detail_;
    return report;
  };
  EXPECT_EQ(accrued().fees_size(), 0);  // no contract has one
  v1::Contract kept;
  ASSERT_EQ(set_fee("3100", 600, &kept), "") << detail_;
  const v1::Report report = accrued();
  ASSERT_EQ(report.fees_size(), 1);
  const v1::FeeRow& row = report.fees(0);
  EXPECT_EQ(row.center(), to_text(alpha_.id));
  const Amount so_far = *parse_amount(row.amount().amount());
  EXPECT_TRUE(so_far.is_zero() || so_far >= Amount::whole(100)) << "no day is over, unless midnight has just passed";
  const auto closed = engine_->execute({.now = clock_.now(), .body = broker::ClosePeriod{.center = alpha_.id}});
  ASSERT_TRUE(closed) << closed.error().message();
  projector_settled();
  const std::string charged = statement(to_text(PeriodId{closed->object}), finance_).fee().amount();
  EXPECT_EQ(charged.empty() ? "0.00" : charged, row.amount().amount());
}

TEST_F(Fees, TheCentersPeopleSeeItAndCannotChangeIt) {
  v1::Contract kept;
  ASSERT_EQ(set_fee("3100.00", 600, &kept, "center"), "") << detail_;
  v1::ListCentersReply centers;
  ASSERT_EQ(ask(&Stub::ListCenters, v1::ListCentersRequest{}, admin_, &centers), "") << detail_;
  ASSERT_EQ(centers.centers_size(), 1);
  EXPECT_EQ(centers.centers(0).contracts(centers.centers(0).contracts_size() - 1).monthly_fee(), "3100.00");
  v1::SetContractRequest own;
  own.mutable_contract()->set_center("alpha");
  v1::Contract changed;
  EXPECT_EQ(ask(&Stub::SetContract, own, admin_, &changed), "forbidden");
  v1::SetSettlementPricesRequest prices;
  prices.set_center("alpha");
  v1::PriceRow& row = *prices.add_rows();
  row.set_meter("core_ms");
  row.set_per("core-hour");
  row.set_price("0.01");
  row.set_unit("CNY");
  ASSERT_EQ(ask(&Stub::SetSettlementPrices, prices, admin_, &changed), "") << detail_;
  EXPECT_EQ(changed.monthly_fee(), "3100.00");
  EXPECT_EQ(changed.fee_tax_bps(), 600);
}

TEST_F(Fees, WhoApprovesATermReadsIt) {
  stop();
  two_people_ = true;
  start();
  v1::Contract kept;
  ASSERT_EQ(set_fee("3100.00", 600, &kept), "") << detail_;
  EXPECT_EQ(kept.proposal().act().set_contract().monthly_fee(), "3100.00");
  EXPECT_NE(kept.proposal().text().find("the center pays 3100.00 CNY a month, 600 bps tax in it, by the calendar of " + zone()), std::string::npos) << kept.proposal().text();
}

TEST_F(Fees, BadOnesAreRefused) {
  v1::Contract kept;
  for (const char* fee : {"-1", "a lot", "1e3", "1000000000.01", "0.0000001"}) EXPECT_EQ(set_fee(fee, 600, &kept), "invalid_argument") << fee;
  for (const int tax : {-1, 10'001}) EXPECT_EQ(set_fee("10", tax, &kept), "invalid_argument") << tax;
}

}  // namespace
}  // namespace bourse::test
