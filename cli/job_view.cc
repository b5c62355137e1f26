#include "cli/job_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/client/quantities.h"
#include "cli/client/table.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

const json& list(const json& object, const char* name) {
  static const json kEmpty = json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : kEmpty;
}

std::string place(const json& object) { return field(object, "center_name") + "/" + field(object, "pool"); }

std::string cards(const json& offer) {
  const std::int64_t per_node = number(offer, "gpus_per_node");
  if (per_node == 0) return "";
  return std::to_string(per_node) + " × " + field(offer, "gpu_model");
}

// "mon-wed-fri 08:00 to 22:00 in Asia/Shanghai"; nothing for a row that always holds.
std::string hours_of(const json& row) {
  std::string out;
  for (const json& window : list(row, "windows")) {
    std::string days;
    const json named = window.value("days", json::array());
    if (named.size() < 7)
      for (const json& day : named) days += (days.empty() ? "" : "-") + day.get<std::string>();
    out += (out.empty() ? " (" : ", ") + days + (days.empty() ? "" : " ") + field(window, "from") + " to " + field(window, "until");
  }
  return out.empty() ? out : out + " in " + field(row, "zone") + ")";
}

std::string prices(const json& rows) {
  std::string out;
  for (const json& row : rows) {
    const bool included = field(row, "price").find_first_not_of("0.") == std::string::npos;
    if (included) continue;
    const std::string unit = field(row, "unit") == "DU" ? " DU" : "";
    const std::string factor = field(row.value("factor", json::object()), "value");
    out += (out.empty() ? "" : ", ") + field(row, "price") + (factor.empty() ? "" : " × " + factor) + unit + " a " + field(row, "per") + hours_of(row);
  }
  return out.empty() ? "free" : out;
}

// With what it comes to in money, where packages of 度 pay.
std::string plan_table(const json& decision) {
  const bool worth = std::ranges::any_of(list(decision, "plans"), [](const json& plan) { return plan.contains("worth"); });
  std::vector<std::string> head{"#", "where", "cores", "cards", "memory", "wait", "duration", "total", "at most", "currency"};
  if (worth) head.emplace_back("worth");
  Table table(head);
  int rank = 0;
  for (const json& plan : list(decision, "plans")) {
    std::vector<std::string> row{std::to_string(++rank), place(plan), field(plan, "cores"), field(plan, "gpus"), show_memory(number(plan, "mem_mib")),
               show_duration(number(plan, "wait_ms")), show_duration(number(plan, "duration_ms")),
               field(plan.value("total", json::object()), "amount"), field(plan.value("cap", json::object()), "amount"),
               field(plan.value("cap", json::object()), "currency")};
    if (worth) row.push_back(money(plan, "worth"));
    table.add(std::move(row));
  }
  return table.empty() ? "" : table.text();
}

std::string refused_table(const json& decision) {
  Table table({"not chosen", "code", "because"});
  for (const json& refused : list(decision, "refused")) {
    const std::string needed = money(refused, "needed");
    table.add({place(refused), field(refused, "code"), field(refused, "sentence") + (needed.empty() ? "" : " It needs " + needed + ".")});
  }
  return table.empty() ? "" : "\n" + table.text();
}

std::string explanation(const json& job) {
  const json decision = job.value("decision", json::object());
  const std::string why = field(decision, "why");
  return (why.empty() ? "" : "\n" + harmless(why) + "\n") + "\n" + plan_table(decision) + refused_table(decision);
}

}  // namespace

std::string show_offers(const json& reply) {
  Table table({"where", "online", "arch", "nodes", "cores", "cards per node", "free cores", "free cards", "waiting", "running", "price"});
  for (const json& offer : list(reply, "offers"))
    table.add({place(offer), offer.value("online", false) ? "yes" : "no", field(offer, "arch"), field(offer, "nodes"),
               std::to_string(number(offer, "nodes") * number(offer, "cores_per_node")), cards(offer), field(offer, "free_cores"),
               field(offer, "free_gpus"), field(offer, "pending_jobs"), field(offer, "running_jobs"), prices(list(offer, "prices"))});
  return table.empty() ? "Nothing is on offer: no center is connected, or nothing has a price.\n" : table.text();
}

std::string show_notes(const json& reply) {
  std::string out;
  for (const json& note : list(reply, "notes")) {
    const std::int64_t line = number(note, "line");
    std::string fate = field(note, "fate");
    std::ranges::replace(fate, '_', ' ');
    out += (line > 0 ? "line " + std::to_string(line) + ": " : "") + field(note, "directive") + " (" + fate + "): " + field(note, "sentence") + "\n";
  }
  return out;
}

std::string show_counts(const json& array) {
  std::string out;
  for (const json& count : list(array.value("elements", json::object()), "states"))
    out += (out.empty() ? "" : ", ") + field(count, "count") + " " + field(count, "state");
  return out;
}

std::string show_quote(const json& reply) {
  const json decision = reply.value("decision", json::object());
  const std::int64_t elements = number(reply, "elements");
  const std::string array = elements == 0 ? "" : "Each of " + std::to_string(elements) + " elements:\n";
  const std::string sum = elements == 0 ? "" : "\nAll elements: " + money(reply, "total") + " by the first plan; " + money(reply, "held") + " would be held.\n";
  return array + plan_table(decision) + sum + refused_table(decision) + "\n" + harmless(field(decision, "why")) + "\n\nQuote " + field(reply, "quote") +
         ", valid until " + instant(reply, "valid_until") + " UTC. Take it with: bourse submit FILE --quote " + field(reply, "quote") + "\n";
}

