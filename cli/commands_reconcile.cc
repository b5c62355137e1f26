// bourse reconcile, bourse break: a center's own accounting against the books, and the list of everything that differs.
#include <fmt/format.h>

#include <iostream>

#include "cli/client/table.h"
#include "cli/context.h"
#include "connectors/slurm/slurm_accounting.h"
#include "reconciliation/accounting.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kMostSacctBytes = std::size_t{512} << 20;  // it has other people's jobs in it too

constexpr const char* kHowTo =
    "FILE is what sacct prints, made at the center by whoever may see all jobs:\n\n"
    "  TZ=UTC SLURM_TIME_FORMAT=%s sacct --allusers --allocations --duplicates --parsable2 \\\n"
    "      --starttime=2026-10-01 --endtime=2026-11-01T00:05 \\\n"
    "      --format=JobIDRaw,State,Submit,Start,End,ElapsedRaw,Suspended,ExitCode,AllocTRES,JobName > october.sacct\n\n"
    "or, of any other scheduler, CSV with a line for each time that a run of ours ran (start and end in seconds since 1970):\n\n"
    "  marker,job,start,end,elapsed_s,cores,gpus,nodes,mem_mib\n\n"
    "Of sacct's lines only those of jobs that Bourse submitted leave this machine. Days are UTC's; a run belongs to the day on which it\n"
    "ended. Exit code 8 when something differs.\n\n"
    "Example: bourse reconcile center alpha october.sacct --from 2026-10-01 --to 2026-10-31";

// The file as the market takes it. Says on standard error what of sacct's it left out.
std::string neutral_file(Context& context, const std::string& path) {
  const std::string text = read_input(path, kMostSacctBytes);
  if (text.starts_with(reconciliation::kHeader)) return text;
  const slurm::SacctExtract extract = context.must(path.c_str(), slurm::read_sacct(text));
  if (!extract.unreadable.empty()) {
    for (const std::string& line : extract.unreadable) std::cerr << "not readable: " << harmless(line) << "\n";
    Context::end_with({ErrorCode::invalid_argument, "Lines above name runs of ours and aren't as sacct prints them; is SLURM_TIME_FORMAT=%s set?"});
  }
  std::cerr << fmt::format("{} runs of ours are over{}\n", extract.runs.size(),
                           extract.not_over == 0 ? "" : fmt::format("; {} are not, and are left out", extract.not_over));
  return reconciliation::write_accounting(extract.runs);
}

std::string show_breaks(const json& reply) {
  Table table({"break", "kind", "center", "at stake", "since", "days", "owner", "state", "difference", "said of it"});
  const json breaks = reply.value("breaks", json::array());
  for (const json& b : breaks)
    table.add({field(b, "id"), field(b, "kind"), field(b, "center_name"), money(b, "at_stake"), instant(b, "since"), field(b, "days"), field(b, "owner_name"),
               b.value("changed", false) ? "open (changed since explained)" : field(b, "state"), field(b, "detail"), field(b, "text")});
  if (table.empty()) return "No breaks.\n";
  const std::int64_t total = number(reply, "total"), shown = static_cast<std::int64_t>(breaks.size());
  return table.text() + (shown < total ? fmt::format("The {} oldest of {}; --center, --source, --owner or --limit show others.\n", shown, total) : "");
}

std::string hours_of(const json& sums, const char* meter) {
  constexpr std::int64_t kHour = 3'600'000;
  const std::int64_t ms = number(sums, meter);
  return fmt::format("{}.{:03}", ms / kHour, ms % kHour * 1000 / kHour);
}

std::string show_comparison(const json& r) {
  const json center = r.value("accounted_sum", json::object()), broker = r.value("booked_sum", json::object());
  Table table({"", "runs", "core-hours", "card-hours", "node-hours"});
  table.add({"center's accounting", field(r, "accounted"), hours_of(center, "core_ms"), hours_of(center, "gpu_ms"), hours_of(center, "node_ms")});
  table.add({"our books", field(r, "booked"), hours_of(broker, "core_ms"), hours_of(broker, "gpu_ms"), hours_of(broker, "node_ms")});
  return table.text() + fmt::format("\n{} runs agree, {} do not.\n", field(r, "agreed"), field(r, "findings"));
}

std::string show_break(const json& b) {
  const json center = b.value("accounted", json::object()), broker = b.value("booked", json::object());
  std::string out = list_of({{"break", field(b, "id")},
                             {"kind", field(b, "kind")},
                             {"center", field(b, "center_name")},
                             {"job", field(b, "job")},
                             {"scheduler's job", field(b, "scheduler_job")},
                             {"at stake", money(b, "at_stake")},
                             {"difference", field(b, "detail")},
                             {"since", instant(b, "since") + " (" + field(b, "days") + " days)"},
                             {"owner", field(b, "owner_name")},
                             {"state", b.value("changed", false) ? "open: its figures changed since it was explained" : field(b, "state")}});
  if (field(b, "source") == "usage") {
    Table table({"", "core_ms", "gpu_ms", "node_ms", "mem_mib_s"});
    for (const auto& [name, side] : {std::pair("center", &center), std::pair("broker", &broker)})
      table.add({name, field(*side, "core_ms"), field(*side, "gpu_ms"), field(*side, "node_ms"), field(*side, "mem_mib_s")});
    out += "\n" + table.text();
    if (!field(b, "job").empty()) out += "\nMoney back to the user: bourse refund " + field(b, "job") + "; a claim of the center's: bourse dispute open " + field(b, "job") + " --for-center\n";
  }
  Table words({"at", "by", "owner", "state", "text"});
  for (const json& w : b.value("words", json::array())) words.add({instant(w, "at"), field(w, "by_name"), field(w, "owner_name"), field(w, "state"), field(w, "text")});
  return words.empty() ? out : out + "\n" + words.text();
}

