// What was written is read back: sums, cells, hashes. Names are as bad as they come.
#include "documents/document.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "base/sha256.h"
#include "documents/account_book.h"
#include "documents/bill.h"
#include "documents/csv.h"
#include "documents/focus.h"
#include "documents/journal.h"
#include "documents/json.h"
#include "documents/pdf.h"
#include "documents/settlement.h"
#include "documents/testdata/reading.h"
#include "documents/testdata/sample_statement.h"
#include "documents/text.h"
#include "documents/xlsx.h"

// fontconfig keeps one pattern of its configuration for good, however many documents are written: not ours, and no growth.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig\n"; }

namespace bourse::documents {
namespace {

using nlohmann::json;
TEST(Documents, CleanTextIsOneHarmlessLine) {
  EXPECT_EQ(clean("plain 北京"), "plain 北京");
  EXPECT_EQ(clean(std::string_view("a\0b\nc\r\td", 8)), "a b c  d");
  EXPECT_EQ(clean("a\xE2\x80\xAE" "b\xE2\x80\x8B" "c\xEF\xBB\xBF"), "abc");
  EXPECT_EQ(clean("\xFF\xC0\x80\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(clean("x\xE3\x80\x80y\xE2\x80\xA8z"), "x y z");
  EXPECT_EQ(clean("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(clean("cut \xE5\x8C"), "cut \xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Documents, MoneyForPeopleIsExact) {
  EXPECT_EQ(grouped(Amount::of_micros(1'234'567'500'000), 2), "1,234,567.50");
  EXPECT_EQ(grouped(Amount::of_micros(-1), 2), "-0.000001");
  EXPECT_EQ(grouped(Amount::whole(100), 6), "100.000000");
  EXPECT_EQ(grouped(Amount::whole(-1000), 2), "-1,000.00");
  EXPECT_EQ(grouped(Amount::of_micros(std::numeric_limits<std::int64_t>::min()), 2), "-9,223,372,036,854.775808");
  EXPECT_EQ(grouped(std::int64_t{-1234}), "-1,234");
}

TEST(Documents, AStatementBecomesAWellFormedDocument) {
  const VerifiedStatement v = verified({});
  for (const Language language : {Language::en, Language::zh}) {
    const Document document = document_of(v, language);
    const Status status = check(document);
    EXPECT_TRUE(status) << status.error().message();
    EXPECT_EQ(document.tables[0].rows.size(), v.statement.lines.size());
  }
}

TEST(Documents, AWrongTotalOrKindIsFound) {
  Document document = document_of(verified({}), Language::en);
  std::get<Money>(document.tables[0].totals[13]).amount += Amount::of_micros(1);
  ASSERT_FALSE(check(document));
  EXPECT_NE(check(document).error().detail.find("lines.gross"), std::string::npos);
  document = document_of(verified({}), Language::en);
  document.tables[0].rows[2][1] = std::int64_t{1};
  EXPECT_NE(check(document).error().detail.find("lines[2].job"), std::string::npos);
  document.tables[0].rows[2].pop_back();
  EXPECT_FALSE(check(document));
  document = document_of(verified({}), Language::en);
  std::get<Money>(document.tables[0].rows[1][14]).unit = kDu;
  EXPECT_NE(check(document).error().detail.find("two units"), std::string::npos);
}

TEST(Documents, OnlyWhatVerifiedIsOpened) {
  SampleStatement sample({});
  std::string file = sample.file();
  const auto right = statement::verify(file);
  file[file.find("\"payload\":\"") + 300] ^= 1;
  EXPECT_FALSE(open_verified(file, statement::verify(file)));
  EXPECT_FALSE(open_verified(file, right));  // another file's verdict
}

TEST(Documents, WhatCapturesDoNotExplainIsRefused) {
  statement::Statement statement = verified({}).statement;
  EXPECT_TRUE(check_covered(statement));
  statement.closing += Amount::of_micros(1);
  ASSERT_FALSE(check_covered(statement));
  EXPECT_EQ(check_covered(statement).error().code, ErrorCode::failed_precondition);
}

TEST(Documents, CsvHoldsEveryLineAndItsSums) {
  const VerifiedStatement v = verified({.lines = 40, .center_name = kHostile});
  const Rows rows = read_csv(write_csv(document_of(v, Language::zh)).value());
  ASSERT_EQ(rows.size(), 41u);
  for (const auto& row : rows) EXPECT_EQ(row.size(), rows.front().size());
  EXPECT_EQ(sum(rows, "gross"), v.statement.totals.gross);
  EXPECT_EQ(sum(rows, "center_share"), v.statement.totals.center);
  EXPECT_EQ(sum(rows, "tax"), v.statement.totals.tax);
  EXPECT_EQ(rows[1][column(rows, "center_name")].substr(0, 5), "'=cmd");
  EXPECT_EQ(rows[7][column(rows, "record")], to_text(v.statement.lines[6].record));
  EXPECT_EQ(rows[0], read_csv(write_csv(document_of(verified({.lines = 0}), Language::en)).value())[0]);  // constant columns
}

TEST(Documents, CsvGuardsFormulasAndNothingElse) {
  for (const char* bad : {"=1+1", "+1", "-1", "@x", "  =1", "\xEF\xBC\x9D" "1"}) EXPECT_EQ(read_csv(csv_record({{bad}}))[0][0], std::string("'") + bad);
  EXPECT_EQ(csv_record({{"-1.50", true}, {"a,b"}, {"say \"x\""}, {""}}), "-1.50,\"a,b\",\"say \"\"x\"\"\",\r\n");
}

TEST(Documents, JsonHoldsTheModel) {
  const VerifiedStatement v = verified({.lines = 3, .center_name = kHostile});
  const json document = json::parse(write_json(document_of(v, Language::en)));
  EXPECT_EQ(document["format"], "bourse.document.v1");
  EXPECT_EQ(document["tables"][0]["totals"]["gross"]["amount"], to_text(v.statement.totals.gross));
  EXPECT_EQ(document["tables"][0]["rows"][2]["job"], to_text(v.statement.lines[2].job));
  EXPECT_EQ(document["evidence"][0]["value"], to_hex(v.file_sha256));
  EXPECT_EQ(document["issued"], to_text(v.statement.cut_off));
  EXPECT_EQ(document["tables"].back()["rows"][0]["sha256"], to_hex(v.statement.reports[0].sha256));
}

TEST(Documents, FocusBillsThePayableExactly) {
  const VerifiedStatement v = verified({.lines = 60, .center_name = "@北京,\"超算\""});
  const Rows rows = read_csv(write_focus(focus_of(v)));
  ASSERT_EQ(rows.size(), 61u);
  EXPECT_EQ(sum(rows, "BilledCost"), v.statement.totals.center);
  for (const char* mandatory : {"BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
                                "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
                                "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName",
                                "PublisherName", "ServiceCategory", "ServiceName"})
    column(rows, mandatory);
  for (std::size_t r = 1; r < rows.size(); ++r) {
    EXPECT_EQ(rows[r][column(rows, "InvoiceId")], to_text(v.statement.period));
    EXPECT_EQ(rows[r][column(rows, "ChargeClass")], "");
    EXPECT_EQ(rows[r][column(rows, "PricingQuantity")], "1");
    EXPECT_EQ(rows[r][column(rows, "ContractedUnitPrice")], rows[r][column(rows, "ContractedCost")]);
    EXPECT_LT(rows[r][column(rows, "ChargePeriodStart")], rows[r][column(rows, "ChargePeriodEnd")]);
    EXPECT_EQ(rows[r][column(rows, "ChargePeriodEnd")].size(), std::string_view("2026-11-21T08:30:00Z").size());
    EXPECT_FALSE(rows[r][column(rows, "ConsumedQuantity")].empty());
  }
  EXPECT_EQ(rows[1][column(rows, "ProviderName")], "'@北京,\"超算\"");
}

TEST(Documents, FocusConsumedIsWhatACaptureAdded) {
  const VerifiedStatement v = verified({.lines = 2});
  ASSERT_EQ(v.statement.lines[1].revision, 2u);
  const FocusDataset set = focus_of(v);
  EXPECT_EQ(set.charges[0].consumed_unit, "GPU-Seconds");
  const auto ms = [&](std::size_t i) { return v.statement.lines[i].charged[pricing::Meter::gpu_ms]; };
  EXPECT_EQ(set.charges[0].consumed_quantity->coefficient * (set.charges[0].consumed_quantity->scale == 0 ? 1000 : 1), ms(0));
  EXPECT_EQ(set.charges[1].start, v.statement.lines[0].end);
  VerifiedStatement later = v;  // the record before is in another period's statement
  later.statement.lines.erase(later.statement.lines.begin());
  EXPECT_FALSE(focus_of(later).charges[0].consumed_quantity);
}

TEST(Documents, JournalNamesCannotBreakTheSyntax) {
  Journal journal{.title = kHostile, .from = {1'795'000'000'000}, .to = {1'795'100'000'000}};
  journal.accounts = {{AccountType::assets, {kHostile}, kHostile, Amount::of_micros(-1)}, {AccountType::equity, {"北京"}, "", Amount::of_micros(1)},
                      {AccountType::equity, {"上海"}, "", {}}};
  journal.entries = {{{1'795'000'000'000}, kHostile, kHostile, {{0, Amount::of_micros(-1)}, {1, Amount::of_micros(1)}}},
                     {{1'794'000'000'000}, "(a) | b", "", {{0, {}}, {2, {}}}}};
  const std::string hledger = write_hledger(journal), beancount = write_beancount(journal);
  EXPECT_EQ(hledger.find('\r'), std::string::npos);
  EXPECT_EQ(hledger.find("\n;", 2), hledger.find("\n; Debits"));
  EXPECT_NE(beancount.find("Equity:X-2"), std::string::npos);  // 北京 and 上海 have no letters that beancount takes
  EXPECT_NE(beancount.find("balance Assets:Cmd-C-calc-A0-2026-01-01-x-b-amp -0.000001 ~ 0 CNY"), std::string::npos) << beancount;
  EXPECT_NE(beancount.find("2026-11-20 balance"), std::string::npos) << beancount;
  EXPECT_EQ(beancount.find("2026-11-06"), std::string::npos);  // the second entry's clock had stepped back
}

Bill bill() {
  SeededRng rng(7);
  const Instant at{1'795'000'000'000};
  Bill out{.market = "bourse.test", .account = BillingAccountId::make(at, rng), .account_name = "课题组 A", .tenant = "大学", .month = "2026-11", .zone = "UTC",
           .from = parse_instant("2026-11-01T00:00:00Z").value(), .to = parse_instant("2026-12-01T00:00:00Z").value(), .opening = Amount::whole(10)};
  out.items = {{at, "top_up", "-REF 1", "", Amount::whole(1000)}, {at, "correction", "job", "a node was slow", Amount::whole(2)}};
  for (int i = 0; i < 3; ++i) {
    out.lines.push_back({"on_demand", "项目", "ada", "alpha", i == 0 ? "2026-10" : "", 3, 3'600'000 * i, 0, Amount::of_micros(i == 2 ? 5 : 123'456'789)});
    out.charges += out.lines.back().amount;
  }
  out.closing = out.opening + Amount::whole(1002) - out.charges;
  return out;
}

TEST(Documents, ABillIsRenderedByTheSameWriters) {
  const auto document = document_of(bill(), Language::zh);
  ASSERT_TRUE(document) << document.error().message();
  const Rows rows = read_csv(write_csv(*document).value());
  EXPECT_EQ(sum(rows, "amount"), bill().charges);
  EXPECT_EQ(rows[3][column(rows, "amount")], "0.000005");
  EXPECT_EQ(rows[1][column(rows, "month")], "2026-11");
  EXPECT_EQ(rows[1][column(rows, "used_in")], "2026-10");  // late, and it says so
  EXPECT_TRUE(write_pdf(*document));
  EXPECT_TRUE(write_xlsx(*document));
  EXPECT_EQ(json::parse(write_json(*document))["summary"][4]["value"]["amount"], to_text(bill().closing));
}

AccountBook book() {
  AccountBook out{.market = "bourse.test", .account = "acc_1", .account_name = kHostile, .zone = "UTC", .from = parse_instant("2026-11-01T00:00:00Z").value(),
                  .to = parse_instant("2026-12-01T00:00:00Z").value(), .opening = Amount::of_micros(7)};
  Amount balance = out.opening;
  const auto add = [&](const char* code, std::int64_t micros, const char* project) {
    const Amount moved = Amount::of_micros(micros);
    balance += moved;
    out.entries.push_back({Instant{1'795'000'000'000 + micros}, code, "ref", "job_1", kHostile, project, "ada", "alpha", moved, balance});
  };
  add("top_up", 10'000'000, "");
  add("charge", -1'234'567, kHostile);
  add("charge", -5, "");
  add("correction", 34'567, kHostile);
  out.closing = balance;
  return out;
}

TEST(Documents, AnAccountsBookIsExactInEveryFormat) {
  const auto focus = focus_of(book());
  ASSERT_TRUE(focus) << focus.error().message();
  EXPECT_EQ(sum(read_csv(write_focus(*focus)), "BilledCost"), Amount::of_micros(1'234'567 + 5 - 34'567));
  const auto journal = journal_of(book());
  ASSERT_TRUE(journal) << journal.error().message();
  Amount all;
  for (const JournalAccount& account : journal->accounts) all += account.closing;
  EXPECT_EQ(all, Amount{});
  const auto document = document_of(book(), Language::en);
  ASSERT_TRUE(document) << document.error().message();
  EXPECT_EQ(sum(read_csv(write_csv(*document).value()), "amount"), book().closing - book().opening);
  AccountBook wrong = book();
  wrong.entries[1].balance += Amount::of_micros(1);
  EXPECT_EQ(journal_of(wrong).error().code, ErrorCode::integrity);
  wrong = book();
  wrong.closing += Amount::of_micros(1);
  EXPECT_EQ(focus_of(wrong).error().code, ErrorCode::integrity);
}

TEST(Documents, AReceiptsLinesAreWhatWasCharged) {
  Receipt receipt{.market = "bourse.test", .job = "job_1", .name = kHostile, .account = "A", .center = "alpha", .state = "ended", .started = {1}, .ended = {2},
                  .held = Amount::whole(2), .charged = Amount::whole(1), .released = Amount::whole(1),
                  .lines = {{"att_1", "core_ms", "prc_1", "0.36 a core-hour", 3'600'000, Amount::whole(1)}}};
  const auto document = document_of(receipt, Language::zh);
  ASSERT_TRUE(document) << document.error().message();
  EXPECT_TRUE(write_pdf(*document));
  receipt.lines[0].amount += Amount::of_micros(1);
  EXPECT_EQ(document_of(receipt, Language::en).error().code, ErrorCode::integrity);
}

TEST(Documents, ABillThatDoesNotAddUpIsRefused) {
  Bill wrong = bill();
  wrong.closing += Amount::of_micros(1);
  EXPECT_EQ(document_of(wrong, Language::en).error().code, ErrorCode::integrity);
  wrong = bill();
  wrong.charges += Amount::of_micros(1);
  wrong.closing = wrong.closing - Amount::of_micros(1);
  EXPECT_EQ(document_of(wrong, Language::en).error().code, ErrorCode::integrity);
}

TEST(Documents, TheSameStatementGivesTheSameBytes) {
  const Document first = document_of(verified({.lines = 20}), Language::zh), second = document_of(verified({.lines = 20}), Language::zh);
  const auto pdf = write_pdf(first), xlsx = write_xlsx(first);
  ASSERT_TRUE(pdf) << pdf.error().message();
  ASSERT_TRUE(xlsx) << xlsx.error().message();
  EXPECT_EQ(sha256(*pdf), sha256(write_pdf(second).value()));
  EXPECT_EQ(sha256(*xlsx), sha256(write_xlsx(second).value()));
  EXPECT_TRUE(pdf->starts_with("%PDF-"));
  EXPECT_TRUE(xlsx->starts_with("PK"));
  EXPECT_NE(sha256(*pdf), sha256(write_pdf(document_of(verified({.lines = 21}), Language::zh)).value()));
}

}  // namespace
}  // namespace bourse::documents
