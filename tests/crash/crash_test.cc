// kill -9 of the broker, of PostgreSQL, or of both, at random moments under load; after each: every acknowledged command
// is in the journal once, nothing is there twice, the chain holds, and the projections come to match.
//
// BOURSE_CRASH_ROUNDS (50) and BOURSE_CRASH_SEED (random, printed) may be set.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <absl/container/flat_hash_set.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <random>
#include <sstream>
#include <thread>

#include "broker/adapters/store/connection.h"
#include "broker/adapters/store/journal_reader.h"
#include "broker/adapters/store/migrations.h"
#include "broker/adapters/store/projector.h"
#include "broker/adapters/store/verify.h"
#include "cli/embedded/postgres.h"
#include "tests/crash/crash_ids.h"

namespace bourse::test {
namespace {

using broker::store::Connection;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

// The child process and what it acknowledged.
class Child {
 public:
  Child(const embedded::Postgres& server, std::uint64_t seed, std::uint64_t first) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    const std::string writer = server.conninfo("bourse_writer"), projector = server.conninfo("bourse_projector");
    const std::string seed_text = std::to_string(seed), first_text = std::to_string(first);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      execl(CRASH_CHILD, CRASH_CHILD, writer.c_str(), projector.c_str(), seed_text.c_str(), first_text.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    reader_ = std::thread([this, end = ends[0]] {
      std::string buffer(1 << 16, '\0');
      for (ssize_t n = 0; (n = read(end, buffer.data(), buffer.size())) > 0;) {
        const std::lock_guard lock(mutex_);
        text_.append(buffer.data(), static_cast<std::size_t>(n));
        speaks_.notify_all();
      }
      close(end);
    });
  }
  ~Child() { end(); }

  // It has acknowledged something, so it is under load.
  bool speaks(std::chrono::seconds timeout) {
    std::unique_lock lock(mutex_);
    return speaks_.wait_for(lock, timeout, [&] { return !text_.empty(); });
  }
  // Its exit status if it ended by itself before.
  std::optional<int> end() {
    if (pid_ <= 0) return std::nullopt;
    int status = 0;
    std::optional<int> by_itself;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      by_itself = status;
    } else {
      kill(pid_, SIGKILL);
      waitpid(pid_, &status, 0);
    }
    pid_ = -1;
    reader_.join();
    return by_itself;
  }
  // After `end`.
  const std::string& text() const { return text_; }

