// The export's text, and what the real hledger says of it.
#include "broker/adapters/api/hledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>

namespace bourse::broker::api {
namespace {

const Instant kNoon{1'795'000'000'000};

class Hledger : public testing::Test {
 protected:
  BookAccount account(ledger::AccountCode code, const std::string& owner, const std::string& name) {
    return {.id = LedgerAccountId::make(kNoon, rng_), .code = code, .owner = owner, .name = name};
  }
  void post(BookAccount& debit, BookAccount& credit, std::int64_t micros, ledger::TransferCode code, const std::string& reference, Uuid group = {}) {
    debit.debits_posted += Amount::of_micros(micros);
    credit.credits_posted += Amount::of_micros(micros);
    transfers_.push_back({.position = transfers_.size() + 1, .index = 0, .debit = debit.id, .credit = credit.id, .amount = Amount::of_micros(micros),
                          .code = code, .reference = reference, .group = group, .at = kNoon});
    if (!group.is_nil() && transfers_.size() > 1 && transfers_[transfers_.size() - 2].group == group)
      transfers_.back().position = transfers_[transfers_.size() - 2].position;
  }
  std::string book(const std::vector<BookAccount>& accounts) {
    std::string text;
    HledgerWriter writer([&](std::string_view piece) { text += piece; }, "bourse.test", kNoon);
    writer.begin(accounts);
    for (const BookTransfer& transfer : transfers_) writer.transfer(transfer);
    writer.end();
    return text;
  }
  SeededRng rng_{7};
  std::vector<BookTransfer> transfers_;
};

TEST_F(Hledger, LinkedTransfersAreOneTransactionAndBalancesAreAsserted) {
  BookAccount bank = account(ledger::AccountCode::bank_clearing, "", "");
  BookAccount wallet = account(ledger::AccountCode::wallet, "acc_1", "Ada's; wallet (a:b)  = 1");
  BookAccount payable = account(ledger::AccountCode::center_payable, "ctr_1", "alpha");
  BookAccount revenue = account(ledger::AccountCode::platform_revenue, "", "");
  post(bank, wallet, 100'000'000, ledger::TransferCode::top_up, "BK-1; x");
  const Uuid record = make_uuid_v7(kNoon, rng_);
  post(wallet, payable, 900'001, ledger::TransferCode::capture_center, "usg_1", record);
  post(wallet, revenue, 99'999, ledger::TransferCode::capture_margin, "usg_1", record);
  wallet.debits_pending = Amount::whole(3);
  const std::string text = book({bank, wallet, payable, revenue});
  EXPECT_NE(text.find("commodity CNY\n    format 1000.000000 CNY\n"), std::string::npos) << text;
  EXPECT_NE(text.find("account Liabilities:Wallet:CNY:acc_1  ; Ada's wallet a b 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("(2.0) capture usg_1\n"
                      "    Liabilities:Wallet:CNY:acc_1  0.900001 CNY\n"
                      "    Liabilities:Center payable:CNY:ctr_1  -0.900001 CNY\n"
                      "    Liabilities:Wallet:CNY:acc_1  0.099999 CNY\n"
                      "    Income:Platform:CNY  -0.099999 CNY\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Liabilities:Wallet:CNY:acc_1  0 CNY = -99.000000 CNY  ; held 3.00\n"), std::string::npos) << text;
}

TEST_F(Hledger, AccountsOfOneNameAreToldApart) {
  BookAccount one = account(ledger::AccountCode::rounding, "", ""), other = account(ledger::AccountCode::rounding, "", "");
  post(one, other, 1, ledger::TransferCode::other, "");
  const std::string text = book({one, other});
  EXPECT_NE(text.find("account Expenses:Rounding:CNY:" + to_text(one.id)), std::string::npos) << text;
  EXPECT_NE(text.find("account Expenses:Rounding:CNY:" + to_text(other.id)), std::string::npos) << text;
}

TEST_F(Hledger, WhatPeopleWroteStaysWords) {
  const std::string hostile[] = {"=1+1",
                                 "=cmd|' /C calc'!A0",
                                 "+1",
                                 "-1",
                                 "@SUM(1)",
                                 "\t=1",
                                 "\r=1",
                                 "* x",
                                 "! x",
                                 "(9) x",
                                 "| note",
                                 "; date:2020-01-01",
                                 "a\n    Assets:Bank clearing:CNY  5 CNY",
                                 "include /etc/passwd",
                                 "\"",
                                 "end comment",
                                 "1.000,5 EUR",
                                 std::string("a\0b", 3)};
  BookAccount bank = account(ledger::AccountCode::bank_clearing, "", "");
  std::vector<BookAccount> plain = {bank}, named = {bank};
  for (std::size_t i = 0; i < std::size(hostile); ++i) {
    plain.push_back(account(ledger::AccountCode::wallet, "acc_" + std::to_string(i), "x"));
    named.push_back(plain.back());
    named.back().name = hostile[i];
    post(plain[0], plain[i + 1], 1, ledger::TransferCode::top_up, "x");
    named[0].debits_posted = plain[0].debits_posted;
    named[i + 1].credits_posted = plain[i + 1].credits_posted;
  }
  const std::string expected = book(plain);
  for (std::size_t i = 0; i < std::size(hostile); ++i) transfers_[i].reference = hostile[i];
  const std::string text = book(named);
  EXPECT_EQ(std::ranges::count(text, '\n'), std::ranges::count(expected, '\n')) << text;
  for (const char control : {'\t', '\r', '\0', '@', '!', '|'})
    EXPECT_EQ(text.find(control), std::string::npos) << int{control};
  ASSERT_EQ(std::system("hledger --version >/dev/null 2>&1"), 0) << "hledger is missing: ./dev installs it";
  const std::string path = testing::TempDir() + "hledger_words.journal";
  std::ofstream(path) << text;
  EXPECT_EQ(std::system(("hledger -f '" + path + "' check --strict >/dev/null 2>&1").c_str()), 0) << text;
  std::remove(path.c_str());
}

TEST_F(Hledger, DaysBeginAtMidnightUtc) {
  BookAccount bank = account(ledger::AccountCode::bank_clearing, "", ""),
              wallet = account(ledger::AccountCode::wallet, "acc_1", "");
  // Clocks in much of Europe went forward in the night after that midnight: no business of the ledger's.
  const Instant midnight = *parse_instant("2026-03-29T00:00:00Z");
  post(bank, wallet, 1, ledger::TransferCode::top_up, "before");
  transfers_.back().at = midnight - milliseconds(1);
  post(bank, wallet, 1, ledger::TransferCode::top_up, "after");
  transfers_.back().at = midnight;
  const char* zone = std::getenv("TZ");
  const std::string before = zone == nullptr ? "" : zone;
  for (const char* there : {"Europe/Berlin", "Asia/Shanghai", "America/Los_Angeles"}) {
    ::setenv("TZ", there, 1);
    ::tzset();
    const std::string text = book({bank, wallet});
    EXPECT_NE(text.find("2026-03-28 * (1.0) top-up before\n"), std::string::npos) << text;
    EXPECT_NE(text.find("2026-03-29 * (2.0) top-up after\n"), std::string::npos) << text;
  }
  zone == nullptr ? ::unsetenv("TZ") : ::setenv("TZ", before.c_str(), 1);
  ::tzset();
}

TEST_F(Hledger, TheRealHledgerAcceptsItAndFindsAMillionth) {
  ASSERT_EQ(std::system("hledger --version >/dev/null 2>&1"), 0) << "hledger is missing: ./dev installs it";
  BookAccount bank = account(ledger::AccountCode::bank_clearing, "", "");
  std::vector<BookAccount> accounts = {bank};
  for (int i = 0; i < 20; ++i) accounts.push_back(account(ledger::AccountCode::wallet, "acc_" + std::to_string(i), "Wallet " + std::to_string(i)));
  for (int i = 0; i < 500; ++i)
    post(accounts[0], accounts[1 + rng_.below(20)], 1 + static_cast<std::int64_t>(rng_.below(10'000'000'000)), ledger::TransferCode::top_up, "BK-" + std::to_string(i));
  const std::string path = testing::TempDir() + "hledger_test.journal";
  const auto accepted = [&](const std::string& text) {
    std::ofstream(path) << text;
    return std::system(("hledger -f '" + path + "' check --strict >/dev/null 2>&1").c_str()) == 0;
  };
  EXPECT_TRUE(accepted(book(accounts)));
  transfers_[250].amount += Amount::of_micros(1);
  EXPECT_FALSE(accepted(book(accounts)));
  std::remove(path.c_str());
}

}  // namespace
}  // namespace bourse::broker::api
