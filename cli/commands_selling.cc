// What a center sells of its pools: seen and set by its people and by operators.
#include "cli/client/quantities.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

struct SellingArguments {
  std::string center, pool, max_walltime, zone, closes, currency;
  std::int64_t nodes = 0, cores = 0, cards = 0;
  std::vector<std::string> hours, floor;
  bool pause = false, everything = false;
};

std::string path_of(const SellingArguments& a) { return "/api/v1/centers/" + url_encoded(a.center) + "/selling"; }

// "paused; at most 4 nodes at once; mon,tue 18:00-08:00 (Asia/Shanghai); not under 0.05 CNY a core-hour"
std::string words_of(const json& rule) {
  std::string out;
  const auto add = [&out](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
  if (rule.value("paused", false)) add("paused");
  for (const auto& [key, name] : {std::pair("max_nodes", "nodes"), {"max_cores", "cores"}, {"max_cards", "cards"}})
    if (number(rule, key) > 0) add("at most " + field(rule, key) + " " + name + " at once");
  if (const std::int64_t most = number(rule, "max_walltime_ms"); most > 0) add("up to " + show_duration(most));
  std::string hours;
  for (const json& each : rule.value("hours", json::array())) hours += (hours.empty() ? "" : ", ") + harmless(each.get<std::string>());
  if (!hours.empty()) add(hours + " (" + (field(rule, "zone").empty() ? "UTC" : field(rule, "zone")) + ")");
  if (rule.contains("closes_at")) add("closes " + instant(rule, "closes_at") + " UTC");
  for (const json& floor : rule.value("floor", json::array())) add("not under " + field(floor, "price") + " " + field(rule, "currency") + " a " + field(floor, "per"));
  return out.empty() ? "all of it, always" : out;
}

std::string show_selling(const json& selling) {
  Table table({"pool", "sold", "by its connector", "held: nodes", "cores", "cards"});
  for (const json& pool : selling.value("pools", json::array())) {
    const bool all = field(pool, "pool").empty();
    table.add({all ? "(each)" : field(pool, "pool"), words_of(pool.value("rule", json::object())), all ? "" : words_of(pool.value("connector_rule", json::object())),
               all ? "" : field(pool, "nodes"), all ? "" : field(pool, "cores"), all ? "" : field(pool, "cards")});
  }
  return table.empty() ? field(selling, "center_name") + " has shown no pools yet.\n" : table.text();
}

json rule_of(Context& context, const SellingArguments& a) {
  json rule = {{"paused", a.pause}, {"max_nodes", a.nodes}, {"max_cores", a.cores}, {"max_cards", a.cards}, {"hours", a.hours}, {"zone", a.zone}};
  if (!a.max_walltime.empty()) rule["max_walltime_ms"] = context.must("--max-walltime", parse_duration(a.max_walltime)).ms;
  if (!a.closes.empty()) rule["closes_at"] = to_text(context.must("--closes", parse_instant(day_or_instant(a.closes))));
  if (!a.currency.empty()) rule["currency"] = a.currency;
  for (const std::string& text : a.floor) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) Context::end_with({ErrorCode::invalid_argument, "--floor: expected core-hour=0.05, not " + text});
    rule["floor"].push_back({{"per", text.substr(0, equals)}, {"price", text.substr(equals + 1)}});
  }
  return rule;
}

bool says_nothing(const SellingArguments& a) {
  return !a.pause && a.nodes == 0 && a.cores == 0 && a.cards == 0 && a.max_walltime.empty() && a.hours.empty() && a.closes.empty() && a.floor.empty();
}

void set_rule(Context& context, const SellingArguments& a) {
  if (says_nothing(a) != a.everything)
    Context::end_with({ErrorCode::invalid_argument, a.everything ? "--everything goes with no other rule" : "say what is sold, or --everything; 'bourse center selling' shows what is"});
  json body = {{"rule", rule_of(context, a)}};
  if (!a.pool.empty()) body["pool"] = a.pool;
  context.print(context.must(context.client().put(path_of(a), body)), show_selling);
}

}  // namespace

void add_selling_commands(CLI::App& app, Context& context) {
  CLI::App* center = app.get_subcommand("center");
  auto a = std::make_shared<SellingArguments>();
  CLI::App* show = center->add_subcommand("selling", "What a center sells of its pools, and what the market's jobs hold of them");
  show->add_option("center", a->center, "Name or id")->required();
  show->callback([&context, a] { context.print(context.must(context.client().get(path_of(*a))), show_selling); });

  CLI::App* sell = center->add_subcommand("sell", "Say what a center sells of a pool (its admins, operators)");
  sell->add_option("center", a->center, "Name or id")->required();
  sell->add_option("pool", a->pool, "A pool; left out: each pool of the center");
  sell->add_flag("--pause", a->pause, "Take no new jobs; what runs goes on");
  sell->add_option("--max-nodes", a->nodes, "The market's jobs hold at most so many nodes at once")->check(CLI::NonNegativeNumber);
  sell->add_option("--max-cores", a->cores, "… cores")->check(CLI::NonNegativeNumber);
  sell->add_option("--max-cards", a->cards, "… cards")->check(CLI::NonNegativeNumber);
  sell->add_option("--max-walltime", a->max_walltime, "Longest job, like 8h");
  sell->add_option("--hours", a->hours, "When jobs may run, to their latest end: \"mon-fri 18:00-08:00\" (several times)")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  sell->add_option("--zone", a->zone, "Time zone of the hours, like Asia/Shanghai (default UTC)");
  sell->add_option("--closes", a->closes, "Jobs must have ended by this day or instant, as before maintenance");
  sell->add_option("--floor", a->floor, "What users pay at least, without tax: core-hour=0.05 (several times)")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  sell->add_option("--currency", a->currency, "Of the floor (default CNY)");
  sell->add_flag("--everything", a->everything, "Take the rule away: all of it, always");
  sell->footer("A rule takes the place of the pool's former one. What the center's own connector.toml forbids stays forbidden.\n"
               "Examples:\n"
               "  bourse center sell hpc-north gpu --hours \"mon-fri 18:00-08:00\" --hours sat,sun --zone Asia/Shanghai\n"
               "  bourse center sell hpc-north gpu --max-cards 16 --floor gpu-hour=2.50\n"
               "  bourse center sell hpc-north --closes 2026-12-24T18:00:00Z     # drained by then\n"
               "  bourse center sell hpc-north --everything");
  sell->callback([&context, a] { set_rule(context, *a); });
}

}  // namespace bourse::cli
