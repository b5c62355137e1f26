// Tariffs in books: tiers, windows, allowances, discounts, 度, and what changed between two books.
#include <gtest/gtest.h>

#include "broker/adapters/factors/fields.h"
#include "cli/rate/book_diff.h"
#include "cli/rate/market_book.h"
#include "cli/rate/rated_json.h"
#include "cli/rate/summary.h"

namespace bourse::cli {
namespace {

using nlohmann::json;

const std::string kTable = R"({"version":"v1","published":"2026-01-01","norm":"n","meter":"gpu_ms","includes":["core_ms","node_ms","mem_mib_s"],
  "includes_unmetered":["power"],"starts":"s","stops":"e","factors":[
  {"chip":"H100 SXM","precision":"fp16","tflops":"989","sparsity":"dense","factor":"3.1699","source":"s","date":"2026-01-01"}]})";

FactorTables tables() {
  FactorTable table = factors::read_factor_table(kTable).value();
  FactorTables all;
  all.emplace(table.version, std::move(table));
  return all;
}

std::string row_with(const std::string& more) {
  return R"({"id":"p","meter":"core_ms","price":"1","per":"core-hour","valid_from":"2026-01-01T00:00:00Z")" + (more.empty() ? more : "," + more) + "}";
}
std::string book_of(const std::string& rows, const std::string& more = "", const std::string& currency = "CNY") {
  return R"({"currency":")" + currency + R"(","rows":[)" + rows + "]" + more + "}";
}
std::string why_not(const std::string& book) {
  const auto read = read_book(book, tables());
  return read ? "" : read.error().detail;
}

