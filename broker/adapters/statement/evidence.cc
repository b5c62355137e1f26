// The reports of a statement in the center's evidence tree.
#include <fmt/format.h>

#include <algorithm>

#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/statement/checks.h"
#include "evidence/merkle.h"
#include "federation-proto/checkpoint.h"

namespace bourse::statement {
namespace {

namespace wire = federation::v1;

// The leaves by index; what can't be read was named by the check of the reports.
std::vector<evidence::Leaf> leaves_of(const Statement& statement, Differences& differences) {
  std::vector<evidence::Leaf> leaves;
  for (const Report& report : statement.reports) {
    wire::Envelope envelope;
    if (!envelope.ParseFromString(report.envelope)) continue;
    leaves.emplace_back(report.leaf, evidence::leaf_hash(federation::pae(federation::kReportType, envelope.payload())));
  }
  std::ranges::sort(leaves, {}, &evidence::Leaf::first);
  for (std::size_t i = 1; i < leaves.size(); ++i)
    if (leaves[i].first == leaves[i - 1].first) differences.add("reports", fmt::format("two of them are leaf {}", leaves[i].first));
  return leaves;
}

}  // namespace

std::optional<std::uint64_t> check_evidence(const Statement& statement, const federation::PublicKey& ack_key, Differences& differences) {
  if (!statement.evidence) return std::nullopt;
  if (statement.format == kBodyFormat2) differences.add("evidence", "version 2 doesn't have it");
  wire::Envelope envelope;
  if (!federation::parse_strict(statement.evidence->checkpoint, envelope)) {
    differences.add("evidence.checkpoint", "not an envelope");
    return std::nullopt;
  }
  const auto checkpoint = federation::open_checkpoint(envelope, ack_key);
  if (!checkpoint) {
    differences.add("evidence.checkpoint", checkpoint.error().code == ErrorCode::bad_signature ? "not signed by the key of this statement"
                                                                                               : "not a checkpoint");
    return std::nullopt;
  }
  if (checkpoint->market != statement.market) differences.add("evidence.checkpoint", "of another market");
  if (checkpoint->center != statement.center) differences.add("evidence.checkpoint", "of another center");
  if (checkpoint->at < statement.cut_off) differences.add("evidence.checkpoint", "older than the period's end");
  const auto leaves = leaves_of(statement, differences);
  const auto root = evidence::root_by(leaves, checkpoint->size, statement.evidence->proof);
  if (!root) {
    differences.add("evidence.proof", fmt::format("does not fit {} reports in a tree of {} leaves", leaves.size(), checkpoint->size));
  } else if (*root != checkpoint->root) {
    differences.add("evidence.proof", fmt::format("makes the root {}, the checkpoint has {}", to_hex(*root), to_hex(checkpoint->root)));
  }
  return checkpoint->size;
}

}  // namespace bourse::statement
