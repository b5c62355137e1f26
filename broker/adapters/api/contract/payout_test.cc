// Paying a center, and what the bank says of it: order, payment file, statement of account; top-ups by claim code.
#include <pqxx/pqxx>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "broker/adapters/api/contract/market_world.h"

namespace bourse::test {
namespace {

using Stub = v1::Market::Stub;

// A credit or debit of a statement, as a bank writes it.
struct BankLine {
  std::string amount;
  bool credit = true;
  std::string end_to_end_id, text, reference;
};

std::string camt(const std::string& account, const std::vector<BankLine>& lines) {
  Amount sum;
  std::string entries;
  for (const BankLine& line : lines) {
    const Amount amount = *parse_amount(line.amount);
    if (line.credit) sum += amount;
    else sum -= amount;
    entries += "<Ntry><Amt Ccy=\"CNY\">" + line.amount + "</Amt><CdtDbtInd>" + (line.credit ? "CRDT" : "DBIT") +
               "</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt><AcctSvcrRef>" + line.reference +
               "</AcctSvcrRef><NtryDtls><TxDtls><Refs>" +
               (line.end_to_end_id.empty() ? "" : "<EndToEndId>" + line.end_to_end_id + "</EndToEndId>") +
               "</Refs><RmtInf><Ustrd>" + line.text + "</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n";
  }
  const auto balance = [](const std::string& type, Amount amount) {
    const bool below = amount.is_negative();
    return "<Bal><Tp><CdOrPrtry><Cd>" + type + "</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">" + to_text(below ? Amount{} - amount : amount) +
           "</Amt><CdtDbtInd>" + (below ? "DBIT" : "CRDT") + "</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal>\n";
  };
  return "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.04\"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt><Id>S" +
         std::to_string(lines.size()) + "</Id><Acct><Id><IBAN>" + account + "</IBAN></Id></Acct>" + balance("OPBD", Amount{}) +
         balance("CLBD", sum) + entries + "</Stmt></BkToCstmrStmt></Document>\n";
}

constexpr const char* kOurs = "DE89370400440532013000";

class PaysCenters : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
    ada_ = sign_in("ada", "Demo University", {"user"});
    fund(ada_, "100");
  }
  // Comes to whole cents within the half minute that a report may lie back: banks pay no less.
  v1::JobSpec large() const {
    v1::JobSpec out = spec();
    out.set_cores(16);
    return out;
  }
  template <class Request>
  Request by_finance(Request request) {
    *request.mutable_principal() = finance_;
    if constexpr (requires { request.set_key(""); }) request.set_key(key());
    return request;
  }
  v1::ImportBankFileReply imported(const std::string& file) {
    v1::ImportBankFileRequest request = by_finance(v1::ImportBankFileRequest{});
    request.set_data(file);
    v1::ImportBankFileReply reply;
    const Answer got = call(&Stub::ImportBankFile, request, &reply);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    return reply;
  }
  std::string settle() {
    v1::SettleRequest request = by_finance(v1::SettleRequest{});
    request.set_center("alpha");
    v1::SettleReply reply;
    EXPECT_TRUE(call(&Stub::Settle, request, &reply).ok());
    return reply.period();
  }
  Answer set_payee(const std::string& account, const std::string& bank) {
    v1::SetPayeeRequest request = by_finance(v1::SetPayeeRequest{});
    request.set_center("alpha");
    request.mutable_payee()->set_name("Alpha e.V.");
    request.mutable_payee()->set_account(account);
    request.mutable_payee()->set_bank(bank);
    v1::PayeeReply reply;
    return call(&Stub::SetPayee, request, &reply);
  }
  v1::OrderPayoutRequest order() {
    v1::OrderPayoutRequest request = by_finance(v1::OrderPayoutRequest{});
    request.set_center("alpha");
    return request;
  }
  v1::ExportPaymentsRequest exporting() {
    v1::ExportPaymentsRequest request = by_finance(v1::ExportPaymentsRequest{});
    request.set_execution_date("2026-03-02");
    return request;
  }
  v1::PaymentFile exported(const v1::ExportPaymentsRequest& request) {
    v1::PaymentFile out;
    const Answer got = call(&Stub::ExportPayments, request, &out);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    return out;
  }
  std::string file_of(const std::string& id) {
    v1::GetPaymentFileRequest request = by_finance(v1::GetPaymentFileRequest{});
    request.set_file(id);
    v1::Document out;
    const Answer got = call(&Stub::GetPaymentFile, request, &out);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    return out.data();
  }
  // The open breaks of one source: what each says, with how much is at stake.
  std::vector<std::pair<std::string, std::string>> breaks(const std::string& source) {
    EXPECT_TRUE(projector_->wait_for(engine_->stats().position, seconds(20)));
    v1::ListBreaksRequest request = by_finance(v1::ListBreaksRequest{});
    request.set_source(source);
    v1::ListBreaksReply reply;
    const Answer got = call(&Stub::ListBreaks, request, &reply);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    std::vector<std::pair<std::string, std::string>> out;
    for (const v1::Break& one : reply.breaks()) out.emplace_back(one.at_stake().amount(), one.detail());
    return out;
  }
  std::string payments() { return file_of(exported(exporting()).id()); }
  v1::Wallet wallet() {
    v1::ListWalletsRequest request;
    *request.mutable_principal() = ada_;
    v1::ListWalletsReply reply;
    EXPECT_TRUE(call(&Stub::ListWallets, request, &reply).ok());
    return reply.wallets(0);
  }
  StubCenter alpha_;
  v1::Principal ada_;
};

