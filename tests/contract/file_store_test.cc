// What every FileStore must do, on the one in memory and the one on a disk.
#include "broker/app/file_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/sha256.h"
#include "broker/adapters/files/directory_file_store.h"
#include "broker/app/memory_file_store.h"

namespace bourse::broker {
namespace {

constexpr FileLimits kLimits{.file_bytes = 3 << 20, .account_bytes = 5 << 20, .account_files = 4, .retention = hours(10), .unfinished = hours(2)};

const BillingAccountId kAda{Uuid{1, 1}}, kBob{Uuid{2, 2}};
const JobId kJob{Uuid{3, 3}};

FileName name_of(const std::string& text, BillingAccountId account = kAda) {
  return {account, sha256(text), static_cast<std::int64_t>(text.size())};
}
std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
std::string text_of(const std::vector<std::byte>& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

class FileStoreContract : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      directory_ = (std::filesystem::temp_directory_path() / "bourse-files-XXXXXX").string();
      ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    }
    open();
  }
  void TearDown() override {
    store_.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  // The one on disk is another process's from here on.
  void open() {
    if (!GetParam()) {
      if (!store_) store_ = std::make_unique<MemoryFileStore>(kLimits, clock_);
      return;
    }
    auto opened = DirectoryFileStore::open(directory_ + "/store", kLimits, clock_);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
  }
  Result<Received> put(const std::string& text, BillingAccountId account = kAda) {
    const FileName file = name_of(text, account);
    Result<Received> last = Received{};
    for (std::size_t at = 0; at < text.size() || at == 0; at += 1 << 20) {
      last = store_->write(file, static_cast<std::int64_t>(at), bytes_of(std::string_view(text).substr(at, 1 << 20)));
      if (!last) break;
    }
    return last;
  }
  std::string read_all(const FileName& file) {
    std::string all;
    while (true) {
      const auto piece = store_->read(file, static_cast<std::int64_t>(all.size()), 1000);
      if (!piece) return "error: " + piece.error().message();
      if (piece->empty()) return all;
      all += text_of(*piece);
    }
  }

  ManualClock clock_{Instant{1'800'000'000'000}};
  std::string directory_;
  std::unique_ptr<FileStore> store_;
};

TEST_P(FileStoreContract, GivesBackWhatCameInPieces) {
  for (const std::string& text : {std::string(), std::string("x"), std::string("a\0b", 3), std::string((2 << 20) + 5, 'y')}) {
    const FileName file = name_of(text);
    EXPECT_EQ(store_->received(file).value(), (Received{0, false}));
    const auto done = put(text);
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(*done, (Received{file.size, true}));
    EXPECT_EQ(store_->received(file).value(), (Received{file.size, true}));
    EXPECT_EQ(read_all(file), text);
    EXPECT_TRUE(put(text)) << "again: harmless";
  }
}

TEST_P(FileStoreContract, GoesOnWhereItStopped) {
  const std::string text = "0123456789";
  const FileName file = name_of(text);
  ASSERT_EQ(store_->write(file, 0, bytes_of("0123")).value(), (Received{4, false}));
  open();
  EXPECT_EQ(store_->received(file).value(), (Received{4, false}));
  EXPECT_EQ(store_->write(file, 0, bytes_of("0123")).error().code, ErrorCode::conflict);
  EXPECT_EQ(store_->write(file, 6, bytes_of("6789")).error().code, ErrorCode::conflict);
  EXPECT_EQ(store_->read(file, 0, 10).error().code, ErrorCode::not_found) << "what isn't complete isn't read";
  EXPECT_FALSE(store_->use(file).value());
  ASSERT_EQ(store_->write(file, 4, bytes_of("456789")).value(), (Received{10, true}));
  open();
  EXPECT_EQ(read_all(file), text);
}

TEST_P(FileStoreContract, ThrowsAwayWhatHasAnotherHash) {
  const FileName file = name_of("right");
  EXPECT_EQ(store_->write(file, 0, bytes_of("wrong")).error().code, ErrorCode::integrity);
  EXPECT_EQ(store_->received(file).value(), (Received{0, false}));
  EXPECT_EQ(store_->write(file, 0, bytes_of("right")).value(), (Received{5, true}));
  // The same hash with another size is another file, which can't come.
  EXPECT_EQ(store_->write({kAda, sha256(std::string_view("right")), 4}, 0, bytes_of("righ")).error().code, ErrorCode::integrity);
  EXPECT_EQ(store_->write({kAda, sha256(std::string_view("x")), 0}, 0, {}).error().code, ErrorCode::integrity);
}

TEST_P(FileStoreContract, AHashIsNoWayToAnothersBytes) {
  ASSERT_TRUE(put("secret", kAda));
  EXPECT_EQ(store_->received(name_of("secret", kBob)).value(), (Received{0, false}));
  EXPECT_FALSE(store_->use(name_of("secret", kBob)).value());
  EXPECT_EQ(store_->read(name_of("secret", kBob), 0, 6).error().code, ErrorCode::not_found);
}

TEST_P(FileStoreContract, RefusesWhatIsTooLarge) {
  const FileName sparse{kAda, {}, std::int64_t{1} << 62};
  EXPECT_EQ(store_->write(sparse, 0, bytes_of("x")).error().code, ErrorCode::too_large);
  EXPECT_EQ(store_->write({kAda, {}, -1}, 0, {}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(store_->write({kAda, {}, 5}, -1, bytes_of("x")).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(store_->write({kAda, {}, 5}, 3, bytes_of("xyz")).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(store_->write({kAda, {}, 2 << 20}, 0, bytes_of(std::string((1 << 20) + 1, 'x'))).error().code, ErrorCode::too_large);
}

// What has begun counts whole, or many at once would go beyond.
TEST_P(FileStoreContract, KeepsAnAccountToItsQuota) {
  const std::string three(3 << 20, '3');
  ASSERT_TRUE(store_->write(name_of(three), 0, bytes_of("333")));
  const std::string other(3 << 20, 'o');
  const auto over = store_->write(name_of(other), 0, bytes_of("ooo"));
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::too_large);
  EXPECT_TRUE(over.error().detail.contains("5 MiB")) << over.error().detail;
  open();
  EXPECT_FALSE(store_->write(name_of(other), 0, bytes_of("ooo"))) << "counted again from the disk";
  EXPECT_TRUE(store_->write(name_of(other, kBob), 0, bytes_of("ooo"))) << "another account";
  for (const char* small : {"a", "b", "c"}) EXPECT_TRUE(put(small));
  EXPECT_EQ(put("d").error().code, ErrorCode::too_large) << "the number of files";
}

TEST_P(FileStoreContract, WhatIsWithdrawnFreesItsPlace) {
  const std::string right(3 << 20, 'r');
  FileName wrong = name_of(right);
  wrong.hash.bytes[0] ^= 1;
  for (std::int64_t at = 0; at < 2 << 20; at += 1 << 20) ASSERT_TRUE(store_->write(wrong, at, bytes_of(std::string(1 << 20, 'r'))));
  EXPECT_EQ(store_->write(wrong, 2 << 20, bytes_of(std::string(1 << 20, 'r'))).error().code, ErrorCode::integrity);
  EXPECT_TRUE(put(right));
}

TEST_P(FileStoreContract, KeepsForATimeAfterTheLastUse) {
  ASSERT_TRUE(put("used"));
  ASSERT_TRUE(put("unused"));
  ASSERT_TRUE(store_->write(name_of("unfinished"), 0, bytes_of("unf")));
  ASSERT_TRUE(store_->put_listing(kAda, kJob, "what was left"));
  clock_.advance(hours(6));
  EXPECT_EQ(store_->sweep().value().files, 1);
  EXPECT_EQ(store_->received(name_of("unfinished")).value(), (Received{0, false}));
  ASSERT_TRUE(store_->use(name_of("used")).value());
  EXPECT_EQ(store_->listing(kAda, kJob).value(), "what was left");
  clock_.advance(hours(6));
  const auto swept = store_->sweep();
  ASSERT_TRUE(swept) << swept.error().message();
  EXPECT_EQ(swept->files, 1);
  EXPECT_EQ(swept->bytes, 6);
  EXPECT_EQ(read_all(name_of("used")), "used");
  EXPECT_EQ(store_->read(name_of("unused"), 0, 1).error().code, ErrorCode::not_found);
  EXPECT_EQ(store_->listing(kAda, kJob).error().code, ErrorCode::not_found);
}

TEST_P(FileStoreContract, AListingIsReplacedWhole) {
  EXPECT_EQ(store_->listing(kAda, kJob).error().code, ErrorCode::not_found);
  ASSERT_TRUE(store_->put_listing(kAda, kJob, "a longer one"));
  ASSERT_TRUE(store_->put_listing(kAda, kJob, "shorter"));
  open();
  EXPECT_EQ(store_->listing(kAda, kJob).value(), "shorter");
  EXPECT_EQ(store_->listing(kBob, kJob).error().code, ErrorCode::not_found);
  EXPECT_EQ(store_->put_listing(kAda, kJob, std::string((4 << 20) + 1, 'x')).error().code, ErrorCode::too_large);
}

TEST_P(FileStoreContract, ManyWritersOfOneFileBringItOnce) {
  const std::string text(1 << 16, 'm');
  std::vector<std::jthread> writers;
  for (int i = 0; i < 4; ++i)
    writers.emplace_back([&] {
      for (int tries = 0; tries < 100'000; ++tries) {
        const auto have = store_->received(name_of(text));
        if (!have || have->complete) return;
        const auto at = static_cast<std::size_t>(have->bytes);
        (void)store_->write(name_of(text), have->bytes, bytes_of(std::string_view(text).substr(at, 4096)));
      }
    });
  writers.clear();
  EXPECT_EQ(read_all(name_of(text)), text);
}

TEST(DirectoryFileStore, NoticesWhatTheDiskChanged) {
  std::string directory = (std::filesystem::temp_directory_path() / "bourse-files-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const ManualClock clock{Instant{1'800'000'000'000}};
  auto store = DirectoryFileStore::open(directory, kLimits, clock);
  ASSERT_TRUE(store);
  const FileName file = name_of("0123456789");
  ASSERT_TRUE((*store)->write(file, 0, bytes_of("01234")));
  const std::string part = directory + "/" + to_text(kAda) + "/parts/" + to_hex(file.hash) + "-10";
  std::ofstream(part, std::ios::in | std::ios::out).write("X", 1);
  EXPECT_EQ((*store)->write(file, 5, bytes_of("56789")).error().code, ErrorCode::integrity);
  EXPECT_FALSE(std::filesystem::exists(part));
  std::filesystem::remove_all(directory);
}

INSTANTIATE_TEST_SUITE_P(Kinds, FileStoreContract, ::testing::Values(false, true),
                         [](const auto& which) { return which.param ? "Directory" : "Memory"; });

}  // namespace
}  // namespace bourse::broker
