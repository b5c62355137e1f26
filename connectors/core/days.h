// The center's days: what it metered on each, what it said of them, and what the broker answered (docs/adr/0011).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.h"
#include "connectors/core/record_log.h"
#include "evidence/day.h"

namespace bourse::federation::v1 {
class DayAnswer;
class DayDigest;
class Report;
}  // namespace bourse::federation::v1

namespace bourse::connector {

// One thread.
class Days {
 public:
  // `fresh`: nothing was ever reported from here, so this very day counts; else the first day is tomorrow's, since nobody
  // here counted what was reported before. Errors: integrity, unavailable.
  static Result<Days> open(const std::string& path, Instant now, bool fresh);

  // What a report says of usage and of days, once it is in the spool. Durable when it returns; again it changes nothing.
  Status note(const federation::v1::Report& report);
  // What is to be said next. A day is said when it is over, and again when it has changed, when the broker disagreed (then
  // with its entries), and after an hour as long as it does. The day that runs is said when it has changed, at most every
  // `interval`; 0 = not before it is over.
  std::optional<federation::v1::DayDigest> due(Instant now, Duration interval);
  // The broker's answer to it. Errors: unavailable.
  Status answered(const federation::v1::DayAnswer& answer);
  // Reports up to `seq` are acknowledged: a day without an answer by then has none, and is said again, now (a lost answer)
  // or later (it was set aside).
  void acknowledged(std::uint64_t seq, bool now);

 private:
  struct State {
    evidence::DayReadings readings;
    std::uint32_t revision = 0;
    std::uint64_t said_seq = 0;
    Instant said_at;
    bool with_entries = false;
    bool dirty = true;       // not said as it is
    bool answered = false, agreed = false;
  };
  struct Entry;  // of the log

  Days() = default;
  void apply(const Entry& entry);
  Status append(const Entry& entry);
  Status rewrite();
  bool is_due(const State& state, Instant now, bool over, Duration interval) const;

  std::string path_;
  RecordLog log_;
  std::uint64_t rewritten_bytes_ = 0;
  evidence::Day since_ = 0;
  std::map<evidence::Day, State> days_;
};

}  // namespace bourse::connector
