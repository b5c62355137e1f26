// `bourse sbatch` and `bourse bsub`: for hands and scripts that know these. Options go to the market as they were typed, which reads them
// with the script's own directives.
#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/client/table.h"
#include "cli/job_view.h"
#include "cli/submission.h"
#include "jobscript/directives.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

constexpr const char* kSbatchHelp =
    "Usage: bourse sbatch [options] script [no arguments]\n"
    "       bourse sbatch [options] --wrap 'command'\n\n"
    "Submits a Slurm script to the market. sbatch's options are read as sbatch reads them, those in the script's #SBATCH lines too; what\n"
    "became of each is told on standard error. Read here: --parsable, --wrap, --wait, --test-only (a quote), -Q, and -A, which names the\n"
    "billing account. Of bourse's own: --center=NAME, --ignore-directives, --skip-unknown.\n";
constexpr const char* kBsubHelp =
    "Usage: bourse bsub [options] < script\n"
    "       bourse bsub [options] command [arguments]\n\n"
    "Submits an LSF job to the market. bsub's options are read as LSF's reference says, those in the script's #BSUB lines too; what became of\n"
    "each is told on standard error. Read here: -K (waits for the end). Of bourse's own: --center=NAME, --ignore-directives, --skip-unknown.\n";

// What the options say that are read here, and the others.
struct Typed {
  std::vector<std::string> rest;     // script and arguments, or the command
  std::vector<std::string> options;  // for the market
  std::optional<std::string> wrap;
  std::string account, center;
  bool parsable = false, wait = false, test_only = false, quiet = false, help = false, ignore_directives = false, skip_unknown = false;
};

// Options that only bourse has, which no scheduler knows.
bool take_own(const jobscript::TypedOption& option, Typed& out) {
  const std::string& word = option.words.front();
  constexpr std::string_view kCenter = "--center=";
  if (word == "--ignore-directives") return out.ignore_directives = true;
  if (word == "--skip-unknown") return out.skip_unknown = true;
  if (!word.starts_with(kCenter)) return false;
  out.center = word.substr(kCenter.size());
  return true;
}

Typed read_sbatch(const std::vector<std::string>& words) {
  jobscript::TypedLine line = jobscript::take_apart(jobscript::Dialect::slurm, words);
  Typed out{.rest = std::move(line.rest)};
  for (jobscript::TypedOption& option : line.options) {
    if (option.name == "wrap") out.wrap = option.value;
    else if (option.name == "account") out.account = option.value.value_or("");
    else if (option.name == "parsable") out.parsable = true;
    else if (option.name == "wait") out.wait = true;
    else if (option.name == "test-only") out.test_only = true;
    else if (option.name == "quiet") out.quiet = true;
    else if (option.name == "help" || option.name == "usage" || option.name == "version") out.help = true;
    else if (!take_own(option, out)) std::ranges::move(option.words, std::back_inserter(out.options));
  }
  return out;
}

Typed read_bsub(const std::vector<std::string>& words) {
  jobscript::TypedLine line = jobscript::take_apart(jobscript::Dialect::lsf, words);
  Typed out{.rest = std::move(line.rest)};
  for (jobscript::TypedOption& option : line.options) {
    if (option.name == "K") out.wait = true;
    else if (option.name == "h" || option.name == "V") out.help = true;
    else if (!take_own(option, out)) std::ranges::move(option.words, std::back_inserter(out.options));
  }
  return out;
}

[[noreturn]] void refuse(const std::string& what) { Context::end_with({ErrorCode::invalid_argument, what}); }

json body_of(const Typed& typed, const char* options, const std::string& script, const std::string& file_name) {
  json body = {{"spec", {{"script", script}}}, {"directives", {{"file_name", file_name}}}};
  if (!typed.options.empty()) body["directives"][options] = typed.options;
  if (typed.ignore_directives) body["directives"]["ignore"] = true;
  if (typed.skip_unknown) body["directives"]["skip_unknown"] = true;
  if (!typed.center.empty()) body["spec"]["center"] = typed.center;
  if (!typed.account.empty()) body["account"] = typed.account;
  return body;
}

// Its script's exit code, as sbatch --wait and bsub -K end with; 1 where it ended otherwise.
void end_as_job(const json& job) {
  const std::int64_t code = number(job, "exit_code");
  if (field(job, "state") != "ended" || code != 0) throw CLI::RuntimeError(code > 0 && code < 256 ? static_cast<int>(code) : 1);
}

void submit(Context& context, const Typed& typed, const json& body, const std::function<std::string(const json&)>& text) {
  if (typed.test_only) {
    const json reply = context.must(context.client().post("/api/v1/quotes", body));
    if (!context.as_json && !typed.quiet) std::cerr << show_notes(reply);
    return context.print(reply, show_quote);
  }
  const json job = context.must(context.client().post("/api/v1/jobs", body));
  if (!context.as_json && !typed.quiet) std::cerr << show_notes(job);
  context.print(job, text);
  if (!typed.wait) return;
  std::cout << std::flush;
  end_as_job(wait_for_end(context, field(job, "id")));
}

