// Lines of prices with weekly windows: each field of them decides something that is recomputed.
#include "broker/adapters/statement/statement_fixture.h"
#include "pricing/spread.h"

namespace bourse::statement {
namespace {

using pricing::PriceRow;

constexpr pricing::Allocation kNode{.cores = 4, .gpus = 0, .nodes = 1, .mem_mib = 2048};

class StatementWindows : public StatementTest {
 protected:
  PriceRow row(pricing::Meter meter, Decimal price, bool by_day = false) {
    PriceRow made{.id = id<PriceRowId>(), .meter = meter, .price = price, .per = 3'600'000, .valid_from = Instant{1}};
    if (!by_day) return made;
    made.windows = {{.days = 0x7f, .from = 8 * 60, .until = 22 * 60}};
    made.zone = "Asia/Shanghai";
    return made;
  }
  Line price(Line line, const std::vector<PriceRow>& sale, const std::vector<PriceRow>& settlement, std::vector<Duration> read, const Line* before) {
    line.caps = pricing::readings_of(kNode, hours(40));
    line.charged = line.reported;
    Windowed from{.since = line.start, .before = {}, .sold = std::vector<std::int64_t>(sale.size()), .settled = std::vector<std::int64_t>(settlement.size()), .readings = {}};
    if (before != nullptr) {
      from.since = before->end;
      from.before = before->charged;
      for (std::size_t i = 0; i < sale.size(); ++i) from.sold[i] = before->rated[i].quantity;
      for (std::size_t i = 0; i < settlement.size(); ++i) from.settled[i] = before->settled[i].quantity;
    }
    for (const Duration ran : read) from.readings.push_back({line.start + ran, pricing::readings_of(kNode, ran)});
    std::vector<pricing::ReadingAt> taken = from.readings;
    taken.push_back({line.end, line.charged});
    const auto rate = [&](const std::vector<PriceRow>& rows, const std::vector<std::int64_t>& quantities, std::vector<Rated>& out) {
      const auto rating = pricing::rate_quantities(pricing::spread_on({from.since, from.before, quantities}, taken, rows)->quantities, rows);
      out.clear();
      for (std::size_t i = 0; i < rows.size(); ++i) out.push_back(rated_of(rows[i], rating->lines[i]));
      return rating->total;
    };
    const Amount total = rate(sale, from.sold, line.rated);
    const pricing::Split split = settlement.empty() ? pricing::split(total, line.terms) : pricing::split_settled(total, rate(settlement, from.settled, line.settled), line.terms, false);
    line.windowed = from;
    line.cumulative = {total, split.center, split.margin, split.tax};
    line.previous = before != nullptr ? before->cumulative : Parts{};
    line.added = {line.cumulative.gross - line.previous.gross, line.cumulative.center - line.previous.center,
                  line.cumulative.margin - line.previous.margin, line.cumulative.tax - line.previous.tax};
    return line;
  }

