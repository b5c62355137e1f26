// bourse-bench NAME: measures one thing on a private PostgreSQL of its own.
#include <algorithm>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bench/bench.h"

namespace bourse::bench {

void say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

double percentile(std::vector<double>& samples, unsigned permille) {
  if (samples.empty()) return 0;
  std::ranges::sort(samples);
  return samples[std::min(samples.size() - 1, samples.size() * permille / 1000)];
}

namespace {

struct Entry {
  const char* name;
  const char* what;
  Bench run;
};

// A new bench: its file, its declaration in bench.h, its line here.
const std::vector<Entry>& benches() {
  static const std::vector<Entry> all = {
      {"ledger", "Durable, validated, fenced transfers a second, beside a relational row-per-transfer table", run_ledger},
      {"paced", "How long a steady 100,000 transfers a second wait for their commit, and how far projections fall behind", run_paced},
      {"project", "Transfers a second that the projections take, of a journal made beforehand", run_project},
      {"engine", "Jobs a second from submission to capture with stub centers, projections included", run_engine},
      {"year", "A year of 30 centers with two million signed usage records: closed month by month, every statement verified", run_year},
      {"route", "Routing decisions a second on one core, 100 centers of 20 pools", run_route},
  };
  return all;
}

int main_of(int argc, char** argv) {
  CLI::App app("Measures parts of Bourse. The last line of stdout is one JSON object.", "bourse-bench");
  app.require_subcommand(1);
  BenchOptions options;
  int exit_code = 0;
  for (const Entry& entry : benches()) {
    CLI::App* command = app.add_subcommand(entry.name, entry.what);
    command->add_option("--seconds", [&options](const CLI::results_t& given) {
      char* end = nullptr;
      const long value = std::strtol(given[0].c_str(), &end, 10);
      if (*end != '\0' || value < 1 || value > 3600) return false;
      options.duration = seconds(value);
      return true;
    }, "Length of each measured stretch (1 to 3600; default 5)");
    command->add_option("--seed", options.seed, "Of all that is random (default 1)");
    if (std::string_view(entry.name) == "year")
      command->add_option("--days", options.days, "Of the year (default 365)")->check(CLI::Range(1, 3660));
    // What is printed last is always one JSON object; the option is there for those who ask.
    static std::string output;
    command->add_option("--output", output, "Only json")->check(CLI::IsMember({"json"}));
    command->callback([&] {
      const auto result = entry.run(options);
      if (!result) {
        say(result.error().message());
        exit_code = info(result.error().code).exit_code;
        return;
      }
      std::cout << result->dump() << "\n";
    });
  }
  CLI11_PARSE(app, argc, argv);
  return exit_code;
}

}  // namespace
}  // namespace bourse::bench

int main(int argc, char** argv) { return bourse::bench::main_of(argc, argv); }
