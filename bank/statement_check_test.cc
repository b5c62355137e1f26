#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "base/rng.h"
#include "bank/iban.h"
#include "bank/identity.h"
#include "bank/statement.h"
#include "bank/statement_fixture.h"

namespace bourse::bank {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string findings_of(const std::string& bytes) {
  const auto file = parse_statements(bytes);
  if (!file) return "not read: " + file.error().detail;
  std::string text;
  for (const Finding& finding : check(*file)) text += finding.where + ": " + finding.what + "\n";
  return text;
}

std::string findings_in(const std::string& entries, const std::string& opening = "10", const std::string& closing = "15") {
  return findings_of(statement_xml(balance_xml("OPBD", opening) + balance_xml("CLBD", closing) + entries));
}

TEST(CheckStatement, SumsMustHoldExactly) {
  EXPECT_EQ(findings_in(entry_xml("2") + entry_xml("3")), "");
  EXPECT_EQ(findings_in(entry_xml("2") + entry_xml("3.000001")),
            "statement S, line 2: opening 10.00 and the booked entries make 15.000001, but the closing balance is 15.00 (difference -0.000001)\n");
  EXPECT_THAT(findings_in(entry_xml("5") + entry_xml("3")), HasSubstr("(difference -3.00); the entry of line 6 has this amount"));
  EXPECT_THAT(findings_in(entry_xml("6") + replaced(entry_xml("2"), "BOOK", "PDNG") + entry_xml("4"), "10", "22"),
              HasSubstr("(difference 2.00); the entry of line 6, not booked, has this amount"));
  EXPECT_THAT(findings_in(entry_xml("6") + entry_xml("1"), "10", "5"), HasSubstr("the entry of line 5 has half of it: wrong direction?"));
  EXPECT_THAT(findings_in(entry_xml("9000000000000") + entry_xml("9000000000000")), HasSubstr("make more than an amount can hold"));
  const auto read = read_statements(statement_xml(balance_xml("OPBD", "1") + balance_xml("CLBD", "1") + entry_xml("1")));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::verification_failed);
}

TEST(CheckStatement, OnlyBookedEntriesCount) {
  for (const char* status : {"PDNG", "INFO", "FUTR"})
    EXPECT_EQ(findings_in(entry_xml("5") + replaced(entry_xml("99"), "BOOK", status)), "") << status;
}

TEST(CheckStatement, BothBalancesMustBeThere) {
  EXPECT_THAT(findings_of(statement_xml(balance_xml("CLBD", "1"))), HasSubstr("no opening booked balance"));
  EXPECT_THAT(findings_of(statement_xml(balance_xml("OPBD", "1"))), HasSubstr("no closing booked balance"));
}

TEST(CheckStatement, OneCurrency) {
  EXPECT_THAT(findings_in(entry_xml("5") + entry_xml("1", "", "USD")), HasSubstr("line 6, entry 2: it is in USD, the account in CNY"));
  EXPECT_THAT(findings_of(statement_xml(balance_xml("OPBD", "1", "Ccy=\"USD\"") + balance_xml("CLBD", "1"))), HasSubstr("the balance OPBD is in USD"));
}

TEST(CheckStatement, NoEntryTwice) {
  const std::string bank_reference = "<AcctSvcrRef>B1</AcctSvcrRef>";
  EXPECT_THAT(findings_in(entry_xml("2.5", bank_reference) + entry_xml("2.5", bank_reference)),
              HasSubstr("entry 2: its reference (AcctSvcrRef) B1, day and amount are those of entry 1"));
  EXPECT_EQ(findings_in(entry_xml("2", bank_reference) + entry_xml("3", bank_reference)), "") << "a payment and its fee";
  EXPECT_EQ(findings_in(entry_xml("2.5") + entry_xml("2.5")), "") << "two equal payments without references";
  EXPECT_EQ(findings_in(entry_xml("5", bank_reference) + replaced(entry_xml("5", bank_reference), "BOOK", "PDNG")), "");
  EXPECT_THAT(findings_in(entry_xml("2", "<NtryRef>7</NtryRef>") + entry_xml("3", "<NtryRef>7</NtryRef>")), HasSubstr("(NtryRef) 7 is that of entry 1"));
  std::string twice = sample("camt.053.001.08.xml");
  twice = replaced(twice, "<bank:Id>USD-7<", "<bank:Id>CNY-61<");
  EXPECT_EQ(findings_of(twice), "") << "another account";
  twice = replaced(twice, "0200004509200999999", "0200004509200123456");
  EXPECT_THAT(findings_of(twice), HasSubstr("the file has this statement of this account twice"));
}