TEST(TariffFiles, ReadsWhatARowMaySay) {
  const auto read = read_book(book_of(row_with(R"("tiers":[{"above":"100","price":"0.5"}],"tier_mode":"volume","tier_scope":"month","free":"1.5","free_scope":"month",
    "windows":[{"days":["mon","sun"],"from":"22:00","to":"06:30"},{"from":"00:00","to":"24:00"}],"zone":"Asia/Shanghai")")));
  ASSERT_TRUE(read) << read.error().detail;
  const pricing::PriceRow& row = read->book.rows().begin()->second;
  EXPECT_EQ(row.tiers, (pricing::Tiers{pricing::TierMode::volume, pricing::Over::month, {{360'000'000, {5, 1}}}}));
  EXPECT_EQ(row.free, (pricing::Allowance{5'400'000, pricing::Over::month}));
  EXPECT_EQ(row.windows, (std::vector<pricing::WeeklyWindow>{{0b1000001, 1320, 390}, {0x7f, 0, 1440}}));
}

TEST(TariffFiles, NothingIsTakenForAValueThatIsEmpty) {
  std::string row = row_with("");
  row.replace(row.find(R"("1")"), 3, R"("")");
  EXPECT_EQ(why_not(book_of(row)), "rows[0].price: it is empty") << "and not a price of zero";
  EXPECT_EQ(why_not(book_of(row_with(R"("valid_until":"")"))), "rows[0].valid_until: it is empty") << "and not for ever";
}

TEST(TariffFiles, NamesWhatIsWrong) {
  EXPECT_EQ(why_not(book_of(row_with(R"("tiers":[{"above":"1","price":"1"}])"))), "rows[0].tier_mode: it is missing");
  EXPECT_EQ(why_not(book_of(row_with(R"("tier_mode":"volume")"))), "rows[0].tier_mode: there are no tiers");
  EXPECT_EQ(why_not(book_of(row_with(R"("tiers":[{"above":"1","prise":"1"}],"tier_mode":"volume")"))), "rows[0].tiers[0].price: it is missing");
  EXPECT_EQ(why_not(book_of(row_with(R"("tiers":[{"above":"2","price":"1"},{"above":"1","price":"1"}],"tier_mode":"volume")"))),
            "rows[0] (p): the tiers don't rise from above zero");
  EXPECT_EQ(why_not(book_of(row_with(R"("tiers":{"above":"1"},"tier_mode":"volume")"))), "rows[0].tiers: expected a list");
  EXPECT_EQ(why_not(book_of(row_with(R"("free":"0.0000001")"))).substr(0, 13), "rows[0].free:");
  EXPECT_EQ(why_not(book_of(row_with(R"("free":"-1")"))).substr(0, 13), "rows[0].free:");
  EXPECT_EQ(why_not(book_of(row_with(R"("free_scope":"month")"))), "rows[0].free_scope: nothing is free");
  EXPECT_EQ(why_not(book_of(row_with(R"("free":"1","free_scope":"year")"))), "rows[0].free_scope: it is usage or month");
  EXPECT_EQ(why_not(book_of(row_with(R"("windows":[])"))).substr(0, 16), "rows[0].windows:");
  EXPECT_EQ(why_not(book_of(row_with(R"("windows":[{"from":"8:00","to":"22:00"}],"zone":"UTC")"))), "rows[0].windows[0].from: a time is written 00:00 to 24:00");
  for (const char* time : {"24:01", "25:00", "12:60", "1a:00", "12-00", ""})
    EXPECT_NE(why_not(book_of(row_with(R"("windows":[{"from":"00:00","to":")" + std::string(time) + R"("}],"zone":"UTC")"))), "") << time;
  EXPECT_EQ(why_not(book_of(row_with(R"("windows":[{"days":["monday"],"from":"08:00","to":"22:00"}],"zone":"UTC")"))),
            "rows[0].windows[0].days: the days are mon, tue, wed, thu, fri, sat and sun");
  EXPECT_EQ(why_not(book_of(row_with(R"("windows":[{"days":[],"from":"08:00","to":"22:00"}],"zone":"UTC")"))), "rows[0] (p): a window holds on no day of the week");
  EXPECT_EQ(why_not(book_of(row_with(R"("windows":[{"from":"08:00","to":"22:00"}])"))), "rows[0] (p): windows need a zone");
  EXPECT_EQ(why_not(book_of(row_with(R"("zone":"../../etc/passwd")"))), "rows[0] (p): '../../etc/passwd' is no IANA time zone that this machine knows");
  EXPECT_EQ(why_not(book_of("", R"(,"discounts":[{"id":"d","name":"n","off_bps":0,"valid_from":"2026-01-01T00:00:00Z"}])")), "discounts[0] (d): a discount is 1 to 10000 basis points");
  EXPECT_EQ(why_not(book_of(row_with(""), R"(,"discounts":[{"id":"p","name":"n","off_bps":1,"valid_from":"2026-01-01T00:00:00Z"}])")), "discounts[0]: another row has the id p");
  EXPECT_EQ(why_not(book_of("", R"(,"du_price":{"currency":"CNY","price":"1"})")), "du_price: the book is not in DU");
}

std::string du_row(const std::string& factor) {
  return R"({"id":"h","meter":"gpu_ms","per":"gpu-hour","factor":)" + factor + R"(,"valid_from":"2026-01-01T00:00:00Z"})";
}

TEST(TariffFiles, FactorsComeFromTheTablesGiven) {
  const std::string fine = du_row(R"({"table":"v1","chip":"H100 SXM","precision":"fp16"})");
  EXPECT_EQ(why_not(book_of(fine, "", "DU")), "");
  EXPECT_EQ(why_not(book_of(fine)), "rows[0] (h): only a price in DU has a factor");
  EXPECT_EQ(why_not(book_of(du_row(R"({"table":"v2","chip":"H100 SXM","precision":"fp16"})"), "", "DU")),
            "rows[0].factor: the factor table v2 is not given (--factors FILE); there is v1");
  EXPECT_EQ(why_not(book_of(du_row(R"({"table":"v1","chip":"H100","precision":"fp16"})"), "", "DU")),
            "rows[0].factor: the table v1 has no H100 in fp16; it has H100 SXM in fp16");
  EXPECT_EQ(why_not(book_of(du_row(R"({"table":"v1","chip":"H100 SXM"})"), "", "DU")), "rows[0].factor.precision: it is missing");
}

TEST(TariffFiles, AFactorWithoutItsSourceIsNone) {
  const auto broken = [](const char* what, const char* by) {
    std::string text = kTable;
    text.replace(text.find(what), std::string(what).size(), by);
    const auto table = factors::read_factor_table(text);
    return table ? "" : table.error().detail;
  };
  EXPECT_EQ(broken(R"(,"source":"s")", ""), "factors[0].source: it is missing");
  EXPECT_EQ(broken(R"("3.1699")", "3.1699"), "factors[0].factor: write it in quotes: a JSON number is not exact");
  EXPECT_EQ(broken(R"("3.1699")", R"("0")"), "factors[0]: the factor is not above zero");
  EXPECT_EQ(broken(R"("node_ms")", R"("power")"), "includes[1]: the meters are core_ms, gpu_ms, node_ms and mem_mib_s");
  EXPECT_EQ(broken(R"("norm")", R"("nrom")"), "norm: it is missing");
}

json rated(const std::string& book_text, const std::string& line_text) {
  const auto book = read_book(book_text, tables());
  std::string id;
  pricing::Months months;
  const UsageLine line = read_usage(line_text, id).value();
  return rated_json(*book, line, rate(*book, line, months).value()).value();
}

const std::string kLine = R"({"id":"u","tenant":"t","start":"2026-03-02T00:00:00Z","end":"2026-03-02T10:00:00Z","alloc":{"cores":20}})";

TEST(TariffFiles, ALineExplainsItself) {
  const json record = rated(book_of(row_with(R"("tiers":[{"above":"100","price":"0.5"}],"tier_mode":"graduated","free":"10")"),
                                    R"(,"discounts":[{"id":"d","name":"spring","off_bps":1000,"valid_from":"2026-01-01T00:00:00Z"}])"), kLine);
  EXPECT_EQ(record["amount"], "130.50");
  const json& line = record["lines"][0];
  EXPECT_EQ(line["free"], 36'000'000);
  EXPECT_EQ(line["list"], "145.00");
  EXPECT_EQ(line["discount"], (json{{"id", "d"}, {"name", "spring"}, {"off_bps", 1000}, {"amount", "14.50"}}));
  EXPECT_EQ(line["slices"], (json::array({{{"quantity", 360'000'000}, {"price", "1"}}, {{"quantity", 324'000'000}, {"price", "0.5"}}})));
}

TEST(TariffFiles, ParkedRecordsDontCountForTheMonth) {
  const auto book = read_book(book_of(row_with(R"("free":"100","free_scope":"month","windows":[{"from":"00:00","to":"12:00"}],"zone":"UTC")")));
  std::string id;
  pricing::Months months;
  const auto amount = [&](const char* end) {
    const auto line = read_usage(R"({"id":"u","tenant":"t","start":"2026-03-02T00:00:00Z","end":"2026-03-02T)" + std::string(end) + R"(Z","alloc":{"cores":20}})", id);
    const auto one = rate(*book, *line, months);
    return one ? to_text(one->total) : std::string(info(one.error().code).name);
  };
  EXPECT_EQ(amount("13:00:00"), "no_price");
  EXPECT_EQ(amount("06:00:00"), "20.00") << "120 of 100";
  EXPECT_EQ(amount("06:00:00"), "120.00");
}

TEST(TariffFiles, MoneyIsRoundedOnceARecord) {
  EXPECT_EQ(in_money(Amount{1}, {kCny, {5, 1}}), Amount{1});
  EXPECT_EQ(in_money(Amount{1}, {kCny, {49, 2}}), Amount{0});
  EXPECT_EQ(in_money(Amount{INT64_MAX}, {kCny, {2, 0}}).error().code, ErrorCode::amount_overflow);
}

TEST(BookDiff, SaysWhatChangedAndOnlyThat) {
  const auto diff = [](const std::string& before, const std::string& after) {
    std::string text;
    for (const BookChange& change : book_diff(read_book(before, tables()).value(), read_book(after, tables()).value())) {
      text += std::string(change.kind == BookChange::Kind::added ? "+" : change.kind == BookChange::Kind::removed ? "-" : "~") + change.id;
      if (change.kind == BookChange::Kind::changed)
        for (const FieldChange& field : change.fields) text += " " + field.field + ":" + field.before + ">" + field.after;
      text += ";";
    }
    return text;
  };
  const std::string a = book_of(row_with(""));
  EXPECT_EQ(diff(a, a), "");
  EXPECT_EQ(diff(a, book_of(row_with(R"("minimum":"0")"))), "") << "the default, written out";
  EXPECT_EQ(diff(a, book_of(row_with(R"("minimum":"2")"))), R"(~p minimum:>"2";)");
  EXPECT_EQ(diff(a, book_of("")), "-p;");
  EXPECT_EQ(diff(book_of(""), a), "+p;");
  EXPECT_EQ(diff(a, book_of(row_with(""), "", "EUR")), R"(~ currency:"CNY">"EUR";)");
}

// The market's book as a file and back: the same rows, to the last digit.
TEST(MarketBook, ComesBackAsItWas) {
  const auto market = nlohmann::json::parse(R"([
    {"id": "prc_1", "tenant": "", "center": "ctr_1", "pool": "cpu", "meter": "core_ms", "price": "0.50", "per": "core-hour", "per_ticks": 3600000, "unit": "CNY",
     "valid_from": "2026-01-01T00:00:00Z", "minimum": "0.02", "tiers": [{"above_ticks": 7200000, "price": "0.4"}, {"above_ticks": 7200001, "price": "0.3"}],
     "tier_mode": "volume", "free_ticks": 1, "factor": {"table": "", "chip": ""}},
    {"id": "prc_2", "center": "ctr_1", "meter": "node_ms", "price": "0.1", "per": "", "per_ticks": 7, "unit": "CNY", "valid_from": "2026-01-01T00:00:00Z",
     "valid_until": "2027-01-01T00:00:00Z", "windows": [{"days": ["mon", "sun"], "from": "22:00", "until": "06:00"}, {"from": "12:00", "until": "24:00"}], "zone": "Asia/Shanghai"},
    {"id": "prc_3", "meter": "core_ms", "strategy": "scow:gpu", "precision": "3", "price": "1", "per": "core-hour", "per_ticks": 3600000, "unit": "CNY", "valid_from": "2026-01-01T00:00:00Z"},
    {"id": "prc_4", "meter": "core_ms", "price": "1", "per": "core-hour", "per_ticks": 3600000, "unit": "DU", "valid_from": "2026-01-01T00:00:00Z"}])");
  const auto off = nlohmann::json::parse(R"([{"id": "prc_5", "name": "summer", "center": "ctr_1", "meter": "gpu_ms", "bps": 1500, "valid_from": "2026-06-01T00:00:00Z"}])");
  const auto file = book_of_market(market, off, kCny);
  ASSERT_TRUE(file) << file.error().message();
  const auto book = read_book(file->dump());
  ASSERT_TRUE(book) << book.error().message();
  EXPECT_EQ(book->book.rows().size(), 3U);
  const auto row = [&](const char* name) { return book->book.rows().at(factors::id_named<PriceRowId>(name)); };
  EXPECT_EQ(row("prc_1").tiers.steps[1].above, 7'200'001);
  EXPECT_EQ(row("prc_1").free.ticks, 1);
  EXPECT_EQ(row("prc_1").tiers.mode, pricing::TierMode::volume);
  EXPECT_EQ(row("prc_2").per, 7);
  EXPECT_EQ(row("prc_2").windows[0].days, 0b1000001);
  EXPECT_EQ(row("prc_2").windows[1].until, 24 * 60);
  EXPECT_EQ(row("prc_3").places, 3);
  EXPECT_TRUE(row("prc_3").minimum.is_zero()) << "none, and not scow's usual one";

  const auto body = publication_of(*book);
  ASSERT_TRUE(body) << body.error().message();
  EXPECT_FALSE(body->dump().empty());
  // What the market would then show is what it showed: ids apart.
  nlohmann::json shown = (*body)["rows"];
  for (std::size_t i = 0; i < shown.size(); ++i) shown[i]["id"] = "prc_" + std::to_string(i + 1);
  nlohmann::json discounts = (*body)["discounts"];
  discounts[0]["id"] = "prc_5";
  const auto again = book_of_market(shown, discounts, kCny);
  ASSERT_TRUE(again) << again.error().message();
  const auto reread = read_book(again->dump());
  ASSERT_TRUE(reread) << reread.error().message() << again->dump();
  for (const auto& [id, one] : book->book.rows()) EXPECT_EQ(reread->book.rows().at(id), one);
  for (const auto& [id, one] : book->book.discounts()) EXPECT_EQ(reread->book.discounts().at(id), one);

  auto monthly = nlohmann::json::parse(R"({"currency": "CNY", "rows": [{"id": "m", "meter": "core_ms", "price": "1", "per": "core-hour", "free": "2", "free_scope": "month",
                                           "valid_from": "2026-01-01T00:00:00Z"}]})");
  const auto unsold = publication_of(*read_book(monthly.dump()));
  EXPECT_EQ(unsold.error().code, ErrorCode::invalid_argument);
}

