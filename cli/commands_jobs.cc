#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "cli/client/quantities.h"
#include "cli/client/table.h"
#include "cli/context.h"
#include "cli/files.h"
#include "cli/job_view.h"
#include "cli/submission.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

constexpr int kPollMs = 1000;

// A job as it is typed. What is not typed is not sent: the script's directives may say it, or the market's defaults do.
struct JobArguments {
  std::string script, name, account, quote, key;
  std::optional<std::int64_t> cores, gpus, nodes;
  std::string memory, time, hold_window, expected, gpu_model, arch, objective, budget, deadline, center, qos, project, pay_with, array, dependency;
  std::vector<std::string> inputs, outputs;
  bool wait = false, ignore_directives = false, skip_unknown = false;
};

void add_spec_options(CLI::App& command, JobArguments& a) {
  command.add_option("script", a.script, "Script file beginning with #!, '-' for standard input");
  command.add_option("--name", a.name, "Name of the job (default: as the script says, or its file name)");
  command.add_option("--account", a.account, "Billing account that pays (default: your first)");
  command.add_option("--cores", a.cores, "Cores in all (default: as the script says, or 1 a node)")->check(CLI::Range(1, 1'000'000));
  command.add_option("--nodes", a.nodes, "Nodes to spread over (default: as the script says, or 1)")->check(CLI::Range(1, 100'000));
  command.add_option("--memory", a.memory, "Memory in all: 512MiB, 4GiB (default: as the script says, or 1GiB)");
  command.add_option("--gpus", a.gpus, "Accelerator cards in all (default: as the script says, or none)")->check(CLI::Range(0, 1'000'000));
  command.add_option("--gpu-model", a.gpu_model, "Model of the cards, as 'bourse offers' shows it");
  command.add_option("--arch", a.arch, "x86_64 or aarch64");
  command.add_option("--time", a.time, "The most it may run: 10m, 2h30m, HH:MM:SS; the hold covers it, or its first window (default: as the script says, or 1h)");
  command.add_option("--hold-window", a.hold_window, "Hold money for so much of the run at a time (24h) and renew it while it runs");
  command.add_option("--expected", a.expected, "How long you think it runs on a reference machine; improves the prediction");
  command.add_option("--objective", a.objective, "What the choice is for (default: cheapest)")->check(CLI::IsMember({"cheapest", "fastest", "best_value"}));
  command.add_option("--budget", a.budget, "The hold may not exceed this amount");
  command.add_option("--pay-with", a.pay_with, "DU: with your packages of 度 (bourse package list); the budget is in 度 then")->check(CLI::IsMember({"DU"}));
  command.add_option("--deadline", a.deadline, "The predicted end may not be later (RFC 3339)");
  command.add_option("--center", a.center, "Only this center");
  command.add_option("--qos", a.qos, "Quality of service at the center");
  command.add_option("--project", a.project, "Whose work it is, for your own books (bourse usage --by project)");
  command.add_option("--array", a.array, "So many jobs in one: 0-99, 1,3,7-20:2; %10 at the end: ten at once. Memory, time and budget are each one's");
  command.add_option("--dependency", a.dependency, "Dispatch it when these hold: afterok:JOB, afterany:JOB, afternotok:JOB, after:JOB, singleton; ',' all, '?' any. JOB_7: an array's element");
  command.add_option("--input", a.inputs, "A file, or a folder with all below it, to lie in the job's folder: data.csv, params/, local=path/in/job; several times")
      ->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command.add_option("--out", a.outputs, "What to keep of the job's folder after its end: log.txt, 'results/**', '*.csv'; several times")
      ->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command.add_flag("--ignore-directives", a.ignore_directives, "Don't read the script's #SBATCH or #BSUB lines");
  command.add_flag("--skip-unknown", a.skip_unknown, "Leave directives out that their scheduler doesn't know, in place of refusing the job");
}

// Checks what can be checked here, so that a slip costs no round trip.
json spec_of(Context& context, const JobArguments& a) {
  if (a.script.empty()) context.end_with({ErrorCode::invalid_argument, "name a script file, or '-' for standard input"});
  json spec = json::object();
  if (a.cores) spec["cores"] = *a.cores;
  if (a.gpus) spec["gpus"] = *a.gpus;
  if (a.nodes) spec["nodes"] = *a.nodes;
  if (!a.memory.empty()) spec["mem_mib"] = context.must("--memory", parse_memory_mib(a.memory));
  if (!a.time.empty()) spec["walltime_ms"] = context.must("--time", parse_duration(a.time)).ms;
  if (!a.hold_window.empty()) spec["hold_window_ms"] = context.must("--hold-window", parse_duration(a.hold_window)).ms;
  if (!a.expected.empty()) spec["expected_ms"] = context.must("--expected", parse_duration(a.expected)).ms;
  if (!a.budget.empty()) spec["budget"] = to_text(context.must("--budget", positive_amount(a.budget)));
  if (!a.deadline.empty()) spec["deadline"] = to_text(context.must("--deadline", parse_instant(a.deadline)));
  const std::pair<const char*, const std::string*> texts[] = {
      {"name", &a.name}, {"objective", &a.objective}, {"gpu_model", &a.gpu_model}, {"arch", &a.arch}, {"center", &a.center}, {"qos", &a.qos}, {"project", &a.project}, {"pay_with", &a.pay_with}, {"array", &a.array}, {"dependency", &a.dependency}};
  for (const auto& [name, value] : texts)
    if (!value->empty()) spec[name] = *value;
  spec["script"] = read_script(a.script);
  return spec;
}

// Uploads first: a job names only what the market has.
void add_files(Context& context, const JobArguments& a, json& spec) {
  if (!a.inputs.empty()) spec["inputs"] = upload_inputs(context, context.must("--input", expand_inputs(a.inputs)), a.account);
  if (!a.outputs.empty()) spec["outputs"] = a.outputs;
}

json directives_of(const JobArguments& a) {
  json reading = {{"file_name", base_name(a.script)}};
  if (a.ignore_directives) reading["ignore"] = true;
  if (a.skip_unknown) reading["skip_unknown"] = true;
  return reading;
}

json get_job(Context& context, const std::string& id) { return context.must(context.client().get("/api/v1/jobs/" + url_encoded(id))); }

bool is_over(const json& job) {
  const std::string state = field(job, "state");
  return state == "ended" || state == "failed" || state == "cancelled";
}

}  // namespace

std::string base_name(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return path == "-" ? "job" : slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string read_script(const std::string& path) {
  constexpr std::size_t kLargestScript = 1 << 20;
  std::string script = read_input(path, kLargestScript);
  if (!script.starts_with("#!")) Context::end_with({ErrorCode::invalid_argument, "the script must begin with #! and its interpreter, such as #!/bin/bash"});
  return script;
}

json wait_for_end(Context& context, const std::string& id) {
  std::string shown;
  while (true) {
    const json job = get_job(context, id);
    std::string state = job.contains("elements") ? show_counts(job) : field(job, "state");
    if (const std::string where = field(job, "center_name"); !where.empty()) state += " at " + where;
    if (job.value("unreachable", false)) state += " (unreachable)";
    if (state != shown) std::cerr << (shown = state) << "\n";
    if (is_over(job)) return job;
    poll(nullptr, 0, kPollMs);
  }
}

namespace {

void submit(Context& context, const JobArguments& a) {
  json body = json::object();
  if (!a.quote.empty()) body["quote"] = a.quote;
  if (a.quote.empty() || !a.script.empty()) body["spec"] = spec_of(context, a), body["directives"] = directives_of(a);
  if (body.contains("spec")) add_files(context, a, body["spec"]);
  if (!a.account.empty()) body["account"] = a.account;
  const json job = context.must(context.client().post("/api/v1/jobs", body, a.key));
  if (!context.as_json) std::cerr << show_notes(job);
  if (!a.wait) return context.print(job, show_submitted);
  if (!context.as_json) std::cerr << show_submitted(job);
  const json ended = wait_for_end(context, field(job, "id"));
  context.print(ended, show_job);
  if (field(ended, "state") != "ended") throw CLI::RuntimeError(1);
}

void quote(Context& context, const JobArguments& a) {
  json body = {{"spec", spec_of(context, a)}, {"directives", directives_of(a)}};
  if (!a.account.empty()) body["account"] = a.account;
  add_files(context, a, body["spec"]);
  const json reply = context.must(context.client().post("/api/v1/quotes", body, a.key));
  if (!context.as_json) std::cerr << show_notes(reply);
  context.print(reply, show_quote);
}

// Prints what the log has from `offset`; the offset after it.
std::int64_t print_log(Context& context, const std::string& id, std::int64_t offset, bool& ended) {
  while (true) {
    const Reply piece = context.must(
        context.client().get_raw("/api/v1/jobs/" + url_encoded(id) + "/log?max_bytes=262144&offset=" + std::to_string(offset)));
    ended = piece.header("x-log-ended") == "true";
    // Of a log that outlived its center only the end may be kept.
    const std::int64_t begins = std::strtoll(piece.header("x-log-offset").c_str(), nullptr, 10);
    if (begins > offset) std::cerr << "(its first " << begins << " bytes are no longer kept)\n";
    std::cout << piece.body << std::flush;
    offset = std::max(offset, begins) + static_cast<std::int64_t>(piece.body.size());
    if (piece.body.empty() || offset >= std::strtoll(piece.header("x-log-size").c_str(), nullptr, 10)) return offset;
  }
}

void logs(Context& context, const std::string& id, bool follow) {
  std::int64_t offset = 0;
  bool ended = false;
  while (true) {
    offset = print_log(context, id, offset, ended);
    if (!follow || ended) return;
    poll(nullptr, 0, kPollMs);
  }
}

void add_job_id(CLI::App& command, std::string& id) { command.add_option("id", id, "The job (job_…)")->required(); }

void add_cancel_command(CLI::App& app, Context& context, const std::shared_ptr<std::string>& id) {
  auto reason = std::make_shared<std::string>();
  CLI::App* cancel = app.add_subcommand("cancel", "Cancel a job, an array or some of its elements (ARRAY[3,5-9]); what ran is paid for");
  add_job_id(*cancel, *id);
  cancel->add_option("--reason", *reason, "For the record");
  cancel->callback([&context, id, reason] {
    json body = reason->empty() ? json::object() : json{{"reason", *reason}};
    std::string of = *id;
    if (const std::size_t open = of.find('['); open != std::string::npos && of.ends_with(']')) {
      body["elements"] = of.substr(open + 1, of.size() - open - 2);
      of.resize(open);
    }
    context.print(context.must(context.client().post("/api/v1/jobs/" + url_encoded(of) + "/cancel", body)), [id](const json& reply) {
      return *id + " will be cancelled; it is " + field(reply, "state") + " now" + (reply.contains("elements") ? " (" + show_counts(reply) + ")" : "") + ".\n";
    });
  });
}

}  // namespace

void add_job_commands(CLI::App& app, Context& context) {
  app.add_subcommand("offers", "What is on sale now, with prices and queues")->callback([&context] {
    context.print(context.must(context.client().get("/api/v1/offers")), show_offers);
  });

  auto a = std::make_shared<JobArguments>();
  CLI::App* ask = app.add_subcommand("quote", "Price a job: the ranked plans, without buying");
  add_spec_options(*ask, *a);
  ask->footer("Example: bourse quote train.sh --gpus 1 --gpu-model a100 --time 2h --objective fastest");
  ask->callback([&context, a] { quote(context, *a); });

  CLI::App* buy = app.add_subcommand("submit", "Submit a job: the market holds the money, chooses the center and says why");
  add_spec_options(*buy, *a);
  buy->add_option("--quote", a->quote, "Take the plans of this quote");
  buy->add_option("--idempotency-key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  buy->add_flag("--wait", a->wait, "Wait for its end; exit code 1 unless it ends well");
  buy->footer("Examples:\n  bourse submit job.sh --cores 4 --memory 8GiB --time 30m\n"
              "  bourse submit job.sh --objective fastest --budget 12.50 --wait\n  bourse submit train.sh --input data.csv --input params/ --out 'results/**'\n  printf '#!/bin/sh\\nhostname\\n' | bourse submit - --time 1m");
  buy->callback([&context, a] { submit(context, *a); });

  auto id = std::make_shared<std::string>();
  auto filter = std::make_shared<std::pair<std::string, std::string>>();
  auto limit = std::make_shared<int>(50);
  auto array = std::make_shared<std::string>();
  CLI::App* list = app.add_subcommand("jobs", "Your jobs, newest first; an array is one line");
  list->add_option("--array", *array, "The elements of this array");
  list->add_option("--state", filter->first, "Only those in this state");
  list->add_option("--cursor", filter->second, "Where the last page ended");
  list->add_option("--limit", *limit, "At most so many")->check(CLI::Range(1, 200))->capture_default_str();
  list->callback([&context, filter, limit, array] {
    const bool folded = array->empty() && filter->first.empty();
    context.print(context.must(context.client().get("/api/v1/jobs?limit=" + std::to_string(*limit) +
                                                    (filter->first.empty() ? "" : "&state=" + url_encoded(filter->first)) +
                                                    (filter->second.empty() ? "" : "&cursor=" + url_encoded(filter->second)) +
                                                    (folded ? "&arrays=folded" : "") + (array->empty() ? "" : "&array=" + url_encoded(*array)))),
                  show_jobs);
  });

  CLI::App* job = app.add_subcommand("job", "One job")->require_subcommand(1);
  CLI::App* show = job->add_subcommand("show", "Its state, cost, and why this center");
  add_job_id(*show, *id);
  show->callback([&context, id] { context.print(get_job(context, *id), show_job); });

  auto follow = std::make_shared<bool>(false);
  CLI::App* log = app.add_subcommand("logs", "What a job printed; its end stays for 30 days (or as the market sets it), also without its center");
  add_job_id(*log, *id);
  log->add_flag("-f,--follow", *follow, "Go on until the job ends");
  log->callback([&context, id, follow] { logs(context, *id, *follow); });

  add_cancel_command(app, context, id);

  CLI::App* trace = app.add_subcommand("trace", "The whole chain of any id: quote, hold, order, usage, rated line, capture, statement, payout, payment file, export row");
  trace->add_option("id", *id, "Any of the ids that a trace shows")->required();
  trace->footer("Ids: a job, quote, hold, attempt, usage record, rated line (usg_….1), transfer (812.3, as journals show it), adjustment, dispute,\n"
                "lot, reservation, period, payout or payment file; the SHA-256 of an order, report or statement; a statement as CENTER:NUMBER.\n"
                "A period, payout, file or lot lists its jobs or payouts, 200 at most. What centers get is shown to finance and operators.");
  trace->callback([&context, id] { context.print(context.must(context.client().get("/api/v1/trace/" + url_encoded(*id))), show_trace); });
}

}  // namespace bourse::cli
