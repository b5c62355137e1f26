#include <array>
#include <iostream>

#include "base/hex.h"
#include "cli/books.h"
#include "cli/client/table.h"
#include "cli/context.h"
#include "documents/csv.h"
#include "documents/settlement.h"

namespace bourse::cli {
namespace {

struct ExportOptions {
  std::string file, format, language = "en", output = "-", key, table = "lines";
};

// The bytes of the document, or why there are none.
Result<std::string> render(const documents::VerifiedStatement& verified, const ExportOptions& options) {
  if (options.format == "focus") return documents::write_focus(documents::focus_of(verified));
  if (options.format == "hledger") return documents::write_hledger(documents::journal_of(verified));
  if (options.format == "beancount") return documents::write_beancount(documents::journal_of(verified));
  const documents::Document document =
      documents::document_of(verified, language_named(options.language));
  if (options.format != "csv") return rendered(document, options.format);
  CHECK_OK(documents::check(document));
  return documents::write_csv(document, options.table);
}

void export_statement(Context& context, const ExportOptions& options) {
  std::optional<federation::PublicKey> pinned;
  if (!options.key.empty()) {
    pinned.emplace();
    if (!from_hex(options.key, *pinned)) context.end_with({ErrorCode::invalid_argument, "--ack-key must be 64 hexadecimal digits"});
  }
  const std::string file = read_input(options.file, statement::kMaxFileBytes);
  const statement::Verification verdict = statement::verify(file, pinned);
  if (!verdict.ok) {
    for (const std::string& difference : verdict.differences) std::cerr << "wrong: " << harmless(difference) << "\n";
    std::cerr << "The statement does NOT verify; nothing was exported.\n";
    throw CLI::RuntimeError(info(ErrorCode::verification_failed).exit_code);
  }
  const documents::VerifiedStatement verified = context.must(documents::open_verified(file, verdict));
  write_document(options.format, options.output, context.must(render(verified, options)));
}

}  // namespace

void add_document_commands(CLI::App& app, Context& context) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.get_subcommand("statement")->add_subcommand("export", "Turn a statement file that verifies into a document, offline; exit code 8 if it doesn't");
  command->add_option("file", options->file, "The statement, as 'bourse statement get' wrote it; '-' for standard input")->required();
  command->add_option("--format", options->format, "pdf, xlsx, csv, json; focus (FinOps FOCUS 1.2), hledger, beancount")
      ->required()
      ->check(CLI::IsMember({"pdf", "xlsx", "csv", "focus", "hledger", "beancount", "json"}));
  command->add_option("--table", options->table, "Of csv, which holds one: lines (the captures), prices, accruals, fees, adjustments, payouts, reports")
      ->check(CLI::IsMember({"lines", "prices", "accruals", "fees", "adjustments", "payouts", "reports"}))
      ->capture_default_str();
  command->add_option("--language", options->language, "Of labels in pdf, xlsx and json")->check(CLI::IsMember({"en", "zh"}))->capture_default_str();
  command->add_option("--output", options->output, "File; '-' for standard output")->capture_default_str();
  command->add_option("--ack-key", options->key, "The market's public key (64 hexadecimal digits, 'ack_key' of a join bundle); without it, "
                                                 "the key in the file is taken and shown");
  command->footer("Example: bourse statement export period.json --format pdf --language zh --output period.pdf");
  command->callback([&context, options] { export_statement(context, *options); });
}

}  // namespace bourse::cli