TEST_F(PaysCenters, DueByTheContractsNetDays) {
  v1::SetContractRequest terms;
  *terms.mutable_principal() = operator_;
  terms.set_key(key());
  terms.mutable_contract()->set_center("alpha");
  terms.mutable_contract()->set_margin_bps(1000);
  terms.mutable_contract()->set_schedule("0 2 1 * *");
  terms.mutable_contract()->set_zone("Asia/Shanghai");
  terms.mutable_contract()->set_net_days(30);
  v1::Contract kept;
  ASSERT_TRUE(call(&Stub::SetContract, terms, &kept).ok());
  run_job(alpha_, submit(ada_, large()).id(), seconds(30));
  settle();
  v1::ListDueReply due;
  ASSERT_TRUE(call(&Stub::ListDue, by_finance(v1::ListDueRequest{}), &due).ok());
  EXPECT_EQ(due.due(0).due_on(), to_text(clock_.now() + hours(8 + 30 * 24)).substr(0, 10));  // Shanghai keeps one time all year
  EXPECT_FALSE(due.due(0).overdue());
}

TEST_F(PaysCenters, FromTheOrderToTheBanksWord) {
  run_job(alpha_, submit(ada_, large()).id(), seconds(30));
  v1::Payout payout;
  EXPECT_EQ(call(&Stub::OrderPayout, order(), &payout).code, "failed_precondition");  // no period is closed
  const std::string period = settle();
  EXPECT_EQ(call(&Stub::OrderPayout, order(), &payout).code, "failed_precondition");  // no payee
  EXPECT_EQ(set_payee("DE88370400440532013000", "COBADEFFXXX").code, "invalid_argument");  // check digits
  EXPECT_EQ(set_payee("6222000000000001", "Sparkasse").code, "invalid_argument");
  ASSERT_EQ(set_payee("6222000000000001", "102100099996").code, "");
  v1::ListDueReply due;
  ASSERT_TRUE(call(&Stub::ListDue, by_finance(v1::ListDueRequest{}), &due).ok());
  EXPECT_EQ(due.due(0).problem(), "");
  EXPECT_EQ(due.due(0).through(), period);
  EXPECT_EQ(due.due(0).due_on(), to_text(clock_.now()).substr(0, 10));  // no net days
  EXPECT_FALSE(due.due(0).overdue());

  const v1::OrderPayoutRequest request = order();
  const Answer ordered = call(&Stub::OrderPayout, request, &payout);
  ASSERT_TRUE(ordered.ok()) << ordered.code << " " << ordered.detail;
  EXPECT_EQ(payout.state(), "in_transit");
  EXPECT_EQ(payout.money().amount(), due.due(0).amount().amount());
  v1::Payout again;
  ASSERT_TRUE(call(&Stub::OrderPayout, request, &again).ok());
  EXPECT_EQ(again.id(), payout.id());
  EXPECT_EQ(call(&Stub::OrderPayout, order(), &again).code, "failed_precondition");  // nothing is due any more
}

