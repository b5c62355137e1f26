#include "connectors/daemon/conform_command.h"

#include "connectors/conformance/check.h"

namespace bourse::connector {

CLI::App* add_conform_command(CLI::App& app, ConformOptions& options) {
  CLI::App* command = app.add_subcommand("conform", "Put the scheduler and its driver to the test: runs short jobs, prints a report, clears up");
  std::vector<std::string> names;
  std::string listed;
  for (const conformance::Check& check : conformance::checks()) {
    names.emplace_back(check.name);
    listed += (listed.empty() ? "" : ", ") + std::string(check.name);
  }
  command->add_option("--dir", options.directory, "The connector's own folder")->required();
  command->add_option("--config", options.config_path, "Instead of <dir>/connector.toml");
  command->add_option("--pool", options.pool, "Where the jobs run; else the first pool that is for sale");
  command->add_option("--user", options.user, "A local user of [identity] that they run as; else the first. Choose one that no tenant uses now");
  command->add_option("--timeout", options.timeout_s, "Seconds for one change of a job's state, the wait in the queue included")->check(CLI::Range(1, 86'400))->capture_default_str();
  command->add_option("--only", options.only, "Some checks: " + listed)->check(CLI::IsMember(names))->type_name("CHECK");
  command->add_flag("--fill-pool", options.fill_pool, "Also what only a full pool shows; takes all of its cores for some seconds");
  command->add_option_function<std::string>("--output", [&options](const std::string& form) { options.json = form == "json"; }, "text or json")
      ->check(CLI::IsMember({"text", "json"}))->default_str("text");
  command->add_flag("--yes,-y", options.yes, "Begin without asking");
  return command;
}

}  // namespace bourse::connector
