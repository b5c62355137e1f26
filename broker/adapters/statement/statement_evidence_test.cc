// The evidence tree in a statement: what proves it, and that nothing else does.
#include <algorithm>
#include <map>

#include "broker/adapters/statement/statement_fixture.h"
#include "evidence/merkle.h"
#include "federation-proto/checkpoint.h"

namespace bourse::statement {
namespace {

class StatementEvidenceTest : public StatementTest {
 protected:
  // The sample, its reports as leaves 2 and 5 of a tree of `size`.
  Statement proven(std::uint64_t size = 7) {
    Statement out = sample();
    prove(out, size);
    return out;
  }
  void prove(Statement& out, std::uint64_t size) {
    evidence::Frontier frontier;
    std::map<evidence::NodeId, Hash256> nodes;
    const std::uint64_t places[] = {2, 5};
    for (std::size_t i = 0; i < out.reports.size(); ++i) out.reports[i].leaf = places[i];
    for (std::uint64_t i = 0; i < size; ++i) {
      const auto report = std::ranges::find(out.reports, i, &Report::leaf);
      std::vector<evidence::Node> made;
      frontier.append(report == out.reports.end() ? evidence::leaf_hash("order " + std::to_string(i)) : leaf_of(*report), made);
      nodes.insert(made.begin(), made.end());
    }
    std::vector<std::uint64_t> indices;
    for (const Report& report : out.reports) indices.push_back(report.leaf);
    const federation::Checkpoint checkpoint{out.market, out.center, size, frontier.root(), out.cut_off};
    out.evidence = {federation::seal_checkpoint(ack_, checkpoint).SerializeAsString(),
                    evidence::prove(indices, size, [&](evidence::NodeId id) { return nodes.at(id); })};
  }
  static Hash256 leaf_of(const Report& report) {
    wire::Envelope envelope;
    EXPECT_TRUE(envelope.ParseFromString(report.envelope));
    return evidence::leaf_hash(federation::pae(federation::kReportType, envelope.payload()));
  }
  // The differences of a statement that the broker itself signed so.
  std::string found_in(const Statement& statement) { return joined(verify(seal(statement, ack_))); }
  void refused(const Statement& statement, const std::string& named) {
    const std::string found = found_in(statement);
    EXPECT_NE(found.find(named), std::string::npos) << "expected " << named << ", found:\n" << found;
    if (has_independent_program()) EXPECT_FALSE(accepts(seal(statement, ack_))) << named;
  }
};

TEST_F(StatementEvidenceTest, BothProgramsAcceptWhatIsProven) {
  for (const std::uint64_t size : {6U, 7U, 8U, 31U}) {
    const Statement statement = proven(size);
    const std::string file = seal(statement, ack_);
    const Verification found = verify(file);
    EXPECT_TRUE(found.ok) << joined(found);
    EXPECT_EQ(found.tree_size, size);
    EXPECT_TRUE(accepts(file));
    EXPECT_EQ(body_json(*parse_body(body_json(statement))), body_json(statement));
  }
}

TEST_F(StatementEvidenceTest, VersionTwoIsStillReadAndHasNone) {
  Statement statement = sample();
  statement.format = kBodyFormat2;
  EXPECT_TRUE(verify(seal(statement, ack_)).ok) << found_in(statement);
  EXPECT_TRUE(accepts(seal(statement, ack_)));
  prove(statement, 7);
  refused(statement, "evidence: ");
  EXPECT_EQ(verify(seal(sample(), ack_)).tree_size, std::nullopt);
}

TEST_F(StatementEvidenceTest, WhatDoesNotProveItIsNamed) {
  const Statement good = proven();
  for (std::size_t i = 0; i < good.evidence->proof.size(); ++i) {
    Statement bad = good;
    bad.evidence->proof[i].bytes[i] ^= 1;
    refused(bad, "evidence.proof");
  }
  Statement bad = good;
  bad.evidence->proof.pop_back();
  refused(bad, "evidence.proof");
  bad = good;
  bad.evidence->proof.push_back(bad.evidence->proof.front());
  refused(bad, "evidence.proof");
  bad = good;
  bad.reports[0].leaf = 3;
  refused(bad, "evidence.proof");
  bad = good;
  bad.reports[0].leaf = 700;
  refused(bad, "evidence.proof");
  bad = good;
  bad.reports[1].leaf = bad.reports[0].leaf;
  refused(bad, "two of them are leaf 2");
}

TEST_F(StatementEvidenceTest, ACheckpointOfAnotherTreeIsNamed) {
  const Statement good = proven();
  const auto with = [&](const federation::Checkpoint& checkpoint, const federation::KeyPair& key) {
    Statement out = good;
    out.evidence->checkpoint = federation::seal_checkpoint(key, checkpoint).SerializeAsString();
    return out;
  };
  wire::Envelope envelope;
  ASSERT_TRUE(envelope.ParseFromString(good.evidence->checkpoint));
  const auto checkpoint = federation::open_checkpoint(envelope, ack_.public_key);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(found_in(with(*checkpoint, ack_)), "");
  refused(with(*checkpoint, billing_), "evidence.checkpoint: not signed");
  auto other = *checkpoint;
  other.market = "bourse.other";
  refused(with(other, ack_), "another market");
  other = *checkpoint;
  other.center = id<CenterId>();
  refused(with(other, ack_), "another center");
  other = *checkpoint;
  other.root.bytes[0] ^= 1;
  refused(with(other, ack_), "evidence.proof");
  other = *checkpoint;
  other.size = 9;
  refused(with(other, ack_), "evidence.proof");
  other = *checkpoint;
  other.at = Instant{good.cut_off.unix_ms - 1};
  refused(with(other, ack_), "older than the period's end");
}

// Any byte of checkpoint, proof and places, although the broker signs the statement anew.
TEST_F(StatementEvidenceTest, EveryFlippedByteIsNamed) {
  const Statement good = proven();
  for (std::size_t i = 0; i < good.evidence->checkpoint.size(); ++i) {
    Statement bad = good;
    bad.evidence->checkpoint[i] = static_cast<char>(bad.evidence->checkpoint[i] ^ 1);
    EXPECT_NE(found_in(bad).find("evidence.checkpoint"), std::string::npos) << "byte " << i << ": " << found_in(bad);
  }
  for (std::size_t i = 0; i < good.evidence->proof.size(); ++i) {
    for (std::size_t byte = 0; byte < 32; ++byte) {
      Statement bad = good;
      bad.evidence->proof[i].bytes[byte] ^= 0x80;
      EXPECT_NE(found_in(bad).find("evidence.proof"), std::string::npos);
    }
  }
}

TEST_F(StatementEvidenceTest, AStatementWithoutReportsHasAProofOfNothing) {
  Statement statement = sample();
  statement.lines.clear();
  statement.reports.clear();
  statement.totals = {};
  statement.closing = statement.opening + statement.adjusted.center_share - statement.payout;
  prove(statement, 7);
  EXPECT_EQ(found_in(statement), "");
  EXPECT_TRUE(accepts(seal(statement, ack_)));
  prove(statement, 0);
  EXPECT_EQ(found_in(statement), "");
  EXPECT_TRUE(accepts(seal(statement, ack_)));
}

}  // namespace
}  // namespace bourse::statement
