#include <algorithm>

#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/statement/sealer/source.h"

namespace bourse::broker {

Status add_evidence(Notary& notary, CenterId center, PeriodId period, statement::Statement& statement) {
  std::vector<EvidenceItem> items;
  std::vector<Hash256> names;
  for (const statement::Report& report : statement.reports) {
    federation::v1::Envelope envelope;
    if (!envelope.ParseFromString(report.envelope)) return fail(ErrorCode::integrity, "report " + to_hex(report.sha256) + " is not an envelope");
    items.push_back(evidence_of(center, EvidenceKind::report, envelope.payload()));
    names.push_back(report.sha256);
  }
  CHECK_OK(notary.log().append(items));
  TRY(const KeptCheckpoint checkpoint, notary.sign(center, period, statement.cut_off));
  TRY(const auto places, notary.log().find(center, EvidenceKind::report, names));
  std::vector<std::uint64_t> indices;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!places[i] || places[i]->index >= checkpoint.size)
      return fail(ErrorCode::integrity, "report " + to_hex(names[i]) + " is not in the tree of its period's checkpoint");
    statement.reports[i].leaf = places[i]->index;
    indices.push_back(places[i]->index);
  }
  std::ranges::sort(indices);
  TRY(std::vector<Hash256> proof, notary.prove(center, indices, checkpoint.size));
  statement.evidence = {.checkpoint = checkpoint.envelope, .proof = std::move(proof)};
  return {};
}

}  // namespace bourse::broker
