// What was signed, proven to one person; and what centers say of their days.
#include <fmt/format.h>

#include "base/hash.h"
#include "broker/adapters/statement/proof.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

json proof_report(const std::string& path, const statement::ProofVerification& v) {
  json readings = json::array();
  for (const auto& one : v.readings)
    readings.push_back({{"record", one.record}, {"job", one.job}, {"attempt", one.attempt}, {"final", one.final}, {"core_ms", one.core_ms},
                        {"gpu_ms", one.gpu_ms}, {"node_ms", one.node_ms}, {"mem_mib_s", one.mem_mib_s}});
  return {{"file", path}, {"ok", v.ok}, {"differences", v.differences}, {"kind", v.kind}, {"market", v.market}, {"center", v.center},
          {"sha256", to_hex(v.sha256)}, {"leaf", v.leaf}, {"tree_size", v.tree_size}, {"root", to_hex(v.root)}, {"at", to_text(v.at)},
          {"readings", std::move(readings)}, {"signed_by", to_hex(Hash256{v.ack_key})}};
}

std::string show_proof(const json& r) {
  std::string out;
  for (const json& difference : r["differences"]) out += "wrong: " + harmless(difference.get<std::string>()) + "\n";
  if (!r.value("ok", false)) return out + "The proof does NOT hold.\n";
  out = list_of({{"market", field(r, "market")},
                 {"center", field(r, "center")},
                 {"message", field(r, "kind") + "  " + field(r, "sha256")},
                 {"leaf", field(r, "leaf") + " of " + field(r, "tree_size")},
                 {"checkpoint", field(r, "at") + "  " + field(r, "root")},
                 {"signed by", field(r, "signed_by")}});
  Table table({"job", "usage record", "final", "core_ms", "gpu_ms", "node_ms", "mem_mib_s"});
  for (const json& one : r["readings"])
    table.add({field(one, "job"), field(one, "record"), one.value("final", false) ? "yes" : "no", field(one, "core_ms"), field(one, "gpu_ms"),
               field(one, "node_ms"), field(one, "mem_mib_s")});
  if (!table.empty()) out += "\n" + table.text();
  return out + "\nThe proof holds: the message is signed, and it is in the tree that the broker's checkpoint names.\n";
}

std::string show_days(const json& reply) {
  if (!reply.value("offered", false)) return "The center says nothing of its days.\n";
  Table table({"day", "state", "rev.", "attempts said", "booked", "final said", "booked", "core_ms said", "booked", "answered"});
  std::string differences;
  for (const json& day : reply.value("days", json::array())) {
    const json said = day.value("said", json::object()), booked = day.value("booked", json::object());
    table.add({field(day, "day"), field(day, "state"), field(day, "revision"), field(said, "attempts"), field(booked, "attempts"),
               field(said, "finals"), field(booked, "finals"), field(said, "core_ms"), field(booked, "core_ms"), instant(day, "answered_at")});
    for (const json& one : day.value("differences", json::array()))
      differences += fmt::format("{}  {}: center {}, broker {}\n", field(day, "day"), field(one, "attempt"), field(one, "center"), field(one, "broker"));
  }
  std::string out = table.text();
  if (!differences.empty()) out += "\nDifferences:\n" + differences;
  std::string open;
  for (const json& day : reply.value("open", json::array())) open += (open.empty() ? "" : ", ") + day.get<std::string>();
  if (open.empty()) return out + "\nAll days that ended in the open period are agreed on.\n";
  out += "\nNot agreed on: " + open + ".\n";
  if (reply.value("waiting", false)) out += "The period is due, and waits for them: bourse settle CENTER --incomplete REASON closes it all the same.\n";
  return out;
}

}  // namespace

void verify_proof_file(Context& context, const std::string& path, const std::optional<federation::PublicKey>& pinned) {
  const statement::ProofVerification verdict = statement::verify_proof(read_input(path, statement::kMaxProofBytes), pinned);
  context.print(proof_report(path, verdict), show_proof);
  if (!verdict.ok) throw CLI::RuntimeError(info(ErrorCode::verification_failed).exit_code);
}

void add_evidence_commands(CLI::App& app, Context& context) {
  struct Names {
    std::string id, center, output = "-";
  };
  auto names = std::make_shared<Names>();
  CLI::App* evidence = app.add_subcommand("evidence", "Signed reports, orders and acknowledgements")->require_subcommand(1);
  CLI::App* proof = evidence->add_subcommand("proof", "A signed message with the proof that it is in its center's evidence tree; check it with 'bourse verify --proof'");
  proof->add_option("id", names->id, "A job (job_…), attempt or usage record: its newest usage report; or a message's SHA-256")->required();
  proof->add_option("--output", names->output, "File; '-' for standard output")->capture_default_str();
  proof->callback([&context, names] { save(context, "/api/v1/evidence/" + url_encoded(names->id), names->output); });

  CLI::App* days = app.get_subcommand("center")->add_subcommand("days", "What a center says of each of its days, and what was booked");
  days->add_option("center", names->center, "Name or id")->required();
  days->callback([&context, names] {
    context.print(context.must(context.client().get("/api/v1/centers/" + url_encoded(names->center) + "/days")), show_days);
  });
}

}  // namespace bourse::cli
