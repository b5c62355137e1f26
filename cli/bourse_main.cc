// bourse: the command line for users, centers, finance and operators, and the embedded market.
#include <curl/curl.h>

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/client/table.h"
#include "cli/context.h"
#include "cli/up.h"

namespace {

// Where the command stands; `argc` without one.
int command_at(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "-o" || word == "--output") ++i;
    else if (!word.starts_with('-')) return i;
  }
  return argc;
}

// The first word, where a command is expected and that isn't one. (The parser would only say that one is missing.)
std::string unknown_command(const CLI::App& app, int argc, char** argv) {
  const int at = command_at(argc, argv);
  if (at >= argc) return "";
  const std::string word = argv[at];
  const auto known = app.get_subcommands([&](const CLI::App* command) { return command->get_name() == word; });
  return known.empty() ? word : "";
}

// What stands behind sbatch and bsub, whose options are read as theirs; the parser is not shown them.
std::vector<std::string> take_wrapped(int& argc, char** argv) {
  const int at = command_at(argc, argv);
  if (at >= argc || (std::string_view(argv[at]) != "sbatch" && std::string_view(argv[at]) != "bsub")) return {};
  std::vector<std::string> words(argv + at + 1, argv + argc);
  argc = at + 1;
  return words;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bourse;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const SystemClock clock;
  SystemRng rng;
  cli::Context context(clock, rng);
  const std::vector<std::string> wrapped = take_wrapped(argc, argv);

  CLI::App app("Bourse: one market for many compute centers.\n", "bourse");
  app.require_subcommand(1);
  app.fallthrough();  // so that `bourse jobs --output json` reads like `bourse --output json jobs`
  app.set_help_all_flag("--help-all", "Help for every command");
  app.set_version_flag("--version", "bourse 0.1.0");
  std::string output = "table";
  app.add_option("-o,--output", output, "table for people, json for programs")->check(CLI::IsMember({"table", "json"}))->capture_default_str();
  app.parse_complete_callback([&] { context.as_json = output == "json"; });
  app.footer("First steps: bourse login · bourse offers · bourse submit job.sh · bourse jobs · bourse wallet\n"
             "A market on this machine: bourse up\n\n"
             "Environment: BOURSE_URL, BOURSE_CA, BOURSE_TOKEN or BOURSE_TOKEN_FILE, BOURSE_CONFIG_DIR.\n"
             "Exit codes: 0 done, 2 bad usage or input, 3 refused, 4 not signed in or not allowed, 5 not found,\n"
             "            6 try again, 7 outcome unknown (repeat with the same idempotency key), 8 a check failed.");
  cli::add_people_commands(app, context);
  cli::add_job_commands(app, context);
  cli::add_file_commands(app, context);
  cli::add_wrapper_commands(app, context, wrapped);
  cli::add_operator_commands(app, context);
  cli::add_membership_commands(app, context);
  cli::add_price_commands(app, context);
  cli::add_finance_commands(app, context);
  cli::add_settlement_commands(app, context);
  cli::add_dispute_commands(app, context);
  cli::add_verify_command(app, context);
  cli::add_evidence_commands(app, context);
  cli::add_document_commands(app, context);
  cli::add_rate_command(app, context);
  cli::add_bank_commands(app, context);
  cli::add_reconcile_commands(app, context);
  cli::add_ledger_commands(app, context);
  cli::add_usage_commands(app, context);
  cli::add_bill_commands(app, context);
  cli::add_report_commands(app, context);
  cli::add_voucher_commands(app, context);
  cli::add_reservation_commands(app, context);
  cli::add_package_commands(app, context);
  cli::add_center_admin_commands(app, context);
  cli::add_selling_commands(app, context);
  cli::add_money_in_commands(app, context);
  cli::add_up_commands(app);

  constexpr int kBadUsage = 2;
  if (const std::string word = unknown_command(app, argc, argv); !word.empty()) {
    std::cerr << "bourse: there is no command '" << cli::harmless(word) << "'; 'bourse --help' lists them\n";
    return kBadUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadUsage;
  }
  return 0;
}
