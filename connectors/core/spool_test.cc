#include "connectors/core/spool.h"

#include <algorithm>
#include <vector>

#include "base/sha256.h"
#include "connectors/core/temporary_folder.h"

namespace bourse::connector {
namespace {

class SpoolTest : public TemporaryFolder {
 protected:
  Result<Spool> open(std::uint64_t segment_bytes = 300, std::uint64_t archive_bytes = 1000, std::uint64_t full_bytes = 2000) {
    return Spool::open({.directory = path("spool"), .segment_bytes = segment_bytes, .archive_bytes = archive_bytes, .full_bytes = full_bytes});
  }
  static std::string envelope(std::uint64_t seq) { return "envelope " + std::to_string(seq) + std::string(80, '.'); }
  static Hash256 hash(std::uint64_t seq) { return sha256(envelope(seq)); }
  static void fill(Spool& spool, std::uint64_t up_to) {
    for (std::uint64_t seq = spool.last_seq() + 1; seq <= up_to; ++seq) ASSERT_TRUE(spool.append(hash(seq), envelope(seq)));
  }
};

TEST_F(SpoolTest, KeepsReportsOverRestarts) {
  {
    auto spool = open();
    ASSERT_TRUE(spool) << spool.error().message();
    EXPECT_EQ(spool->last_seq(), 0U);
    EXPECT_TRUE(spool->last_hash().is_zero());
    fill(*spool, 10);
    ASSERT_TRUE(spool->acknowledge(4, "signed"));
  }
  auto spool = open();
  ASSERT_TRUE(spool) << spool.error().message();
  EXPECT_EQ(spool->last_seq(), 10U);
  EXPECT_EQ(spool->acked_seq(), 4U);
  EXPECT_EQ(spool->last_hash(), hash(10));
  for (std::uint64_t seq = 1; seq <= 10; ++seq) EXPECT_EQ(*spool->envelope(seq), envelope(seq));
  EXPECT_FALSE(spool->envelope(0));
  EXPECT_FALSE(spool->envelope(11));
}

TEST_F(SpoolTest, DropsOnlyWhatIsAcknowledgedAndBeyondTheArchive) {
  auto spool = open();
  fill(*spool, 60);
  EXPECT_EQ(spool->first_seq(), 1U);
  EXPECT_TRUE(spool->full());
  ASSERT_TRUE(spool->acknowledge(50, {}));
  EXPECT_FALSE(spool->full());
  fill(*spool, 70);
  EXPECT_GT(spool->first_seq(), 1U);
  EXPECT_LE(spool->first_seq(), 45U) << "about a thousand bytes stay";
  EXPECT_FALSE(spool->envelope(1));
  for (std::uint64_t seq = 51; seq <= 70; ++seq) EXPECT_EQ(*spool->envelope(seq), envelope(seq));
  auto again = open();
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->first_seq(), spool->first_seq());
  EXPECT_EQ(again->last_seq(), 70U);
}

TEST_F(SpoolTest, AnAcknowledgementOfWhatWasNeverMadeIsRefused) {
  auto spool = open();
  fill(*spool, 3);
  EXPECT_EQ(spool->acknowledge(4, {}).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(spool->acknowledge(2, {}));
  EXPECT_TRUE(spool->acknowledge(1, {})) << "late ones change nothing";
  EXPECT_EQ(spool->acked_seq(), 2U);
}

TEST_F(SpoolTest, ATornReportWasNeverSentAndItsNumberIsUsedAgain) {
  {
    auto spool = open(100'000);
    fill(*spool, 5);
  }
  const std::string file = path("spool/reports-00000000000000000001.log");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 10);
  auto spool = open(100'000);
  ASSERT_TRUE(spool) << spool.error().message();
  EXPECT_EQ(spool->last_seq(), 4U);
  EXPECT_EQ(spool->last_hash(), hash(4));
  fill(*spool, 5);
  EXPECT_EQ(*spool->envelope(5), envelope(5));
}

TEST_F(SpoolTest, AMissingSegmentIsNotOverlooked) {
  {
    auto spool = open();
    fill(*spool, 20);
  }
  std::vector<std::filesystem::path> segments;
  for (const auto& file : std::filesystem::directory_iterator(path("spool")))
    if (file.path().filename().string().starts_with("reports-")) segments.push_back(file.path());
  std::ranges::sort(segments);
  ASSERT_GT(segments.size(), 3U);
  std::filesystem::remove(segments[1]);
  EXPECT_EQ(open().error().code, ErrorCode::integrity);
}

}  // namespace
}  // namespace bourse::connector
