#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

TEST(TaxNumbers, OfGb32100HaveACheckCharacter) {
  EXPECT_TRUE(is_tax_number("91350100M000100Y43"));  // the standard's own example
  EXPECT_FALSE(is_tax_number("91350100M000100Y44"));
  EXPECT_FALSE(is_tax_number("91350100M000100y43"));
  EXPECT_FALSE(is_tax_number("91350100I000100Y43"));  // no letter I there
  EXPECT_TRUE(is_tax_number("110105600001234"));
  EXPECT_TRUE(is_tax_number("11010519491231002X01"));
  for (const char* wrong : {"", "1", "9135 0100M000100Y4", "11010560000123a", "1101051949123100YX01", "=1+1"})
    EXPECT_FALSE(is_tax_number(wrong)) << wrong;
}

// One wrong character, or two neighbours that changed places, is noticed: that is what the standard's sum is for.
RC_GTEST_PROP(TaxNumbers, AWrongCharacterIsNoticed, ()) {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
  std::string number = "91350100M000100Y43";
  const auto at = *rc::gen::inRange<std::size_t>(0, number.size());
  const char other = kAlphabet[*rc::gen::inRange<std::size_t>(0, kAlphabet.size())];
  RC_PRE(other != number[at]);
  number[at] = other;
  RC_ASSERT(!is_tax_number(number));
}

class Invoices : public MarketFixture {
 protected:
  void SetUp() override { open_market(); }
  static InvoiceBuyer buyer() {
    return {.kind = InvoiceKind::special,
            .title = "某大学",
            .tax_number = "91350100M000100Y43",
            .address = "某市某路 1 号",
            .email = "finance@example.edu"};
  }
  static constexpr std::int32_t kJune = 2026 * 12 + 5;
  RequestInvoice ask(std::vector<RequestInvoice::Month> months, std::string_view billed, std::string_view paid) {
    return {id_of<InvoiceId>(++serial_), account, user, buyer(), std::move(months), money(billed), money(paid)};
  }
  static Amount money(std::string_view text) { return *parse_amount(text); }
  RequestInvoice::Month month(std::int32_t which, std::string_view billed, std::string_view amount) const {
    return {which, money(billed), money(amount)};
  }
  MoveInvoice move(InvoiceId id, InvoiceState state, std::string number = {}) const {
    const std::string date = number.empty() ? "" : "2026-07-02";
    return {id, state, std::move(number), date, "because", user};
  }
};

TEST_F(Invoices, NothingIsInvoicedTwice) {
  const RequestInvoice first = ask({month(kJune, "10", "10")}, "10", "100");
  ok(first);
  EXPECT_EQ(error(ask({month(kJune, "10", "0.01")}, "10", "100")), ErrorCode::failed_precondition);
  ok(move(first.invoice, InvoiceState::withdrawn));
  const RequestInvoice second = ask({month(kJune, "10", "4")}, "10", "100");
  ok(second);
  ok(ask({month(kJune, "10", "6")}, "10", "100"));
  ok(move(second.invoice, InvoiceState::issued, "26112000000000000001"));
  EXPECT_EQ(error(ask({month(kJune, "10", "4")}, "10", "100")), ErrorCode::failed_precondition);
  EXPECT_EQ(error(move(second.invoice, InvoiceState::withdrawn)), ErrorCode::failed_precondition);
  // A red-letter invoice frees what it reverses; its number is spent for ever.
  EXPECT_EQ(error(move(second.invoice, InvoiceState::reversed, "26112000000000000001")), ErrorCode::failed_precondition);
  ok(move(second.invoice, InvoiceState::reversed, "26112000000000000002"));
  EXPECT_EQ(market.invoice(second.invoice)->number, "26112000000000000001");
  EXPECT_EQ(market.invoice(second.invoice)->red_number, "26112000000000000002");
  ok(ask({month(kJune, "10", "4")}, "10", "100"));
  EXPECT_EQ(error(move(second.invoice, InvoiceState::reversed, "26112000000000000003")), ErrorCode::failed_precondition);
}