void sbatch(Context& context, const std::vector<std::string>& words) {
  const Typed typed = read_sbatch(words);
  if (typed.help) {
    std::cout << kSbatchHelp;
    return;
  }
  if (typed.wrap && !typed.rest.empty()) refuse("with --wrap there can't be a script or arguments");
  if (typed.rest.size() > 1) refuse("the market has no place for a script's arguments; write them into the script, or submit --wrap 'command arguments'");
  const std::string path = typed.rest.empty() ? "-" : typed.rest.front();
  const std::string script = typed.wrap ? "#!/bin/sh\n# Made by bourse sbatch --wrap.\n" + *typed.wrap + "\n" : read_script(path);
  const std::string file_name = typed.wrap ? "wrap" : path == "-" ? "sbatch" : base_name(path);
  submit(context, typed, body_of(typed, "sbatch_options", script, file_name), [&typed](const json& job) {
    return (typed.parsable ? "" : "Submitted batch job ") + field(job, "id") + "\n";
  });
}

// LSF gives the words of a command to a shell as one line, and runs a script without a #! line by it.
std::string bsub_script(const Typed& typed) {
  constexpr std::size_t kLargestScript = 1 << 20;
  if (typed.rest.empty()) {
    const std::string script = read_input("-", kLargestScript);
    if (script.starts_with("#!")) return script;
    std::cerr << "bsub: the script has no #! line: /bin/sh runs it, by a first line that is put before the others\n";
    return "#!/bin/sh\n" + script;
  }
  std::string command;
  for (const std::string& word : typed.rest) command += (command.empty() ? "" : " ") + word;
  return "#!/bin/sh\n" + command + "\n";
}

void bsub(Context& context, const std::vector<std::string>& words) {
  const Typed typed = read_bsub(words);
  if (typed.help) {
    std::cout << kBsubHelp;
    return;
  }
  const std::string file_name = typed.rest.empty() ? "bsub" : base_name(typed.rest.front());
  submit(context, typed, body_of(typed, "bsub_options", bsub_script(typed), file_name), [](const json& job) {
    const std::string center = field(job, "center_name");  // none yet of an array, or of what waits
    return "Job <" + field(job, "id") + "> is submitted to queue <" + (center.empty() ? "" : center + "/" + field(job, "pool")) + ">.\n";  // as scripts parse it
  });
}

// What the market would make of a script's directives, without asking it.
void show_directives(const Context& context, const std::string& path) {
  const auto said = jobscript::read(read_script(path));
  if (!said) Context::end_with(said.error());
  json reply = {{"dialect", name(said->dialect)}, {"notes", json::array()}};
  const std::pair<const char*, const std::optional<std::int64_t>*> figures[] = {
      {"nodes", &said->nodes}, {"cores", &said->cores}, {"gpus", &said->gpus}, {"mem_mib", &said->mem_mib}};
  for (const auto& [field_name, figure] : figures)
    if (*figure) reply[field_name] = **figure;
  if (said->walltime) reply["walltime_ms"] = said->walltime->ms;
  const std::pair<const char*, const std::string*> texts[] = {{"name", &said->name}, {"gpu_model", &said->gpu_model}, {"qos", &said->qos}, {"project", &said->project}, {"array", &said->array}, {"dependency", &said->dependency}};
  for (const auto& [field_name, text] : texts)
    if (!text->empty()) reply[field_name] = *text;
  bool stopped = false;
  for (const jobscript::Note& note : said->notes) {
    reply["notes"].push_back({{"line", note.line}, {"directive", note.option}, {"fate", name(note.fate)}, {"sentence", note.sentence}});
    stopped = stopped || note.fate == jobscript::Fate::refused || note.fate == jobscript::Fate::unknown;
  }
  context.print(reply, [](const json& all) { return field(all, "dialect") == "none" ? std::string("It has no directives.\n") : show_notes(all); });
  if (stopped) throw CLI::RuntimeError(info(ErrorCode::invalid_argument).exit_code);
}

}  // namespace

void add_wrapper_commands(CLI::App& app, Context& context, const std::vector<std::string>& words) {
  app.add_subcommand("sbatch", "Submit a Slurm script, with sbatch's options: 'bourse sbatch --help'")->callback([&context, words] { sbatch(context, words); });
  app.add_subcommand("bsub", "Submit an LSF script or command, with bsub's options: 'bourse bsub -h'")->callback([&context, words] { bsub(context, words); });
  auto path = std::make_shared<std::string>();
  CLI::App* read = app.add_subcommand("directives", "What would become of a script's #SBATCH or #BSUB lines, offline; exit code 2 where the job would be refused");
  read->add_option("script", *path, "Script file, '-' for standard input")->required();
  read->callback([&context, path] { show_directives(context, *path); });
}

}  // namespace bourse::cli