  // It starts at 19:06:40 in Shanghai. At 22:00 the meters were read, at 08:00 they were not.
  Statement statement() {
    Statement out = sample();
    const std::vector<PriceRow> sale = {row(pricing::Meter::core_ms, {50, 2}, true), row(pricing::Meter::core_ms, {123'457, 6}),
                                        row(pricing::Meter::mem_mib_s, {1, 6}), row(pricing::Meter::node_ms, {0, 0})};
    const std::vector<PriceRow> settlement = {row(pricing::Meter::core_ms, {30, 2}, true), row(pricing::Meter::core_ms, {9, 2}),
                                              row(pricing::Meter::mem_mib_s, {0, 0}), row(pricing::Meter::node_ms, {0, 0})};
    const JobId job = id<JobId>();
    const AttemptId attempt = id<AttemptId>();
    const Duration edge = minutes(173) + seconds(20);
    out.lines.clear(), out.reports.clear();
    out.lines.push_back(price(line(job, attempt, 1, hours(3).ms, false, nullptr), sale, settlement, {edge}, nullptr));
    const Line first = out.lines[0];
    out.lines.push_back(price(line(job, attempt, 2, hours(20).ms, true, nullptr), sale, settlement, {hours(4)}, &first));
    report(out, 0, 1, 1);
    report(out, 1, 2, 2);
    add_up(out);
    return out;
  }
};

TEST_F(StatementWindows, ARightOneVerifiesHereAndIndependently) {
  const Statement right = statement();
  EXPECT_EQ(right.lines[0].rated[0].quantity, 4 * (minutes(173) + seconds(20)).ms);
  EXPECT_EQ(right.lines[1].rated[0].quantity, right.lines[0].rated[0].quantity) << "the morning wasn't read";
  const std::string file = seal(right, ack_);
  EXPECT_TRUE(verify(file, ack_.public_key).ok) << joined(verify(file, ack_.public_key));
  const auto again = parse_body(body_json(right));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(body_json(*again), body_json(right));
  ASSERT_TRUE(has_independent_program()) << "python3-nacl is not installed: ./dev build installs it";
  EXPECT_TRUE(accepts(file));
}

TEST_F(StatementWindows, TheVersionBeforeIsStillRead) {
  json body = json::parse(body_json(sample()));
  body["format"] = "bourse.statement.v2";
  EXPECT_TRUE(parse_body(body.dump()));
  body["format"] = "bourse.statement.v9";
  EXPECT_FALSE(parse_body(body.dump()));
}

TEST_F(StatementWindows, EveryFieldCounts) {
  const Statement right = statement();
  const auto refused = [&](auto change, const std::string& named, const std::string& what) { expect_refused(right, change, named, what); };
  const auto set = [&](const char* pointer, json value, const char* named) {
    refused([&](json& b) { b[json::json_pointer(pointer)] = value; }, named, pointer);
  };
  set("/lines/0/rated/0/windows/0/until", 21 * 60, "lines[0].rated[0].quantity");
  set("/lines/0/rated/0/windows/0/from", 20 * 60, "lines[0].rated[0].quantity");
  set("/lines/0/rated/0/windows/0/days", 0x7f & ~4, "lines[0].rated[0].quantity");
  set("/lines/0/rated/0/zone", "Asia/Tokyo", "lines[0].rated[0].quantity");
  set("/lines/0/rated/0/zone", "Nowhere/Land", "lines[0].rated[0]");
  set("/lines/0/settled/0/windows/0/until", 21 * 60, "lines[0].settled[0].quantity");
  set("/lines/0/rated/0/quantity", 1, "lines[0].rated[0].quantity");
  set("/lines/1/rated/1/price", "0.9", "lines[1].rated[");
  set("/lines/0/windowed/since", "2026-11-18T11:06:41Z", "lines[0].windowed.since");
  set("/lines/1/windowed/since", "2026-11-18T15:06:40Z", "lines[1].windowed.since");
  set("/lines/1/windowed/before/core_ms", 1, "lines[1].windowed");
  set("/lines/1/windowed/rated/0", 1, "lines[1].windowed.rated");
  set("/lines/1/windowed/settled/0", 1, "lines[1].windowed.settled");
  set("/lines/0/windowed/readings/0/at", "2026-11-18T14:00:01Z", "lines[0].windowed.readings");
  set("/lines/0/windowed/readings/0/meters/core_ms", 5, "lines[0].windowed.readings");
  refused([](json& b) { b["lines"][0]["windowed"]["readings"].clear(); }, "lines[0].windowed.readings", "no readings");
  refused([](json& b) { b["lines"][0].erase("windowed"); }, "lines[0].windowed", "no windowed");
  refused([](json& b) { b["lines"][0]["rated"][1]["minimum"] = "0.01"; }, "lines[0].rated", "a minimum beside windows");
  refused([](json& b) { for (auto* rows : {&b["lines"][0]["rated"], &b["lines"][0]["settled"]}) (*rows)[0].erase("windows"), (*rows)[0].erase("zone"); }, "lines[0].", "no windows");
}

}  // namespace
}  // namespace bourse::statement
