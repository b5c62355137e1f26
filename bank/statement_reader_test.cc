#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bank/statement.h"
#include "bank/statement_fixture.h"

namespace bourse::bank {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Amount yuan(std::string_view text) { return parse_amount(text).value(); }

std::string refusal(const std::string& bytes) {
  const auto read = parse_statements(bytes);
  return read ? "it was read" : std::string(info(read.error().code).name) + " " + read.error().detail;
}

TEST(ReadStatement, ReadsVersion2) {
  const auto statement = read_statement(sample("camt.053.001.02.xml"));
  ASSERT_TRUE(statement) << statement.error().message();
  EXPECT_EQ(statement->id, "2026-042");
  EXPECT_EQ(statement->created, "2026-03-02T20:59:00");
  EXPECT_EQ(statement->from, "2026-03-02T00:00:00");
  EXPECT_EQ(statement->account, (AccountNumber{"DE89370400440532013000", true}));
  EXPECT_EQ(statement->owner, "Bourse Rechenmarkt GmbH");
  EXPECT_EQ(statement->bank_bic, "COBADEFFXXX");
  EXPECT_EQ(statement->currency.text(), "EUR");
  EXPECT_EQ(statement->opening->type, "PRCD");
  EXPECT_EQ(statement->opening->amount, yuan("1000"));
  EXPECT_EQ(statement->closing->amount, yuan("1268.45"));
  EXPECT_EQ(statement->credits.sum, yuan("470"));
  ASSERT_EQ(statement->entries.size(), 6U);

  const Entry& paid_in = statement->entries[0];
  EXPECT_EQ(paid_in.reference, "N1");
  EXPECT_EQ(paid_in.bank_reference, "2026030200001");
  EXPECT_EQ(paid_in.value_date, "2026-03-03");
  EXPECT_EQ(paid_in.transaction_code, "PMNT/RCDT/ESCT");
  ASSERT_EQ(paid_in.details.size(), 1U);
  EXPECT_EQ(paid_in.details[0].end_to_end_id, "") << "NOTPROVIDED is no id";
  EXPECT_EQ(paid_in.details[0].amount, yuan("120")) << "not the dollars that were ordered";
  EXPECT_EQ(paid_in.details[0].debtor.name, "Universität Köln");
  EXPECT_EQ(paid_in.details[0].debtor.account, (AccountNumber{"DE02120300000000202051", true}));
  EXPECT_THAT(paid_in.details[0].remittance, ElementsAre("Guthaben acc_06a4b5c6d7", "e8f9g0h1j2k3m4n5 danke"));
}

TEST(ReadStatement, ReadsBatchesReturnsAndPendingEntries) {
  const auto statement = read_statement(sample("camt.053.001.02.xml"));
  ASSERT_TRUE(statement) << statement.error().message();
  const Entry& batch = statement->entries[1];
  EXPECT_EQ(batch.batch_count, 2U);
  ASSERT_EQ(batch.details.size(), 2U);
  EXPECT_EQ(batch.details[0].amount, yuan("100"));
  EXPECT_EQ(batch.details[0].transaction_id, "TX-A-1");
  EXPECT_EQ(batch.details[0].debtor.name, "A & B <GmbH>");
  EXPECT_THAT(batch.details[0].references, ElementsAre("RF18539007547034"));
  EXPECT_THAT(batch.details[1].references, ElementsAre("INV-9", "March"));
  EXPECT_NE(batch.details[0].identity, batch.details[1].identity);

  const Entry& paid_out = statement->entries[2];
  EXPECT_EQ(paid_out.amount, yuan("-200.05"));
  EXPECT_EQ(paid_out.details[0].amount, yuan("-200.05"));
  EXPECT_EQ(paid_out.details[0].payment_information_id, "PAY-1");
  EXPECT_EQ(paid_out.details[0].creditor.account.text, "GB82WEST12345698765432");
  EXPECT_EQ(statement->entries[3].text, "Entgelt");
  EXPECT_EQ(statement->entries[3].transaction_code, "NCHG+808");

  const Entry& back = statement->entries[4];
  EXPECT_TRUE(back.reversal);
  EXPECT_EQ(back.amount, yuan("50")) << "CdtDbtInd is the reversal's own direction";
  EXPECT_EQ(back.booking_date, "2026-03-02");
  EXPECT_TRUE(back.details[0].returned);
  EXPECT_EQ(back.details[0].return_reason, "AC04");
  EXPECT_EQ(back.details[0].return_text, "Konto erloschen");
  EXPECT_EQ(statement->entries[5].status, EntryStatus::pending);
  EXPECT_EQ(statement->entries[5].booking_date, "");
}

TEST(ReadStatement, ReadsVersion8WithPrefixBomAndTwoStatements) {
  const auto file = read_statements(sample("camt.053.001.08.xml"));
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->version, "camt.053.001.08");
  ASSERT_EQ(file->statements.size(), 2U);
  const BankStatement& cny = file->statements[0];
  EXPECT_EQ(cny.owner, "算力交易所有限公司");
  EXPECT_EQ(cny.bank_bic, "ICBKCNBJ");
  EXPECT_EQ(cny.account, (AccountNumber{"0200004509200123456", false}));
  EXPECT_EQ(cny.entries[0].amount, yuan("9000.123456"));
  EXPECT_EQ(cny.entries[0].booking_date, "2026-03-02");
  EXPECT_EQ(cny.entries[0].details[0].debtor.name, "北京大学（计算中心）");
  EXPECT_EQ(cny.entries[0].details[0].debtor.account.text, "6222020200001234567");
  EXPECT_THAT(cny.entries[0].details[0].remittance, ElementsAre("充值 ＢＣ－ABCDE－12345 谢谢"));
  EXPECT_EQ(cny.entries[2].status, EntryStatus::future);
  const BankStatement& usd = file->statements[1];
  EXPECT_EQ(usd.currency.text(), "USD") << "from the balances";
  EXPECT_EQ(usd.opening->amount, yuan("-10")) << "overdrawn";
  EXPECT_EQ(usd.entries[0].charges, yuan("10"));
  EXPECT_EQ(usd.entries[0].bank_reference, "");

