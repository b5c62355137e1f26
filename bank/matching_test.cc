#include "bank/matching.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bank/statement_fixture.h"

namespace bourse::bank {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Unit kEuro = parse_unit("EUR").value();

Amount euros(std::string_view text) { return parse_amount(text).value(); }

// A booked entry of one payment; credits above zero, debits below.
Entry booked(std::string_view amount, std::string end_to_end_id, std::vector<std::string> remittance = {}) {
  Entry entry{.amount = euros(amount), .currency = kEuro};
  entry.details.push_back({.end_to_end_id = std::move(end_to_end_id), .amount = entry.amount, .remittance = std::move(remittance)});
  return entry;
}
Entry returned(std::string_view amount, std::string end_to_end_id, std::string reason, std::vector<std::string> remittance = {}) {
  Entry entry = booked(amount, std::move(end_to_end_id), std::move(remittance));
  entry.details[0].returned = true;
  entry.details[0].return_reason = std::move(reason);
  return entry;
}
OrderedPayment ordered(std::string id, std::string_view amount, std::string remittance_id = "") {
  return {.end_to_end_id = std::move(id), .remittance_id = std::move(remittance_id), .amount = euros(amount), .currency = kEuro};
}
PaymentOutcome outcome(const OrderedPayment& payment, const std::vector<Entry>& entries) { return match(std::vector{payment}, entries).payments.at(0); }

TEST(Match, OfASampleFile) {
  const auto statement = read_statement(sample("camt.053.001.02.xml"));
  ASSERT_TRUE(statement) << statement.error().message();
  const auto matching = match(std::vector{ordered("per-1", "200.05"), ordered("per-0", "50"), ordered("per-9", "1")}, statement->entries);
  EXPECT_EQ(matching.payments[0].fate, PaymentFate::matched);
  EXPECT_THAT(matching.payments[0].places, ElementsAre(EntryPlace{2, 0}));
  EXPECT_EQ(matching.payments[1].fate, PaymentFate::returned);
  EXPECT_EQ(matching.payments[1].reason, "AC04");
  EXPECT_EQ(matching.payments[2].fate, PaymentFate::unmatched);
  EXPECT_THAT(matching.strange_debits, ElementsAre(EntryPlace{3, EntryPlace::kWhole})) << "the fee";
}

TEST(Match, ByEndToEndIdWithItsAmount) {
  EXPECT_EQ(outcome(ordered("a", "5"), {booked("-5", "a")}).fate, PaymentFate::matched);
  EXPECT_EQ(outcome(ordered("a", "5"), {booked("-5", "A")}).fate, PaymentFate::unmatched);
  const auto differs = outcome(ordered("a", "5"), {booked("-4.99", "a")});
  EXPECT_EQ(differs.fate, PaymentFate::amount_differs);
  EXPECT_EQ(differs.reason, "debited 4.99, ordered 5.00");
  EXPECT_EQ(differs.booked, euros("4.99"));
  OrderedPayment yuan = ordered("a", "5");
  yuan.currency = kCny;
  EXPECT_EQ(outcome(yuan, {booked("-5", "a")}).fate, PaymentFate::amount_differs);
  EXPECT_EQ(outcome(ordered("a", "5"), {booked("-5", "a"), booked("-5", "a")}).fate, PaymentFate::ambiguous) << "paid twice";
  const auto twins = match(std::vector{ordered("a", "5"), ordered("a", "5")}, std::vector{booked("-5", "a")});
  EXPECT_EQ(twins.payments[0].fate, PaymentFate::ambiguous);
  EXPECT_EQ(twins.payments[1].fate, PaymentFate::ambiguous);
  Entry silent = booked("-5", "a");
  silent.details[0].amount.reset();
  EXPECT_EQ(outcome(ordered("a", "5"), {silent}).fate, PaymentFate::amount_differs);
}

TEST(Match, OnlyBookedEntriesAndEachOnce) {
  Entry pending = booked("-5", "a");
  pending.status = EntryStatus::pending;
  EXPECT_EQ(outcome(ordered("a", "5"), {pending}).fate, PaymentFate::unmatched);
  Entry told = booked("-5", "a");
  told.identity.bytes[0] = 1;
  EXPECT_EQ(outcome(ordered("a", "5"), {told, told}).fate, PaymentFate::matched) << "two statements that overlap";
}

TEST(Match, ReturnsGoBeforeDebits) {
  const auto back = outcome(ordered("a", "5"), {booked("-5", "a"), returned("5", "a", "AC01")});
  EXPECT_EQ(back.fate, PaymentFate::returned);
  EXPECT_EQ(back.reason, "AC01");
  EXPECT_EQ(back.places.size(), 2U);
  EXPECT_EQ(outcome(ordered("a", "5"), {returned("5", "a", "")}).fate, PaymentFate::returned) << "the debit was in an earlier file";
  const auto less = outcome(ordered("a", "5"), {booked("-5", "a"), returned("4", "a", "AC01")});
  EXPECT_EQ(less.fate, PaymentFate::amount_differs);
  EXPECT_EQ(less.reason, "returned 4.00, ordered 5.00");
}

TEST(Match, ThenByAmountAndRemittance) {
  EXPECT_EQ(outcome(ordered("a", "5", "per_1"), {booked("-5", "", {"payout PER 1, October"})}).fate, PaymentFate::matched);
  EXPECT_EQ(outcome(ordered("a", "5", "per_1"), {booked("-5.01", "", {"per_1"})}).fate, PaymentFate::unmatched) << "the amount must be exact";
  EXPECT_EQ(outcome(ordered("a", "5", "per_1"), {booked("-5", "", {"per_10"})}).fate, PaymentFate::unmatched);
  EXPECT_EQ(outcome(ordered("a", "5", "per_1"), {booked("-5", "", {"super_1"})}).fate, PaymentFate::unmatched);
  EXPECT_EQ(outcome(ordered("a", "5", "per_1"), {booked("-5", "b", {"per_1"})}).fate, PaymentFate::unmatched) << "another's EndToEndId";
  EXPECT_EQ(outcome(ordered("a", "5"), {booked("-5", "", {"a"})}).fate, PaymentFate::unmatched);
  EXPECT_EQ(outcome(ordered("a", "5", "--"), {booked("-5", "", {"--"})}).fate, PaymentFate::unmatched);
  EXPECT_EQ(outcome(ordered("a", "5", "per_1"), {returned("5", "", "AC04", {"per_1"})}).fate, PaymentFate::returned);
  EXPECT_EQ(outcome(ordered("a", "5", "per_1"), {booked("5", "", {"per_1"})}).fate, PaymentFate::unmatched) << "a payment to us that quotes it";
  EXPECT_EQ(outcome(ordered("a", "5", "per_1"), {booked("-5", "", {"per_1"}), booked("-5", "", {"per_1"})}).fate, PaymentFate::ambiguous);
  const auto both = match(std::vector{ordered("a", "5", "per_1"), ordered("b", "5", "per_2")}, std::vector{booked("-5", "", {"per_1 per_2"})});
  EXPECT_EQ(both.payments[0].fate, PaymentFate::ambiguous);
  EXPECT_EQ(both.payments[1].fate, PaymentFate::ambiguous);
  EXPECT_THAT(both.strange_debits, IsEmpty());
  const auto apart = match(std::vector{ordered("a", "5", "per_1"), ordered("b", "5", "per_2")}, std::vector{booked("-5", "", {"per_2"}), booked("-5", "", {"per_1"})});
  EXPECT_THAT(apart.payments[0].places, ElementsAre(EntryPlace{1, 0}));
  EXPECT_THAT(apart.payments[1].places, ElementsAre(EntryPlace{0, 0}));
}

TEST(Match, EntriesWithoutDetailsByTheirText) {
  Entry entry{.amount = euros("-5"), .currency = kEuro, .text = "per_1"};
  const auto found = outcome(ordered("a", "5", "per_1"), {entry});
  EXPECT_EQ(found.fate, PaymentFate::matched);
  EXPECT_THAT(found.places, ElementsAre(EntryPlace{0, EntryPlace::kWhole}));
}

}  // namespace
}  // namespace bourse::bank