TEST(CheckStatement, TheBanksOwnTotals) {
  const std::string good = sample("camt.053.001.02.xml");
  EXPECT_EQ(findings_of(good), "");
  EXPECT_THAT(findings_of(replaced(good, "<NbOfNtries>6<", "<NbOfNtries>7<")), HasSubstr("counts 7 entries of all, there are 6"));
  EXPECT_THAT(findings_of(replaced(good, "<Sum>470.00<", "<Sum>470.01<")), HasSubstr("of credits is 470.01, the entries sum to 1469.00"));
  EXPECT_THAT(findings_of(replaced(good, "<Sum>201.55<", "<Sum>201.54<")), HasSubstr("of debits is 201.54"));
}

TEST(CheckStatement, BatchesSumToTheirEntry) {
  const std::string good = sample("camt.053.001.02.xml");
  EXPECT_THAT(findings_of(replaced(good, "<Amt Ccy=\"EUR\">100.00<", "<Amt Ccy=\"EUR\">100.01<")), HasSubstr("entry 2: its payments sum to 300.01, the entry is 300.00"));
  EXPECT_THAT(findings_of(replaced(good, "<NbOfTxs>2<", "<NbOfTxs>3<")), HasSubstr("the batch has 3 payments, but 2 are told"));
  EXPECT_THAT(findings_of(replaced(good, "<NbOfTxs>2</NbOfTxs>", "<NbOfTxs>2</NbOfTxs><TtlAmt Ccy=\"EUR\">301</TtlAmt>")), HasSubstr("the batch's total is 301.00"));
  const std::string with_fee = sample("camt.053.001.08.xml");
  EXPECT_EQ(findings_of(with_fee), "") << "100 less a charge of 10";
  EXPECT_THAT(findings_of(replaced(with_fee, "<bank:Rcrd><bank:Amt Ccy=\"USD\">10.00<", "<bank:Rcrd><bank:Amt Ccy=\"USD\">9.00<")), HasSubstr("its payments sum to 100.00"));
}

