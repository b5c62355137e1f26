// kill -9 in each window of a close: a child process of the test's own, over the same database, closes a period and dies at a
// given step; then the broker starts again, and the statement is what it would have been.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "broker/adapters/api/contract/market_world.h"
#include "broker/adapters/statement/statement.h"
#include "broker/adapters/store/verify.h"

namespace bourse::test {
namespace {

using namespace broker;  // NOLINT: the ports

enum class Step { cut_off, leaves, checkpoint, blob, seal };

struct Window {
  Step step;
  bool done;  // die after it, else before
};

class Death {
 public:
  explicit Death(Window window) : window_(window) {}
  void at(Step step, bool done) const {
    if (step == window_.step && done == window_.done) ::kill(::getpid(), SIGKILL);
  }

 private:
  Window window_;
};

// The cut-off is the first row that it is given, the seal the second.
class MortalJournal final : public Journal {
 public:
  MortalJournal(Journal& under, const Death& death) : under_(under), death_(death) {}
  Result<JournalHead> take_over() override { return under_.take_over(); }
  Result<JournalHead> append(std::span<const std::byte> body, Instant at) override {
    const Step step = rows_++ == 0 ? Step::cut_off : Step::seal;
    death_.at(step, false);
    auto head = under_.append(body, at);
    if (head) death_.at(step, true);
    return head;
  }
  std::optional<Snapshot> newest_snapshot() override { return under_.newest_snapshot(); }
  Status save_snapshot(const Snapshot& snapshot) override { return under_.save_snapshot(snapshot); }
  Status replay(JournalHead after, const std::function<Status(const JournalRow&)>& visit) override { return under_.replay(after, visit); }

 private:
  Journal& under_;
  const Death& death_;
  int rows_ = 0;
};

class MortalBlobs final : public BlobStore {
 public:
  MortalBlobs(BlobStore& under, const Death& death) : under_(under), death_(death) {}
  Result<Hash256> put(BlobKind kind, std::span<const std::byte> bytes) override {
    death_.at(Step::blob, false);
    auto hash = under_.put(kind, bytes);
    if (hash) death_.at(Step::blob, true);
    return hash;
  }
  Result<std::vector<Hash256>> put_all(BlobKind kind, std::span<const std::span<const std::byte>> blobs) override { return under_.put_all(kind, blobs); }
  Result<std::vector<std::byte>> get(BlobKind kind, const Hash256& hash) override { return under_.get(kind, hash); }

 private:
  BlobStore& under_;
  const Death& death_;
};

class MortalEvidence final : public EvidenceLog {
 public:
  MortalEvidence(EvidenceLog& under, const Death& death) : under_(under), death_(death) {}
  Status append(std::span<const EvidenceItem> items) override {
    death_.at(Step::leaves, false);
    Status done = under_.append(items);
    if (done) death_.at(Step::leaves, true);
    return done;
  }
  Result<KeptCheckpoint> keep(CenterId center, KeptCheckpoint checkpoint) override {
    death_.at(Step::checkpoint, false);
    auto kept = under_.keep(center, std::move(checkpoint));
    if (kept) death_.at(Step::checkpoint, true);
    return kept;
  }
  Result<evidence::Frontier> frontier(CenterId center) override { return under_.frontier(center); }
  Result<std::vector<std::optional<EvidencePlace>>> find(CenterId center, EvidenceKind kind, std::span<const Hash256> subjects) override {
    return under_.find(center, kind, subjects);
  }
  Result<std::vector<Hash256>> nodes(CenterId center, std::span<const evidence::NodeId> ids) override { return under_.nodes(center, ids); }
  Result<std::optional<KeptCheckpoint>> newest(CenterId center) override { return under_.newest(center); }
  Result<std::optional<KeptCheckpoint>> of_period(PeriodId period) override { return under_.of_period(period); }

 private:
  EvidenceLog& under_;
  const Death& death_;
};

class ClosingKill : public MarketWorld, public ::testing::WithParamInterface<Window> {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
    const v1::Principal ada = sign_in("ada", "Demo University", {"user"});
    fund(ada, "100");
    for (int i = 0; i < 3; ++i) run_job(alpha_, submit(ada, spec()).id(), seconds(10 + i));
    period_ = PeriodId::make(clock_.now(), rng_);
  }
  Result<CommandResult> close(Engine& engine) {
    return engine.execute({.key = "test/close", .fingerprint = 1, .now = clock_.now(), .body = ClosePeriod{alpha_.id, period_}});
  }
  [[noreturn]] void close_and_die(Window window);

