// Lines that packages of 度 paid: rated in DU, owed in money.
#include "broker/adapters/statement/statement_fixture.h"
#include "broker/domain/lots.h"

namespace bourse::statement {
namespace {

class StatementPackages : public StatementTest {
 protected:
  pricing::PriceRow in_du() {
    pricing::PriceRow row{.id = id<PriceRowId>(), .meter = pricing::Meter::core_ms, .price = {123'457, 4}, .per = 3'600'000, .unit = kDu, .valid_from = Instant{1}};
    row.factor = {.table = "v1", .chip = "a100", .precision = "fp16", .value = {5, 1},
                  .includes = 1U << static_cast<unsigned>(pricing::Meter::mem_mib_s) | 1U << static_cast<unsigned>(pricing::Meter::node_ms)};
    return row;
  }
  // Of `lot`, as the engine would take it.
  PackageUse use(broker::Lot& lot, Amount du) {
    const Amount money = broker::money_for(lot, du);
    PackageUse out{lot.id, lot.amount, lot.price, lot.amount - lot.left, lot.amount - lot.left + du, lot.price - lot.price_left, money};
    lot.left -= du;
    lot.price_left -= money;
    return out;
  }
  // The line as the engine would book it, of these packages in turn.
  void pay(Line& line, const pricing::PriceRow& row, std::vector<broker::Lot>& lots, const Line* before) {
    const auto rating = pricing::rate(line.charged, std::vector{row});
    ASSERT_TRUE(rating);
    line.rated.clear();
    for (const pricing::RatedLine& one : rating->lines) line.rated.push_back(rated_of(row, one));
    InDu& du = line.du.emplace(InDu{.cumulative = rating->total, .previous = before == nullptr ? Amount{} : before->du->cumulative, .added = {}, .lots = {}});
    du.added = du.cumulative - du.previous;
    Amount rest = du.added, money;
    for (broker::Lot& lot : lots) {
      const Amount part = std::min(rest, lot.left);
      if (!part.is_positive()) continue;
      du.lots.push_back(use(lot, part));
      money += du.lots.back().money;
      rest -= part;
    }
    line.previous = before == nullptr ? Parts{} : before->cumulative;
    line.cumulative = parts(line.previous.gross + money, line.terms);
    line.added = {line.cumulative.gross - line.previous.gross, line.cumulative.center - line.previous.center,
                  line.cumulative.margin - line.previous.margin, line.cumulative.tax - line.previous.tax};
  }
  // Lines 0 and 2 are of one job that packages pay, the first of them out of two; line 1 is paid in money.
  Statement packaged() {
    Statement out = sample();
    const pricing::PriceRow row = in_du();
    const auto lot = [&](const char* du, const char* price, const char* left, const char* price_left) {
      return broker::Lot{.id = id<LotId>(), .amount = *parse_amount(du), .left = *parse_amount(left), .price = *parse_amount(price), .price_left = *parse_amount(price_left)};
    };
    std::vector<broker::Lot> lots = {lot("1", "3", "0.05", "0.15"), lot("10", "33.33", "10", "33.33")};
    pay(out.lines[0], row, lots, nullptr);
    pay(out.lines[2], row, lots, out.lines.data());
    add_up(out);
    return out;
  }
};

TEST_F(StatementPackages, BothProgramsAcceptARightOne) {
  const Statement statement = packaged();
  ASSERT_EQ(statement.lines[0].du->lots.size(), 2U);
  EXPECT_EQ(to_text(statement.lines[0].du->lots[0].money), "0.15") << "the last 度 bring the last of the price";
  EXPECT_EQ(statement.lines[0].rated.size(), 3U) << "what the 度 includes is shown";
  const std::string file = seal(statement, ack_);
  EXPECT_TRUE(verify(file, ack_.public_key).ok) << joined(verify(file, ack_.public_key));
  const auto again = parse_body(body_json(statement));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(body_json(*again), body_json(statement));
  ASSERT_TRUE(has_independent_program()) << "python3-nacl is not installed: ./dev build installs it";
  EXPECT_TRUE(accepts(file));
}

TEST_F(StatementPackages, OlderVersionsAreReadAndHaveNone) {
  for (const std::string_view format : {kBodyFormat2, kBodyFormat3}) {
    Statement old = sample();
    old.format = format;
    EXPECT_TRUE(verify(seal(old, ack_)).ok) << format;
    EXPECT_TRUE(accepts(seal(old, ack_))) << format;
    Statement bad = packaged();
    bad.format = format;
    EXPECT_NE(joined(verify(seal(bad, ack_))).find("lines[0].du"), std::string::npos);
    EXPECT_FALSE(accepts(seal(bad, ack_)));
  }
}

TEST_F(StatementPackages, EveryFieldCounts) {
  const Statement original = packaged();
  const auto refused = [&](auto change, const std::string& named, const std::string& what) { expect_refused(original, change, named, what); };
  const auto more = [](json& at) { at = to_text(*parse_amount(at.get<std::string>()) + Amount{1'000}); };
  const std::pair<const char*, const char*> cases[] = {
      {"/lines/0/du/cumulative", "lines[0].du.cumulative"},   {"/lines/0/du/previous", "lines[0].du."},
      {"/lines/2/du/previous", "lines[2].du.previous"},       {"/lines/0/du/added", "lines[0].du.added"},
      {"/lines/0/du/lots/1/amount", "lines[0].du.lots[1]"},   {"/lines/0/du/lots/1/price", "lines[0].du.lots[1].money"},
      {"/lines/0/du/lots/0/used_before", "lines[0].du.lots"}, {"/lines/0/du/lots/1/used_after", "lines[0].du.lots"},
      {"/lines/0/du/lots/0/moved_before", "lines[0].du.lots[0].money"}, {"/lines/0/du/lots/0/money", "lines[0].du.lots[0].money"},
      {"/lines/2/du/lots/0/moved_before", "lines[2].du.lots[0].money"}, {"/lines/2/added/gross", "lines[2].added.gross"},
      {"/lines/2/cumulative/gross", "lines[2].cumulative.gross"},
  };
  for (const auto& [pointer, named] : cases) refused([&](json& body) { more(body[json::json_pointer(pointer)]); }, named, pointer);
  refused([](json& b) { b["lines"][0]["rated"][0]["factor"]["value"] = "0.6"; }, "lines[0].rated[0].amount", "factor");
  refused([](json& b) { b["lines"][0]["rated"][0]["factor"]["includes"].erase(0); }, "lines[0].rated", "includes");
  refused([](json& b) { b["lines"][0]["rated"].erase(1); }, "lines[0].rated", "an included meter left out");
  refused([](json& b) { b["lines"][0]["rated"][1]["quantity"] = 1; }, "lines[0].rated[1].quantity", "included quantity");
  refused([](json& b) { b["lines"][0]["rated"][1]["amount"] = "1.00"; }, "lines[0].rated[1].amount", "included amount");
  refused([](json& b) { b["lines"][0]["rated"][1]["row"] = b["lines"][1]["rated"][0]["row"]; }, "lines[0].rated[1].meter", "included in another row");
  refused([](json& b) { b["lines"][0].erase("du"); }, "lines[", "du");
  refused([](json& b) { b["lines"][0]["du"]["lots"].erase(0); }, "lines[0].du.lots", "a lot left out");
  refused([](json& b) { b["lines"][0]["du"]["lots"].push_back(b["lines"][0]["du"]["lots"][0]); }, "listed twice", "a lot twice");
}

}  // namespace
}  // namespace bourse::statement