  const auto one = read_statement(sample("camt.053.001.08.xml"));
  ASSERT_FALSE(one);
  EXPECT_EQ(one.error().detail, "expected one statement, the file has 2");
}

TEST(ReadStatement, ReadsEveryVersionItSaysAndNoOther) {
  const std::string inside = balance_xml("OPBD", "1") + balance_xml("CLBD", "3") + entry_xml("2");
  for (const char* version : {"02", "03", "04", "05", "06", "07", "08"}) EXPECT_TRUE(read_statement(statement_xml(inside, version))) << version;
  for (const char* version : {"01", "09", "1", "021"}) EXPECT_THAT(refusal(statement_xml(inside, version)), HasSubstr("a statement is camt.053.001.02 to 08")) << version;
  EXPECT_THAT(refusal(replaced(statement_xml(inside), "camt.053", "camt.054")), HasSubstr("this is camt.054.001.04"));
  EXPECT_THAT(refusal("<Document/>"), HasSubstr("namespace is not of an ISO 20022 message"));
}

TEST(ReadStatement, RefusesWhatItCantBeSureOf) {
  const std::string balances = balance_xml("OPBD", "0") + balance_xml("CLBD", "1");
  const auto with = [&](const std::string& entry) { return refusal(statement_xml(balances + entry)); };
  const std::string fine = entry_xml("1");
  EXPECT_EQ(with(fine), "it was read");
  EXPECT_EQ(with(replaced(fine, ">1<", ">1.0000001<")),
            "invalid_argument line 5, Document/BkToCstmrStmt/Stmt/Ntry/Amt: '1.0000001': an amount has at most 6 places after its point");
  EXPECT_THAT(with(replaced(fine, ">1<", ">-1<")), HasSubstr("an amount has no sign"));
  for (const char* wrong : {"", "1,00", "1e3", "1 000", "+1", "NaN", "0x1", ".5", "5.", "１"})
    EXPECT_THAT(with(replaced(fine, ">1<", ">" + std::string(wrong) + "<")), HasSubstr("Ntry/Amt: '")) << wrong;
  EXPECT_THAT(with(replaced(fine, ">1<", ">9223372036855<")), HasSubstr("amount_overflow line 5"));
  EXPECT_THAT(with(replaced(fine, "Ccy=\"CNY\"", "")), HasSubstr("Ccy must be three capital letters"));
  EXPECT_THAT(with(replaced(fine, "Ccy=\"CNY\"", "Ccy=\"CN\"")), HasSubstr("Ccy must be three capital letters"));
  EXPECT_THAT(with(replaced(fine, "CRDT", "CREDIT")), HasSubstr("expected CRDT or DBIT, not 'CREDIT'"));
  EXPECT_THAT(with(replaced(fine, "<CdtDbtInd>CRDT</CdtDbtInd>", "")), HasSubstr("CdtDbtInd is missing"));
  EXPECT_THAT(with(replaced(fine, "BOOK", "BOOKED")), HasSubstr("Sts must be BOOK, PDNG, INFO or FUTR"));
  EXPECT_THAT(with(replaced(fine, "<Sts>BOOK</Sts>", "")), HasSubstr("Sts is missing"));
  EXPECT_THAT(with(replaced(fine, "<Sts>", "<Amt Ccy=\"CNY\">2</Amt><Sts>")), HasSubstr("Amt[2]: it is there twice"));
  EXPECT_THAT(with(replaced(fine, "2026-03-02", "2026-02-30")), HasSubstr("expected a day like 2026-11-21, not '2026-02-30'"));
  EXPECT_THAT(with(replaced(fine, "<Sts>", "<RvslInd>yes</RvslInd><Sts>")), HasSubstr("expected true or false"));
  EXPECT_THAT(refusal(statement_xml(balances + balance_xml("CLBD", "1"))), HasSubstr("Bal[3]: another balance CLBD"));
  EXPECT_THAT(refusal(statement_xml("")), HasSubstr("neither Ccy nor a booked balance"));
  EXPECT_THAT(refusal(replaced(statement_xml(balances), "<Othr><Id>42</Id></Othr>", "")), HasSubstr("neither Id/IBAN nor Id/Othr/Id"));
  EXPECT_THAT(refusal(replaced(statement_xml(balances), "<Id>S</Id>", "")), HasSubstr("Id is missing"));
}

TEST(ReadStatement, TakesPagesByTheirInterimBalances) {
  const auto page = read_statement(statement_xml(balance_xml("ITBD", "5") + balance_xml("ITBD", "7") + entry_xml("2")));
  ASSERT_TRUE(page) << page.error().message();
  EXPECT_EQ(page->opening->amount, yuan("5"));
  EXPECT_EQ(page->closing->amount, yuan("7"));
  const auto first = read_statement(statement_xml(balance_xml("OPBD", "5") + balance_xml("ITBD", "7") + entry_xml("2")));
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->opening->type, "OPBD");
  const auto last = read_statement(statement_xml(balance_xml("ITBD", "5") + balance_xml("CLBD", "7") + entry_xml("2")));
  ASSERT_TRUE(last) << last.error().message();
  EXPECT_EQ(last->closing->type, "CLBD");
}

}  // namespace
}  // namespace bourse::bank