 private:
  pid_t pid_ = -1;
  std::thread reader_;
  std::mutex mutex_;
  std::condition_variable speaks_;
  std::string text_;
};

class CrashTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/bourse-crash-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    start_server();
    const Status migrated = broker::store::migrate(server_->conninfo());
    ASSERT_TRUE(migrated) << migrated.error().message();
  }
  void TearDown() override {
    server_.reset();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  void start_server() {
    auto started = embedded::Postgres::start(folder_ + "/pg");
    ASSERT_TRUE(started) << started.error().message();
    server_.emplace(std::move(*started));
  }

  void note(const std::string& text) {
    std::istringstream lines(text.substr(0, text.rfind('\n') + 1));
    char kind = 0;
    for (std::uint64_t n = 0; lines >> kind >> n;) {
      acknowledged_.insert(kind == 'J' ? bench::StubMarket::job_id(seed_, n).uuid : transfer_id(seed_, n).uuid);
      next_ = std::max(next_, n + 1);
      ++acknowledgements_;
    }
  }

  // A statement that a killed broker had sent is still carried out, or not; until then the journal has no end.
  void wait_for_the_dead() {
    auto connection = Connection::open(server_->conninfo());
    ASSERT_TRUE(connection) << connection.error().message();
    for (int tries = 0; tries < 1000; ++tries) {
      const auto others = connection->run("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
      ASSERT_TRUE(others) << others.error().message();
      if (others->int8(0, 0) == 0) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "sessions of the killed broker are still there after 10 s";
  }

  // Reads what was added since the last round; that it continues the chain proves that nothing before it changed.
  void read_journal() {
    auto connection = Connection::open(server_->conninfo("bourse_reader"));
    ASSERT_TRUE(connection) << connection.error().message();
    while (true) {
      const auto rows = broker::store::read_chunk(*connection, head_, {});
      ASSERT_TRUE(rows) << rows.error().message();
      if (rows->empty()) return;
      for (const auto& row : *rows) {
        const auto events = broker::decode(row.body);
        ASSERT_TRUE(events) << events.error().message();
        for (const auto& event : *events) {
          const auto once = [&](Uuid id) { EXPECT_TRUE(seen_.insert(id).second) << to_hyphenated(id) << " is there twice"; };
          if (const auto* posted = std::get_if<ledger::Posted>(&event)) once(posted->transfer.uuid);
          if (const auto* job = std::get_if<broker::JobSubmitted>(&event)) once(job->job.uuid);
          if (const auto* usage = std::get_if<broker::UsageCaptured>(&event)) once(usage->record.uuid);
          if (const auto* report = std::get_if<broker::ReportAccepted>(&event)) once(Uuid{report->center.uuid.high ^ 1, report->center.uuid.low ^ report->seq});
        }
        head_ = {row.seq, row.hash};
      }
    }
  }

  void check_whole() {
    broker::Projector projector({.conninfo = server_->conninfo("bourse_projector")});
    ASSERT_TRUE(projector.start());
    ASSERT_TRUE(projector.wait_for(head_.seq, seconds(60))) << projector.status().error;
    projector.stop();
    const auto result = broker::verify_ledger(server_->conninfo("bourse_reader"), broker::Limits{}, nullptr);
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_TRUE(result->ok()) << ::testing::PrintToString(result->differences);
    EXPECT_EQ(result->projected, head_.seq);
  }

  std::uint64_t seed_ = 0;
  std::string folder_;
  std::optional<embedded::Postgres> server_;
  std::uint64_t next_ = 0;
  std::uint64_t acknowledgements_ = 0;
  absl::flat_hash_set<Uuid> acknowledged_, seen_;
  broker::JournalHead head_;
};

TEST_F(CrashTest, NothingAcknowledgedIsLostAndNothingIsThereTwice) {
  const std::uint64_t rounds = setting("BOURSE_CRASH_ROUNDS", 50);
  seed_ = setting("BOURSE_CRASH_SEED", std::random_device{}());
  std::printf("seed %llu, %llu rounds\n", static_cast<unsigned long long>(seed_), static_cast<unsigned long long>(rounds));
  std::mt19937_64 random(seed_);
  for (std::uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed_) + ", round " + std::to_string(round));
    Child child(*server_, seed_, next_);
    const auto victim = random() % 3;  // the broker, PostgreSQL, or both
    // One time in eight it is hit while it starts.
    if (random() % 8 != 0) ASSERT_TRUE(child.speaks(std::chrono::seconds(60)));
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 600));
    if (victim == 1) {  // the broker lives on and must find its way back
      server_->kill();
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 200));
      start_server();
      std::this_thread::sleep_for(std::chrono::milliseconds(200 + random() % 400));
    }
    if (victim == 2 && random() % 2 == 0) server_->kill();
    const auto status = child.end();
    EXPECT_FALSE(status) << "the child ended by itself, wait status " << *status;
    if (victim == 2) {
      server_->kill();
      start_server();
    }
    note(child.text());
    wait_for_the_dead();
    read_journal();
    for (const Uuid& id : acknowledged_) EXPECT_TRUE(seen_.contains(id)) << to_hyphenated(id) << " was acknowledged and is lost";
    check_whole();
  }
  std::printf("%llu acknowledgements, journal rows %llu\n", static_cast<unsigned long long>(acknowledgements_),
              static_cast<unsigned long long>(head_.seq));
  EXPECT_GT(acknowledgements_, rounds * 10);  // it was under load
}

}  // namespace
}  // namespace bourse::test
