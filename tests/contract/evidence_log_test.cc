// What an EvidenceLog must do: on the one in memory and on PostgreSQL.
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "base/sha256.h"
#include "broker/adapters/store/connection.h"
#include "broker/adapters/store/pg_evidence_log.h"
#include "broker/app/memory_evidence_log.h"
#include "tests/contract/database.h"

namespace bourse::broker {
namespace {

constexpr CenterId kCenter{Uuid{1, 1}}, kOther{Uuid{1, 2}};

EvidenceItem item(CenterId center, int n, EvidenceKind kind = EvidenceKind::report) {
  const std::string payload = "payload " + std::to_string(n);
  return {center, kind, sha256(payload), evidence::leaf_hash(payload), sha256(payload)};
}

class EvidenceLogContract : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      database_ = std::make_unique<test::Database>();
      log_ = std::make_unique<PgEvidenceLog>(database_->as("bourse_writer"));
    } else {
      log_ = std::make_unique<MemoryEvidenceLog>();
    }
  }
  Status append(std::vector<EvidenceItem> items) { return log_->append(items); }
  evidence::Frontier tree(CenterId center) {
    auto found = log_->frontier(center);
    EXPECT_TRUE(found) << found.error().message();
    return found ? *found : evidence::Frontier();
  }
  static evidence::Frontier expected(int first, int last) {
    evidence::Frontier out;
    std::vector<evidence::Node> made;
    for (int n = first; n < last; ++n) out.append(item(kCenter, n).leaf, made);
    return out;
  }

  std::unique_ptr<test::Database> database_;
  std::unique_ptr<EvidenceLog> log_;
};

TEST_P(EvidenceLogContract, KeepsTheOrderAndTakesEachOnce) {
  EXPECT_EQ(tree(kCenter).size(), 0U);
  ASSERT_TRUE(append({item(kCenter, 0), item(kOther, 7), item(kCenter, 1)}));
  ASSERT_TRUE(append({item(kCenter, 1), item(kCenter, 2), item(kCenter, 2)}));
  ASSERT_TRUE(append({}));
  EXPECT_EQ(tree(kCenter).size(), 3U);
  EXPECT_EQ(tree(kCenter).root(), expected(0, 3).root());
  EXPECT_EQ(tree(kOther).root(), expected(7, 8).root());
  // The same bytes may be another kind of thing.
  ASSERT_TRUE(append({item(kCenter, 0, EvidenceKind::order)}));
  EXPECT_EQ(tree(kCenter).size(), 4U);
}

TEST_P(EvidenceLogContract, FindsLeavesAndTheirSubtrees) {
  for (int n = 0; n < 21; ++n) ASSERT_TRUE(append({item(kCenter, n)}));
  const std::vector<Hash256> wanted = {item(kCenter, 20).name, sha256("nothing"), item(kCenter, 0).name};
  const auto places = log_->find(kCenter, EvidenceKind::report, wanted);
  ASSERT_TRUE(places) << places.error().message();
  ASSERT_EQ(places->size(), 3U);
  EXPECT_EQ((*places)[0]->index, 20U);
  EXPECT_FALSE((*places)[1]);
  EXPECT_EQ((*places)[2]->index, 0U);
  EXPECT_FALSE(log_->find(kOther, EvidenceKind::report, wanted)->front());

  const auto nodes = [&](evidence::NodeId id) { return log_->nodes(kCenter, {&id, 1}).value().front(); };
  EXPECT_EQ(evidence::root_of(21, nodes), expected(0, 21).root());
  EXPECT_EQ(evidence::root_of(13, nodes), expected(0, 13).root());
  const auto path = evidence::audit_path(11, 21, nodes);
  EXPECT_EQ(evidence::root_by_path(11, 21, item(kCenter, 11).leaf, path), expected(0, 21).root());
  const evidence::NodeId beyond{4, 1};
  EXPECT_EQ(log_->nodes(kCenter, {&beyond, 1}).error().code, ErrorCode::not_found);
}

TEST_P(EvidenceLogContract, ManyWritersMakeOneTree) {
  constexpr int kWriters = 4, kEach = 25;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w)
    writers.emplace_back([&, w] {
      for (int n = 0; n < kEach; ++n) {
        // Half of what they write is the same.
        EXPECT_TRUE(append({item(kCenter, n), item(kCenter, 1'000 * (w + 1) + n)}));
      }
    });
  for (std::thread& writer : writers) writer.join();
  const evidence::Frontier found = tree(kCenter);
  EXPECT_EQ(found.size(), static_cast<std::uint64_t>(kEach + kWriters * kEach));
  const auto nodes = [&](evidence::NodeId id) { return log_->nodes(kCenter, {&id, 1}).value().front(); };
  EXPECT_EQ(evidence::root_of(found.size(), nodes), found.root());
  evidence::Frontier again;
  std::vector<evidence::Node> made;
  for (std::uint64_t i = 0; i < found.size(); ++i) again.append(nodes({0, i}), made);
  EXPECT_EQ(again.root(), found.root());
}

TEST_P(EvidenceLogContract, KeepsCheckpointsAndOneForAPeriod) {
  const PeriodId period{Uuid{3, 3}};
  EXPECT_FALSE(log_->newest(kCenter).value());
  EXPECT_FALSE(log_->of_period(period).value());
  const KeptCheckpoint daily{5, sha256("a"), Instant{1'795'000'000'123}, {}, "envelope a"};
  ASSERT_TRUE(log_->keep(kCenter, daily));
  const KeptCheckpoint first{6, sha256("b"), Instant{1'795'000'000'456}, period, "envelope b"};
  const KeptCheckpoint second{7, sha256("c"), Instant{1'795'000'000'789}, period, "envelope c"};
  EXPECT_EQ(log_->keep(kCenter, first)->envelope, "envelope b");
  EXPECT_EQ(log_->keep(kCenter, second)->envelope, "envelope b");  // the first one counts
  const auto newest = log_->newest(kCenter).value();
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->size, 6U);
  EXPECT_EQ(newest->root, sha256("b"));
  EXPECT_EQ(newest->at, Instant{1'795'000'000'456});
  EXPECT_EQ(newest->period, period);
  EXPECT_EQ(log_->of_period(period).value()->envelope, "envelope b");
  EXPECT_FALSE(log_->newest(kOther).value());
}

INSTANTIATE_TEST_SUITE_P(All, EvidenceLogContract, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "PostgreSQL" : "Memory"; });

TEST(PgEvidenceLog, TheWriterCanChangeNothing) {
  test::Database database;
  PgEvidenceLog log(database.as("bourse_writer"));
  const EvidenceItem one = item(kCenter, 1);
  ASSERT_TRUE(log.append({&one, 1}));
  auto connection = store::Connection::open(database.as("bourse_writer"));
  ASSERT_TRUE(connection);
  for (const char* sql : {"UPDATE evidence.nodes SET hash = hash", "DELETE FROM evidence.leaves", "TRUNCATE evidence.checkpoints"})
    EXPECT_EQ(connection->script(sql).error().code, ErrorCode::forbidden) << sql;
}

}  // namespace
}  // namespace bourse::broker