TEST_F(PaysCenters, CreditsWithAClaimCodeAreBookedOnce) {
  const std::string code = wallet().claim_code();
  ASSERT_FALSE(code.empty());
  const BankLine claimed{"10.00", true, "", "top-up\n" + code, "BK1"}, plain{"5.00", true, "", "no code at all", "BK2"};
  const std::string file = camt(kOurs, {claimed, plain});
  const v1::ImportBankFileReply first = imported(file);
  ASSERT_EQ(first.details_size(), 2);
  EXPECT_EQ(first.fresh(), 2u);
  EXPECT_EQ(first.details(0).state(), "booked") << first.details(0).reason();
  EXPECT_EQ(first.details(1).state(), "open");
  EXPECT_EQ(first.details(0).remittance(), "top-up " + code);
  EXPECT_EQ(wallet().balance(), "110.00");
  EXPECT_EQ(imported(file).fresh(), 0u);
  EXPECT_EQ(imported(camt(kOurs, {plain, {"1.00", true, "", code, "BK3"}, claimed})).fresh(), 1u);  // overlaps
  EXPECT_EQ(wallet().balance(), "111.00");

  // A person knows whose the other one is.
  v1::AssignBankEntryRequest assign = by_finance(v1::AssignBankEntryRequest{});
  assign.set_entry(first.details(1).id());
  assign.set_account(ada_.accounts(0));
  v1::BankEntry entry;
  const Answer got = call(&Stub::AssignBankEntry, assign, &entry);
  ASSERT_TRUE(got.ok()) << got.code << " " << got.detail;
  EXPECT_EQ(wallet().balance(), "116.00");
  ASSERT_TRUE(call(&Stub::AssignBankEntry, assign, &entry).ok());
  assign.set_key(key());
  assign.set_account(finance_.accounts(0));
  EXPECT_EQ(call(&Stub::AssignBankEntry, assign, &entry).code, "failed_precondition");
  EXPECT_EQ(wallet().balance(), "116.00");
  EXPECT_EQ(imported(file).details(1).state(), "booked");
}

TEST_F(PaysCenters, AProgramThatEndedBeforeTheNoteBooksNothingTwice) {
  const std::string file = camt(kOurs, {{"10.00", true, "", "top-up " + wallet().claim_code(), "BK1"}});
  imported(file);
  ASSERT_EQ(wallet().balance(), "110.00");
  // As after a crash between the engine's commit and the row's: the row says that nothing was done yet.
  pqxx::connection writer(database_.as("bourse_writer"));
  pqxx::work work(writer);
  work.exec("UPDATE bank.entries SET state = 1, reason = '', account = NULL");
  work.commit();
  EXPECT_EQ(imported(file).details(0).state(), "booked");
  EXPECT_EQ(wallet().balance(), "110.00");
}

TEST_F(PaysCenters, WhatDoesNotHoldOrIsNotOursIsRefusedWhole) {
  v1::ImportBankFileRequest request = by_finance(v1::ImportBankFileRequest{});
  v1::ImportBankFileReply reply;
  const BankLine line{"10.00", true, "", wallet().claim_code(), "BK1"};
  request.set_data(camt("GB82WEST12345698765432", {line}));
  EXPECT_EQ(call(&Stub::ImportBankFile, request, &reply).code, "invalid_argument");
  std::string wrong = camt(kOurs, {line});
  wrong.replace(wrong.rfind("10.00"), 5, "11.00");
  request.set_data(wrong);
  EXPECT_EQ(call(&Stub::ImportBankFile, request, &reply).code, "verification_failed");
  request.set_data("<xml/>");
  EXPECT_NE(call(&Stub::ImportBankFile, request, &reply).code, "");
  *request.mutable_principal() = ada_;
  EXPECT_EQ(call(&Stub::ImportBankFile, request, &reply).code, "forbidden");
  EXPECT_EQ(wallet().balance(), "100.00");
}

