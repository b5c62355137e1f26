#include "connectors/core/record_log.h"

#include <fstream>
#include <vector>

#include "base/rng.h"
#include "connectors/core/temporary_folder.h"

namespace bourse::connector {
namespace {

class RecordLogTest : public TemporaryFolder {
 protected:
  Result<std::vector<std::string>> read_all() {
    std::vector<std::string> found;
    TRY(const RecordLog log, RecordLog::open(path("log"), [&](std::uint64_t, std::string_view payload) -> Status {
          found.emplace_back(payload);
          return {};
        }));
    return found;
  }
  void write(const std::vector<std::string>& records) {
    auto log = RecordLog::open(path("log"), [](std::uint64_t, std::string_view) -> Status { return {}; });
    ASSERT_TRUE(log) << log.error().message();
    for (const std::string& record : records) ASSERT_TRUE(log->append(record));
    ASSERT_TRUE(log->sync());
  }
  std::string bytes() {
    std::ifstream file(path("log"), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void set_bytes(const std::string& bytes) { std::ofstream(path("log"), std::ios::binary | std::ios::trunc) << bytes; }
};

TEST_F(RecordLogTest, GivesBackWhatWasAppended) {
  write({"one", "", std::string(100'000, 'x')});
  write({"four"});
  const auto found = read_all();
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(*found, (std::vector<std::string>{"one", "", std::string(100'000, 'x'), "four"}));
}

TEST_F(RecordLogTest, ReadsOneByItsOffset) {
  auto log = RecordLog::open(path("log"), [](std::uint64_t, std::string_view) -> Status { return {}; });
  const auto first = log->append("one"), second = log->append("two");
  EXPECT_EQ(*log->read(*first), "one");
  EXPECT_EQ(*log->read(*second), "two");
  EXPECT_FALSE(log->read(*second + 1));
  EXPECT_FALSE(log->append(std::string(RecordLog::kMaxRecordBytes + 1, 'x')));
  EXPECT_TRUE(log->append("still fine"));
}

// A kill leaves any prefix of the last record, or of the file.
TEST_F(RecordLogTest, CutsATornTailAtEveryLength) {
  write({"one", "two"});
  const std::string before = bytes();
  write({"three, longer than the others"});
  const std::string whole = bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    set_bytes(whole.substr(0, size));
    const auto found = read_all();
    ASSERT_TRUE(found) << size << ": " << found.error().message();
    if (size >= before.size()) EXPECT_EQ(found->size(), 2U) << size;
    write({"after"});
    ASSERT_EQ(read_all()->back(), "after") << size;
  }
}

// A power cut may leave the length grown and the bytes not written, or written by something else.
TEST_F(RecordLogTest, CutsGarbageAtTheEnd) {
  write({"one"});
  const std::string good = bytes();
  SeededRng rng(7);
  for (int round = 0; round < 50; ++round) {
    std::string garbage(1 + rng.below(300), '\0');
    if (round > 0) rng.fill(std::as_writable_bytes(std::span(garbage)));
    set_bytes(good + garbage);
    const auto found = read_all();
    ASSERT_TRUE(found) << round << ": " << found.error().message();
    EXPECT_EQ(found->size(), 1U);
    EXPECT_EQ(bytes(), good);
  }
}

TEST_F(RecordLogTest, RefusesDamageBeforeWholeRecords) {
  write({"one", "two", "three"});
  const std::string good = bytes();
  for (std::size_t at = 8; at < 8 + 16 + 3; ++at) {
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    set_bytes(damaged);
    const auto found = read_all();
    ASSERT_FALSE(found) << at;
    EXPECT_EQ(found.error().code, ErrorCode::integrity);
    EXPECT_EQ(bytes(), damaged) << "nothing was cut off";
  }
  set_bytes("another kind of file");
  EXPECT_EQ(read_all().error().code, ErrorCode::integrity);
}

}  // namespace
}  // namespace bourse::connector
