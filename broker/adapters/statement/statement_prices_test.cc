// Lines of prices that aren't plain, and of settlement prices: each field of them decides something that is recomputed.
#include "broker/adapters/statement/statement_fixture.h"

namespace bourse::statement {
namespace {

using pricing::PriceRow;
using pricing::Strategy;

constexpr pricing::Allocation kHeld{.cores = 4, .gpus = 0, .nodes = 1, .mem_mib = 2048};  // as in the fixture's lines
constexpr pricing::PoolTotals kPool{.cores = 64, .gpus = 8, .mem_mib = 16'384};

class StatementPrices : public StatementTest {
 protected:
  PriceRow row(pricing::Meter meter, Decimal price) {
    return {.id = id<PriceRowId>(), .meter = meter, .price = price, .per = 3'600'000, .valid_from = Instant{1}};
  }
  PriceRow scow(Strategy strategy, Decimal price, std::uint8_t places) {
    PriceRow made = row(pricing::Meter::core_ms, price);
    made.strategy = strategy;
    made.places = places;
    made.minimum = Amount{30'000};
    return made;
  }
  // Tiers, an allowance and a discount on cores; a minimum on memory.
  std::vector<PriceRow> by_meter() {
    PriceRow cores = row(pricing::Meter::core_ms, {123'457, 3});
    cores.free.ticks = 5'000;
    cores.tiers.steps = {{30'000, {99, 0}}, {70'000, {150, 0}}};
    cores.off = {.id = id<PriceRowId>(), .name = "spring", .bps = 1'500};
    PriceRow memory = row(pricing::Meter::mem_mib_s, {1, 3});
    memory.minimum = Amount{40'000};
    return {cores, memory, row(pricing::Meter::node_ms, {0, 0})};
  }

  // The line as the engine would book it by these prices.
  static void price(Line& line, const std::vector<PriceRow>& sale, const std::vector<PriceRow>& settlement, bool may_subsidise,
                    const Line* before) {
    const auto whole_job = [](const std::vector<PriceRow>& rows) { return !rows.empty() && rows[0].strategy != Strategy::per_meter; };
    const auto totals = [](const std::vector<PriceRow>& rows) { return !rows.empty() && pricing::uses_totals(rows[0].strategy); };
    if (whole_job(sale) || whole_job(settlement)) line.held = kHeld;
    if (totals(sale) || totals(settlement)) line.pool = kPool;
    line.may_subsidise = may_subsidise;
    const auto rating = pricing::rate_held(line.charged, kHeld, kPool, sale), settled = pricing::rate_held(line.charged, kHeld, kPool, settlement);
    line.rated.clear();
    for (std::size_t i = 0; i < sale.size(); ++i) line.rated.push_back(rated_of(sale[i], rating->lines[i]));
    for (std::size_t i = 0; i < settlement.size(); ++i) line.settled.push_back(rated_of(settlement[i], settled->lines[i]));
    const pricing::Split split = settlement.empty() ? pricing::split(rating->total, line.terms)
                                                    : pricing::split_settled(rating->total, settled->total, line.terms, may_subsidise);
    line.cumulative = {rating->total, split.center, split.margin, split.tax};
    line.previous = before != nullptr ? before->cumulative : Parts{};
    line.added = {line.cumulative.gross - line.previous.gross, line.cumulative.center - line.previous.center,
                  line.cumulative.margin - line.previous.margin, line.cumulative.tax - line.previous.tax};
  }

  // Lines 0 and 2 are of one job and priced by meter; line 1 is by strategy. Both are settled by rows, the second at a loss.
  Statement varied(Strategy strategy = Strategy::scow_max_cpus_mem) {
    Statement out = sample();
    const std::vector<PriceRow> sale = by_meter();
    PriceRow part = row(pricing::Meter::core_ms, {70, 0}), memory = row(pricing::Meter::mem_mib_s, {0, 0});
    const std::vector<PriceRow> settlement = {part, memory, row(pricing::Meter::node_ms, {1, 1})};
    price(out.lines[0], sale, settlement, false, nullptr);
    price(out.lines[1], {scow(strategy, {401, 1}, 3)}, {scow(Strategy::scow_cpus, {99, 0}, 2)}, true, nullptr);
    price(out.lines[2], sale, settlement, false, out.lines.data());
    add_up(out);
    return out;
  }
};

TEST_F(StatementPrices, ARightOneVerifies) {
  const Statement statement = varied();
  EXPECT_TRUE(statement.lines[1].cumulative.margin.is_negative());
  EXPECT_TRUE(statement.lines[0].cumulative.gross.is_positive());
  const std::string file = seal(statement, ack_);
  const Verification found = verify(file, ack_.public_key);
  EXPECT_TRUE(found.ok) << joined(found);
  const auto again = parse_body(body_json(statement));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(body_json(*again), body_json(statement));
}

TEST_F(StatementPrices, PlainLinesSayNoMoreThanBefore) {
  const std::string body = body_json(sample());
  for (const char* field : {"settled", "held", "pool", "strategy", "places", "minimum", "tiers", "free", "discount", "may_subsidise"})
    EXPECT_EQ(body.find("\"" + std::string(field) + "\":"), std::string::npos) << field;
}

// Each field of a price, changed by a dishonest broker who signs anew: ours and the independent program both refuse.
TEST_F(StatementPrices, EveryFieldCounts) {
  const Statement original = varied();
  const auto doubled = [](json& at) { at = at.is_string() ? json(to_text(Amount{2 * parse_amount(at.get<std::string>())->micros})) : json(2 * at.get<std::int64_t>()); };
  const std::pair<const char*, const char*> cases[] = {
      {"/lines/0/rated/0/free", "lines[0].rated[0].amount"},
      {"/lines/0/rated/0/discount/bps", "lines[0].rated[0].amount"},
      {"/lines/2/rated/0/tiers/steps/0/above", "lines[2].rated[0].amount"},
      {"/lines/2/rated/0/tiers/steps/1/price", "lines[2].rated[0].amount"},
      {"/lines/0/rated/1/minimum", "lines[0].rated[1].amount"},
      {"/lines/1/rated/0/price", "lines[1].rated[0].amount"},
      {"/lines/1/rated/0/quantity", "lines[1].rated[0].quantity"},
      {"/lines/1/rated/0/amount", "lines[1].rated[0].amount"},
      {"/lines/1/pool/cores", "lines[1].rated[0]"},
      {"/lines/1/pool/mem_mib", "lines[1].rated[0]"},
      {"/lines/1/held/cores", "lines[1].held"},
      {"/lines/1/held/mem_mib", "lines[1].held"},
      {"/lines/1/held/nodes", "lines[1].held"},
      {"/lines/0/settled/0/price", "lines[0].settled[0].amount"},
      {"/lines/0/settled/0/amount", "lines[0].settled[0].amount"},
      {"/lines/0/settled/0/quantity", "lines[0].settled[0].quantity"},
      {"/lines/1/settled/0/price", "lines[1].settled[0].amount"},
      {"/lines/1/cumulative/margin", "lines[1].cumulative.margin"},
  };
  const auto refused = [&](auto change, const std::string& named, const std::string& what) { expect_refused(original, change, named, what); };
  for (const auto& [pointer, named] : cases)
    refused([&](json& body) { doubled(body[json::json_pointer(pointer)]); }, named, pointer);
  refused([](json& b) { b["lines"][1]["rated"][0]["places"] = 1; }, "lines[1].rated[0]", "places");
  refused([](json& b) { b["lines"][1]["rated"][0]["strategy"] = "scow:gpu"; }, "lines[1].", "strategy");
  refused([](json& b) { b["lines"][1]["rated"][0]["strategy"] = "mine"; }, "lines[1].rated[0].strategy", "no strategy");
  refused([](json& b) { b["lines"][2]["rated"][0]["tiers"]["mode"] = "volume"; }, "lines[2].rated[0].amount", "mode");
  refused([](json& b) { b["lines"][1]["terms"].erase("may_subsidise"); }, "lines[1].cumulative.center", "may_subsidise");
  refused([](json& b) { b["lines"][1].erase("settled"); }, "lines[1].", "settled");
  refused([](json& b) { b["lines"][1].erase("held"); }, "lines[1].", "held");
  refused([](json& b) { b["lines"][1].erase("pool"); }, "lines[1].", "pool");
  refused([](json& b) { b["lines"][0]["held"] = b["lines"][1]["held"]; }, "lines[0].held", "held of a line by meter");
  refused([](json& b) { b["lines"][0]["pool"] = b["lines"][1]["pool"]; }, "lines[0].pool", "pool of a line by meter");
  refused([](json& b) { b["lines"][1]["rated"].push_back(b["lines"][0]["rated"][2]); }, "lines[1].rated[0]", "a second row");
  // Tick boundaries and defaults that are written out: not the one text that a statement has.
  EXPECT_NE(resigned(original, [](json& b) { b["lines"][0]["rated"][0]["tiers"]["steps"][1]["above"] = 1; }).find("rated[0]"), std::string::npos);
}

TEST_F(StatementPrices, AnIndependentProgramAgrees) {
  ASSERT_TRUE(has_independent_program()) << "python3-nacl is not installed: ./dev build installs it";
  for (const Strategy strategy : {Strategy::scow_cpus, Strategy::scow_gpu, Strategy::scow_max_cpus_mem, Strategy::scow_max_gpu_cpus}) {
    const std::string file = seal(varied(strategy), ack_);
    EXPECT_TRUE(verify(file).ok) << joined(verify(file));
    EXPECT_TRUE(accepts(file)) << name(strategy);
  }
}

}  // namespace
}  // namespace bourse::statement
