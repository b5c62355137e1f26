// Packages of 度 over the API and a real store: sold by two people, paid for by the owner, used by a job, and settled in money.
#include <algorithm>

#include "broker/adapters/api/contract/market_world.h"
#include "broker/adapters/statement/statement.h"

namespace bourse::test {
namespace {

using Stub = v1::Market::Stub;

class PackagesOverTheApi : public MarketWorld {
 protected:
  void SetUp() override {
    const auto table = factors::read_factor_table(R"({"version": "v1", "published": "2026-01-01", "norm": "of this test", "meter": "core_ms",
      "includes": ["node_ms", "mem_mib_s", "gpu_ms"], "starts": "with the job", "stops": "with it",
      "factors": [{"chip": "epyc", "precision": "fp64", "factor": "0.5", "tflops": "1", "sparsity": "none", "source": "this test", "date": "2026-01-01"}]})");
    ASSERT_TRUE(table) << table.error().message();
    factor_tables_ = std::make_shared<const factors::FactorTables>(factors::FactorTables{{"v1", *table}});
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
    ada_ = sign_in("ada", "Demo University", {"user"});
    fund(ada_, "100");
    price_in_du();
  }
  // A core-hour is 0.6 度 of a chip that is worth 0.5; memory and nodes are part of it.
  void price_in_du() {
    v1::PublishPricesRequest request;
    *request.mutable_principal() = operator_;
    request.set_key(key());
    v1::PriceRow& row = *request.add_rows();
    row.set_center("alpha");
    row.set_meter("core_ms");
    row.set_price("1.2");
    row.set_per("core-hour");
    row.set_unit("DU");
    v1::DuFactor& factor = *row.mutable_factor();
    factor.set_table("v1");
    factor.set_chip("epyc");
    factor.set_precision("fp64");
    factor.set_value("0.5");
    factor.add_includes("node_ms");
    factor.add_includes("mem_mib_s");
    factor.add_includes("gpu_ms");
    v1::PublishPricesReply reply;
    const Answer done = call(&Stub::PublishPrices, request, &reply);
    ASSERT_TRUE(done.ok()) << done.detail;
  }
  Answer publish(const std::string& du, const std::string& price, v1::ProductList* out, const v1::Principal& who) {
    v1::PublishProductsRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    v1::Product& product = *request.add_products();
    product.set_name("starter");
    product.set_du(du);
    product.mutable_price()->set_amount(price);
    product.mutable_price()->set_unit("CNY");
    product.set_valid_days(90);
    return call(&Stub::PublishProducts, request, out);
  }
  Answer buy(const v1::Principal& who, const std::string& product, v1::Lot* out, const std::string& account = {}) {
    v1::BuyPackageRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_product(product);
    request.set_account(account);
    return call(&Stub::BuyPackage, request, out);
  }
  v1::JobSpec in_du() const {
    v1::JobSpec out = spec();
    out.set_pay_with("DU");
    return out;
  }
  v1::Wallet wallet() {
    v1::ListWalletsRequest request;
    *request.mutable_principal() = ada_;
    v1::ListWalletsReply reply;
    EXPECT_TRUE(call(&Stub::ListWallets, request, &reply).ok());
    return reply.wallets(0);
  }
  v1::Receipt receipt(const std::string& job) {
    v1::GetJobRequest request;
    *request.mutable_principal() = ada_;
    request.set_job(job);
    v1::Receipt out;
    EXPECT_TRUE(call(&Stub::GetReceipt, request, &out).ok());
    return out;
  }
  std::string verified() {
    v1::VerifyLedgerRequest request;
    *request.mutable_principal() = finance_;
    v1::VerifyLedgerReply reply;
    EXPECT_TRUE(call(&Stub::VerifyLedger, request, &reply).ok());
    return reply.ok() ? "" : reply.differences_size() == 0 ? "it doesn't hold" : reply.differences(0);
  }
  std::string statement() {
    v1::SettleRequest settle;
    *settle.mutable_principal() = finance_;
    settle.set_key(key());
    settle.set_center("alpha");
    settle.set_incomplete("nothing was said of days");
    v1::SettleReply settled;
    const Answer done = call(&Stub::Settle, settle, &settled);
    EXPECT_TRUE(done.ok()) << done.detail;
    v1::GetStatementRequest request;
    *request.mutable_principal() = finance_;
    request.set_period(settled.period());
    v1::Document document;
    const Answer got = call(&Stub::GetStatement, request, &document);
    EXPECT_TRUE(got.ok()) << got.detail;
    return document.data();
  }

