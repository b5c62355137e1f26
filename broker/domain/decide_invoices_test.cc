#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

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
  // So much of on-demand computing was earned in the months, and that of it is asked for.
  RequestInvoice ask(std::vector<std::pair<std::int32_t, std::string_view>> earned, std::string_view amount, std::string_view billed,
                     std::string_view paid) {
    RequestInvoice out{.invoice = id_of<InvoiceId>(++serial_), .account = account, .by = user, .buyer = buyer(), .billed = money(billed), .paid = money(paid)};
    for (const auto& [month, gross] : earned) out.earned.push_back(on_demand(month, money(gross)));
    if (!amount.empty()) out.amount = money(amount);
    return out;
  }
  static EarnedMonth on_demand(std::int32_t month, Amount gross) {
    return {month, InvoiceItem::on_demand, 600, gross, Amount::of_micros(gross.micros * 600 / 10'600)};
  }
  static Amount money(std::string_view text) { return *parse_amount(text); }
  MoveInvoice move(InvoiceId id, InvoiceState state, std::string number = {}) const {
    const std::string date = number.empty() ? "" : "2026-07-02";
    return {id, state, std::move(number), date, "because", user};
  }
};

TEST_F(Invoices, NothingIsInvoicedTwice) {
  const RequestInvoice first = ask({{kJune, "10"}}, "10", "10", "100");
  ok(first);
  EXPECT_EQ(error(ask({{kJune, "10"}}, "0.01", "10", "100")), ErrorCode::failed_precondition);
  EXPECT_EQ(error(ask({{kJune, "10"}}, "", "10", "100")), ErrorCode::failed_precondition);
  ok(move(first.invoice, InvoiceState::withdrawn));
  const RequestInvoice second = ask({{kJune, "10"}}, "4", "10", "100");
  ok(second);
  ok(ask({{kJune, "10"}}, "6", "10", "100"));
  ok(move(second.invoice, InvoiceState::issued, "26112000000000000001"));
  EXPECT_EQ(error(ask({{kJune, "10"}}, "4", "10", "100")), ErrorCode::failed_precondition);
  EXPECT_EQ(error(move(second.invoice, InvoiceState::withdrawn)), ErrorCode::failed_precondition);
  // A red-letter invoice frees what it reverses; its number is spent for ever.
  EXPECT_EQ(error(move(second.invoice, InvoiceState::reversed, "26112000000000000001")), ErrorCode::failed_precondition);
  ok(move(second.invoice, InvoiceState::reversed, "26112000000000000002"));
  EXPECT_EQ(market.invoice(second.invoice)->number, "26112000000000000001");
  EXPECT_EQ(market.invoice(second.invoice)->red_number, "26112000000000000002");
  ok(ask({{kJune, "10"}}, "4", "10", "100"));
  EXPECT_EQ(error(move(second.invoice, InvoiceState::reversed, "26112000000000000003")), ErrorCode::failed_precondition);
}

TEST_F(Invoices, OnlyWhatWasBilledAndPaid) {
  EXPECT_EQ(error(ask({}, "", "10", "100")), ErrorCode::failed_precondition);
  EXPECT_EQ(error(ask({{kJune, "10"}}, "10.01", "20", "100")), ErrorCode::failed_precondition);
  EXPECT_EQ(error(ask({{kJune, "10"}}, "9.999999", "20", "100")), ErrorCode::invalid_argument);  // not whole cents
  EXPECT_EQ(error(ask({{kJune, "10"}}, "10", "20", "9")), ErrorCode::failed_precondition);       // not paid yet
  EXPECT_EQ(error(ask({{kJune, "10"}}, "10", "8", "100")), ErrorCode::failed_precondition);      // given back in July
  EXPECT_EQ(error(ask({{kJune, "10"}}, "0", "10", "100")), ErrorCode::invalid_argument);
  EXPECT_EQ(error(ask({{kJune, "10"}}, "-1", "10", "100")), ErrorCode::invalid_argument);
  EXPECT_EQ(error(ask({{kJune, "10"}, {kJune, "10"}}, "1", "10", "100")), ErrorCode::invalid_argument);
  RequestInvoice other = ask({{kJune, "10"}}, "1", "10", "100");
  other.months = {kJune + 1};
  EXPECT_EQ(error(other), ErrorCode::failed_precondition);
  other = ask({{kJune, "10"}}, "1", "10", "100");
  other.by = stranger;
  EXPECT_EQ(error(other), ErrorCode::not_found);
  other = ask({{kJune, "10"}}, "1", "10", "100");
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

TEST_F(Invoices, LinesHaveItemRateAndTheTaxThatWasBooked) {
  RequestInvoice request = ask({}, "", "100", "100");
  request.earned = {{kJune, InvoiceItem::on_demand, 600, money("10.609999"), money("0.600566")},
                    {kJune, InvoiceItem::on_demand, 1300, money("11.30"), money("1.30")},
                    {kJune, InvoiceItem::reserved, 600, money("5"), money("0.283018")},
                    {kJune + 1, InvoiceItem::on_demand, 600, money("0.000001"), money("0")},
                    {kJune + 1, InvoiceItem::package, 0, money("3"), money("0")}};
  ok(request);
  const Invoice& made = *market.invoice(request.invoice);
  ASSERT_EQ(made.lines.size(), 5U);
  EXPECT_EQ(made.amount, money("29.91"));
  EXPECT_EQ(made.lines[0].amount, money("10.60"));
  EXPECT_EQ(made.lines[0].tax, money("0.60"));
  EXPECT_EQ(made.lines[1].tax, money("1.30"));
  EXPECT_EQ(made.lines[1].net, money("10"));
  EXPECT_EQ(made.lines[2].item, InvoiceItem::reserved);
  EXPECT_EQ(made.lines[2].tax, money("0.28"));
  EXPECT_EQ(made.lines[3].month, kJune + 1);  // June's 0.009999 and July's 0.000001
  EXPECT_EQ(made.lines[3].amount, money("0.01"));
  EXPECT_EQ(made.lines[4].item, InvoiceItem::package);
  EXPECT_EQ(made.lines[4].net, money("3"));
}

// As they were asked for before: without an item. What they are over is not invoiced again.
TEST(InvoiceLines, OfOlderInvoicesCountAgainstTheirMonth) {
  std::vector<InvoiceLine> open{{.month = 1, .amount = Amount::whole(10), .item = InvoiceItem::on_demand, .net = Amount::whole(9), .tax_bps = 600, .tax = Amount::whole(1)},
                                {.month = 1, .amount = Amount::whole(4), .item = InvoiceItem::reserved, .net = Amount::whole(4)},
                                {.month = 2, .amount = Amount::whole(1), .item = InvoiceItem::reserved, .net = Amount::whole(1)}};
  take_off(open, {.month = 1, .amount = *parse_amount("10.000001")});
  ASSERT_EQ(open.size(), 2U);
  EXPECT_EQ(open[0].amount, *parse_amount("3.99"));
  EXPECT_EQ(open[1].month, 2);
}

// A bill has a reservation on the day on which it is bought; it is earned later.
TEST(InvoiceLines, OfOlderInvoicesCountAgainstWhatIsEarnedLater) {
  std::vector<InvoiceLine> open{{.month = 2, .amount = Amount::whole(5), .item = InvoiceItem::on_demand, .net = Amount::whole(5)},
                                {.month = 2, .amount = Amount::whole(1), .item = InvoiceItem::reserved, .net = Amount::whole(1)},
                                {.month = 3, .amount = Amount::whole(1), .item = InvoiceItem::reserved, .net = Amount::whole(1)}};
  take_off(open, {.month = 1, .amount = *parse_amount("1.50")});
  ASSERT_EQ(open.size(), 2U);
  EXPECT_EQ(open[0].item, InvoiceItem::on_demand);
  EXPECT_EQ(open[0].amount, Amount::whole(5));
  EXPECT_EQ(open[1].month, 3);
  EXPECT_EQ(open[1].amount, *parse_amount("0.50"));
}

// A charge at one rate was given back, and another earned at another: only that is a supply.
TEST(InvoiceLines, OfWhatWentBackAreNone) {
  const auto earned = [](std::int32_t month, std::int32_t bps, std::int64_t gross) {
    return EarnedMonth{month, InvoiceItem::on_demand, bps, Amount::whole(gross), Amount::of_micros(gross * 1'000'000 * bps / (10'000 + bps))};
  };
  const std::vector<EarnedMonth> books = {earned(1, 600, 100), earned(2, 600, -100), earned(2, 1300, 100)};
  const std::vector<InvoiceLine> open = invoiceable(books);
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].tax_bps, 1300);
  EXPECT_EQ(open[0].tax, *parse_amount("11.50"));
  const std::vector<EarnedMonth> partly = {earned(1, 600, 100), earned(2, 600, 50), earned(3, 600, -70)};
  const std::vector<InvoiceLine> left = invoiceable(partly);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].month, 1);
  EXPECT_EQ(left[0].amount, Amount::whole(80));
  EXPECT_EQ(left[0].tax, *parse_amount("4.52"));
}

// Whatever is earned and given back, and in whatever pieces it is asked for: lines add up to the cent, no cent is on two invoices, and in
// the end all is invoiced but what is below a cent of an item and rate.
RC_GTEST_PROP(InvoiceLines, AddUpAndLoseNothing, ()) {
  std::vector<EarnedMonth> earned;
  std::map<std::pair<InvoiceItem, std::int32_t>, std::pair<Amount, Amount>> sums;
  for (std::int32_t month = 0; month < 4; ++month)
    for (const InvoiceItem item : {InvoiceItem::on_demand, InvoiceItem::reserved})
      for (const std::int32_t bps : {600, 1300}) {
        const Amount gross = Amount::of_micros(*rc::gen::inRange<std::int64_t>(-20'000, 300'000));
        earned.push_back({month, item, bps, gross, Amount::of_micros(gross.micros * bps / (10'000 + bps))});
        auto& [all, tax] = sums[{item, bps}];
        all += earned.back().gross;
        tax += earned.back().tax;
      }
  std::vector<InvoiceLine> open = invoiceable(earned);
  std::map<std::pair<InvoiceItem, std::int32_t>, std::pair<Amount, Amount>> invoiced;
  Amount left;
  for (const InvoiceLine& line : open) left += line.amount;
  while (left.is_positive()) {
    const Amount wanted = std::min(left, Amount::of_micros(*rc::gen::inRange<std::int64_t>(1, 40) * 10'000));
    const std::vector<InvoiceLine> lines = pick(open, wanted);
    Amount sum;
    for (const InvoiceLine& line : lines) {
      RC_ASSERT(line.amount.is_positive() && line.amount == line.net + line.tax && !line.tax.is_negative() && !line.net.is_negative());
      RC_ASSERT(line.amount == whole_cents(line.amount) && line.tax == whole_cents(line.tax));
      sum += line.amount;
      auto& [amount, tax] = invoiced[{line.item, line.tax_bps}];
      amount += line.amount;
      tax += line.tax;
      take_off(open, line);
    }
    RC_ASSERT(sum == wanted);
    left -= wanted;
  }
  RC_ASSERT(open.empty());
  for (const auto& [key, sum] : sums) {
    RC_ASSERT(invoiced[key].first == std::max(whole_cents(sum.first), Amount{}));  // what went back is in no line
    const Amount tax_off = std::max(whole_cents(sum.second), Amount{}) - invoiced[key].second;
    RC_ASSERT(tax_off <= Amount::of_micros(10'000) && Amount{} - tax_off <= Amount::of_micros(10'000));
  }
}

TEST_F(Invoices, MovesNeedWhatTheyName) {
  const RequestInvoice asked = ask({{kJune, "10"}}, "10", "10", "100");
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
      RequestInvoice request = ask({{kJune, "3"}, {kJune + 1, "5"}}, std::to_string(amount), "7", "100");
      request.months = {kJune + what};
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
