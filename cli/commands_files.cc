// A job's files: what there is, and bringing them here.
#include <algorithm>
#include <iostream>

#include "cli/client/table.h"
#include "cli/context.h"
#include "cli/files.h"
#include "federation-proto/staging.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

json files_of(Context& context, const std::string& job) { return context.must(context.client().get("/api/v1/jobs/" + url_encoded(job) + "/files")); }

std::string state_of(const json& file) {
  if (file.value("arrived", false)) return "here";
  const std::string reason = field(file, "reason");
  return reason.empty() ? "awaited" : reason;
}

std::string outputs_line(const json& files) {
  const std::string state = field(files, "state");
  if (state == "none") return "The job keeps no outputs.\n";
  std::string patterns;
  for (const auto& pattern : files.value("patterns", json::array())) patterns += " " + harmless(pattern.get<std::string>());
  if (state == "awaited") return "Outputs are handed over after the job's end:" + patterns + "\n";
  if (state == "arriving") return "Outputs are on their way:" + patterns + "\n";
  return "All outputs are handed over:" + patterns + "\n";
}

std::string show_files(const json& files) {
  Table table({"", "path", "bytes", "SHA-256", "state"});
  for (const char* kind : {"inputs", "outputs"})
    for (const auto& file : files.value(kind, json::array()))
      table.add({std::string(kind).substr(0, std::string(kind).size() - 1), harmless(field(file, "path")), std::to_string(file.value("size", std::int64_t{0})),
                 field(file, "sha256").substr(0, 16), harmless(state_of(file))});
  std::string out = table.text() + outputs_line(files);
  if (const std::string problem = field(files, "problem"); !problem.empty()) out += "Of the outputs: " + harmless(problem) + ".\n";
  return out + "Files are kept for " + std::to_string(files.value("kept_ms", std::int64_t{0}) / hours(24).ms) + " days after their last use.\n";
}

struct FetchArguments {
  std::string job, to = ".";
  std::vector<std::string> paths;
  bool replace = false;
};

void fetch(Context& context, const FetchArguments& a) {
  const json files = files_of(context, a.job);
  int fetched = 0, left = 0;
  for (const auto& file : files.value("outputs", json::array())) {
    const std::string path = field(file, "path");
    if (!a.paths.empty() && std::ranges::none_of(a.paths, [&](const std::string& p) { return federation::matches(p, path); })) continue;
    // A center named it: it must not lead out of the folder here either.
    Status done = federation::check_file_path(path);
    const json patterns = files.value("patterns", json::array());
    const bool asked = std::ranges::any_of(patterns, [&](const json& p) { return federation::matches(p.get<std::string>(), path); });
    if (done && !asked) done = fail(ErrorCode::invalid_argument, "the job was not asked to keep it");
    if (done && !file.value("arrived", false)) done = fail(ErrorCode::not_found, state_of(file));
    if (done) done = fetch_file(context, a.job, file, a.to + "/" + path, a.replace);
    if (done) {
      ++fetched;
      std::cerr << harmless(path) << "\n";
      continue;
    }
    ++left;
    std::cerr << harmless(path) << ": " << harmless(done.error().message()) << "\n";
  }
  if (fetched + left == 0) Context::end_with({ErrorCode::not_found, a.paths.empty() ? "the job has no outputs yet; 'bourse job files' says why" : "the job has no such output"});
  if (left > 0) Context::end_with({ErrorCode::not_found, std::to_string(left) + " of " + std::to_string(fetched + left) + " files were not to be had"});
}

}  // namespace

void add_file_commands(CLI::App& app, Context& context) {
  CLI::App* job = app.get_subcommand("job");
  auto id = std::make_shared<std::string>();
  CLI::App* list = job->add_subcommand("files", "Its input and output files: sizes, SHA-256, and which are here");
  list->add_option("id", *id, "The job (job_…)")->required();
  list->callback([&context, id] { context.print(files_of(context, *id), show_files); });

  auto a = std::make_shared<FetchArguments>();
  CLI::App* get = job->add_subcommand("fetch", "Bring its output files here; a fetch that broke off goes on where it stopped");
  get->add_option("id", a->job, "The job (job_…)")->required();
  get->add_option("path", a->paths, "Only these: paths or patterns, as 'bourse job files' shows them");
  get->add_option("--to", a->to, "Folder to put them in")->capture_default_str();
  get->add_flag("--replace", a->replace, "Replace files that are here with other content");
  get->footer("Each file is checked against its SHA-256. Outputs, and the ends of logs, are kept for the time that 'bourse job files' says.");
  get->callback([&context, a] { fetch(context, *a); });
}

}  // namespace bourse::cli