TEST_F(Invoices, OnlyWhatWasBilledAndPaid) {
  EXPECT_EQ(error(ask({}, "10", "100")), ErrorCode::failed_precondition);
  EXPECT_EQ(error(ask({month(kJune, "10", "10.000001")}, "20", "100")), ErrorCode::failed_precondition);
  EXPECT_EQ(error(ask({month(kJune, "10", "10")}, "20", "9")), ErrorCode::failed_precondition);   // not paid yet
  EXPECT_EQ(error(ask({month(kJune, "10", "10")}, "8", "100")), ErrorCode::failed_precondition);  // given back in July
  EXPECT_EQ(error(ask({month(kJune, "10", "0")}, "10", "100")), ErrorCode::invalid_argument);
  EXPECT_EQ(error(ask({month(kJune, "10", "1"), month(kJune, "10", "1")}, "10", "100")), ErrorCode::invalid_argument);
  RequestInvoice other = ask({month(kJune, "10", "1")}, "10", "100");
  other.by = stranger;
  EXPECT_EQ(error(other), ErrorCode::not_found);
  other = ask({month(kJune, "10", "1")}, "10", "100");
  other.buyer.tax_number = "91350100M000100Y44";
  EXPECT_EQ(error(other), ErrorCode::invalid_argument);
  other.buyer.tax_number = "";
  EXPECT_EQ(error(other), ErrorCode::invalid_argument);  // a special one needs it
  other.buyer.kind = InvoiceKind::ordinary;
  other.buyer.email = "nobody";
  EXPECT_EQ(error(other), ErrorCode::invalid_argument);
  other.buyer.email = "a@b";
  other.buyer.address = "two\nlines";
  EXPECT_EQ(error(other), ErrorCode::invalid_argument);
}

TEST_F(Invoices, MovesNeedWhatTheyName) {
  const RequestInvoice asked = ask({month(kJune, "10", "10")}, "10", "100");
  ok(asked);
  EXPECT_EQ(error(move(asked.invoice, InvoiceState::issued)), ErrorCode::invalid_argument);  // no number
  EXPECT_EQ(error(move(asked.invoice, InvoiceState::reversed, "1")), ErrorCode::failed_precondition);
  EXPECT_EQ(error(move(asked.invoice, InvoiceState::requested)), ErrorCode::invalid_argument);
  EXPECT_EQ(error(move(id_of<InvoiceId>(99), InvoiceState::rejected)), ErrorCode::not_found);
  MoveInvoice rejected = move(asked.invoice, InvoiceState::rejected);
  rejected.reason.clear();
  EXPECT_EQ(error(rejected), ErrorCode::invalid_argument);
  rejected.reason = "unknown company";
  ok(rejected);
  EXPECT_EQ(market.invoice(asked.invoice)->reason, "unknown company");
}

// Whatever is asked for, withdrawn and reversed: what stands is never more than was billed of a month, nor in all.
RC_GTEST_FIXTURE_PROP(Invoices, WhatStandsIsNeverMoreThanWasBilled, ()) {
  const std::vector<Amount> billed{money("3"), money("5")};
  std::vector<InvoiceId> all;
  int number = 0;
  const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 5), rc::gen::inRange(1, 4)));
  for (const auto& [what, amount] : steps) {
    if (what < 2) {
      const RequestInvoice request = ask({{kJune + what, billed[static_cast<std::size_t>(what)], Amount::whole(amount)}}, "7", "100");
      if (decide(request)) all.push_back(request.invoice);
    } else if (!all.empty()) {
      const InvoiceId id = all[static_cast<std::size_t>(amount) % all.size()];
      const auto state = static_cast<InvoiceState>(what == 2 ? 2 : what == 3 ? 4 : 5);
      (void)decide(move(id, state, what == 3 ? std::string() : std::to_string(++number)));
    }
    std::vector<Amount> stands(2);
    Amount sum;
    for (const Invoice* invoice : market.invoices(account)) {
      if (!invoice->stands()) continue;
      sum += invoice->amount;
      for (const InvoiceLine& line : invoice->lines) stands[static_cast<std::size_t>(line.month - kJune)] += line.amount;
    }
    RC_ASSERT(stands[0] <= billed[0] && stands[1] <= billed[1] && sum <= money("7"));
  }
}

}  // namespace
}  // namespace bourse::broker
