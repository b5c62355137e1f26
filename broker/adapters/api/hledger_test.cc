// The export's text, and what the real hledger says of it.
#include "broker/adapters/api/hledger.h"

#include <gtest/gtest.h>

#include <cstdlib>
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

TEST_F(Hledger, TheRealHledgerAcceptsItAndFindsAMillionth) {
  if (std::system("hledger --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "hledger is not installed";
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
