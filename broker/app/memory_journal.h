// The journal in memory: the Journal port for tests and the simulator, with faults that can be asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "broker/app/journal.h"

namespace bourse::broker {

// What a database would keep: shared by all journals opened on it, and outlives their crashes. Thread-safe.
struct MemoryJournalStore {
  std::mutex mutex;
  std::vector<JournalRow> rows;
  std::uint64_t epoch = 0;
  std::optional<Snapshot> snapshot;
};

class MemoryJournal final : public Journal {
 public:
  explicit MemoryJournal(std::shared_ptr<MemoryJournalStore> store = std::make_shared<MemoryJournalStore>());

  Result<JournalHead> take_over() override;
  Result<JournalHead> append(std::span<const std::byte> body, Instant at) override;
  std::optional<Snapshot> newest_snapshot() override;
  Status save_snapshot(const Snapshot& snapshot) override;
  Status replay(JournalHead after, const std::function<Status(const JournalRow&)>& visit) override;

  // How the next append fails: its answer is unknown_outcome either way; the row is there only after `lost_answer`.
  enum class Fault : std::uint8_t { none, lost_write, lost_answer };
  void fail_next_append(Fault fault) { next_append_ = fault; }
  // The next n take-overs find the store unavailable.
  void fail_take_overs(int n) { failing_take_overs_ = n; }

  const std::shared_ptr<MemoryJournalStore>& store() const { return store_; }

 private:
  std::shared_ptr<MemoryJournalStore> store_;
  std::uint64_t epoch_ = 0;  // 0: not the writer
  Fault next_append_ = Fault::none;
  int failing_take_overs_ = 0;
};

}  // namespace bourse::broker
