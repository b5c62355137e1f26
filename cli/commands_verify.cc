#include "base/hash.h"
#include "base/hex.h"
#include "broker/adapters/statement/statement.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

json report_of(const std::string& path, const statement::Verification& v) {
  return {{"file", path},           {"ok", v.ok},           {"differences", v.differences}, {"market", v.market},
          {"center", v.center},     {"center_name", v.center_name}, {"period", v.period},   {"number", v.number},
          {"lines", v.lines},       {"reports", v.reports}, {"currency", v.unit},           {"opening", v.opening},
          {"gross", v.gross},       {"center_share", v.center_share}, {"margin", v.margin}, {"tax", v.tax},
          {"adjustments", v.adjustments}, {"adjusted", v.adjusted}, {"fee", v.fee},
          {"completeness", v.completeness}, {"tree_size", v.tree_size ? json(*v.tree_size) : json()}, {"payout", v.payout},     {"closing", v.closing}, {"sha256", to_hex(v.file_sha256)}, {"signed_by", to_hex(v.ack_key)}};
}

std::string show(const json& r) {
  std::string out;
  for (const json& difference : r["differences"]) out += "wrong: " + harmless(difference.get<std::string>()) + "\n";
  if (!r.value("ok", false)) return out + "The statement does NOT verify.\n";
  return list_of({{"market", field(r, "market")},
                  {"center", field(r, "center_name") + "  " + field(r, "center")},
                  {"period", field(r, "number") + "  " + field(r, "period")},
                  {"opening", field(r, "opening") + " " + field(r, "currency")},
                  {"sold", field(r, "gross") + " in " + field(r, "lines") + " lines"},
                  {"center's share", field(r, "center_share")},
                  {"margin", field(r, "margin")},
                  {"tax", field(r, "tax")},
                  {"corrections", field(r, "adjusted") + " to the center in " + field(r, "adjustments")},
                  {"fixed fee", field(r, "fee")},
                  {"paid out", field(r, "payout")},
                  {"closing", field(r, "closing")},
                  {"days", field(r, "completeness").empty() ? "not said" : harmless(field(r, "completeness"))},
                  {"signed by", field(r, "signed_by")}}) +
         "\nThe statement verifies: signatures, arithmetic and " + field(r, "reports") + " signed usage reports" +
         (r["tree_size"].is_null() ? std::string(".\n") : ", all in the checkpoint's tree of " + field(r, "tree_size") + " leaves.\n");
}

}  // namespace

void add_verify_command(CLI::App& app, Context& context) {
  auto file = std::make_shared<std::string>();
  auto key = std::make_shared<std::string>();
  CLI::App* verify = app.add_subcommand("verify", "Check a settlement statement offline: signatures, evidence, every sum; exit code 8 if wrong");
  auto proof = std::make_shared<bool>(false);
  verify->add_option("file", *file, "The statement, as 'bourse statement get' wrote it; or the proof, as 'bourse evidence proof' did")->required();
  verify->add_flag("--proof", *proof, "The file is a proof of one signed message");
  verify->add_option("--ack-key", *key, "The market's public key (64 hexadecimal digits, 'ack_key' of a join bundle); without it, "
                                        "the key in the file is taken and shown");
  verify->callback([&context, file, key, proof] {
    std::optional<federation::PublicKey> pinned;
    if (!key->empty()) {
      pinned.emplace();
      if (!from_hex(*key, *pinned)) context.end_with({ErrorCode::invalid_argument, "--ack-key must be 64 hexadecimal digits"});
    }
    if (*proof) return verify_proof_file(context, *file, pinned);
    const statement::Verification verdict = statement::verify(read_input(*file, statement::kMaxFileBytes), pinned);
    context.print(report_of(*file, verdict), show);
    if (!verdict.ok) throw CLI::RuntimeError(info(ErrorCode::verification_failed).exit_code);
  });
}

}  // namespace bourse::cli