namespace {

std::string number_of_elements(const json& array) { return field(array.value("elements", json::object()), "count"); }

// What it waits for, a line each; nothing once it goes.
std::string waits_for(const json& job) {
  std::string out;
  for (const json& condition : list(job, "waits_for")) {
    const std::string stands = field(condition, "stands");
    out += field(condition, "kind") + " " + field(condition, "job") + (stands.empty() ? "" : ": " + stands) + "\n";
  }
  return out;
}

std::string where(const json& job) {
  if (job.contains("elements")) return "[" + field(job["elements"], "indices") + "]";
  return field(job, "center_name").empty() ? "" : place(job);
}

}  // namespace

std::string show_submitted(const json& job) {
  if (job.contains("elements"))
    return field(job, "id") + " is an array of " + number_of_elements(job) + " jobs. Held: " + money(job, "held") + ".\n" + waits_for(job);
  if (field(job, "state") == "waiting")
    return field(job, "id") + " waits. Held: " + money(job, "held") + ".\n" + waits_for(job);
  return field(job, "id") + " goes to " + place(job) + ". Held: " + money(job, "held") + ".\n" +
         harmless(field(job.value("decision", json::object()), "why")) + "\n";
}

std::string show_jobs(const json& reply) {
  Table table({"job", "name", "state", "where", "submitted", "exit", "held", "charged"});
  for (const json& job : list(reply, "jobs"))
    table.add({field(job, "id"), field(job, "name"), (job.contains("elements") ? show_counts(job) : field(job, "state")) + (job.value("unreachable", false) ? " (unreachable)" : ""), where(job),
               instant(job, "submitted_at"), job.contains("ended_at") ? field(job, "exit_code") : "", money(job, "held"), money(job, "charged")});
  if (table.empty()) return "No jobs.\n";
  const std::string next = field(reply, "next_cursor");
  return table.text() + (next.empty() ? "" : "More: bourse jobs --cursor " + next + "\n");
}

namespace {

// How far the hold of a running job reaches.
std::string cover(const json& job) {
  const json found = job.value("cover", json::object());
  if (found.empty()) return "";
  std::string text = found.value("paused", false) ? "paused until there is money again" : "until " + instant(found, "covered_until") + " UTC";
  if (const std::string why = field(found, "shortage"); !why.empty())
    text += "; " + money(found, "needed") + " more could not be held (" + why + "): " + field(found, "detail");
  return text;
}

}  // namespace

std::string show_job(const json& job) {
  return list_of({{"job", field(job, "id")},
                  {"name", field(job, "name")},
                  {"state", field(job, "state") + (job.value("unreachable", false) ? " (unreachable: its center is silent; nothing is lost)" : "")},
                  {"reason", field(job, "reason")},
                  {"array", field(job, "array").empty() ? "" : field(job, "array") + "[" + field(job, "array_index") + "]"},
                  {"elements", job.contains("elements") ? show_counts(job) : ""},
                  {"waits for", waits_for(job)},
                  {"given up", instant(job, "wait_until")},
                  {"where", where(job)},
                  {"there", field(job, "scheduler_job")},
                  {"submitted", instant(job, "submitted_at")},
                  {"started", instant(job, "started_at")},
                  {"ended", instant(job, "ended_at")},
                  {"exit code", job.contains("ended_at") ? field(job, "exit_code") : ""},
                  {"attempts", field(job, "attempts")},
                  {"covered by", field(job, "reservation")},
                  {"held", money(job, "held")},
                  {"paid for", cover(job)},
                  {"charged", money(job, "charged")},
                  {"worth", money(job, "worth")}}) +
         explanation(job);
}

std::string show_receipt(const json& receipt) {
  std::string out = list_of({{"receipt of", field(receipt, "job") + "  " + field(receipt, "name")},
                             {"center", field(receipt, "center_name")},
                             {"state", field(receipt, "state")},
                             {"ran", instant(receipt, "started_at") + " to " + instant(receipt, "ended_at") + " UTC"},
                             {"covered by", field(receipt, "reservation")},
                             {"held", money(receipt, "held")},
                             {"charged", money(receipt, "charged")},
                             {"worth", money(receipt, "worth")},
                             {"released", money(receipt, "released")}});
  Table table({"meter", "quantity", "price", "per ticks", "amount", "price row"});
  for (const json& line : list(receipt, "lines"))
    table.add({field(line, "meter"), field(line, "quantity"), line.value("included", false) ? "included" : field(line, "price"), field(line, "per_ticks"), money(line, "amount"), field(line, "row")});
  Table paid({"paid by", "kind", "amount", "worth", "expires"});
  for (const json& lot : list(receipt, "lots"))
    paid.add({field(lot, "lot"), field(lot, "kind"), money(lot, "money"), money(lot, "worth"), instant(lot, "expires_at")});
  return out + (table.empty() ? "" : "\n" + table.text()) + (paid.empty() ? "" : "\n" + paid.text());
}

std::string show_trace(const json& reply) {
  Table table({"when", "what", "id", "position", ""});
  for (const json& step : list(reply, "steps"))
    table.add({instant(step, "at"), field(step, "kind"), field(step, "id"), field(step, "position"), field(step, "text")});
  return table.text();
}

}  // namespace bourse::cli
