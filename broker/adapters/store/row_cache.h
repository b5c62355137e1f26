// Mutable projected rows of one table: loaded when a chunk first needs them, changed in memory, written once a chunk.
//
// Row gives: kTable, kStage (its temporary table's columns), kLoad, kCopyNew, kMerge (SQL below); read(Rows, row) → Row;
// write_new(CopyRows&) and write_change(CopyRows&), the fields of kCopyNew and of the stage; id(); finished(): it will
// hardly be needed again.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <string>
#include <vector>

#include "broker/adapters/store/connection.h"
#include "broker/adapters/store/wire.h"

namespace bourse::broker::store {

template <class Row>
class RowCache {
 public:
  // First pass over a chunk: which rows it needs that it does not make itself.
  void coming(Uuid id) { coming_.insert(id); }
  void want(Uuid id) {
    if (!id.is_nil() && !entries_.contains(id) && !coming_.contains(id)) missing_.insert(id);
  }
  Status load(Connection& connection) {
    if (missing_.empty()) return {};
    const std::vector<Uuid> ids(missing_.begin(), missing_.end());
    missing_.clear();
    TRY(const Rows rows, connection.run(Row::kLoad, Params().uuids(ids)));
    for (int i = 0; i < rows.size(); ++i) {
      Row row = Row::read(rows, i);
      const Uuid id = row.key();
      entries_.emplace(id, Entry{std::move(row), false, false});
    }
    return {};
  }

  // Second pass. The pointer is good until the next add. `change` marks the row as to be written; null when there is none.
  Row* change(Uuid id) {
    const auto it = entries_.find(id);
    if (it == entries_.end()) return nullptr;
    if (!it->second.changed) changed_.push_back(id);
    it->second.changed = true;
    return &it->second.row;
  }
  const Row* find(Uuid id) const {
    const auto it = entries_.find(id);
    return it == entries_.end() ? nullptr : &it->second.row;
  }
  void add(Row row) {
    const Uuid id = row.key();
    if (entries_.emplace(id, Entry{std::move(row), true, true}).second) changed_.push_back(id);
  }

  // Inside the chunk's transaction: new rows by COPY, changed ones through the stage.
  Status write(Connection& connection) {
    CopyRows fresh, changed;
    std::ranges::sort(changed_);  // rising keys go to the end of an index, which is its cheap end
    for (const Uuid& id : changed_) {
      const Entry& entry = entries_.find(id)->second;
      if (entry.fresh)
        entry.row.write_new(fresh);
      else
        entry.row.write_change(changed);
    }
    if (!fresh.empty()) CHECK_OK(connection.copy_in(Row::kCopyNew, fresh.finish()));
    if (changed.empty()) return {};
    CHECK_OK(connection.copy_in(std::string("COPY ") + Row::kStageName + " FROM STDIN (FORMAT binary)", changed.finish()));
    TRY(const Rows merged, connection.run(Row::kMerge));
    if (merged.affected() != static_cast<std::int64_t>(changed.rows()))
      return fail(ErrorCode::integrity, std::string(Row::kStageName) + ": rows disappeared from under the projector");
    return {};
  }
  // After the commit. Keeps what is live, up to a bound.
  void committed() {
    for (const Uuid& id : changed_) {
      const auto it = entries_.find(id);
      it->second.fresh = it->second.changed = false;
      if (it->second.row.finished())
        entries_.erase(it);
      else
        it->second.row.slim();
    }
    changed_.clear();
    coming_.clear();
    if (entries_.size() > kMostRows) entries_.clear();
  }
  // After a failure: memory may be ahead of the tables.
  void forget() {
    entries_.clear();
    changed_.clear();
    coming_.clear();
    missing_.clear();
  }

  static std::string stage_sql() {
    return std::string("CREATE TEMP TABLE IF NOT EXISTS ") + Row::kStageName + " (" + Row::kStage + ") ON COMMIT DELETE ROWS;";
  }

 private:
  static constexpr std::size_t kMostRows = 250'000;
  struct Entry {
    Row row;
    bool fresh = false;
    bool changed = false;
  };
  absl::flat_hash_map<Uuid, Entry> entries_;
  absl::flat_hash_set<Uuid> coming_, missing_;
  std::vector<Uuid> changed_;
};

}  // namespace bourse::broker::store
