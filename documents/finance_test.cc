#include "documents/finance.h"

#include <gtest/gtest.h>

#include "documents/csv.h"
#include "documents/json.h"
#include "documents/pdf.h"
#include "documents/testdata/reading.h"
#include "documents/xlsx.h"

namespace bourse::documents {
namespace {

constexpr Instant kNow{1'795'000'000'000};
constexpr Amount kMost = Amount::of_micros(std::numeric_limits<std::int64_t>::max());

FinanceHead head() { return {.market = "bourse.test", .from = {kNow.unix_ms - 30LL * 86'400'000}, .to = kNow, .position = 4711}; }

TrialBalance trial_balance() {
  const auto micros = [](std::int64_t value) { return Amount::of_micros(value); };
  return {head(),
          {{"Assets:Bank clearing:CNY", "", "", micros(1'000'000'000), micros(500'000'001), {}, micros(1'500'000'001)},
           {"Liabilities:Wallet:CNY", "bil_1", "=课题组 A", micros(-1'000'000'000), micros(7), micros(500'000'001), micros(-1'499'999'994)},
           {"Income:Platform:CNY", "", "", {}, {}, micros(7), micros(-7)}}};
}

AgedHolds aged_holds() {
  SeededRng rng(3);
  AgedHolds out{.head = head()};
  for (const std::int64_t hours : {1LL, 24LL, 100LL, 800LL, 23LL}) {
    out.holds.push_back({JobId::make(kNow, rng), "bil_1", "课题组", kHostile, "running", {kNow.unix_ms - hours * 3'600'000}, Amount::of_micros(hours)});
    out.held += Amount::of_micros(hours);
  }
  return out;
}

RevenueAndTax revenue() {
  RevenueAndTax out{.head = head()};
  for (std::uint32_t n = 1; n <= 3; ++n) {
    RevenueRow row{.center = "ctr_1", .center_name = "北京", .period = "per_1", .number = n, .from = head().from, .to = kNow,
                   .center_share = Amount::of_micros(n == 3 ? -90'000'001 : 90'000'001), .margin = Amount::whole(1), .tax = Amount::whole(2),
                   .escrow = Amount::of_micros(n)};
    row.gross = row.center_share + row.margin + row.tax + row.escrow;
    out.rows.push_back(row);
  }
  return out;
}

// Each in both languages and every format.
template <class Data>
void renders(const Data& data) {
  for (const Language language : {Language::en, Language::zh}) {
    const auto document = document_of(data, language);
    ASSERT_TRUE(document) << document.error().message();
    const auto pdf = write_pdf(*document), xlsx = write_xlsx(*document);
    ASSERT_TRUE(pdf) << pdf.error().message();
    ASSERT_TRUE(xlsx) << xlsx.error().message();
    EXPECT_EQ(write_json(*document), write_json(*document_of(data, language)));
  }
}

template <class Data, class Change>
bool refused(Data data, Change change) {
  change(data);
  const auto document = document_of(data, Language::en);
  return !document && document.error().code == ErrorCode::integrity;
}

TEST(Finance, ATrialBalanceBalances) {
  renders(trial_balance());
  renders(TrialBalance{.head = head()});
  const Rows rows = read_csv(write_csv(document_of(trial_balance(), Language::en).value()).value());
  EXPECT_TRUE(sum(rows, "closing").is_zero());
  EXPECT_EQ(sum(rows, "debits"), sum(rows, "credits"));
  EXPECT_EQ(rows[2][column(rows, "owner_name")], "'=课题组 A");
  EXPECT_EQ(rows[3][column(rows, "closing")], "-0.000007");
}

TEST(Finance, ATrialBalanceThatDoesNotIsRefused) {
  const Amount one = Amount::of_micros(1);
  EXPECT_TRUE(refused(trial_balance(), [&](TrialBalance& b) { b.accounts[0].closing += one; }));
  EXPECT_TRUE(refused(trial_balance(), [&](TrialBalance& b) { b.accounts[0].opening += one, b.accounts[0].closing += one; }));
  EXPECT_TRUE(refused(trial_balance(), [&](TrialBalance& b) { b.accounts[0].debits += one, b.accounts[0].closing += one; }));
  EXPECT_TRUE(refused(trial_balance(), [&](TrialBalance& b) { b.accounts[2].debits = Amount{} - one; }));
  EXPECT_TRUE(refused(trial_balance(), [&](TrialBalance& b) { b.accounts.pop_back(); }));
  EXPECT_TRUE(refused(trial_balance(), [&](TrialBalance& b) {
    b.accounts = {{"A", "", "", {}, kMost, kMost, {}}, {"B", "", "", {}, kMost, kMost, {}}};
  }));
}

TEST(Finance, HoldsAreSortedIntoAges) {
  renders(aged_holds());
  renders(AgedHolds{.head = head()});
  const Document document = document_of(aged_holds(), Language::en).value();
  const Rows holds = read_csv(write_csv(document).value()), ages = read_csv(write_csv(document, "ages").value());
  EXPECT_EQ(holds[1][column(holds, "days")], "33");
  EXPECT_EQ(holds[5][column(holds, "days")], "0");
  EXPECT_EQ(sum(holds, "amount"), aged_holds().held);
  ASSERT_EQ(ages.size(), 6u);
  std::vector<std::string> counts;
  for (std::size_t r = 1; r < ages.size(); ++r) counts.push_back(ages[r][column(ages, "holds")]);
  EXPECT_EQ(counts, (std::vector<std::string>{"2", "1", "1", "0", "1"}));  // just 24 hours is no longer less than a day
  EXPECT_EQ(sum(ages, "amount"), aged_holds().held);
}

TEST(Finance, HoldsThatTheLedgerDoesNotHaveAreRefused) {
  EXPECT_TRUE(refused(aged_holds(), [](AgedHolds& a) { a.held += Amount::of_micros(1); }));
  EXPECT_TRUE(refused(aged_holds(), [](AgedHolds& a) { a.holds[0].since.unix_ms = kNow.unix_ms + 1; }));
  EXPECT_TRUE(refused(aged_holds(), [](AgedHolds& a) { a.holds[0].amount = {}; }));
  EXPECT_TRUE(refused(aged_holds(), [](AgedHolds& a) { a.holds[0].amount = a.holds[1].amount = kMost; }));
}

TEST(Finance, RevenueIsWhatIsLeft) {
  renders(revenue());
  renders(RevenueAndTax{.head = head()});
  const Rows rows = read_csv(write_csv(document_of(revenue(), Language::zh).value()).value());
  EXPECT_EQ(sum(rows, "gross"), sum(rows, "center_share") + sum(rows, "margin") + sum(rows, "tax") + sum(rows, "escrow"));
  EXPECT_TRUE(refused(revenue(), [](RevenueAndTax& r) { r.rows[1].tax += Amount::of_micros(1); }));
  EXPECT_TRUE(refused(revenue(), [](RevenueAndTax& r) {
    for (RevenueRow& row : r.rows) row = {.gross = kMost, .tax = kMost};
  }));
}

TEST(Finance, AnAccrualHasWhatIsDeferred) {
  UnbilledAccrual accrual{.head = head(), .rows = revenue().rows,
                          .deferred = {{"ctr_1", "北京", 2, Amount::whole(10), Amount::whole(3), Amount::whole(7), kNow}, {"", "", 1, Amount::whole(5), {}, Amount::whole(5), kNow}}};
  accrual.fees = {{"ctr_1", "北京", "per_1", 3, kNow, Amount::whole(106), Amount::whole(6)}};
  renders(accrual);
  renders(UnbilledAccrual{.head = head()});
  const Rows fees = read_csv(write_csv(document_of(accrual, Language::en).value(), "fees").value());
  EXPECT_EQ(sum(fees, "amount"), Amount::whole(106));
  EXPECT_TRUE(refused(accrual, [](UnbilledAccrual& a) { a.fees[0].tax = Amount::whole(107); }));
  const Rows rows = read_csv(write_csv(document_of(accrual, Language::en).value(), "deferred").value());
  EXPECT_EQ(sum(rows, "deferred"), Amount::whole(12));
  EXPECT_EQ(rows[2][column(rows, "what")], "Packages of 度");
  EXPECT_TRUE(refused(accrual, [](UnbilledAccrual& a) { a.deferred[1].earned = Amount::of_micros(1); }));
  EXPECT_TRUE(refused(accrual, [](UnbilledAccrual& a) { a.deferred[1] = {.paid = Amount::whole(1), .earned = Amount::whole(2), .deferred = Amount::whole(-1)}; }));
  EXPECT_TRUE(refused(accrual, [](UnbilledAccrual& a) { a.rows[0].tax += Amount::of_micros(1); }));
}

TEST(Finance, RoundingIsShownWithItsBalance) {
  Rounding rounding{.head = head(), .accounts = {{"lac_1", Amount::of_micros(7), Amount::of_micros(5)}}};
  renders(rounding);
  renders(Rounding{.head = head()});
  const Rows rows = read_csv(write_csv(document_of(rounding, Language::en).value()).value());
  EXPECT_EQ(rows[1][column(rows, "balance")], "0.000002");
  EXPECT_TRUE(refused(rounding, [](Rounding& r) { r.accounts[0].debits = Amount::of_micros(-1); }));
}

}  // namespace
}  // namespace bourse::documents
