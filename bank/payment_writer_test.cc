#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "bank/iban.h"
#include "bank/payment_file.h"
#include "bank/statement_fixture.h"
#include "bank/xml_document.h"

namespace bourse::bank {
namespace {

using testing::HasSubstr;

// What testdata/pain.001.001.03.xml orders.
PaymentFile payouts() {
  const Unit eur = parse_unit("EUR").value();
  return {.message_id = "BRS-2026-11-21/1",
          .created = parse_instant("2026-11-21T08:30:00Z").value(),
          .initiating_party = "Bourse & Co",
          .charge_bearer = ChargeBearer::shared,
          .execution_date = "2026-11-30",
          .debtor = "算力交易所有限公司",
          .debtor_account = {.other = "0200004509200123456"},
          .debtor_currency = kCny,
          .debtor_agent = {.bic = "ICBKCNBJ", .clearing_system = "CNAPS", .clearing_member = "102100099996"},
          .transfers = {{.end_to_end_id = "per-2026-10-A", .amount = parse_amount("1234567.89").value(), .currency = kCny, .creditor = "北京大学（计算中心）",
                         .account = {.other = "6222020200001234567"}, .agent = {.clearing_system = "CNAPS", .clearing_member = "104100000004", .name = "中国银行"},
                         .remittance = "结算 2026-10 <A>"},
                        {.end_to_end_id = "per-2026-10-B", .amount = parse_amount("0.01").value(), .currency = eur, .creditor = "Rechenzentrum Süd",
                         .account = {.iban = "DE89370400440532013000"}, .agent = {}}}};
}

PaymentFile latin_payouts() {
  PaymentFile file = payouts();
  file.version = PainVersion::v09;
  file.latin_only = true;
  file.longest_name = 70;
  file.initiating_party = file.debtor = "Bourse Rechenmarkt GmbH";
  file.debtor_account = {.iban = "DE02120300000000202051"};
  file.debtor_agent = {.bic = "BYLADEM1001"};
  file.debtor_currency = {};
  file.payment_information_id = "BLOCK 1";
  file.batch_booking = true;
  file.charge_bearer = ChargeBearer::service_level;
  file.transfers.erase(file.transfers.begin());
  file.transfers[0].creditor = "Rechenzentrum Sued";
  file.transfers[0].agent.bic = "COBADEFFXXX";
  file.transfers[0].remittance = "Settlement 2026-10";
  return file;
}

std::string refusal(const std::function<void(PaymentFile&)>& change, PaymentFile file = payouts()) {
  change(file);
  const auto written = write_payments(file);
  return written ? "it was written" : std::string(info(written.error().code).name) + " " + written.error().detail;
}
std::string refused_transfer(const std::function<void(CreditTransfer&)>& change) {
  return refusal([&](PaymentFile& file) { change(file.transfers[1]); });
}

TEST(WritePayments, ReproducesTheFilesOfTestdata) {
  const auto old = write_payments(payouts()), latest = write_payments(latin_payouts());
  ASSERT_TRUE(old && latest);
  EXPECT_EQ(*old, sample("pain.001.001.03.xml"));
  EXPECT_EQ(*latest, sample("pain.001.001.09.xml"));
}

TEST(WritePayments, WritesWhatAReaderReads) {
  const auto written = write_payments(payouts());
  ASSERT_TRUE(written);
  const auto document = XmlDocument::parse(*written);
  ASSERT_TRUE(document) << document.error().message();
  const XmlElement header = document->root().first_child().first_child();
  EXPECT_EQ(header.first_child().next().next().text(), "2");
  EXPECT_EQ(header.first_child().next().next().next().text(), "1234567.90");
  EXPECT_EQ(header.first_child().next().next().next().next().first_child().text(), "Bourse & Co");
}

TEST(WritePayments, HasTheCurrencysPlaces) {
  PaymentFile yen = payouts();
  yen.transfers.resize(1);
  yen.transfers[0].currency = parse_unit("JPY").value();
  yen.transfers[0].amount = Amount::whole(12);
  const auto written = write_payments(yen);
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_THAT(*written, HasSubstr("<InstdAmt Ccy=\"JPY\">12</InstdAmt>"));
  EXPECT_THAT(*written, HasSubstr("<CtrlSum>12</CtrlSum>"));
  EXPECT_EQ(minor_units(kCny), 2);
  EXPECT_EQ(minor_units(parse_unit("KWD").value()), 3);
  EXPECT_FALSE(minor_units(kDu));
  EXPECT_EQ(refused_transfer([](CreditTransfer& t) { t.amount = Amount::of_micros(1'001'000); }), "invalid_argument transfers[1].amount: 1.001 has more than the 2 places of EUR");
  EXPECT_THAT(refusal([](PaymentFile& f) { f.transfers[0].amount = Amount::of_micros(100'000); }, yen), HasSubstr("0.10 has more than the 0 places of JPY"));
}

TEST(WritePayments, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(refusal([](PaymentFile&) {}), "it was written");
  EXPECT_EQ(refusal([](PaymentFile& f) { f.transfers.clear(); }), "invalid_argument transfers: at least one");
  EXPECT_THAT(refusal([](PaymentFile& f) { f.transfers.resize(kMaxTransfers + 1); }), HasSubstr("too_large transfers"));
  EXPECT_EQ(refusal([](PaymentFile& f) { f.message_id.clear(); }), "invalid_argument message_id: it is missing");
  EXPECT_EQ(refusal([](PaymentFile& f) { f.message_id = std::string(35, 'x'); }), "it was written");
  for (const char* bad : {"/a", "a/", "a//b", "a_b", "a\n", "ä", " a", "a ", "123456789012345678901234567890123456"})
    EXPECT_THAT(refusal([&](PaymentFile& f) { f.message_id = bad; }), HasSubstr("message_id: ")) << bad;
  EXPECT_THAT(refusal([](PaymentFile& f) { f.payment_information_id = "#"; }), HasSubstr("payment_information_id: "));
  EXPECT_THAT(refusal([](PaymentFile& f) { f.initiating_party.clear(); }), HasSubstr("initiating_party: it is missing"));
  for (const char* bad : {"", "2026-11-31", "2026-1-1", "2026-11-30Z", "tomorrow"})
    EXPECT_THAT(refusal([&](PaymentFile& f) { f.execution_date = bad; }), HasSubstr("execution_date: ")) << bad;
  EXPECT_THAT(refusal([](PaymentFile& f) { f.created = {INT64_MAX}; }), HasSubstr("created: "));
  EXPECT_THAT(refusal([](PaymentFile& f) { f.debtor_currency = kDu; }), HasSubstr("debtor_currency: a currency is three capital letters"));
  EXPECT_THAT(refusal([](PaymentFile& f) { f.debtor_agent = {.name = "Bank"}; }), HasSubstr("debtor_agent: give the bank's BIC"));
  EXPECT_THAT(refusal([](PaymentFile& f) { f.debtor_agent.clearing_member = "1021000999"; }), HasSubstr("debtor_agent.clearing_member: a bank's number in CNAPS has 12 digits"));
  EXPECT_THAT(refusal([](PaymentFile& f) { f.debtor_agent.clearing_system = "cnaps"; }), HasSubstr("debtor_agent.clearing_system: "));
  EXPECT_THAT(refusal([](PaymentFile& f) { f.debtor_agent.clearing_member.clear(); }), HasSubstr("clearing_member: it is missing"));
}

TEST(WritePayments, NamesTheTransfersFieldThatIsWrong) {
  EXPECT_EQ(refused_transfer([](CreditTransfer& t) { t.end_to_end_id = "per-2026-10-A"; }), "invalid_argument transfers[1].end_to_end_id: transfers[0] has the same");
  EXPECT_EQ(refused_transfer([](CreditTransfer& t) { t.amount = {}; }), "amount_not_positive transfers[1].amount: 0.00");
  EXPECT_THAT(refused_transfer([](CreditTransfer& t) { t.amount = Amount::whole(-1); }), HasSubstr("amount_not_positive"));
  EXPECT_THAT(refused_transfer([](CreditTransfer& t) { t.amount = Amount::whole(9'223'372'036'854); }), HasSubstr("amount_overflow transfers[1].amount: the sum"));
  EXPECT_THAT(refused_transfer([](CreditTransfer& t) { t.currency = kDu; }), HasSubstr("transfers[1].currency: a currency is three capital letters"));
  EXPECT_THAT(refused_transfer([](CreditTransfer& t) { t.currency = parse_unit("QQQ").value(); }), HasSubstr("how many places QQQ has"));
  EXPECT_THAT(refused_transfer([](CreditTransfer& t) { t.account.iban = "DE89370400440532013001"; }), HasSubstr("transfers[1].account.iban: it is no IBAN"));
  EXPECT_THAT(refused_transfer([](CreditTransfer& t) { t.account.other = "1"; }), HasSubstr("transfers[1].account: give either"));
  EXPECT_THAT(refused_transfer([](CreditTransfer& t) { t.account = {}; }), HasSubstr("transfers[1].account: give either"));
  EXPECT_THAT(refused_transfer([](CreditTransfer& t) { t.account = {.other = "1 2"}; }), HasSubstr("transfers[1].account.other: "));
  EXPECT_THAT(refused_transfer([](CreditTransfer& t) { t.account = {.other = "12"}; }), HasSubstr("transfers[1].agent: give the bank's BIC")) << "without an IBAN the bank must be named";
  EXPECT_THAT(refused_transfer([](CreditTransfer& t) { t.agent.bic = "COBADEF"; }), HasSubstr("transfers[1].agent.bic: "));
  EXPECT_THAT(refused_transfer([](CreditTransfer& t) { t.remittance = std::string(141, 'x'); }), HasSubstr("transfers[1].remittance: at most 140 characters, it has 141"));
  for (const char* bad : {"", "a\nb", "a\x7F", "a\xC2\x85", "\xE2\x80\xAE" "a", "\xFF", "a\xED\xA0\x80", " a", "a ", "\xEF\xBF\xBF"})
    EXPECT_THAT(refused_transfer([&](CreditTransfer& t) { t.creditor = bad; }), HasSubstr("transfers[1].creditor: ")) << bad;
}

TEST(WritePayments, CountsCharactersNotBytes) {
  const auto name_of = [](std::size_t characters) {
    std::string name;
    for (std::size_t i = 0; i < characters; ++i) name += "算";
    return name;
  };
  EXPECT_EQ(refused_transfer([&](CreditTransfer& t) { t.creditor = name_of(140); }), "it was written");
  EXPECT_THAT(refused_transfer([&](CreditTransfer& t) { t.creditor = name_of(141); }), HasSubstr("transfers[1].creditor: at most 140 characters, it has 141"));
  EXPECT_THAT(refusal([&](PaymentFile& f) { f.debtor = name_of(71); f.longest_name = 70; }), HasSubstr("debtor: at most 70 characters"));
}

TEST(WritePayments, LatinOnlyIsAnErrorNotATransliteration) {
  EXPECT_EQ(refusal([](PaymentFile&) {}, latin_payouts()), "it was written");
  EXPECT_THAT(refusal([](PaymentFile& f) { f.transfers[0].creditor = "Süd"; }, latin_payouts()), HasSubstr("transfers[0].creditor: this bank takes letters"));
  EXPECT_THAT(refusal([](PaymentFile& f) { f.transfers[0].remittance = "a & b"; }, latin_payouts()), HasSubstr("transfers[0].remittance: "));
  EXPECT_THAT(refusal([](PaymentFile& f) { f.debtor = "算力"; }, latin_payouts()), HasSubstr("debtor: this bank takes"));
}

TEST(Bic, HasAForm) {
  for (const char* good : {"ICBKCNBJ", "COBADEFFXXX", "BYLADEM1001"}) EXPECT_TRUE(is_bic(good)) << good;
  for (const char* bad : {"", "ICBKCNB", "ICBKCNBJX", "icbkcnbj", "ICBK1NBJ", "ICBKCN0J", "ICBKCN1J", "ICBKCNBO", "ICBKCNBJXX-", "ICBKCNBJXXXX"}) EXPECT_FALSE(is_bic(bad)) << bad;
}

}  // namespace
}  // namespace bourse::bank