struct Arguments {
  std::string center, file, from, to, key;
  std::string source, owner, id, text;
  int tolerance = 1, limit = 100;
  bool all = false;
};

void add_break_commands(CLI::App& app, Context& context) {
  auto a = std::make_shared<Arguments>();
  CLI::App* noun = app.add_subcommand("break", "Where two books of the same thing differ, and what was made of it")->require_subcommand(1);
  noun->footer("Breaks come from: usage (our books and a center's accounting; bourse reconcile center), bank (a payment that nothing explains), payout (not\n"
               "confirmed for five days), top_up (entered by hand and on no bank statement for five days), day (a center counts a day differently). All but\n"
               "usage are looked up at the moment you ask; one that is gone was mended.");
  CLI::App* list = noun->add_subcommand("list", "What is open, the oldest first");
  list->add_option("--center", a->center, "Of this center, by name or id");
  list->add_option("--source", a->source, "usage, bank, payout, top_up or day");
  list->add_option("--owner", a->owner, "Of me, or of this person (usr_…)");
  list->add_option("--limit", a->limit, "So many at most")->check(CLI::Range(1, 1000))->capture_default_str();
  list->add_flag("--all", a->all, "Explained ones too");
  list->callback([&context, a] {
    std::string query = "?limit=" + std::to_string(a->limit) + (a->all ? "&all=1" : "");
    for (const auto& [name, value] : {std::pair("center", &a->center), std::pair("source", &a->source), std::pair("owner", &a->owner)})
      if (!value->empty()) query += "&" + std::string(name) + "=" + url_encoded(*value);
    context.print(context.must(context.client().get("/api/v1/finance/breaks" + query)), show_breaks);
  });
  const auto one = [&context, a](CLI::App* command, std::function<json()> body) {
    command->add_option("break", a->id, "As 'bourse break list' shows it")->required();
    command->callback([&context, a, body = std::move(body)] {
      const std::string path = "/api/v1/finance/breaks/" + url_encoded(a->id);
      const json content = body();
      context.print(context.must(content.is_null() ? context.client().get(path) : context.client().post(path + "/words", content, a->key)), show_break);
    });
  };
  const auto keyed = [a](CLI::App* command) {
    command->add_option("--idempotency-key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  };
  one(noun->add_subcommand("show", "One break: both sides' figures, and everything that was said of it"), [] { return json(); });
  CLI::App* assign = noun->add_subcommand("assign", "Who looks into it");
  one(assign, [a] { return json{{"owner", a->owner.empty() ? "me" : a->owner}, {"text", a->text}}; });
  assign->add_option("owner", a->owner, "me, nobody, or a person's id (usr_…)")->default_str("me");
  assign->add_option("--text", a->text, "A word to them");
  keyed(assign);
  CLI::App* explain = noun->add_subcommand("explain", "Why it differs and may stay so; it is shown again if its figures change");
  one(explain, [a] { return json{{"state", "explained"}, {"text", a->text}}; });
  explain->add_option("text", a->text, "The explanation")->required();
  keyed(explain);
  CLI::App* reopen = noun->add_subcommand("reopen", "Take an explanation back");
  one(reopen, [a] { return json{{"state", "open"}, {"text", a->text}}; });
  reopen->add_option("text", a->text, "Why");
  keyed(reopen);
}

}  // namespace

void add_reconcile_commands(CLI::App& app, Context& context) {
  auto a = std::make_shared<Arguments>();
  CLI::App* noun = app.add_subcommand("reconcile", "Hold our books against others'")->require_subcommand(1);
  CLI::App* center = noun->add_subcommand("center", "Against a center's own accounting (sacct)");
  center->footer(kHowTo);
  center->add_option("center", a->center, "Name or id")->required();
  center->add_option("file", a->file, "Its accounting; - for standard input")->required();
  center->add_option("--from", a->from, "First day, 2026-10-01 (UTC)")->required();
  center->add_option("--to", a->to, "The last day that is in")->required();
  center->add_option("--tolerance", a->tolerance, "Seconds of run time that are no difference")->check(CLI::Range(0, 3600))->capture_default_str();
  center->add_option("--idempotency-key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  center->callback([&context, a] {
    const std::string query = fmt::format("?center={}&from={}&to={}&tolerance_s={}", url_encoded(a->center), url_encoded(a->from), url_encoded(a->to), a->tolerance);
    const json reply = context.must(
        context.client().post_file("/api/v1/finance/reconciliations" + query, neutral_file(context, a->file), "text/csv", a->key));
    const bool agree = number(reply, "findings") == 0;
    context.print(reply, [&](const json& r) {
      if (agree) return show_comparison(r);
      const json breaks = context.must(context.client().get("/api/v1/finance/breaks?source=usage&limit=1000&center=" + url_encoded(a->center)));
      return show_comparison(r) + "\n" + show_breaks(breaks) + "\nbourse break show, assign and explain go on from here.\n";
    });
    if (!agree) throw CLI::RuntimeError(info(ErrorCode::verification_failed).exit_code);
  });
  add_break_commands(app, context);
}

}  // namespace bourse::cli