TEST(CheckStatement, DatesAndIbans) {
  EXPECT_THAT(findings_in(replaced(entry_xml("5"), "<BookgDt><Dt>2026-03-02</Dt></BookgDt>", "")), HasSubstr("neither a booking date nor a value date"));
  EXPECT_THAT(findings_of(replaced(sample("camt.053.001.02.xml"), "DE89370400440532013000", "DE89370400440532013001")), HasSubstr("IBAN has a wrong check sum"));
  for (const char* good : {"DE89370400440532013000", "GB82WEST12345698765432", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"}) EXPECT_TRUE(is_iban(good)) << good;
  for (const char* bad : {"", "DE", "DE88370400440532013000", "de89370400440532013000", "DE89 3704 0044 0532 0130 00", "DE8937040044053201300A", "NO938601111794", "1289370400440532013000"})
    EXPECT_FALSE(is_iban(bad)) << bad;
  EXPECT_EQ(normalized_iban("gb82 West 1234 5698 7654 32"), "GB82WEST12345698765432");
}

std::vector<Hash256> identities(const std::string& entries) {
  const auto file = parse_statements(statement_xml(balance_xml("OPBD", "0") + balance_xml("CLBD", "0") + entries));
  EXPECT_TRUE(file) << file.error().detail;
  std::vector<Hash256> all;
  if (file)
    for (const Entry& entry : file->statements[0].entries) all.push_back(entry.identity);
  return all;
}

TEST(Identity, IsTheSameInOverlappingStatements) {
  const std::string referenced = entry_xml("5", "<AcctSvcrRef>B</AcctSvcrRef>"), other = entry_xml("5", "<AcctSvcrRef>C</AcctSvcrRef>");
  const auto both = identities(referenced + other), later = identities(other + entry_xml("1"));
  EXPECT_NE(both[0], both[1]);
  EXPECT_EQ(both[1], later[0]);
  // A pending twin in one of the statements changes nothing, and a booked entry is who it was when pending.
  const std::string pending = replaced(other, "BOOK", "PDNG");
  EXPECT_THAT(identities(pending + other), ElementsAre(both[1], both[1]));
  // A running number is of the statement, not of the entry.
  EXPECT_EQ(identities(entry_xml("5", "<NtryRef>000002</NtryRef>")), identities(entry_xml("5", "<NtryRef>1</NtryRef>")));
  EXPECT_NE(identities(entry_xml("5", "<NtryRef>R0000021</NtryRef>")), identities(entry_xml("5", "<NtryRef>R0000022</NtryRef>")));
}

TEST(Identity, HangsOnAccountReferenceDayAmountAndIndex) {
  const std::string entry = entry_xml("5", "<AcctSvcrRef>B</AcctSvcrRef>");
  const Hash256 whole = identities(entry)[0];
  for (const auto& [from, to] : {std::pair{">5<", ">6<"}, {">B<", ">BB<"}, {"2026-03-02", "2026-03-03"}, {"CRDT", "DBIT"}, {"\"CNY\"", "\"USD\""}})
    EXPECT_NE(identities(replaced(entry, from, to))[0], whole) << to;
  EXPECT_EQ(identities(replaced(entry, ">5<", ">5.00<"))[0], whole);
  const auto twins = identities(entry_xml("5") + entry_xml("5"));
  EXPECT_NE(twins[0], twins[1]);
  EXPECT_EQ(identities(entry_xml("5"))[0], twins[0]);
  EXPECT_NE(identities(entry_xml("5", "<AddtlNtryInf>a</AddtlNtryInf>"))[0], twins[0]) << "without references, by content";
}

// Stored identities decide what is booked again, so their derivation may never change. (Computed once by another program
// from what identity.h says.)
TEST(Identity, IsFrozen) {
  EXPECT_EQ(to_hex(identities(entry_xml("5", "<AcctSvcrRef>B</AcctSvcrRef>"))[0]), "323a47fcdaeb842fae9d38b335928d4a0ce169ab952fa9ef75d7a83806e0c75d");
  EXPECT_EQ(to_hex(identities(entry_xml("5"))[0]), "80b12892968538241947596f28558a62e6ea9386c54d942effde9f679b8c488d");
}

// Any bytes end in a value or an error. Under the sanitizers this is the test of the reader's memory.
TEST(FuzzStatement, MutatedFilesNeverCrash) {
  constexpr std::uint64_t kSeed = 20260302;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  SeededRng rng(kSeed);
  const std::array<std::string, 2> samples{sample("camt.053.001.02.xml"), sample("camt.053.001.08.xml")};
  constexpr std::array<std::string_view, 12> kPieces{"<", ">", "&", "</", "<!DOCTYPE a>", "&#x10FFFF;", "]]>", "\xFF", "-", "99999999999999999999", "<Amt>", std::string_view("\0", 1)};
  std::size_t read = 0, refused = 0;
  for (int round = 0; round < 10'000; ++round) {
    std::string bytes = samples[rng.below(samples.size())];
    for (std::uint64_t changes = 1 + rng.below(4); changes > 0; --changes) {
      const std::size_t at = rng.below(bytes.size());
      switch (rng.below(4)) {
        case 0: bytes[at] = static_cast<char>(rng.below(256)); break;
        case 1: bytes.insert(at, kPieces[rng.below(kPieces.size())]); break;
        case 2: bytes.erase(at, 1 + rng.below(60)); break;
        default: bytes.insert(at, bytes.substr(rng.below(bytes.size()), 1 + rng.below(300)));
      }
    }
    const auto file = read_statements(bytes);
    file ? ++read : ++refused;
    if (!file) EXPECT_FALSE(file.error().detail.empty()) << "round " << round;
  }
  EXPECT_GT(read, 20U);
  EXPECT_GT(refused, 1000U);
}

}  // namespace
}  // namespace bourse::bank
