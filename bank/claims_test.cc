#include "bank/claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bank/statement_fixture.h"

namespace bourse::bank {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

BillingAccountId account(std::uint64_t number) { return BillingAccountId{Uuid{0x0190000000007000, 0x8000000000000000 + number}}; }

Entry credit(std::vector<std::string> remittance, std::string_view amount = "5") {
  Entry entry{.amount = parse_amount(amount).value(), .currency = kCny};
  entry.details.push_back({.amount = entry.amount, .remittance = std::move(remittance)});
  return entry;
}

const std::vector<ClaimCode> kCodes{{"BC-ABCDE-12345", account(1)}, {"BC-ABCDE-12346", account(2)}, {"KTO123", account(3)}, {"KTO12345", account(4)}, {to_text(account(1)), account(1)}};

Claim claim_of(const Entry& entry) {
  const auto found = claims(std::vector{entry}, kCodes);
  EXPECT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->size(), 1U);
  return found->at(0);
}
BillingAccountId claimed(std::vector<std::string> remittance) { return claim_of(credit(std::move(remittance))).account; }

TEST(Claims, AreFoundAsPeopleWriteThem) {
  for (const char* text : {"BC-ABCDE-12345", "bc-abcde-12345", "BCABCDE12345", "B C A B C D E 1 2 3 4 5", "top-up BC ABCDE 12345, thanks", "充值ＢＣ－ABCDE－１２３４５谢谢",
                           "TOPUPBCABCDE12345THANKS", "BC-ABCDE-12345 again: BC-ABCDE-12345"})
    EXPECT_EQ(claimed({text}), account(1)) << text;
  EXPECT_EQ(claimed({"BC-ABC", "DE-12345"}), account(1)) << "over a line's end";
  EXPECT_EQ(claimed({"BC-ABC\n  DE-12345"}), account(1));
  EXPECT_EQ(claimed({to_text(account(1)).substr(0, 12), to_text(account(1)).substr(12)}), account(1)) << "the account's id";
  EXPECT_EQ(claimed({to_text(account(1)) + " BC-ABCDE-12345"}), account(1)) << "two codes of one account";
}

TEST(Claims, InStructuredReferencesAndTheEntrysText) {
  Entry structured = credit({});
  structured.details[0].references = {"BCABCDE12345"};
  EXPECT_EQ(claim_of(structured).account, account(1));
  Entry text{.amount = Amount::whole(5), .currency = kCny, .text = "BCABCDE12345"};
  EXPECT_EQ(claim_of(text).account, account(1));
  EXPECT_EQ(claim_of(text).place, (EntryPlace{0, EntryPlace::kWhole}));
}

TEST(Claims, DoubtIsForAPerson) {
  EXPECT_EQ(claim_of(credit({"hello"})).reason, "no claim code in the text");
  EXPECT_EQ(claim_of(credit({})).reason, "no claim code in the text");
  EXPECT_EQ(claim_of(credit({"BC-ABCDE-12347"})).reason, "no claim code in the text");
  const Claim both = claim_of(credit({"BC-ABCDE-12345 BC-ABCDE-12346"}));
  EXPECT_TRUE(both.account.is_nil());
  EXPECT_EQ(both.reason, "claim codes of 2 accounts in the text");
  Entry back = credit({"BC-ABCDE-12345"});
  back.details[0].returned = true;
  EXPECT_THAT(claim_of(back).reason, StartsWith("a payment that came back"));
  Entry reversal = credit({"BC-ABCDE-12345"});
  reversal.reversal = true;
  EXPECT_TRUE(claim_of(reversal).account.is_nil());
  Entry charged = credit({"BC-ABCDE-12345"});
  charged.amount = Amount::whole(4);
  EXPECT_THAT(claim_of(charged).reason, HasSubstr("don't sum to it"));
}

TEST(Claims, ShortCodesStandAlone) {
  EXPECT_EQ(claimed({"KTO 123"}), account(3));
  EXPECT_EQ(claimed({"（kto-123）"}), account(3));
  EXPECT_EQ(claimed({"充值KTO123谢谢"}), account(3));
  for (const char* text : {"KTO1234", "AKTO123", "9KTO123", "KTO123x", "Ａkto123"}) EXPECT_TRUE(claimed({text}).is_nil()) << text;
  EXPECT_EQ(claimed({"KTO12345"}), account(4));
  EXPECT_EQ(claimed({"KTO123 45"}), account(4)) << "the longer one, of which the other is a part";
}

TEST(Claims, AreOfBookedCreditsEachOnce) {
  Entry pending = credit({"KTO123"}), debit = credit({"KTO123"}, "-5"), twice = credit({"KTO123"});
  pending.status = EntryStatus::pending;
  twice.identity.bytes[3] = twice.details[0].identity.bytes[3] = 9;
  const auto found = claims(std::vector{pending, debit, twice, twice}, kCodes);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->at(0).place, (EntryPlace{2, 0}));
  EXPECT_EQ(found->at(0).identity, twice.details[0].identity);
  EXPECT_EQ(found->at(0).amount, Amount::whole(5));
}

TEST(Claims, OfSampleFiles) {
  const auto euros = read_statement(sample("camt.053.001.02.xml"));
  ASSERT_TRUE(euros);
  const auto found = claims(euros->entries, std::vector{ClaimCode{"acc_06a4b5c6d7e8f9g0h1j2k3m4n5", account(7)}, {"RF18539007547034", account(8)}});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 4U);
  EXPECT_EQ((*found)[0].account, account(7));
  EXPECT_EQ((*found)[1].account, account(8)) << "the first payment of the batch";
  EXPECT_EQ((*found)[1].amount, Amount::whole(100));
  EXPECT_EQ((*found)[2].reason, "no claim code in the text");
  EXPECT_THAT((*found)[3].reason, StartsWith("a payment that came back"));
  const auto file = read_statements(sample("camt.053.001.08.xml"));
  ASSERT_TRUE(file);
  const auto chinese = claims(file->statements[0].entries, kCodes);
  ASSERT_TRUE(chinese);
  EXPECT_EQ(chinese->at(0).account, account(1));
}

TEST(Claims, CodesMustTellAccountsApart) {
  const auto with = [](std::string code, BillingAccountId whose) { return claims({}, std::vector{kCodes[0], ClaimCode{std::move(code), whose}}); };
  EXPECT_TRUE(with("bcabcde12345", account(1)));
  EXPECT_FALSE(with("bcabcde12345", account(2)));
  EXPECT_FALSE(with("AB-12", account(2)));
  EXPECT_FALSE(with("算力算力算力", account(2)));
}

TEST(ClaimCodes, AreShortStableAndFound) {
  EXPECT_THAT(claim_code(account(1)), testing::MatchesRegex("BC-[0-9A-Z]{5}-[0-9A-Z]{5}"));
  EXPECT_NE(claim_code(account(1)), claim_code(account(2)));
  EXPECT_EQ(claim_code(account(1)), "BC-B8AGV-6QE7F") << "codes that people have written down never change";
  const auto found = claims(std::vector{credit({"for " + claim_code(account(2))})}, std::vector{ClaimCode{claim_code(account(2)), account(2)}});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->at(0).account, account(2));
}

}  // namespace
}  // namespace bourse::bank