TEST_F(PaysCenters, TheBanksWordPaysAPeriod) {
  run_job(alpha_, submit(ada_, large()).id(), seconds(30));
  const std::string period = settle();
  ASSERT_EQ(set_payee("6222000000000001", "102100099996").code, "");
  v1::Payout payout;
  ASSERT_TRUE(call(&Stub::OrderPayout, order(), &payout).ok());
  const std::string file = payments();
  EXPECT_NE(file.find("<EndToEndId>" + payout.end_to_end_id() + "</EndToEndId>"), std::string::npos) << file;
  EXPECT_NE(file.find("<MmbId>102100099996</MmbId>"), std::string::npos) << file;
  const std::string statement = camt(kOurs, {{payout.money().amount(), false, payout.end_to_end_id(), "Settlement", "PB1"}});
  const v1::ImportBankFileReply reply = imported(statement);
  EXPECT_EQ(reply.details(0).state(), "paid") << reply.details(0).reason();
  EXPECT_EQ(imported(statement).details(0).payout(), payout.id());
  v1::ListPayoutsReply list;
  ASSERT_TRUE(call(&Stub::ListPayouts, by_finance(v1::ListPayoutsRequest{}), &list).ok());
  ASSERT_EQ(list.payouts_size(), 1);
  EXPECT_EQ(list.payouts(0).state(), "paid");
  EXPECT_EQ(list.payouts(0).bank_reference(), "PB1");
  EXPECT_EQ(list.payouts(0).through(), period);
  v1::ListStatementsReply statements;
  ASSERT_TRUE(call(&Stub::ListStatements, by_finance(v1::ListStatementsRequest{}), &statements).ok());
  EXPECT_EQ(statements.statements(0).state(), "paid");
}

// Until somebody knows whose it is, what the bank has and the books have not is a break.
TEST_F(PaysCenters, ABankEntryOfNobodyIsABreak) {
  EXPECT_TRUE(breaks("bank").empty());
  const v1::ImportBankFileReply reply = imported(camt(kOurs, {{"5.00", true, "", "no code at all", "BK2"}}));
  const auto open = breaks("bank");
  ASSERT_EQ(open.size(), 1u);
  EXPECT_EQ(open[0].first, "5.00");
  EXPECT_NE(open[0].second.find("no code at all"), std::string::npos) << open[0].second;
  v1::AssignBankEntryRequest assign = by_finance(v1::AssignBankEntryRequest{});
  assign.set_entry(reply.details(0).id());
  assign.set_account(ada_.accounts(0));
  v1::BankEntry entry;
  ASSERT_TRUE(call(&Stub::AssignBankEntry, assign, &entry).ok());
  EXPECT_TRUE(breaks("bank").empty());
}

// And so is a payout that the bank has not confirmed in good time.
TEST_F(PaysCenters, APayoutThatTheBankDoesNotConfirmIsABreak) {
  run_job(alpha_, submit(ada_, large()).id(), seconds(30));
  settle();
  ASSERT_EQ(set_payee("6222000000000001", "102100099996").code, "");
  v1::Payout payout;
  ASSERT_TRUE(call(&Stub::OrderPayout, order(), &payout).ok());
  EXPECT_TRUE(breaks("payout").empty());  // it is fresh
  database_.ask("UPDATE market.payouts SET ordered_at = ordered_at - interval '6 days'");
  const auto in_none = breaks("payout");
  ASSERT_EQ(in_none.size(), 1u);
  EXPECT_EQ(in_none[0].first, payout.money().amount());
  EXPECT_EQ(in_none[0].second, "in no payment file yet");
  payments();
  EXPECT_NE(breaks("payout").at(0).second.find("not confirmed"), std::string::npos);
  imported(camt(kOurs, {{payout.money().amount(), false, payout.end_to_end_id(), "Settlement", "PB1"}}));
  EXPECT_TRUE(breaks("payout").empty());
}

