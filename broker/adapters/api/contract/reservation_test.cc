// Reserved capacity over the API and a real store: buying, jobs at no price, the early end, and every book that shows it.
#include <algorithm>

#include "broker/adapters/api/contract/market_world.h"
#include "broker/adapters/statement/statement.h"

namespace bourse::test {
namespace {

using Stub = v1::Market::Stub;

class ReservationsOverTheApi : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
    ada_ = sign_in("ada", "Demo University", {"user"});
    fund(ada_, "1000");
  }
  // Four nodes of the pool may be reserved, at 310 CNY a month; a tenth of what is left is kept by an early end.
  void offer() {
    v1::SetContractRequest contract;
    *contract.mutable_principal() = operator_;
    contract.set_key(key());
    contract.mutable_contract()->set_center("alpha");
    contract.mutable_contract()->set_tax_bps(600);
    contract.mutable_contract()->set_margin_bps(1000);
    v1::Reservable& one = *contract.mutable_contract()->add_reservable();
    one.set_pool("cpu"), one.set_what("node"), one.set_quantity(4);
    v1::Contract kept;
    ASSERT_TRUE(call(&Stub::SetContract, contract, &kept).ok());
    ASSERT_EQ(kept.reservable_size(), 1);
    v1::PublishReservedPricesRequest prices;
    *prices.mutable_principal() = operator_;
    prices.set_key(key());
    v1::ReservedPrice& price = *prices.add_prices();
    price.set_center("alpha"), price.set_pool("cpu"), price.set_what("node"), price.set_term("month");
    price.mutable_price()->set_amount("310"), price.mutable_price()->set_unit("CNY");
    price.set_early_end_bps(1000);
    v1::ReservedPriceList published;
    const Answer answer = call(&Stub::PublishReservedPrices, prices, &published);
    ASSERT_TRUE(answer.ok()) << answer.detail;
    EXPECT_EQ(published.prices_size(), 1);
  }
  v1::ReservationRequest wants(std::int64_t quantity = 1) {
    v1::ReservationRequest request;
    *request.mutable_principal() = ada_;
    request.set_key(key());
    request.set_center("alpha"), request.set_pool("cpu"), request.set_what("node"), request.set_term("month");
    request.set_quantity(quantity);
    return request;
  }
  v1::Reservation buy(std::int64_t quantity = 1) {
    v1::Reservation out;
    const Answer answer = call(&Stub::BuyReservation, wants(quantity), &out);
    EXPECT_TRUE(answer.ok()) << answer.code << " " << answer.detail;
    return out;
  }
  v1::Reservation show(const v1::Principal& who, const std::string& id) {
    v1::GetReservationRequest request;
    *request.mutable_principal() = who;
    request.set_reservation(id);
    v1::Reservation out;
    EXPECT_TRUE(call(&Stub::GetReservation, request, &out).ok());
    return out;
  }
  template <class Request>
  Request named(const v1::Principal& who, const std::string& id) {
    Request request;
    *request.mutable_principal() = who;
    if constexpr (requires { request.set_key(""); }) request.set_key(key());
    request.set_reservation(id);
    return request;
  }
  v1::Report report_of(const char* kind) {
    v1::GetReportRequest request;
    *request.mutable_principal() = finance_;
    request.set_kind(kind);
    v1::Report out;
    const Answer answer = call(&Stub::GetReport, request, &out);
    EXPECT_TRUE(answer.ok()) << answer.detail;
    return out;
  }
  v1::Bill bill() {
    v1::GetBillRequest request;
    *request.mutable_principal() = ada_;
    request.set_account(ada_.accounts(0));
    request.set_month(to_text(clock_.now()).substr(0, 7));
    v1::Bill out;
    const Answer answer = call(&Stub::GetBill, request, &out);
    EXPECT_TRUE(answer.ok()) << answer.detail;
    return out;
  }
  std::string balance() {
    v1::ListWalletsRequest request;
    *request.mutable_principal() = ada_;
    v1::ListWalletsReply reply;
    EXPECT_TRUE(call(&Stub::ListWallets, request, &reply).ok());
    return reply.wallets(0).balance();
  }

  StubCenter alpha_;
  v1::Principal ada_;
};

