// Breaks: where two books of the same thing differ. Schema `reconciliation` (store/sql/112_reconciliation.sql), written here and
// nowhere else. Findings of a center's accounting are kept; all others are read from what they are of, so that none can be
// forgotten and none outlives its cause. No money moves here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/time.h"
#include "base/unit.h"
#include "broker/adapters/api/database.h"
#include "reconciliation/comparison.h"

namespace bourse::broker::api {

// The numbers are kept.
enum class BreakSource : std::uint8_t {
  usage = 1,   // broker ↔ a center's accounting; of an attempt
  bank = 2,    // a bank's payment that nothing explains; of its identity
  payout = 3,  // a payout that the bank hasn't confirmed for five days; of its id
  top_up = 4,  // a top-up by hand whose entry no bank statement has shown for five days; of its reference
  day = 5,     // broker ↔ connector: a day that they count differently; of center and day
};
inline constexpr Duration kBankPatience = hours(5 * 24);

enum class BreakState : std::uint8_t { open = 1, explained = 2 };
std::string_view name(BreakState state);

// "usage:att_…", "bank:<64 hex digits>", "payout:pay_…", "top_up:<uuid>", "day:ctr_…:2026-11-20".
struct BreakKey {
  BreakSource source{};
  std::string subject;  // as it is kept: ids as PostgreSQL writes them
  bool operator==(const BreakKey&) const = default;
};
std::string to_text(const BreakKey& key);
// Errors: not_found.
Result<BreakKey> parse_break(const std::string& text);

struct BreakWord {
  UserId by;
  Instant at;
  UserId owner;  // nil: nobody's
  BreakState state = BreakState::open;
  std::string text;
};

struct StoredBreak {
  BreakKey key;
  std::string kind;  // not_accounted, not_booked, not_final, quantity; else the source's name
  CenterId center;   // nil where none is concerned
  std::string center_name;
  JobId job;         // of usage
  std::string scheduler_job;
  Amount at_stake;
  Unit unit = kCny;
  std::string detail;
  Instant since;
  UserId owner;
  BreakState state = BreakState::open;
  std::string text;          // the newest word
  bool changed = false;      // it was explained when its figures were others
  // Of usage.
  reconciliation::Quantities accounted, booked;
};

struct BreakFilter {
  std::optional<CenterId> center;
  std::optional<BreakSource> source;
  std::optional<UserId> owner;
  bool all = false;  // explained ones too
  std::optional<BreakKey> only;
  int limit = 100;
};

struct BreakPage {
  std::vector<StoredBreak> breaks;  // oldest first, at most the filter's limit
  std::int64_t total = 0;           // that the filter lets through
};

// A day that a center and the broker count differently, as the engine has it.
struct DifferingDay {
  CenterId center;
  std::string day, detail;
  Instant since;
};

struct AccountingCheck {
  Uuid id;
  CenterId center;
  Instant from, until;
  Duration tolerance;
  Hash256 file;
  UserId by;
  Instant at;
};

// Safe from any thread. Errors of all: those of Database.
class Breaks {
 public:
  Breaks(const std::string& writer_conninfo, Database& reader);

  // Attempts at that center: those of `attempts`, and those whose final reading ends in [from, until).
  Result<std::vector<reconciliation::BookedRun>> booked(CenterId center, const std::vector<AttemptId>& attempts, Instant from, Instant until);
  // Adds to each finding why records of its attempt were set aside, where some were.
  Status explain(std::vector<reconciliation::Finding>& findings);
  // What the check found becomes what is open of the center and its time; what it did not find again is cleared.
  Status keep(const AccountingCheck& check, const reconciliation::Comparison& comparison);

  Result<BreakPage> list(const BreakFilter& filter, const std::vector<DifferingDay>& days, Instant now);
  // Oldest first.
  Result<std::vector<BreakWord>> words(const BreakKey& key);
  // Once for each key.
  Status say(const BreakKey& about, const std::string& figures, const BreakWord& word, const std::string& key);

 private:
  Database writer_;
  Database& reader_;
};

}  // namespace bourse::broker::api
