#include <gtest/gtest.h>

#include <limits>

#include "ledger/domain/test_bank.h"

namespace bourse::ledger {
namespace {

TEST(Accounts, OpeningTwiceIsFineWithTheSameProperties) {
  TestBank bank;
  const AccountOpened carol = opening(kCarol, AccountCode::wallet, Limit::credit_balance, Amount{50});
  const auto again = bank.ledger.open(carol);
  ASSERT_TRUE(again);
  const auto before = saved(bank.ledger);
  bank.ledger.apply(*again);
  EXPECT_EQ(saved(bank.ledger), before);

  const auto refused = [&](auto change) {
    AccountOpened changed = carol;
    change(changed);
    const auto opened = bank.ledger.open(changed);
    return !opened && opened.error().code == ErrorCode::account_exists;
  };
  EXPECT_TRUE(refused([](AccountOpened& a) { a.unit = kDu; }));
  EXPECT_TRUE(refused([](AccountOpened& a) { a.code = AccountCode::grants; }));
  EXPECT_TRUE(refused([](AccountOpened& a) { a.limit = Limit::none; }));
  EXPECT_TRUE(refused([](AccountOpened& a) { a.credit_limit = Amount{51}; }));
  EXPECT_TRUE(refused([](AccountOpened& a) { a.owner = {1, 1}; }));
}

TEST(Accounts, NeedAnIdAndALimitNotBelowZero) {
  const Ledger ledger;
  EXPECT_EQ(ledger.open(opening({}, AccountCode::wallet)).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(ledger.open(opening(kAlice, AccountCode::wallet, Limit::credit_balance, Amount{-1})).error().code,
            ErrorCode::invalid_argument);
}

TEST(Accounts, AreListedAsTheyWereOpened) {
  const TestBank bank;
  const auto expected = chart();
  ASSERT_EQ(bank.ledger.accounts().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(bank.ledger.accounts()[i].id, expected[i].account);
  EXPECT_EQ(bank.ledger.account(kNobody), nullptr);
}

TEST(Accounts, AvailableCountsLimitAndPendingDebits) {
  Account account{.limit = Limit::credit_balance,
                  .credit_limit = Amount{50},
                  .debits_pending = Amount{7},
                  .debits_posted = Amount{10},
                  .credits_pending = Amount{1'000},
                  .credits_posted = Amount{30}};
  EXPECT_EQ(account.available(), Amount{63});
  EXPECT_EQ(account.balance(), Amount{20});
  EXPECT_TRUE(account.covers(Amount{63}));
  EXPECT_FALSE(account.covers(Amount{64}));
  account.limit = Limit::none;
  EXPECT_EQ(account.available(), Amount{13});
  EXPECT_TRUE(account.covers(Amount{kMost}));
}

TEST(Accounts, AvailableStopsAtTheEndsOfTheRange) {
  EXPECT_EQ((Account{.limit = Limit::credit_balance, .credit_limit = Amount{kMost}, .credits_posted = Amount{kMost}})
                .available(),
            Amount{kMost});
  EXPECT_EQ((Account{.debits_pending = Amount{kMost}, .debits_posted = Amount{kMost}}).available(),
            Amount{std::numeric_limits<std::int64_t>::min()});
}

TEST(Accounts, TotalsAreKeptPerUnit) {
  TestBank bank;
  bank.fund(1, kAlice, 100);
  bank.post_one(transfer(2, kDuBank, kDuWallet, 7));
  ASSERT_TRUE(bank.place(1, kAlice, 40));
  const auto totals = bank.ledger.totals();
  ASSERT_EQ(totals.size(), 2U);
  EXPECT_TRUE(totals.at(kCny).debits_posted == 100 && totals.at(kCny).credits_posted == 100);
  EXPECT_TRUE(totals.at(kCny).debits_pending == 40 && totals.at(kCny).credits_pending == 40);
  EXPECT_TRUE(totals.at(kDu).debits_posted == 7 && totals.at(kDu).debits_pending == 0);
  EXPECT_TRUE(totals.at(kCny).balanced() && totals.at(kDu).balanced());
}

}  // namespace
}  // namespace bourse::ledger