TEST_F(ReservationsOverTheApi, AreBoughtCarryJobsAndEndEarly) {
  v1::Reservation out;
  EXPECT_EQ(call(&Stub::BuyReservation, wants(), &out).code, "no_price");
  offer();
  v1::Reservation quoted;
  ASSERT_TRUE(call(&Stub::QuoteReservation, wants(2), &quoted).ok());
  EXPECT_EQ(quoted.state(), "quoted");
  EXPECT_EQ(quoted.price().amount(), "620.00");
  v1::ReservationRequest cheaper = wants();
  cheaper.set_price("309.99");
  EXPECT_EQ(call(&Stub::BuyReservation, cheaper, &out).code, "failed_precondition");
  EXPECT_EQ(call(&Stub::BuyReservation, wants(5), &out).code, "failed_precondition");
  EXPECT_EQ(call(&Stub::BuyReservation, wants(4), &out).code, "insufficient_funds");
  v1::ReservationRequest rack = wants();
  rack.set_what("rack");
  EXPECT_EQ(call(&Stub::BuyReservation, rack, &out).code, "invalid_argument");

  const v1::Reservation one = buy();
  EXPECT_EQ(one.state(), "active");
  EXPECT_EQ(one.deferred().amount(), "310.00");
  EXPECT_EQ(balance(), "690.00");
  const v1::Job job = submit(ada_, spec());
  EXPECT_EQ(job.reservation(), one.id());
  EXPECT_NE(job.decision().why().find("covered by reservation " + one.id()), std::string::npos) << job.decision().why();
  EXPECT_TRUE(submit(ada_, spec("second")).reservation().empty()) << "one node is reserved";
  EXPECT_EQ(show(ada_, one.id()).in_use(), 1);
  EXPECT_EQ(show(ada_, one.id()).jobs(0), job.id());
  EXPECT_EQ(call(&Stub::EndReservation, named<v1::EndReservationRequest>(ada_, one.id()), &out).code, "failed_precondition");
  run_job(alpha_, job.id(), seconds(30));
  EXPECT_EQ(see(ada_, job.id()).charged().amount(), "0.00");
  EXPECT_EQ(balance(), "690.00");

  ASSERT_TRUE(call(&Stub::SetReservationRenewal, [&] {
    auto request = named<v1::SetReservationRenewalRequest>(ada_, one.id());
    request.set_renew(true);
    return request;
  }(), &out).ok());
  EXPECT_TRUE(out.renew());
  const Answer ended = call(&Stub::EndReservation, named<v1::EndReservationRequest>(ada_, one.id()), &out);
  ASSERT_TRUE(ended.ok()) << ended.detail;
  EXPECT_EQ(out.state(), "ended_early");
  // Today is earned, a tenth of the rest is kept.
  const std::int64_t day = (310'000'000 + out.days() / 2) / out.days(), fee = (310'000'000 - day + 5) / 10;
  EXPECT_EQ(out.earned().amount(), to_text(Amount{day + fee}));
  EXPECT_EQ(out.fee().amount(), to_text(Amount{fee}));
  EXPECT_EQ(out.returned().amount(), to_text(Amount{310'000'000 - day - fee}));
  EXPECT_EQ(out.deferred().amount(), "0.00");
  EXPECT_EQ(balance(), to_text(Amount{1'000'000'000 - day - fee}));
}

TEST_F(ReservationsOverTheApi, EveryBookShowsThem) {
  offer();
  const v1::Reservation one = buy(2), other = buy();
  const v1::Job job = submit(ada_, spec());
  ASSERT_FALSE(job.reservation().empty());
  run_job(alpha_, job.id(), seconds(30));
  v1::Reservation ended;
  const std::string idle = job.reservation() == one.id() ? other.id() : one.id();
  ASSERT_TRUE(call(&Stub::EndReservation, named<v1::EndReservationRequest>(ada_, idle), &ended).ok());

  // The bill: paid when bought, less what came back.
  const v1::Bill billed = bill();
  ASSERT_EQ(billed.lines_size(), 1);
  EXPECT_EQ(billed.lines(0).kind(), "reserved");
  const Amount kept = *parse_amount(ended.earned().amount());
  const Amount rest = Amount::whole(930) - *parse_amount(ended.price().amount());
  EXPECT_EQ(billed.charges(), to_text(kept + rest));
  EXPECT_EQ(billed.closing(), balance());

  const v1::Report revenue = report_of("revenue"), accrual = report_of("accrual");
  ASSERT_EQ(revenue.revenue_size(), 1);
  EXPECT_EQ(revenue.revenue(0).gross().amount(), to_text(kept));
  EXPECT_EQ(earned(), gross_and_tax(revenue) + " 2") << "a purchase alone is not invoiced";
  ASSERT_EQ(accrual.deferred_size(), 1);
  EXPECT_EQ(accrual.deferred(0).deferred().amount(), to_text(rest));
  EXPECT_EQ(accrual.revenue(0).gross().amount(), to_text(kept));

  v1::TraceRequest trace;
  *trace.mutable_principal() = ada_;
  trace.set_id(idle);
  v1::TraceReply chain;
  ASSERT_TRUE(call(&Stub::Trace, trace, &chain).ok());
  EXPECT_EQ(chain.steps(0).kind(), "reservation");
  EXPECT_EQ(chain.steps(chain.steps_size() - 1).kind(), "closed");

  v1::GetJobRequest which;
  *which.mutable_principal() = ada_;
  which.set_job(job.id());
  v1::Receipt receipt;
  ASSERT_TRUE(call(&Stub::GetReceipt, which, &receipt).ok());
  EXPECT_EQ(receipt.reservation(), job.reservation());
  for (const v1::RatedLine& line : receipt.lines()) EXPECT_EQ(line.amount().amount(), "0.00");

  v1::VerifyLedgerRequest verify;
  *verify.mutable_principal() = finance_;
  v1::VerifyLedgerReply verified;
  ASSERT_TRUE(call(&Stub::VerifyLedger, verify, &verified).ok());
  EXPECT_TRUE(verified.ok()) << verified.DebugString();

  v1::SettleRequest settle;
  *settle.mutable_principal() = finance_;
  settle.set_key(key());
  settle.set_center("alpha");
  v1::SettleReply settled;
  const Answer closed = call(&Stub::Settle, settle, &settled);
  ASSERT_TRUE(closed.ok()) << closed.detail;
  EXPECT_EQ(settled.statement().closing().amount(), settled.statement().reserved().amount());
  v1::GetStatementRequest get;
  *get.mutable_principal() = finance_;
  get.set_period(settled.period());
  v1::Document document;
  ASSERT_TRUE(call(&Stub::GetStatement, get, &document).ok());
  const auto checked = statement::verify(document.data());
  EXPECT_TRUE(checked.ok) << (checked.differences.empty() ? "" : checked.differences.front());
  EXPECT_NE(document.data().size(), 0U);
}

TEST_F(ReservationsOverTheApi, OnlyTheOwnerAndFinanceSpend) {
  offer();
  const v1::Principal eve = sign_in("eve", "Demo University", {"user"}), bob = sign_in("bob", "Other University", {"user"});
  const auto added = engine_->execute({.key = "test/member", .fingerprint = 1, .now = clock_.now(),
                                       .body = broker::AddMember{*parse_id<BillingAccountIdKind>(ada_.accounts(0)), *parse_id<UserIdKind>(eve.user())}});
  ASSERT_TRUE(added) << added.error().message();
  v1::Reservation out;
  const auto by = [&](const v1::Principal& who) {
    v1::ReservationRequest request = wants();
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_account(ada_.accounts(0));
    return call(&Stub::BuyReservation, request, &out).code;
  };
  EXPECT_EQ(by(eve), "forbidden");
  EXPECT_EQ(by(bob), "not_found");
  EXPECT_EQ(by(finance_), "");
  EXPECT_EQ(out.by(), ada_.user()) << "in the owner's name";
  const std::string id = out.id();
  EXPECT_EQ(show(eve, id).state(), "active");
  EXPECT_EQ(call(&Stub::GetReservation, named<v1::GetReservationRequest>(bob, id), &out).code, "not_found");
  EXPECT_EQ(call(&Stub::EndReservation, named<v1::EndReservationRequest>(bob, id), &out).code, "not_found");
  EXPECT_EQ(call(&Stub::EndReservation, named<v1::EndReservationRequest>(eve, id), &out).code, "forbidden");
  EXPECT_EQ(call(&Stub::SetReservationRenewal, named<v1::SetReservationRenewalRequest>(eve, id), &out).code, "forbidden");
  v1::TraceRequest trace;
  *trace.mutable_principal() = bob;
  trace.set_id(id);
  v1::TraceReply chain;
  EXPECT_EQ(call(&Stub::Trace, trace, &chain).code, "not_found");
}

}  // namespace
}  // namespace bourse::test