  StubCenter alpha_;
  PeriodId period_;  // the next one's
};

void ClosingKill::close_and_die(Window window) {
  const Death death(window);
  PgBlobStore blobs(database_.as("bourse_writer"));
  PgEvidenceLog evidence(database_.as("bourse_writer"));
  auto journal = PgJournal::open(database_.as("bourse_writer"));
  if (!journal) _exit(1);
  MortalJournal mortal(**journal, death);
  MortalBlobs mortal_blobs(blobs, death);
  MortalEvidence mortal_evidence(evidence, death);
  Projector projector({.conninfo = database_.as("bourse_projector")});
  Engine engine({.tick = {}}, mortal, clock_, rng_);
  Notary notary("bourse.test", mortal_evidence, broker_keys_.ack, clock_);
  Sealer sealer({.market = "bourse.test", .reader_conninfo = database_.as("bourse_reader")}, engine, mortal_blobs, notary, broker_keys_.ack, clock_,
                [&](std::uint64_t position, Duration timeout) -> Status {
                  if (projector.wait_for(position, timeout)) return {};
                  return fail(ErrorCode::timeout);
                });
  engine.on_committed([&](std::uint64_t position, const std::vector<Event>& events) {
    projector.notify(position);
    sealer.committed(position, events);
  });
  if (!engine.start() || !projector.start()) _exit(2);
  sealer.start();
  const auto closed = close(engine);
  if (!closed) _exit(3);
  static_cast<void>(sealer.wait_sealed(PeriodId{closed->object}, seconds(30)));
  _exit(4);
}

TEST_P(ClosingKill, TheStatementIsMadeOnceAndWhole) {
  stop();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) close_and_die(GetParam());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the child ended by itself: " << status;
  start();
  // The caller, who got no answer, asks again.
  const auto closed = close(*engine_);
  ASSERT_TRUE(closed) << closed.error().message();
  const PeriodId period{closed->object};
  const Status sealed = sealer_->wait_sealed(period, seconds(30));
  ASSERT_TRUE(sealed) << sealed.error().message();
  ASSERT_TRUE(projector_->wait_for(engine_->stats().position, seconds(20)));
  Hash256 hash;
  ASSERT_TRUE(engine_->read_wait([&](const Market& market) { hash = market.period(period)->statement; }));
  const auto file = blobs_->get(BlobKind::statement, hash);
  ASSERT_TRUE(file) << file.error().message();
  const std::string text(reinterpret_cast<const char*>(file->data()), file->size());
  const statement::Verification verified = statement::verify(text, broker_keys_.ack.public_key);
  EXPECT_TRUE(verified.ok) << (verified.differences.empty() ? "" : verified.differences.front());
  EXPECT_EQ(database_.ask("SELECT captures FROM market.periods WHERE id = '" + to_hyphenated(period.uuid) + "'"), "3");
  EXPECT_EQ(database_.ask("SELECT count(*) FROM market.periods"), "2") << "closed once: one closed, one open";
  EXPECT_EQ(database_.ask("SELECT count(*) FROM evidence.checkpoints WHERE period IS NOT NULL"), "1");
  EXPECT_EQ(database_.ask("SELECT count(*) FROM blob.blobs WHERE kind = 4"), "1") << "made twice, it is the same to the byte";
  const auto ledger = verify_ledger(database_.as("bourse_reader"), Limits{}, nullptr);
  ASSERT_TRUE(ledger) << ledger.error().message();
  EXPECT_TRUE(ledger->ok()) << (ledger->differences.empty() ? "" : ledger->differences.front());
}

std::string window_name(const ::testing::TestParamInfo<Window>& window) {
  constexpr std::array kSteps = {"CutOff", "Leaves", "Checkpoint", "Blob", "Seal"};
  return std::string(window.param.done ? "After" : "Before") + kSteps.at(static_cast<std::size_t>(window.param.step));
}

INSTANTIATE_TEST_SUITE_P(Windows, ClosingKill,
                         ::testing::Values(Window{Step::cut_off, false}, Window{Step::cut_off, true}, Window{Step::leaves, false},
                                           Window{Step::leaves, true}, Window{Step::checkpoint, false}, Window{Step::checkpoint, true},
                                           Window{Step::blob, false}, Window{Step::blob, true}, Window{Step::seal, false},
                                           Window{Step::seal, true}),
                         window_name);

}  // namespace
}  // namespace bourse::test