TEST_F(PaysCenters, APayoutOfARefusedFileGoesIntoAnother) {
  ASSERT_EQ(set_payee("6222000000000001", "102100099996").code, "");
  run_job(alpha_, submit(ada_, large()).id(), seconds(30));
  settle();
  v1::Payout payout;
  ASSERT_TRUE(call(&Stub::OrderPayout, order(), &payout).ok());
  const v1::PaymentFile file = exported(exporting());
  v1::WithdrawPaymentsRequest request = by_finance(v1::WithdrawPaymentsRequest{});
  v1::PaymentFile withdrawn;
  request.set_file(file.id());
  EXPECT_EQ(call(&Stub::WithdrawPayments, request, &withdrawn).code, "invalid_argument");  // without a reason
  request.set_reason("DT01: the date has passed");
  request.set_key("withdraw");
  ASSERT_TRUE(call(&Stub::WithdrawPayments, request, &withdrawn).ok());
  EXPECT_GT(withdrawn.withdrawn_ms(), 0);
  EXPECT_EQ(withdrawn.payouts_size(), 1);
  EXPECT_TRUE(call(&Stub::WithdrawPayments, request, &withdrawn).ok());  // the answer was lost
  v1::GetPaymentFileRequest old = by_finance(v1::GetPaymentFileRequest{});
  old.set_file(file.id());
  v1::Document document;
  EXPECT_EQ(call(&Stub::GetPaymentFile, old, &document).code, "failed_precondition") << "nobody sends it to the bank once more";
  const v1::PaymentFile next = exported(exporting());
  EXPECT_NE(next.id(), file.id()) << "a bank refuses a message that it has seen";
  EXPECT_EQ(next.payouts(0), payout.id());
  EXPECT_NE(file_of(next.id()).find("<EndToEndId>" + payout.end_to_end_id()), std::string::npos) << "and knows a payment that it has made";
  v1::ListPayoutsReply list;
  ASSERT_TRUE(call(&Stub::ListPayouts, by_finance(v1::ListPayoutsRequest{}), &list).ok());
  ASSERT_EQ(list.payouts_size(), 1);
  EXPECT_EQ(list.payouts(0).file(), next.id());
  v1::TraceRequest trace = by_finance(v1::TraceRequest{});
  trace.set_id(payout.id());
  v1::TraceReply chain;
  ASSERT_TRUE(call(&Stub::Trace, trace, &chain).ok());
  EXPECT_EQ(std::ranges::count(chain.steps(), "payment file", &v1::TraceStep::kind), 2);
  EXPECT_EQ(std::ranges::count(chain.steps(), "withdrawn", &v1::TraceStep::kind), 1);
  imported(camt(kOurs, {{payout.money().amount(), false, payout.end_to_end_id(), "Settlement", "PB9"}}));
  request.set_file(next.id());
  request.set_key("late");
  EXPECT_EQ(call(&Stub::WithdrawPayments, request, &withdrawn).code, "failed_precondition");
}

TEST_F(PaysCenters, APayoutIsInOnePaymentFile) {
  v1::PaymentFile none;
  EXPECT_EQ(call(&Stub::ExportPayments, exporting(), &none).code, "failed_precondition");  // nothing is in transit
  ASSERT_EQ(set_payee("6222000000000001", "102100099996").code, "");
  const auto pay = [&] {
    run_job(alpha_, submit(ada_, large()).id(), seconds(30));
    settle();
    v1::Payout payout;
    const Answer got = call(&Stub::OrderPayout, order(), &payout);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    EXPECT_EQ(payout.file(), "");
    return payout;
  };
  const v1::Payout first = pay();
  const v1::ExportPaymentsRequest request = exporting();
  const v1::PaymentFile file = exported(request);
  ASSERT_EQ(file.payouts_size(), 1);
  EXPECT_EQ(file.payouts(0), first.id());
  const std::string bytes = file_of(file.id());
  EXPECT_NE(bytes.find("<MsgId>" + file.id() + "</MsgId>"), std::string::npos) << bytes;
  EXPECT_EQ(file.sha256(), to_hex(sha256(bytes)));
  // The answer was lost: the same key gives the same file; another key finds nothing to pay.
  EXPECT_EQ(exported(request).id(), file.id());
  EXPECT_EQ(call(&Stub::ExportPayments, exporting(), &none).code, "failed_precondition");
  v1::ExportPaymentsRequest that = exporting();
  that.set_payout(first.id());
  const Answer refused = call(&Stub::ExportPayments, that, &none);
  EXPECT_EQ(refused.code, "failed_precondition");
  EXPECT_NE(refused.detail.find(file.id()), std::string::npos) << refused.detail;

  const v1::Payout second = pay();
  const v1::PaymentFile next = exported(exporting());
  ASSERT_EQ(next.payouts_size(), 1);
  EXPECT_EQ(next.payouts(0), second.id());
  EXPECT_NE(next.id(), file.id());
  EXPECT_EQ(file_of(file.id()), bytes);
  v1::ListPayoutsReply list;
  ASSERT_TRUE(call(&Stub::ListPayouts, by_finance(v1::ListPayoutsRequest{}), &list).ok());
  ASSERT_EQ(list.payouts_size(), 2);
  EXPECT_EQ(list.payouts(0).file(), next.id());
  EXPECT_EQ(list.payouts(1).file(), file.id());
  v1::GetPaymentFileRequest unknown = by_finance(v1::GetPaymentFileRequest{});
  v1::Document document;
  for (const char* id : {"", "x", "0000000000000000000000000A"}) {
    unknown.set_file(id);
    EXPECT_EQ(call(&Stub::GetPaymentFile, unknown, &document).code, "not_found") << id;
  }
}

}  // namespace
}  // namespace bourse::test
