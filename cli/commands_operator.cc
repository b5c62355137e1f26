#include <algorithm>

#include "base/amount.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kLargestFile = 8 << 20;

json json_file(Context& context, const std::string& path) {
  json content = json::parse(read_input(path, kLargestFile), nullptr, false);
  if (content.is_discarded()) context.end_with({ErrorCode::invalid_argument, path + " is not JSON"});
  return content;
}

std::string show_centers(const json& reply) {
  Table table({"center", "name", "state", "online", "driver", "reports", "quarantined", "period", "owed", "last seen", "certificate until", "alarm"});
  for (const json& c : reply.value("centers", json::array()))
    table.add({field(c, "id"), field(c, "name"), field(c, "state"), c.value("online", false) ? "yes" : "no", field(c, "driver"),
               field(c, "reports"), field(c, "quarantined"), field(c, "open_period"), money(c, "owed"), instant(c, "last_seen_at"), instant(c, "certificate_until"),
               number(c, "unpriced") == 0 ? "" : field(c, "unpriced") + " records without a price since " + instant(c, "unpriced_since")});
  return table.empty() ? "No center has joined yet. Invite one: bourse center invite --help\n" : table.text();
}

// The center with that name or id; ends the program when there is none.
json center_named(Context& context, const std::string& name) {
  const json reply = context.must(context.client().get("/api/v1/centers"));
  for (const json& center : reply.value("centers", json::array()))
    if (field(center, "name") == name || field(center, "id") == name) return center;
  context.end_with({ErrorCode::not_found, "no center is called " + name});
}

void change_state(Context& context, const std::string& name, const char* state, const std::string& reason) {
  const json center = center_named(context, name);
  const json reply = context.must(context.client().put("/api/v1/centers/" + field(center, "id") + "/state", {{"state", state}, {"reason", reason}}));
  context.print(reply, [](const json& c) { return field(c, "name") + " is " + field(c, "state") + ".\n"; });
}

void revoke_center(Context& context, const std::string& name, const std::string& reason, bool sure) {
  if (!sure && !on_terminal()) Context::end_with({ErrorCode::invalid_argument, "revoking is for good: say --yes where nobody can be asked"});
  if (!sure) {
    const json center = center_named(context, name);
    if (!agreed("Revoke " + field(center, "name") + " (" + field(center, "id") + ") for good? Its connector is cut off and never comes back."))
      Context::end_with({ErrorCode::failed_precondition, "nothing was changed"});
  }
  change_state(context, name, "revoked", reason);
}

void add_center_commands(CLI::App& app, Context& context) {
  CLI::App* center = app.add_subcommand("center", "Centers: list, invite and admit, pause, resume, revoke")->require_subcommand(1);
  center->add_subcommand("list", "All centers and how they are")->callback([&context] {
    context.print(context.must(context.client().get("/api/v1/centers")), show_centers);
  });
  auto which = std::make_shared<std::pair<std::string, std::string>>();
  const std::pair<const char*, const char*> changes[] = {{"pause", "paused"}, {"resume", "active"}};
  for (const auto& [verb, state] : changes) {
    CLI::App* change = center->add_subcommand(verb, std::string(verb) + " new work at a center; what runs goes on");
    change->add_option("center", which->first, "Name or id")->required();
    change->add_option("--reason", which->second, "For the record");
    change->callback([&context, which, state] { change_state(context, which->first, state, which->second); });
  }
  auto sure = std::make_shared<bool>(false);
  CLI::App* revoke = center->add_subcommand("revoke", "Cut a center off for good; what it is owed stays owed");
  revoke->add_option("center", which->first, "Name or id")->required();
  revoke->add_option("--reason", which->second, "For the record")->required();
  revoke->add_flag("--yes", *sure, "Without asking");
  revoke->callback([&context, which, sure] { revoke_center(context, which->first, which->second, *sure); });
}

struct ContractArguments {
  std::string center, unit = "CNY", valid_from, note, schedule, zone, settlement, monthly_fee, sale_prices = "platform", settlement_prices = "platform";
  std::vector<std::string> reservable;
  int margin_bps = 0, tax_bps = 0, fee_tax_bps = 0, cycle_days = 0, net_days = 0;
  bool may_subsidise = false;
};

// "gpu:card:16:month=900:year=9000" as the contract has it.
Result<json> reservable_of(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t colon = std::min(text.find(':', at), text.size());
    parts.push_back(text.substr(at, colon - at));
    at = colon + 1;
  }
  const auto wrong = [&text] { return fail(ErrorCode::invalid_argument, "expected POOL:node|card:QUANTITY[:month=AMOUNT][:year=AMOUNT], not " + text); };
  if (parts.size() < 3 || parts.size() > 5 || parts[2].empty() || parts[2].size() > 7 || parts[2].find_first_not_of("0123456789") != std::string::npos) return wrong();
  json out = {{"pool", parts[0]}, {"what", parts[1]}, {"quantity", std::stoll(parts[2])}};
  for (std::size_t i = 3; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    const std::string term = parts[i].substr(0, equals);
    if (equals == std::string::npos || (term != "month" && term != "year")) return wrong();
    TRY(const Amount amount, parse_amount(parts[i].substr(equals + 1)));
    out[term] = to_text(amount);
  }
  return out;
}

