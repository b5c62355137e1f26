// Bills, tax invoices and reports over the real books.
#include "broker/adapters/api/contract/books_world.h"

namespace bourse::test {
namespace {

class Bills : public BooksWorld {
 protected:
  static Amount amount(const std::string& text) { return *parse_amount(text); }
  v1::ListBillsReply bills() {
    v1::ListBillsRequest request;
    request.set_account(ada_.accounts(0));
    v1::ListBillsReply reply;
    EXPECT_EQ(ask(&Stub::ListBills, request, ada_, &reply), "") << detail_;
    return reply;
  }
  v1::Bill bill(const std::string& month) {
    v1::GetBillRequest request;
    request.set_account(ada_.accounts(0));
    request.set_month(month);
    v1::Bill reply;
    EXPECT_EQ(ask(&Stub::GetBill, request, ada_, &reply), "") << detail_;
    Amount lines, items;
    for (const v1::BillLine& line : reply.lines()) lines += amount(line.amount());
    for (const v1::BillItem& item : reply.items()) items += amount(item.amount());
    EXPECT_EQ(lines, amount(reply.charges()));
    EXPECT_EQ(items, amount(reply.money_in()) + amount(reply.corrections()) + amount(reply.other()));
    EXPECT_EQ(amount(reply.closing()), amount(reply.opening()) + items - lines);
    return reply;
  }
  v1::Bill bill_head(const std::string& month) {
    const v1::ListBillsReply list = bills();
    for (const v1::Bill& one : list.bills())
      if (one.month() == month) return one;
    ADD_FAILURE() << "no bill of " << month;
    return {};
  }
  // Two jobs, or more, and a refund, forty days ago: their month is closed.
  std::string trade_earlier(int more = 0) {
    const std::string job = run("rocks");
    for (int i = -1; i < more; ++i) run("");
    refund(job, "0.001");
    days_ago(40);
    return today(40).substr(0, 7);
  }
  // The tax of an invoice over all that was billed is the one in finance's report, to the cent.
  void expect_reported(const std::string& month, Amount billed, Amount invoiced_tax) {
    v1::GetReportRequest tax;
    tax.set_kind("tax");
    tax.set_month(month);
    v1::Report report;
    ASSERT_EQ(ask(&Stub::GetReport, tax, finance_, &report), "");
    ASSERT_EQ(report.revenue_size(), 1);
    const Amount booked = amount(report.revenue(0).tax().amount());
    EXPECT_EQ(invoiced_tax, Amount{booked.micros - booked.micros % 10'000});
    EXPECT_EQ(amount(report.revenue(0).gross().amount()), billed);
    projector_settled();
    EXPECT_EQ(database_.ask("SELECT item || '/' || tax_bps || '/' || tax_micros FROM market.invoice_lines"), "1/600/" + std::to_string(invoiced_tax.micros));
  }
  v1::RequestInvoiceRequest asking(const std::string& amount = {}) {
    v1::RequestInvoiceRequest request;
    request.mutable_buyer()->set_kind("special");
    request.mutable_buyer()->set_title("某大学");
    request.mutable_buyer()->set_tax_number("91350100M000100Y43");
    request.mutable_buyer()->set_email("finance@example.edu");
    request.set_amount(amount);
    return request;
  }
};

TEST_F(Bills, AddUpToWhatTheWalletMoved) {
  const std::string month = trade_earlier(), now = today().substr(0, 7);
  run("rocks");
  projector_settled();
  database_.tamper("UPDATE market.usage_captures SET ended_at = ended_at - interval '40 days' WHERE booked_at > now() - interval '1 day'");
  run("sand");
  const v1::ListBillsReply list = bills();
  ASSERT_GE(list.bills_size(), 2);
  EXPECT_EQ(list.bills(0).month(), now);
  EXPECT_FALSE(list.bills(0).closed());
  EXPECT_EQ(amount(list.bills(0).closing()), balance());
  for (int i = 1; i < list.bills_size(); ++i) EXPECT_EQ(list.bills(i - 1).opening(), list.bills(i).closing());
  EXPECT_EQ(amount(list.bills(list.bills_size() - 1).opening()), Amount{});

  const v1::Bill closed = bill(month);
  EXPECT_TRUE(closed.closed());
  EXPECT_EQ(closed.money_in(), "100.00");
  ASSERT_EQ(closed.lines_size(), 2);  // without a project, and with one
  EXPECT_EQ(closed.lines(1).kind(), "on_demand");
  EXPECT_EQ(closed.lines(1).project(), "rocks");
  EXPECT_EQ(closed.lines(1).user_name(), "Person ada");
  EXPECT_EQ(closed.lines(1).center_name(), "alpha");
  EXPECT_EQ(closed.lines(1).core_ms(), 4 * 30'000);
  ASSERT_EQ(closed.items_size(), 2);
  EXPECT_EQ(closed.items(1).kind(), "correction");
  EXPECT_EQ(closed.items(1).reason(), "the node was slow");

  const v1::Bill open = bill(now);
  ASSERT_EQ(open.lines_size(), 2);
  EXPECT_EQ(open.lines(0).used_in(), month);  // told too late for its own month's bill
  EXPECT_EQ(open.lines(0).project(), "rocks");
  EXPECT_EQ(open.lines(1).used_in(), "");

  // What comes later changes no closed month, not even another clock.
  set_zone("America/New_York");
  run("rocks");
  v1::Bill again = bill(month);
  again.set_zone(closed.zone());
  EXPECT_EQ(again.SerializeAsString(), closed.SerializeAsString());
}

TEST_F(Bills, OnlyMonthsThatAreThere) {
  v1::GetBillRequest request;
  request.set_account(ada_.accounts(0));
  v1::Bill reply;
  request.set_month("2019-01");
  EXPECT_EQ(ask(&Stub::GetBill, request, ada_, &reply), "not_found");
  for (const char* month : {"", "2026", "2026-13", "2026-1", "x"}) {
    request.set_month(month);
    EXPECT_EQ(ask(&Stub::GetBill, request, ada_, &reply), "invalid_argument") << month;
  }
}

TEST_F(Bills, AreInvoicedOnce) {
  const std::string month = trade_earlier(25);
  run("rocks");
  const v1::Bill closed = bill(month);
  const Amount billed = amount(closed.charges()) - amount(closed.corrections());
  const Amount net = Amount{billed.micros - billed.micros % 10'000};  // in whole cents
  ASSERT_GT(net, *parse_amount("0.20"));
  v1::RequestInvoiceRequest request = asking();
  request.set_key(key());
  v1::Invoice invoice, again;
  ASSERT_EQ(ask(&Stub::RequestInvoice, request, ada_, &invoice), "") << detail_;
  EXPECT_EQ(amount(invoice.money().amount()), net);  // of the closed month, not of the running one
  ASSERT_EQ(invoice.lines_size(), 1);
  EXPECT_EQ(invoice.lines(0).month(), month);
  EXPECT_EQ(invoice.lines(0).item(), "on_demand");
  EXPECT_EQ(invoice.lines(0).name(), "按需计算服务");
  EXPECT_EQ(invoice.lines(0).tax_bps(), 600);
  EXPECT_EQ(amount(invoice.lines(0).net()) + amount(invoice.lines(0).tax()), net);
  expect_reported(month, billed, amount(invoice.lines(0).tax()));
  ASSERT_EQ(ask(&Stub::RequestInvoice, request, ada_, &again), "");
  EXPECT_EQ(again.id(), invoice.id());
  EXPECT_EQ(ask(&Stub::RequestInvoice, asking(), ada_, &again), "failed_precondition");
  EXPECT_EQ(ask(&Stub::RequestInvoice, asking("0.01"), ada_, &again), "failed_precondition");

  const auto move = [&](const v1::Principal& who, const std::string& state, const std::string& number = {}) {
    v1::MoveInvoiceRequest moved;
    moved.set_invoice(invoice.id());
    moved.set_state(state);
    moved.set_number(number);
    if (!number.empty()) moved.set_date("2026-12-01");
    moved.set_reason("because");
    return ask(&Stub::MoveInvoice, moved, who, &again);
  };
  EXPECT_EQ(move(bob_, "withdrawn"), "not_found");
  EXPECT_EQ(move(ada_, "issued", "26112"), "forbidden");
  EXPECT_EQ(move(ada_, "gone"), "invalid_argument");
  EXPECT_EQ(move(finance_, "issued", "26112"), "");
  EXPECT_EQ(again.number(), "26112");
  EXPECT_EQ(move(ada_, "withdrawn"), "failed_precondition");
  EXPECT_EQ(ask(&Stub::RequestInvoice, asking(), ada_, &again), "failed_precondition");
  EXPECT_EQ(move(finance_, "reversed", "26113"), "");
  EXPECT_EQ(ask(&Stub::RequestInvoice, asking("0.001"), ada_, &again), "invalid_argument");  // below a cent
  EXPECT_EQ(ask(&Stub::RequestInvoice, asking("0.10"), ada_, &again), "") << detail_;
  const Amount part = amount(again.lines(0).tax());
  EXPECT_EQ(ask(&Stub::RequestInvoice, asking(), ada_, &again), "") << detail_;
  EXPECT_EQ(amount(again.money().amount()), net - Amount::of_micros(100'000));
  EXPECT_EQ(amount(again.lines(0).tax()) + part, amount(invoice.lines(0).tax()));

  v1::ListInvoicesReply list;
  ASSERT_EQ(ask(&Stub::ListInvoices, v1::ListInvoicesRequest{}, ada_, &list), "");
  EXPECT_EQ(list.invoices_size(), 3);
  list.Clear();
  ASSERT_EQ(ask(&Stub::ListInvoices, v1::ListInvoicesRequest{}, bob_, &list), "");
  EXPECT_EQ(list.invoices_size(), 0);
  v1::ListInvoicesRequest one;
  one.set_invoice(invoice.id());
  EXPECT_EQ(ask(&Stub::ListInvoices, one, bob_, &list), "not_found");
  ASSERT_EQ(ask(&Stub::ListInvoices, one, finance_, &list), "");
  EXPECT_EQ(list.invoices(0).state(), "reversed");
  EXPECT_EQ(list.invoices(0).red_number(), "26113");
  stop();
  start();  // the journal knows it all
  ASSERT_EQ(ask(&Stub::ListInvoices, one, ada_, &list), "");
  EXPECT_EQ(list.invoices(0).red_number(), "26113");
}

// A post-paid account's month is due net days after its end; money pays the oldest debt first.
TEST_F(Bills, WhatAMonthOwesIsDue) {
  allow_credit("50");
  run("p");
  EXPECT_EQ(bills().bills(0).due_state(), "open");
  // As if next to nothing had been paid before, and all of it been earlier.
  projector_settled();
  const Amount used = Amount::whole(100) - balance();
  database_.tamper("UPDATE market.transfers SET amount_micros = 1 WHERE code = 1");
  days_ago(40);
  const std::string month = today(40).substr(0, 7);
  v1::Bill bill = bill_head(month);
  const Amount owed = used - Amount::of_micros(1);
  EXPECT_EQ(amount(bill.amount_due()), owed);
  EXPECT_EQ(amount(bill.outstanding()), owed);
  const std::int64_t month_end = bill.until_ms();
  EXPECT_EQ(bill.due_ms(), (Instant{month_end} + hours(24 * 30)).unix_ms);
  EXPECT_EQ(bill.due_state(), clock_.now().unix_ms < bill.due_ms() ? "due" : "overdue");
  days_ago(60);
  bill = bill_head(today(100).substr(0, 7));
  EXPECT_EQ(bill.due_state(), "overdue");
  EXPECT_EQ(amount(bill.outstanding()), owed);
  fund(ada_, "0.001");
  projector_settled();
  bill = bill_head(today(100).substr(0, 7));
  EXPECT_EQ(amount(bill.outstanding()), owed - Amount::of_micros(1'000));
  EXPECT_EQ(bill.due_state(), "overdue");
  fund(ada_, "10");
  projector_settled();
  bill = bill_head(today(100).substr(0, 7));
  EXPECT_EQ(bill.due_state(), "paid");
  EXPECT_EQ(amount(bill.amount_due()), owed) << "what was due stays on the bill";
  EXPECT_EQ(amount(bill.outstanding()), Amount{});
}

TEST_F(Bills, NoInvoiceOverWhatIsOpenOrWronglyAddressed) {
  trade_earlier();
  v1::Invoice out;
  v1::RequestInvoiceRequest request = asking();
  request.add_months(today().substr(0, 7));
  EXPECT_EQ(ask(&Stub::RequestInvoice, request, ada_, &out), "failed_precondition");
  request = asking("-1");
  EXPECT_NE(ask(&Stub::RequestInvoice, request, ada_, &out), "");
  request = asking();
  request.mutable_buyer()->set_tax_number("91350100M000100Y44");
  EXPECT_EQ(ask(&Stub::RequestInvoice, request, ada_, &out), "invalid_argument");
  request = asking();
  request.set_account(ada_.accounts(0));
  EXPECT_EQ(ask(&Stub::RequestInvoice, request, bob_, &out), "not_found");
}

TEST_F(Bills, ReportsAreWhatTheLedgerHolds) {
  const std::string job = run("p");
  run("q");
  refund(job, "0.001");
  const std::string waits = submit(ada_, spec()).id();
  const auto report = [&](const std::string& kind) {
    v1::GetReportRequest request;
    request.set_kind(kind);
    v1::Report reply;
    EXPECT_EQ(ask(&Stub::GetReport, request, finance_, &reply), "") << kind << " " << detail_;
    return reply;
  };
  const auto balance_of = [&](const std::string& account) {
    v1::ListEntriesRequest request;
    request.set_account(account);
    v1::ListEntriesReply reply;
    EXPECT_EQ(ask(&Stub::ListEntries, request, finance_, &reply), "");
    return amount(reply.closing());
  };
  for (const char* kind : {"revenue", "tax", "accrual"}) {
    const v1::Report months = report(kind);
    ASSERT_EQ(months.revenue_size(), 1) << kind;
    const v1::RevenueRow& row = months.revenue(0);
    EXPECT_EQ(amount(row.margin().amount()), balance_of("platform_revenue")) << kind;
    EXPECT_EQ(amount(row.tax().amount()), balance_of("tax_payable")) << kind;
    EXPECT_EQ(amount(row.center_share().amount()), balance_of("alpha")) << kind;
    EXPECT_EQ(amount(row.gross().amount()), Amount::whole(100) - balance()) << kind;
  }
  EXPECT_EQ(earned(), gross_and_tax(report("tax")) + " 1");
  const v1::Report holds = report("holds");
  ASSERT_EQ(holds.holds_size(), 1);
  EXPECT_EQ(holds.holds(0).job(), waits);
  EXPECT_EQ(holds.ages(0).age(), "less than a day");
  EXPECT_EQ(holds.ages(0).held().amount(), see(ada_, waits).held().amount());
  for (const v1::LedgerAccount& account : report("rounding").accounts()) EXPECT_EQ(amount(account.debits_posted()) + amount(account.credits_posted()), Amount{});
  v1::GetReportRequest request;
  v1::Report reply;
  EXPECT_EQ(ask(&Stub::GetReport, request, finance_, &reply), "invalid_argument");
  request.set_kind("revenue");
  EXPECT_EQ(ask(&Stub::GetReport, request, ada_, &reply), "forbidden");
  EXPECT_EQ(ask(&Stub::GetReport, request, operator_, &reply), "forbidden");
}

}  // namespace
}  // namespace bourse::test
