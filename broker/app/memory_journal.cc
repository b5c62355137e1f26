#include "broker/app/memory_journal.h"

#include <utility>

namespace bourse::broker {
namespace {

JournalHead head_of(const std::vector<JournalRow>& rows) {
  return rows.empty() ? JournalHead{} : JournalHead{rows.back().seq, rows.back().hash};
}

}  // namespace

MemoryJournal::MemoryJournal(std::shared_ptr<MemoryJournalStore> store) : store_(std::move(store)) {}

Result<JournalHead> MemoryJournal::take_over() {
  epoch_ = 0;
  if (failing_take_overs_ > 0) {
    --failing_take_overs_;
    return fail(ErrorCode::unavailable, "the journal can't be reached");
  }
  const std::scoped_lock lock(store_->mutex);
  epoch_ = ++store_->epoch;
  return head_of(store_->rows);
}

Result<JournalHead> MemoryJournal::append(std::span<const std::byte> body, Instant at) {
  const Fault fault = std::exchange(next_append_, Fault::none);
  const std::scoped_lock lock(store_->mutex);
  if (epoch_ == 0 || epoch_ != store_->epoch) {
    epoch_ = 0;
    return fail(ErrorCode::deposed, "not the journal's writer");
  }
  if (fault == Fault::lost_write) {
    epoch_ = 0;
    return fail(ErrorCode::unknown_outcome, "the connection was lost before the write");
  }
  const JournalHead head = head_of(store_->rows);
  JournalRow row{
      .seq = head.seq + 1, .epoch = epoch_, .at = at, .previous = head.hash, .body = {body.begin(), body.end()}};
  row.hash = row_hash(row);
  store_->rows.push_back(std::move(row));
  if (fault == Fault::lost_answer) {
    epoch_ = 0;
    return fail(ErrorCode::unknown_outcome, "the connection was lost after the write");
  }
  return head_of(store_->rows);
}

std::optional<Snapshot> MemoryJournal::newest_snapshot() {
  const std::scoped_lock lock(store_->mutex);
  return store_->snapshot;
}

Status MemoryJournal::save_snapshot(const Snapshot& snapshot) {
  const std::scoped_lock lock(store_->mutex);
  if (!store_->snapshot || store_->snapshot->at.seq < snapshot.at.seq) store_->snapshot = snapshot;
  return {};
}

Status MemoryJournal::replay(JournalHead after, const std::function<Status(const JournalRow&)>& visit) {
  for (;;) {
    JournalRow row;
    {
      const std::scoped_lock lock(store_->mutex);
      if (after.seq > store_->rows.size()) return fail(ErrorCode::integrity, "the journal is shorter than it was");
      if (after.seq == store_->rows.size()) return {};
      row = store_->rows[after.seq];
    }
    if (row.seq != after.seq + 1 || row.previous != after.hash || row.hash != row_hash(row))
      return fail(ErrorCode::integrity, "row " + std::to_string(after.seq + 1) + " doesn't follow the one before it");
    CHECK_OK(visit(row));
    after = {row.seq, row.hash};
  }
}

}  // namespace bourse::broker
