// Statements with corrections, disputes, payouts and late usage, in every format: the sums are those of the statement.
#include "documents/settlement.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "documents/csv.h"
#include "documents/json.h"
#include "documents/pdf.h"
#include "documents/testdata/reading.h"
#include "documents/testdata/sample_statement.h"
#include "documents/xlsx.h"

namespace bourse::documents {
namespace {

using nlohmann::json;

SampleOptions moving() { return {.lines = 20, .late = 3, .adjustments = 7, .payouts = 4}; }

const Table& table(const Document& document, std::string_view key) {
  const auto found = std::ranges::find_if(document.tables, [&](const Table& t) { return t.filed && t.key == key; });
  EXPECT_NE(found, document.tables.end()) << key;
  return *found;
}

TEST(Settlement, ItsDocumentHasEveryMovement) {
  const VerifiedStatement v = verified(moving());
  const statement::Statement& s = v.statement;
  for (const Language language : {Language::en, Language::zh}) {
    const Document document = document_of(v, language);
    const Status status = check(document);
    ASSERT_TRUE(status) << status.error().message();
    EXPECT_EQ(table(document, "adjustments").rows.size(), 7u);
    EXPECT_EQ(table(document, "payouts").rows.size(), 4u);
    EXPECT_EQ(table(document, "lines").rows.size(), 20u);
    Amount closing = s.opening;
    for (const Fact& fact : document.summary) {
      const Amount amount = std::get<Money>(fact.value).amount;
      if (fact.key == "center_share" || fact.key == "adjusted") closing += amount;
      if (fact.key == "payout") closing -= amount;
    }
    EXPECT_EQ(std::get<Money>(document.summary.back().value).amount, closing);
  }
  EXPECT_EQ(std::get<std::string>(table(document_of(v, Language::zh), "adjustments").rows[0][3]), "退款");
  EXPECT_EQ(std::get<std::string>(table(document_of(v, Language::en), "adjustments").rows[1][3]), "dispute opened");
}

TEST(Settlement, AWrongTotalOfCorrectionsIsFound) {
  for (const std::size_t which : {1u, 3u}) {  // the table, and its view on paper
    Document document = document_of(verified(moving()), Language::en);
    std::get<Money>(document.tables[which].totals[which == 1 ? 13 : 5]).amount += Amount::of_micros(1);
    ASSERT_FALSE(check(document));
    EXPECT_NE(check(document).error().detail.find("adjustments.center_share"), std::string::npos);
  }
}

TEST(Settlement, PaperShowsTablesOnlyIfThereIsSomething) {
  for (const Table& each : document_of(verified({}), Language::en).tables) EXPECT_EQ(each.printed, each.key == "lines") << each.title;
  const auto printed_columns = [](const VerifiedStatement& v) {
    const Document document = document_of(v, Language::en);
    return std::ranges::count_if(document.tables[0].columns, &Column::printed);
  };
  EXPECT_EQ(printed_columns(verified(moving())), printed_columns(verified({})) + 1);  // the mark
}

TEST(Settlement, ItsPricesAreThoseOfBothSides) {
  VerifiedStatement v = verified(moving());
  statement::Line& line = v.statement.lines[0];
  ASSERT_FALSE(line.rated.empty());
  const std::size_t plain = table(document_of(v, Language::en), "prices").rows.size();
  line.settled.push_back({.row = line.rated[0].row, .meter = pricing::Meter::core_ms, .price = *parse_decimal("0.04"), .per = 3'600'000, .quantity = 7,
                          .amount = Amount::of_micros(5), .strategy = pricing::Strategy::scow_cpus, .places = 2, .minimum = Amount::of_micros(10'000),
                          .mode = pricing::TierMode::volume, .tiers = {{.above = 100, .price = *parse_decimal("0.03")}}, .free = 9,
                          .windows = {{.days = 0x03, .from = 8 * 60, .until = 22 * 60}}, .zone = "Asia/Shanghai"});
  line.pool = {.cores = 960, .gpus = 0, .mem_mib = 3'932'160};
  const Document document = document_of(v, Language::zh);
  ASSERT_TRUE(check(document)) << check(document).error().message();
  const Table& prices = table(document, "prices");
  ASSERT_EQ(prices.rows.size(), plain + 1);
  const std::vector<Cell>& row = prices.rows[line.rated.size()];
  const std::vector<Cell> expected = {to_text(line.job), to_text(line.attempt), std::int64_t{line.revision}, std::string("settlement"), to_text(line.rated[0].row),
                                      std::string("core_ms"), std::string("0.04"), std::int64_t{3'600'000}, std::string("scow:cpusAlloc"), std::int64_t{2},
                                      Money{Amount::of_micros(10'000)}, std::int64_t{9}, std::string("volume"), std::string("above 100: 0.03"), Cell{}, Cell{},
                                      std::string("mon,tue 08:00-22:00 Asia/Shanghai"), std::int64_t{7}, Money{Amount::of_micros(5)}, std::int64_t{960}, Cell{},
                                      std::int64_t{3'932'160}};
  EXPECT_EQ(row, expected);
  EXPECT_FALSE(prices.printed);
}

TEST(Settlement, LateUsageIsMarked) {
  const VerifiedStatement v = verified(moving());
  const Rows rows = read_csv(write_csv(document_of(v, Language::en)).value());
  for (std::size_t r = 1; r < rows.size(); ++r) {
    EXPECT_EQ(rows[r][column(rows, "adjusts")], r <= 3 ? to_text(v.statement.lines[0].adjusts) : "");
    EXPECT_EQ(rows[r][column(rows, "mark")], r <= 3 ? "earlier period" : "");
  }
}

TEST(Settlement, CsvHoldsEachTable) {
  SampleOptions options = moving();
  options.reason = kHostile;
  const VerifiedStatement v = verified(options);
  const Document document = document_of(v, Language::zh);
  const Rows adjustments = read_csv(write_csv(document, "adjustments").value()), payouts = read_csv(write_csv(document, "payouts").value());
  EXPECT_EQ(sum(adjustments, "center_share"), v.statement.adjusted.center_share);
  EXPECT_EQ(sum(adjustments, "user"), v.statement.adjusted.user);
  EXPECT_EQ(sum(adjustments, "escrow"), v.statement.adjusted.escrow);
  EXPECT_EQ(adjustments[1][column(adjustments, "reason")].substr(0, 5), "'=cmd");
  EXPECT_EQ(adjustments[2][column(adjustments, "kind")], "dispute_opened");
  EXPECT_EQ(adjustments[4][column(adjustments, "adjusts")], to_text(v.statement.period));
  EXPECT_EQ(sum(payouts, "amount"), v.statement.payout);
  EXPECT_EQ(payouts[3][column(payouts, "kind")], "returned");
  EXPECT_EQ(payouts[3][column(payouts, "amount")].front(), '-');
  EXPECT_EQ(write_csv(document, "jobs").error().code, ErrorCode::invalid_argument);
  const Document none = document_of(verified({}), Language::en);
  EXPECT_EQ(read_csv(write_csv(none, "adjustments").value())[0], adjustments[0]);
}

TEST(Settlement, JsonHoldsEachTableOnce) {
  const VerifiedStatement v = verified(moving());
  const json document = json::parse(write_json(document_of(v, Language::en)));
  std::vector<std::string> keys;
  for (const json& each : document["tables"]) keys.push_back(each["key"]);
  EXPECT_EQ(keys, (std::vector<std::string>{"lines", "adjustments", "payouts", "prices", "reports"}));
  EXPECT_EQ(document["tables"][1]["totals"]["center_share"]["amount"], to_text(v.statement.adjusted.center_share));
  EXPECT_EQ(document["tables"][2]["totals"]["amount"]["amount"], to_text(v.statement.payout));
  EXPECT_EQ(document["tables"][1]["rows"][0]["dispute"], nullptr);
}

TEST(Settlement, FocusBillsShareAndCorrectionsExactly) {
  SampleOptions options = moving();
  options.reason = kHostile;
  const VerifiedStatement v = verified(options);
  const Rows rows = read_csv(write_focus(focus_of(v)));
  ASSERT_EQ(rows.size(), 28u);
  EXPECT_EQ(sum(rows, "BilledCost"), v.statement.totals.center + v.statement.adjusted.center_share);
  const auto amount = [&](std::size_t r, std::string_view name) { return parse_amount(rows[r][column(rows, name)]).value(); };
  for (std::size_t r = 1; r < rows.size(); ++r) {
    ASSERT_EQ(rows[r].size(), rows[0].size());
    const auto is = [&](std::string_view name) { return rows[r][column(rows, name)]; };
    EXPECT_EQ(is("InvoiceId"), to_text(v.statement.period));
    const bool adjustment = r > 20, earlier = !is("x_Adjusts").empty() && is("x_Adjusts") != to_text(v.statement.period);
    EXPECT_EQ(is("ChargeCategory"), adjustment ? "Adjustment" : "Usage");
    EXPECT_EQ(is("ChargeClass"), earlier ? "Correction" : "");
    EXPECT_EQ(is("ChargeFrequency"), adjustment ? "One-Time" : "Usage-Based");
    EXPECT_LT(is("ChargePeriodStart"), is("ChargePeriodEnd"));
    EXPECT_EQ(amount(r, "x_Gross"), amount(r, "BilledCost") + amount(r, "x_Margin") + amount(r, "x_Tax") + amount(r, "x_Escrow"));
    for (const char* priced : {"PricingQuantity", "PricingUnit", "ContractedUnitPrice", "ListUnitPrice", "SkuId", "SkuPriceId", "PricingCategory"})
      EXPECT_EQ(is(priced).empty(), adjustment) << priced;
    // Of the late ones the reading before is in another statement, and four meters have prices here.
    EXPECT_EQ(is("ConsumedQuantity").empty(), adjustment || r <= 3);
    EXPECT_EQ(is("x_Adjustment").empty(), !adjustment);
  }
  EXPECT_EQ(rows[21][column(rows, "x_AdjustmentKind")], "refund");
  EXPECT_EQ(amount(21, "ListCost") + amount(21, "x_Tax"), Amount{} - v.statement.adjustments[0].parts.user);
}

// A statement with one late line whose one priced meter is cards, at `price` / 10'000 an hour.
VerifiedStatement one_price(std::int64_t price, std::int64_t before_ms) {
  VerifiedStatement v = verified({.lines = 1, .late = 1});
  statement::Line& line = v.statement.lines[0];
  for (statement::Rated& rated : line.rated) {
    if (rated.meter != pricing::Meter::gpu_ms) rated.price = {0, 4};
    else rated.price = {price, 4};
  }
  const auto micros = divide_half_away(static_cast<__int128>(before_ms) * price * Amount::kMicrosPerUnit, __int128{3'600'000} * 10'000);
  line.previous.gross = Amount::of_micros(static_cast<std::int64_t>(micros));
  return v;
}

TEST(Settlement, FocusTellsTheReadingBeforeOnlyWhenThereIsOneOnly) {
  for (const std::int64_t before : {0LL, 1LL, 9'600'000LL, 9'600'001LL, 28'799'999LL}) {
    const VerifiedStatement v = one_price(127'391, before);  // 12.7391 a card-hour: 3.5 micro-units a millisecond
    const FocusCharge charge = focus_of(v).charges[0];
    ASSERT_TRUE(charge.consumed_quantity) << before;
    EXPECT_EQ(charge.consumed_unit, "GPU-Seconds");
    const Decimal got = *charge.consumed_quantity;
    const std::int64_t scale = got.scale == 0 ? 1000 : got.scale == 1 ? 100 : got.scale == 2 ? 10 : 1;
    EXPECT_EQ(got.coefficient * scale, v.statement.lines[0].charged[pricing::Meter::gpu_ms] - before);
    EXPECT_TRUE(charge.correction);
  }
  EXPECT_FALSE(focus_of(one_price(12'000, 9'600'000)).charges[0].consumed_quantity);  // a third of a micro-unit: three readings fit
  EXPECT_FALSE(focus_of(one_price(0, 9'600'000)).charges[0].consumed_quantity);
  VerifiedStatement unplain = one_price(127'391, 9'600'000);
  unplain.statement.lines[0].rated[0].minimum = Amount::of_micros(1);
  EXPECT_FALSE(focus_of(unplain).charges[0].consumed_quantity);
  VerifiedStatement v = one_price(127'391, 9'600'000);
  v.statement.lines[0].previous.gross += Amount::of_micros(1);  // that no reading comes to
  EXPECT_FALSE(focus_of(v).charges[0].consumed_quantity);
  v.statement.lines[0].previous.gross = Amount::whole(1'000'000);  // more than what the meter says now
  EXPECT_FALSE(focus_of(v).charges[0].consumed_quantity);
}

TEST(Settlement, JournalsBalance) {
  for (const SampleOptions& options : {SampleOptions{.lines = 30}, moving(), SampleOptions{.lines = 0, .adjustments = 1, .payouts = 3}}) {
    const VerifiedStatement v = verified(options);
    const Journal journal = journal_of(v);
    EXPECT_EQ(journal.accounts[1].closing, Amount{} - v.statement.closing);
    EXPECT_EQ(journal.entries.size(), 1 + v.statement.lines.size() + v.statement.adjustments.size() + v.statement.payouts.size());
    std::vector<Amount> balances(journal.accounts.size());
    for (const JournalEntry& entry : journal.entries) {
      Amount of_entry;
      for (const JournalPosting& posting : entry.postings) {
        of_entry += posting.amount;
        balances[posting.account] += posting.amount;
      }
      EXPECT_TRUE(of_entry.is_zero()) << entry.title;
    }
    for (std::size_t i = 0; i < balances.size(); ++i) EXPECT_EQ(balances[i], journal.accounts[i].closing) << i;
    EXPECT_EQ(journal.entries[0].title, "opening");
  }
}

TEST(Settlement, JournalsFollowTheClockAndTheOrderOfBooking) {
  VerifiedStatement v = verified(moving());
  v.statement.payouts[1].at = {v.statement.opened_at.unix_ms - 5};  // the clock stepped back
  const Journal journal = journal_of(v);
  std::vector<std::string> payouts;
  for (const JournalEntry& entry : journal.entries)
    if (entry.title.starts_with("payout")) payouts.push_back(entry.reference);
  std::vector<std::string> booked;
  for (const statement::PayoutLine& one : v.statement.payouts) booked.push_back(to_text(one.id));
  EXPECT_EQ(payouts, booked);
  EXPECT_TRUE(std::ranges::any_of(journal.entries, [](const JournalEntry& e) { return e.title == "payout returned"; }));
  EXPECT_NE(write_hledger(journal).find("Liabilities:Dispute escrow:CNY"), std::string::npos);
}

TEST(Settlement, WhatItsMovementsDoNotExplainIsRefused) {
  const statement::Statement right = verified(moving()).statement;
  EXPECT_TRUE(check_covered(right));
  const auto refused = [&](auto change) {
    statement::Statement wrong = right;
    change(wrong);
    const Status status = check_covered(wrong);
    return !status && status.error().code == ErrorCode::failed_precondition;
  };
  EXPECT_TRUE(refused([](auto& s) { s.closing += Amount::of_micros(1); }));
  EXPECT_TRUE(refused([](auto& s) { s.adjustments.pop_back(); }));
  EXPECT_TRUE(refused([](auto& s) { s.payouts.pop_back(); }));
  EXPECT_TRUE(refused([](auto& s) { s.payout += Amount::of_micros(1), s.closing -= Amount::of_micros(1); }));
  // Sums that a verifier makes in 128 bits: refused, not wrapped around.
  const Amount most = Amount::of_micros(std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(refused([&](auto& s) { s.totals.margin = most; }));
  EXPECT_TRUE(refused([&](auto& s) { s.adjustments[0].parts.tax = most; }));
  EXPECT_TRUE(refused([&](auto& s) { s.payouts[0].amount = most; }));
  EXPECT_TRUE(refused([&](auto& s) { s.opening = Amount::of_micros(std::numeric_limits<std::int64_t>::min()); }));
}

TEST(Settlement, PaperAndWorkbookAreWritten) {
  SampleOptions options = moving();
  options.reason = std::string(kHostile) + std::string(300, 'x');
  for (const Language language : {Language::en, Language::zh}) {
    const Document document = document_of(verified(options), language);
    const auto pdf = write_pdf(document), xlsx = write_xlsx(document);
    ASSERT_TRUE(pdf) << pdf.error().message();
    ASSERT_TRUE(xlsx) << xlsx.error().message();
    EXPECT_EQ(sha256(*pdf), sha256(write_pdf(document).value()));
  }
}

TEST(Settlement, ReservationsAreInEveryDocument) {
  SampleOptions options = moving();
  options.reserved = true;
  const VerifiedStatement v = verified(options);
  const statement::Statement& s = v.statement;
  ASSERT_EQ(s.accruals.size(), 2u);
  const auto carried = std::ranges::find(s.lines, s.accruals[0].reservation, &statement::Line::reservation);
  ASSERT_NE(carried, s.lines.end());
  const Document document = document_of(v, Language::en);
  ASSERT_TRUE(check(document));
  const Rows accruals = read_csv(write_csv(document, "accruals").value()), lines = read_csv(write_csv(document, "lines").value());
  EXPECT_EQ(sum(accruals, "gross"), Amount::of_micros(930'000'007));
  EXPECT_EQ(sum(accruals, "center_share"), s.accrued.center);
  EXPECT_EQ(lines[static_cast<std::size_t>(carried - s.lines.begin()) + 1][column(lines, "mark")], "covered by " + to_text(carried->reservation));
  const Rows focus = read_csv(write_focus(focus_of(v)));
  EXPECT_EQ(sum(focus, "BilledCost"), s.totals.center + s.adjusted.center_share + s.accrued.center);
  Amount deferred;
  const Journal journal = journal_of(v);
  for (const JournalEntry& entry : journal.entries) {
    Amount balance;
    for (const auto& posting : entry.postings) {
      balance += posting.amount;
      if (journal.accounts[posting.account].path.front() == "Deferred revenue") deferred += posting.amount;
    }
    EXPECT_TRUE(balance.is_zero());
  }
  EXPECT_EQ(deferred, s.accrued.gross);
}

TEST(Settlement, FixedFeesAreInEveryDocument) {
  SampleOptions options = moving();
  options.charged = true;
  const VerifiedStatement v = verified(options);
  const statement::Statement& s = v.statement;
  ASSERT_EQ(s.fees.size(), 2u);
  for (const Language language : {Language::en, Language::zh}) {
    const Document document = document_of(v, language);
    ASSERT_TRUE(check(document));
    EXPECT_TRUE(write_pdf(document));
    EXPECT_TRUE(write_xlsx(document));
    EXPECT_EQ(std::ranges::count(document.summary, "fee", &Fact::key), 1);
    EXPECT_EQ(sum(read_csv(write_csv(document, "fees").value()), "amount"), s.fee);
  }
  const Rows focus = read_csv(write_focus(focus_of(v)));
  EXPECT_EQ(sum(focus, "BilledCost"), s.totals.center + s.adjusted.center_share - s.fee);
  EXPECT_EQ(sum(focus, "x_Gross"), sum(focus, "BilledCost") + sum(focus, "x_Margin") + sum(focus, "x_Tax") + sum(focus, "x_Escrow"));
  Amount charged;
  const Journal journal = journal_of(v);
  std::vector<Amount> left(journal.accounts.size());
  for (const JournalEntry& entry : journal.entries) {
    Amount balance;
    for (const auto& posting : entry.postings) {
      balance += posting.amount;
      left[posting.account] += posting.amount;
      if (entry.title == "contract fee" && posting.amount.is_positive()) charged += posting.amount;
    }
    EXPECT_TRUE(balance.is_zero());
  }
  EXPECT_EQ(charged, s.fee);
  for (std::size_t i = 0; i < left.size(); ++i) EXPECT_EQ(left[i], journal.accounts[i].closing) << i;

  statement::Statement wrong = s;
  wrong.fees.pop_back();
  EXPECT_FALSE(check_covered(wrong));
}

}  // namespace
}  // namespace bourse::documents