  StubCenter alpha_;
  v1::Principal ada_;
};

TEST_F(PackagesOverTheApi, AJobIsPaidInDuAndItsCenterInMoney) {
  v1::ProductList products;
  ASSERT_TRUE(publish("10", "33.33", &products, finance_).ok());
  const std::string product = products.products(0).id();
  v1::QuoteRequest ask;
  *ask.mutable_principal() = ada_;
  ask.set_key(key());
  *ask.mutable_spec() = in_du();
  v1::QuoteReply quote;
  v1::Job refused;
  v1::SubmitRequest early;
  *early.mutable_principal() = ada_;
  early.set_key(key());
  *early.mutable_spec() = in_du();
  EXPECT_EQ(call(&Stub::Submit, early, &refused).code, "insufficient_funds");
  v1::Lot lot;
  ASSERT_TRUE(buy(ada_, product, &lot).ok());
  EXPECT_EQ(lot.kind(), "package");
  EXPECT_EQ(lot.money().unit(), "DU");
  EXPECT_EQ(lot.price().amount(), "33.33");
  EXPECT_EQ(wallet().balance(), "66.67");
  EXPECT_EQ(wallet().du().balance(), "10.00");
  EXPECT_EQ(wallet().du().deferred(), "33.33");
  ASSERT_TRUE(call(&Stub::Quote, ask, &quote).ok());
  EXPECT_EQ(quote.decision().plans(0).total().unit(), "DU");
  EXPECT_EQ(quote.decision().plans(0).worth().unit(), "CNY");

  const std::string id = submit(ada_, in_du()).id();
  run_job(alpha_, id, seconds(30));
  const v1::Job seen = see(ada_, id);
  EXPECT_EQ(seen.charged().unit(), "DU");
  EXPECT_EQ(seen.worth().unit(), "CNY");
  const v1::Receipt paid = receipt(id);
  EXPECT_EQ(paid.charged().amount(), seen.charged().amount());
  ASSERT_EQ(paid.lots_size(), 1);
  EXPECT_EQ(paid.lots(0).money().amount(), seen.charged().amount());
  EXPECT_EQ(paid.lots(0).worth().amount(), seen.worth().amount());
  EXPECT_GE(std::ranges::count_if(paid.lines(), [](const auto& line) { return line.included(); }), 1);
  EXPECT_EQ(wallet().balance(), "66.67") << "using a package takes no money";
  EXPECT_EQ(*parse_amount(wallet().du().balance()), Amount::whole(10) - *parse_amount(seen.charged().amount()));
  EXPECT_EQ(verified(), "");

  const std::string file = statement();
  const auto checked = statement::verify(file);
  EXPECT_TRUE(checked.ok) << (checked.differences.empty() ? "" : checked.differences[0]);
  EXPECT_EQ(checked.unit, "CNY");
  EXPECT_EQ(checked.gross, seen.worth().amount());
  EXPECT_EQ(verified(), "");

  // What is given back is of the package, and the wallet's money stays.
  v1::RefundJobRequest refund;
  *refund.mutable_principal() = finance_;
  refund.set_key(key());
  refund.set_job(id);
  refund.set_reason("it was slow");
  v1::Refund back;
  const Answer done = call(&Stub::RefundJob, refund, &back);
  ASSERT_TRUE(done.ok()) << done.code << " " << done.detail;
  EXPECT_EQ(wallet().du().balance(), "10.00");
  EXPECT_EQ(wallet().du().deferred(), "33.33");
  EXPECT_EQ(wallet().balance(), "66.67");
  EXPECT_EQ(verified(), "");
}

TEST_F(PackagesOverTheApi, TheBillHasThePurchaseAndUsageHasTheMoney) {
  v1::ProductList products;
  ASSERT_TRUE(publish("10", "33.33", &products, finance_).ok());
  v1::Lot lot;
  ASSERT_TRUE(buy(ada_, products.products(0).id(), &lot).ok());
  const std::string id = submit(ada_, in_du()).id();
  run_job(alpha_, id, seconds(30));
  const std::string today = to_text(clock_.now()).substr(0, 10);
  v1::GetBillRequest ask;
  *ask.mutable_principal() = ada_;
  ask.set_account(ada_.accounts(0));
  ask.set_month(today.substr(0, 7));
  v1::Bill bill;
  const Answer got = call(&Stub::GetBill, ask, &bill);
  ASSERT_TRUE(got.ok()) << got.detail;
  EXPECT_EQ(bill.charges(), "33.33");
  ASSERT_EQ(bill.lines_size(), 1);
  EXPECT_EQ(bill.lines(0).kind(), "package");
  v1::GetUsageRequest use;
  *use.mutable_principal() = ada_;
  use.set_from(today);
  use.set_to(today);
  v1::GetUsageReply usage;
  ASSERT_TRUE(call(&Stub::GetUsage, use, &usage).ok());
  ASSERT_EQ(usage.rows_size(), 1);
  EXPECT_EQ(usage.rows(0).charged().unit(), "CNY");
  EXPECT_EQ(usage.rows(0).charged().amount(), see(ada_, id).worth().amount());
  v1::ListRatableRequest rated;
  *rated.mutable_principal() = ada_;
  rated.set_month(today.substr(0, 7));
  v1::ListRatableReply ratable;
  ASSERT_TRUE(call(&Stub::ListRatable, rated, &ratable).ok());
  ASSERT_EQ(ratable.lines_size(), 1);
  EXPECT_EQ(ratable.lines(0).charged().unit(), "DU");
  EXPECT_EQ(ratable.lines(0).charged().amount(), see(ada_, id).charged().amount());
}

// The market sells by the factors that are published, and by no other.
TEST_F(PackagesOverTheApi, APriceInDuNamesAPublishedFactor) {
  const auto published = [this](const char* table, const char* chip, const char* value, const char* meter = "core_ms") {
    v1::PublishPricesRequest request;
    *request.mutable_principal() = operator_;
    request.set_key(key());
    v1::PriceRow& row = *request.add_rows();
    row.set_meter(meter);
    row.set_price("1");
    row.set_per(meter == std::string("core_ms") ? "core-hour" : "gpu-hour");
    row.set_unit("DU");
    row.mutable_factor()->set_table(table);
    row.mutable_factor()->set_chip(chip);
    row.mutable_factor()->set_precision("fp64");
    row.mutable_factor()->set_value(value);
    if (*value != '\0')
      for (const char* included : {"node_ms", "mem_mib_s", "gpu_ms"}) row.mutable_factor()->add_includes(included);
    v1::PublishPricesReply reply;
    return call(&Stub::PublishPrices, request, &reply);
  };
  EXPECT_EQ(published("v1", "epyc", "").code, "");
  EXPECT_EQ(published("v1", "epyc", "0.5").code, "");
  EXPECT_EQ(published("v1", "epyc", "0.6").code, "invalid_argument");
  EXPECT_NE(published("v1", "epyc-9", "").detail.find("it has epyc in fp64"), std::string::npos);
  EXPECT_NE(published("v2", "epyc", "").detail.find("there is v1"), std::string::npos);
  EXPECT_EQ(published("v1", "epyc", "", "gpu_ms").code, "invalid_argument");
  v1::ListFactorTablesRequest request;
  *request.mutable_principal() = ada_;
  v1::FactorTableList tables;
  ASSERT_TRUE(call(&Stub::ListFactorTables, request, &tables).ok());
  ASSERT_EQ(tables.tables_size(), 1);
  EXPECT_EQ(tables.tables(0).factors(0).source(), "this test");
  EXPECT_EQ(tables.tables(0).includes_size(), 3);
  const auto in_program = factors::published_tables();
  EXPECT_GT(in_program->at("v1").factors.size(), 5U);
  EXPECT_TRUE(in_program->at("v1").factors.contains({"A100", "fp16"}));
}

// What was paid and is not used when a package's time is over is the platform's: in the ledger, and in finance's report.
TEST_F(PackagesOverTheApi, ReportsAreTheLedgersMovements) {
  v1::ProductList products;
  ASSERT_TRUE(publish("10", "33.33", &products, finance_).ok());
  v1::Lot lot;
  ASSERT_TRUE(buy(ada_, products.products(0).id(), &lot).ok());
  ASSERT_TRUE(buy(ada_, products.products(0).id(), &lot).ok());
  run_job(alpha_, submit(ada_, in_du()).id(), seconds(29));
  run_job(alpha_, submit(ada_, spec()).id(), seconds(17));  // odd fractions
  const auto report = [this](const std::string& kind, const std::string& month = {}) {
    v1::GetReportRequest request;
    *request.mutable_principal() = finance_;
    request.set_kind(kind);
    request.set_month(month);
    v1::Report out;
    const Answer got = call(&Stub::GetReport, request, &out);
    EXPECT_TRUE(got.ok()) << kind << " " << got.detail;
    return out;
  };
  const auto moved = [this](int code, const std::string& month) {
    projector_->wait_for(engine_->stats().position, seconds(20));
    const std::string sum = database_.ask(
        "SELECT coalesce(sum(CASE WHEN c.code = " + std::to_string(code) + " THEN t.amount_micros ELSE -t.amount_micros END), 0)::bigint FROM market.transfers t "
        "JOIN market.ledger_accounts c ON c.id = t.credit JOIN market.ledger_accounts d ON d.id = t.debit WHERE NOT t.pending AND c.unit = 'CNY' "
        "AND (c.code = " + std::to_string(code) + ") <> (d.code = " + std::to_string(code) + ") AND to_char(t.at AT TIME ZONE 'UTC', 'YYYY-MM') = '" + month + "'");
    return Amount::of_micros(std::stoll(sum));
  };
  const auto check = [&](const std::string& month) {
    Amount margin, tax, centers;
    const v1::Report revenue = report("revenue", month);
    for (const v1::RevenueRow& row : revenue.revenue()) {
      margin += *parse_amount(row.margin().amount());
      tax += *parse_amount(row.tax().amount());
      centers += *parse_amount(row.center_share().amount());
      EXPECT_EQ(*parse_amount(row.gross().amount()), *parse_amount(row.center_share().amount()) + *parse_amount(row.margin().amount()) +
                                                         *parse_amount(row.tax().amount()) + *parse_amount(row.escrow().amount()));
    }
    EXPECT_EQ(margin, moved(4, month)) << month;
    EXPECT_EQ(tax, moved(5, month)) << month;
    EXPECT_EQ(centers, moved(3, month)) << month;
    EXPECT_EQ(earned(month), gross_and_tax(revenue) + " 1,3") << "what is invoiced is what is reported";
    return revenue;
  };
  const auto deferred = [&] {
    Amount sum;
    const v1::Report accrual = report("accrual");
    for (const v1::DeferredRow& row : accrual.deferred()) {
      sum += *parse_amount(row.deferred().amount());
      EXPECT_EQ(row.packages(), 2U);
    }
    EXPECT_EQ(to_text(sum), wallet().du().deferred());
    return sum;
  };
  const std::string month = to_text(clock_.now()).substr(0, 7);
  check(month);
  EXPECT_EQ(deferred(), moved(6, month));
  const Amount rest = deferred();
  EXPECT_TRUE(rest.is_positive());
  // Long after, the packages' time is over.
  ASSERT_TRUE(engine_->execute({.key = {}, .fingerprint = 0, .now = clock_.now() + hours(24 * 91), .body = broker::Tick{}}));
  projector_->wait_for(engine_->stats().position, seconds(20));
  const v1::Report expired = check(database_.ask("SELECT to_char(max(at) AT TIME ZONE 'UTC', 'YYYY-MM') FROM market.transfers WHERE code = 19"));
  Amount gone;
  for (const v1::RevenueRow& row : expired.revenue())
    if (row.center().empty()) gone += *parse_amount(row.margin().amount());
  EXPECT_EQ(gone, rest);
  EXPECT_EQ(deferred(), Amount{});
  EXPECT_EQ(moved(11, month), Amount{}) << "rounding leaves nothing to anybody but centers";
  for (const v1::LedgerAccount& account : report("rounding").accounts()) EXPECT_EQ(*parse_amount(account.debits_posted()) + *parse_amount(account.credits_posted()), Amount{});
  EXPECT_EQ(verified(), "");
}

TEST_F(PackagesOverTheApi, OwnersAndFinanceBuyAndTwoPeoplePublish) {
  v1::ProductList products;
  EXPECT_EQ(publish("10", "33.33", &products, ada_).code, "forbidden");
  EXPECT_EQ(publish("0", "33.33", &products, finance_).code, "invalid_argument");
  ASSERT_TRUE(publish("10", "33.33", &products, finance_).ok());
  const std::string product = products.products(0).id();
  v1::Lot lot;
  const v1::Principal bob = sign_in("bob", "Elsewhere", {"user"});
  EXPECT_EQ(buy(bob, product, &lot, ada_.accounts(0)).code, "not_found");
  const v1::Principal eve = sign_in("eve", "Demo University", {"user"});
  const auto added = engine_->execute({.key = "test/member", .fingerprint = 1, .now = clock_.now(),
                                       .body = broker::AddMember{*parse_id<BillingAccountIdKind>(ada_.accounts(0)), *parse_id<UserIdKind>(eve.user())}});
  ASSERT_TRUE(added);
  EXPECT_EQ(buy(eve, product, &lot, ada_.accounts(0)).code, "not_found") << "a member isn't its owner";
  EXPECT_TRUE(buy(finance_, product, &lot, ada_.accounts(0)).ok());
  EXPECT_EQ(buy(ada_, "prd_00000000000000000000000001", &lot).code, "not_found");
  ASSERT_TRUE(buy(ada_, product, &lot).ok());
  EXPECT_EQ(buy(ada_, product, &lot).code, "") << "33.33 more are left";
  EXPECT_EQ(buy(ada_, product, &lot).code, "insufficient_funds");
  stop();
  two_people_ = true;
  start();
  v1::ProductList waiting;
  ASSERT_TRUE(publish("5", "9", &waiting, finance_).ok());
  EXPECT_EQ(waiting.proposal().what(), "publish_products");
  EXPECT_EQ(buy(ada_, waiting.products(0).id(), &lot).code, "not_found");
  EXPECT_EQ(verified(), "");
}

}  // namespace
}  // namespace bourse::test