TEST(UsageFile, PricesOfAnotherTimeAndWhatWasCharged) {
  const auto book = read_book(R"({"currency": "CNY", "rows": [{"id": "new", "scope": {"center": "alpha"}, "meter": "core_ms", "price": "2", "per": "core-hour",
                                  "valid_from": "2027-01-01T00:00:00Z"},
                                 {"id": "n", "meter": "node_ms", "price": "0", "per": "node-hour", "valid_from": "2027-01-01T00:00:00Z"}]})");
  ASSERT_TRUE(book) << book.error().message();
  std::string id;
  const auto line = read_usage(R"({"id": "u", "center": "ctr_1", "center_name": "alpha", "start": "2026-10-01T00:00:00Z", "end": "2026-10-01T01:00:00Z",
                                   "alloc": {"cores": 3}, "charged": "5", "currency": "CNY", "charged_by_meter": {"core_ms": "4.5"}})", id);
  ASSERT_TRUE(line) << line.error().message();
  pricing::Months months;
  EXPECT_EQ(rate(*book, *line, months).error().code, ErrorCode::no_price);
  const auto rating = rate(*book, *line, months, parse_instant("2027-01-01T00:00:00Z").value());
  ASSERT_TRUE(rating) << rating.error().message();
  EXPECT_EQ(to_text(rating->total), "6.00");
  Summary summary;
  ASSERT_TRUE(summary.add(*line, *rating));
  const auto told = summary.as_json(kCny, 0);
  EXPECT_EQ(told["total"]["difference"], "1.00");
  Amount amount, charged;
  for (const auto& row : told["summary"]) {
    amount += *parse_amount(row["amount"].get<std::string>());
    charged += *parse_amount(row["charged"].get<std::string>());
  }
  EXPECT_EQ(to_text(amount), "6.00");
  EXPECT_EQ(to_text(charged), "5.00") << "what no meter explains stands by itself";
  EXPECT_EQ(read_usage(R"({"id": "u", "start": "2026-10-01T00:00:00Z", "end": "2026-10-01T01:00:00Z", "alloc": {}, "charged": 5})", id).error().code,
            ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace bourse::cli
