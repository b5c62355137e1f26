// Usage by day, project and whoever asks; and for `bourse rate`.
#include <algorithm>

#include "cli/books.h"
#include "cli/client/table.h"

namespace bourse::cli {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

struct UsageArguments {
  std::string account, from, to, by = "project", month, center, output = "-";
};

std::string show_usage(const json& reply, const std::string& by) {
  std::vector<std::string> head;
  std::vector<const char*> columns;
  for (const auto& [word, column] : {std::pair("day", "day"), std::pair("month", "month"), std::pair("project", "project"), std::pair("user", "user_name"),
                                     std::pair("center", "center_name"), std::pair("pool", "pool"), std::pair("kind", "kind")})
    if (("," + by + ",").find("," + std::string(word) + ",") != std::string::npos) head.emplace_back(word), columns.push_back(column);
  for (const char* name : {"jobs", "core-hours", "GPU card-hours", "memory GiB-hours", "charged"}) head.emplace_back(name);
  Table table(head);
  for (const json& row : reply.value("rows", json::array())) {
    std::vector<std::string> cells;
    for (const char* column : columns) cells.push_back(field(row, column).empty() ? "(none)" : field(row, column));
    for (const char* column : {"jobs", "core_hours", "gpu_hours", "mem_gib_hours"}) cells.push_back(field(row, column));
    cells.push_back(money(row, "charged"));
    table.add(std::move(cells));
  }
  return table.empty() ? "Nothing was used.\n" : table.text();
}

// As cli/rate/README.md describes it. Prices were locked before the job began, so the line begins where they were (with weekly
// windows where it ran); when it ran stands beside it, with what it was charged.
std::string rate_line(const json& l) {
  const std::int64_t nodes = std::max<std::int64_t>(number(l, "nodes"), 1), running = number(l, "node_ms") / nodes;
  const Instant start = parse_instant(field(l, l.value("windowed", false) ? "used_from" : "locked_at")).value_or(Instant{});
  ordered_json out = {{"id", field(l, "id")}, {"tenant", field(l, "tenant")}, {"center", field(l, "center")}, {"pool", field(l, "pool")}};
  if (!field(l, "qos").empty()) out["qos"] = field(l, "qos");
  out["start"] = to_text(start);
  out["end"] = to_text(start + milliseconds(running));
  out["running_ms"] = running;
  out["alloc"] = {{"cores", number(l, "cores")}, {"gpus", number(l, "gpus")}, {"mem_mib", number(l, "mem_mib")}, {"nodes", nodes}};
  if (number(l, "pool_cores") > 0)
    out["pool_totals"] = {{"cores", number(l, "pool_cores")}, {"gpus", number(l, "pool_gpus")}, {"mem_mib", number(l, "pool_mem_mib")}};
  for (const char* name : {"job", "account", "project", "center_name", "used_from", "used_until"}) out[name] = field(l, name);
  const json charged = l.value("charged", json::object());
  out["charged"] = field(charged, "amount");
  out["currency"] = field(charged, "currency");
  ordered_json by_meter = ordered_json::object();
  for (const json& one : l.value("by_meter", json::array())) {
    // With weekly windows a meter has several rows.
    const std::string meter = field(one, "meter");
    const Amount before = by_meter.contains(meter) ? parse_amount(by_meter[meter].get<std::string>()).value_or(Amount{}) : Amount{};
    by_meter[meter] = to_text(before + parse_amount(field(one, "amount")).value_or(Amount{}));
  }
  if (!by_meter.empty()) out["charged_by_meter"] = std::move(by_meter);
  return out.dump() + "\n";
}

void export_usage(Context& context, const UsageArguments& a) {
  std::string out;
  for (std::string cursor;;) {
    const json page = context.must(context.client().get(
        "/api/v1/usage/ratable" + query_of({{"month", a.month}, {"account", a.account}, {"center", a.center}, {"limit", "2000"}, {"cursor", cursor}})));
    for (const json& line : page.value("lines", json::array())) out += rate_line(line);
    cursor = field(page, "next_cursor");
    if (cursor.empty()) break;
  }
  write_document("json", a.output, out);
}

}  // namespace

void add_usage_commands(CLI::App& app, Context& context) {
  auto a = std::make_shared<UsageArguments>();
  CLI::App* usage = app.add_subcommand("usage", "Core-, card- and memory-hours and what they cost, by project, user, day …");
  usage->add_option("--account", a->account, "A billing account (default: all of yours; for finance all)");
  usage->add_option("--from", a->from, "First day, 2026-10-01, on the account's calendar (default: the month's first)");
  usage->add_option("--to", a->to, "The last day that is in (default: today)");
  usage->add_option("--by", a->by, "day, month, project, user, center, pool, kind, with commas between")->capture_default_str();
  usage->footer("A reading belongs to the day in which its usage ended.\nExample: bourse usage --from 2026-10-01 --to 2026-10-31 --by project,user");
  CLI::App* out = usage->add_subcommand("export", "The attempts that ended in a month, a JSON object a line, as 'bourse rate --usage' reads them");
  out->add_option("--month", a->month, "2026-10 (UTC)")->required();
  out->add_option("--center", a->center, "Name or id");
  out->add_option("--account", a->account, "A billing account");
  out->add_option("--output", a->output, "File; '-' for standard output")->capture_default_str();
  out->footer("What would a book have charged: bourse usage export --month 2026-10 | bourse rate --book BOOK.json --as-of now --usage -");
  out->callback([&context, a] { export_usage(context, *a); });
  usage->callback([&context, a, usage] {
    if (!usage->get_subcommands().empty()) return;
    const std::string today = to_text(context.clock().now()).substr(0, 10);
    const std::string from = a->from.empty() ? today.substr(0, 8) + "01" : a->from;
    const std::string to = a->to.empty() ? today : a->to;
    context.print(context.must(context.client().get("/api/v1/usage" + query_of({{"account", a->account}, {"from", from}, {"to", to}, {"by", a->by}}))),
                  [a](const json& reply) { return show_usage(reply, a->by); });
  });
}

}  // namespace bourse::cli
