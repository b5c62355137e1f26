// bourse-sample-statement: writes a sealed statement to standard output, for tests of what reads statements.
#include <CLI/CLI.hpp>
#include <iostream>

#include "base/hash.h"
#include "documents/testdata/sample_statement.h"

int main(int argc, char** argv) {
  using namespace bourse;
  documents::SampleOptions options;
  bool key_only = false;
  CLI::App app("A sealed settlement statement, made up, the same for the same options", "bourse-sample-statement");
  app.add_option("--lines", options.lines, "Captures")->capture_default_str();
  app.add_option("--center-name", options.center_name)->capture_default_str();
  app.add_option("--market", options.market)->capture_default_str();
  app.add_option("--opening", options.opening.micros, "Owed before, in micro-units")->capture_default_str();
  app.add_option("--late", options.late, "Of the captures: usage of an earlier period")->capture_default_str();
  app.add_option("--adjustments", options.adjustments, "Refunds and disputes")->capture_default_str();
  app.add_option("--payouts", options.payouts, "Payments to the center; every third came back")->capture_default_str();
  app.add_option("--reason", options.reason, "Of every refund and dispute")->capture_default_str();
  app.add_flag("--charged", options.charged, "Fixed fees of two contracts");
  app.add_flag("--key", key_only, "The key that signs, in hexadecimal, instead of the statement");
  CLI11_PARSE(app, argc, argv);
  documents::SampleStatement sample(options);
  std::cout << (key_only ? to_hex(Hash256{sample.ack().public_key}) + "\n" : sample.file());
  return 0;
}
