// The journal in PostgreSQL: one row a batch, appended by one statement that also checks the fence.
#pragma once

#include <memory>
#include <string>

#include "broker/app/journal.h"

namespace bourse::broker {

class PgJournal final : public Journal {
 public:
  // `conninfo` is of the role bourse_writer. Connects, and makes sure that the server's durability settings are on.
  // Errors: unavailable, failed_precondition.
  static Result<std::unique_ptr<PgJournal>> open(std::string conninfo);
  ~PgJournal() override;

  // Connects again when the connection was lost.
  Result<JournalHead> take_over() override;
  Result<JournalHead> append(std::span<const std::byte> body, Instant at) override;
  std::optional<Snapshot> newest_snapshot() override;
  // Keeps the newest two.
  Status save_snapshot(const Snapshot& snapshot) override;
  Status replay(JournalHead after, const std::function<Status(const JournalRow&)>& visit) override;

 private:
  struct Impl;
  explicit PgJournal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::broker