void set_contract(Context& context, const ContractArguments& a) {
  json contract = {{"center", field(center_named(context, a.center), "id")},
                   {"unit", a.unit},
                   {"margin_bps", a.margin_bps},
                   {"tax_bps", a.tax_bps},
                   {"cycle_ms", a.cycle_days * 86'400'000LL}};
  if (!a.schedule.empty()) contract["schedule"] = a.schedule;
  if (!a.zone.empty()) contract["zone"] = a.zone;
  contract["net_days"] = a.net_days;
  if (!a.settlement.empty()) contract["settlement"] = json_file(context, a.settlement).value("rows", json::array());
  contract["may_subsidise"] = a.may_subsidise;
  if (!a.monthly_fee.empty()) contract["monthly_fee"] = to_text(context.must("--monthly-fee", parse_amount(a.monthly_fee)));
  contract["fee_tax_bps"] = a.fee_tax_bps;
  contract["sale_prices"] = a.sale_prices;
  contract["settlement_prices"] = a.settlement_prices;
  for (const std::string& text : a.reservable) contract["reservable"].push_back(context.must("--reservable", reservable_of(text)));
  if (!a.valid_from.empty()) contract["valid_from"] = to_text(context.must("--valid-from", parse_instant(a.valid_from)));
  context.print(context.must(context.client().post("/api/v1/contracts", {{"contract", contract}, {"note", a.note}})), [](const json& c) {
    if (auto text = waiting(c)) return *text;
    const std::size_t prices = c.value("settlement", json::array()).size();
    const std::string terms = prices > 0 ? "the center gets its own prices (" + std::to_string(prices) + " rows)"
                                         : "the platform keeps " + field(c, "margin_bps") + " bps of the net price";
    std::string text = "Contract " + field(c, "id") + ": " + terms + ", tax is " + field(c, "tax_bps") + " bps, from " + instant(c, "valid_from") +
                       " UTC.\n";
    if (!field(c, "monthly_fee").empty())
      text += "It pays " + field(c, "monthly_fee") + " " + field(c, "unit") + " a month, " + field(c, "fee_tax_bps") + " bps tax in it, when a period closes.\n";
    for (const json& r : c.value("reservable", json::array()))
      text += "To be reserved: " + field(r, "quantity") + " " + field(r, "what") + "s of " + field(r, "pool") + ".\n";
    return text;
  });
}

}  // namespace

void add_operator_commands(CLI::App& app, Context& context) {
  add_center_commands(app, context);

  auto a = std::make_shared<ContractArguments>();
  CLI::App* contract = app.add_subcommand("contract", "Settlement terms of centers")->require_subcommand(1);
  CLI::App* set = contract->add_subcommand("set", "New terms for a center, from now or a date on");
  set->add_option("center", a->center, "Name or id")->required();
  set->add_option("--margin-bps", a->margin_bps, "Platform's share of the net price, in hundredths of a percent (0 with settlement prices)")->required()->check(CLI::Range(0, 10'000));
  set->add_option("--schedule", a->schedule, "Settle when this falls due, as cron writes it: '0 2 1 * *', '@weekly', '0 0 L * *'");
  set->add_option("--zone", a->zone, "Time zone of the schedule and the monthly fee, such as Asia/Shanghai (default: UTC)");
  set->add_option("--net-days", a->net_days, "A payout is due so many days after the cut-off")->check(CLI::Range(0, 366))->capture_default_str();
  set->add_option("--settlement", a->settlement, "JSON file {\"rows\":[…]} as for 'prices publish': what the center gets, whatever the user pays");
  set->add_option("--reservable", a->reservable, "What may be reserved of a pool, such as gpu:node:4 or gpu:card:16:month=900:year=9000, where the center\n"
                                                "gets 900.00 a card and month (else its share of what the user pays)");
  set->add_option("--monthly-fee", a->monthly_fee, "What the center pays the platform a month, tax included, such as 1000.00: charged by the day when a period closes");
  set->add_option("--fee-tax-bps", a->fee_tax_bps, "Tax included in the monthly fee, in hundredths of a percent")->check(CLI::Range(0, 10'000))->capture_default_str();
  set->add_flag("--may-subsidise", a->may_subsidise, "The platform pays what the user's price leaves missing");
  const auto setters = CLI::IsMember({"platform", "center", "either"});
  set->add_option("--sale-prices-by", a->sale_prices, "Who sets what users pay at this center: platform, center (its admins, and nobody else) or either")->check(setters)->capture_default_str();
  set->add_option("--settlement-prices-by", a->settlement_prices, "Who sets what the center gets: with center or either its admins may, by 'contract settlement-prices'")->check(setters)->capture_default_str();
  set->add_option("--tax-bps", a->tax_bps, "Tax included in the price, in hundredths of a percent")->check(CLI::Range(0, 10'000))->capture_default_str();
  set->add_option("--cycle-days", a->cycle_days, "Settle automatically so often; 0 = only by hand")->check(CLI::Range(0, 366))->capture_default_str();
  set->add_option("--unit", a->unit, "Currency")->capture_default_str();
  set->add_option("--valid-from", a->valid_from, "RFC 3339 (default: now)");
  set->add_option("--note", a->note, "Why, for whoever approves");
  set->callback([&context, a] { set_contract(context, *a); });
}

}  // namespace bourse::cli
