// What a user asks for, what it may cost and where it runs: job, plan, attempt.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/time.h"
#include "broker/domain/lots.h"
#include "broker/domain/waiting.h"
#include "pricing/spread.h"

namespace bourse::broker {

enum class JobKind : std::uint8_t { batch = 0, session = 1, service = 2 };
enum class Objective : std::uint8_t { cheapest = 0, fastest = 1, best_value = 2 };
enum class ReleasePolicy : std::uint8_t { on_end = 0 };  // when the rest of the hold goes back

// Bounds on a spec; beyond them a request is invalid_argument (checked by `validate`).
inline constexpr std::size_t kMaxJobName = 128;
inline constexpr std::size_t kMaxProject = 64;
inline constexpr std::size_t kMaxScriptBytes = 1 << 20;
inline constexpr std::int64_t kMaxCores = 1'000'000;
inline constexpr std::int64_t kMaxNodes = 100'000;
inline constexpr std::int64_t kMaxMemMib = 1'000'000'000'000;
inline constexpr Duration kMaxWalltime = hours(24 * 366);
inline constexpr Duration kMinHoldWindow = minutes(1);

struct JobSpec {
  std::string name;  // printable, no control characters, does not start with '-'
  JobKind kind = JobKind::batch;
  Hash256 script;            // SHA-256 of the script, stored as a blob before the command
  pricing::Allocation need;  // in all; nodes >= 1
  std::string gpu_model;     // empty = any, if gpus > 0
  std::string arch;          // empty = any; "x86_64", "aarch64"
  Duration walltime;         // the most it may run. Whole seconds.
  Duration expected;  // how long the user thinks it runs on a pool of speed 1000; 0 = unknown (walltime is taken)
  Objective objective = Objective::cheapest;
  std::optional<Amount> budget;     // the hold may not exceed it
  std::optional<Instant> deadline;  // predicted end may not exceed it
  CenterId center;                  // nil = the market chooses
  std::string qos;                  // empty = the pool's default
  std::string project;              // whose work it is, for the account's own books; may be empty
  Duration hold_window;             // money is held for so much of the run at a time and renewed (renewal.h); 0 = for all of it
  Unit pay_with;                    // DU: out of packages; nothing = in the account's money
  ArraySpec array;                  // it stands for that many jobs; need, times and budget are each one's
  ElementOf element;                // of a job that an array was made into
  Dependency after;                 // dispatched when these hold
  Hash256 manifest;                 // SHA-256 of the list of its files, a blob of its own; zero = it has none

  // What of the run the first hold covers.
  Duration held_first() const { return hold_window.ms > 0 ? std::min(hold_window, walltime) : walltime; }

  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.name, self.kind, self.script, self.need, self.gpu_model, self.arch, self.walltime, self.expected,
          self.objective, self.budget, self.deadline, self.center, self.qos, self.project, self.hold_window,
          self.pay_with, self.array, self.element, self.after, self.manifest);
  }
};

// Errors: invalid_argument, naming the field.
Status validate(const JobSpec& spec);

// A priced way to run a job; what the user accepts. Ranked: the first is the choice, the rest are for re-routing.
struct Plan {
  CenterId center;
  std::string pool;
  pricing::Allocation allocation;       // what would be held there (whole nodes where the pool sells so)
  std::vector<pricing::PriceRow> rows;  // locked
  pricing::Terms terms;                 // locked
  ContractId contract;
  Duration wait;           // predicted
  Duration duration;       // predicted
  Amount total;            // predicted price
  Amount cap;              // price of the walltime, or of the spec's hold window: what the hold must cover
  std::int64_t score = 0;  // lower is better; what the ranking used
  pricing::PoolTotals totals;                 // locked (docs/adr/0006); zero where no row's strategy uses them
  std::vector<pricing::PriceRow> settlement;  // locked: what the center gets; empty = its share by `terms`
  bool may_subsidise = false;                 // settlement may come to more than the sale's net price
  ReservationId reservation;                  // that carries it: then it costs nothing; nil = none

  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.center, self.pool, self.allocation, self.rows, self.terms, self.contract, self.wait, self.duration,
          self.total, self.cap, self.score, self.totals, self.settlement, self.may_subsidise, self.reservation);
  }
};

// Why a pool is not among the plans. Append only.
enum class Refusal : std::uint8_t {
  none = 0,
  architecture = 1,
  gpu_model = 2,
  no_gpus = 3,
  cores = 4,
  memory = 5,
  nodes = 6,
  walltime = 7,
  offline = 8,
  paused = 9,
  no_price = 10,
  over_budget = 11,
  past_deadline = 12,
  other_center_asked = 13,
  kind = 14,
  qos = 15,
  no_contract = 16,
  below_settlement = 17,
  closed = 18,
  sold_out = 19,
  below_floor = 20,
  no_files = 21,
};
std::string_view name(Refusal refusal);      // "over_budget"
std::string_view sentence(Refusal refusal);  // for a person

struct Refused {
  CenterId center;
  std::string pool;
  Refusal reason{};
  Amount needed;  // over_budget: the cap there. Else 0.
  static constexpr void fields(auto& self, auto&& visit) { visit(self.center, self.pool, self.reason, self.needed); }
};

// A routing decision with what explains it. At most kMaxPlans plans and kMaxRefused refusals are kept; counts are
// whole.
inline constexpr std::size_t kMaxPlans = 8;
inline constexpr std::size_t kMaxRefused = 24;
struct Decision {
  std::vector<Plan> plans;
  std::vector<Refused> refused;
  std::uint32_t considered = 0;
  std::uint32_t fitting = 0;
  Amount
      cheapest_cap;  // the least cap of any pool that fits but for the budget: "what would have been enough"; 0 = none
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.plans, self.refused, self.considered, self.fitting, self.cheapest_cap);
  }
};

enum class JobState : std::uint8_t {
  routed = 1,   // held and planned; its order is not yet known to have arrived
  ordered = 2,  // the center has the order (accepted, or being submitted there)
  queued = 3,   // in the center's queue
  running = 4,
  ending = 5,  // the center said it ended; the final usage is still to come
  ended = 6,   // finished with exit code 0
  failed = 7,  // finished otherwise, or no plan was left
  cancelled = 8,
  waiting = 9,  // for its conditions, or for its array's turn; no order yet
};
std::string_view name(JobKind kind);         // "batch"
std::string_view name(Objective objective);  // "cheapest"
std::string_view name(JobState state);       // "running"
constexpr bool is_final(JobState s) {
  return s == JobState::ended || s == JobState::failed || s == JobState::cancelled;
}

// What a center may report of an attempt. The numbers are also federation.v1.JobEvent.Kind.
enum class Happening : std::uint8_t {
  accepted = 1,  // the order is in the spool; submission will be tried
  queued = 2,    // the scheduler has it
  started = 3,
  ended = 4,            // exit code follows
  cancelled = 5,        // ended because somebody cancelled it, there or here
  rejected = 6,         // signed: it does not and will not run
  never_submitted = 7,  // signed: the scheduler has never had it
  unknown = 8,          // can't tell; nothing may follow from it
  paused = 9,           // suspended because the broker asked; its time doesn't count
  resumed = 10,
};

std::string_view name(Happening happening);

// Of an attempt whose rows have windows: what fell to each of them up to the newest usage record. Empty for all others.
struct WindowedUse {
  Instant at;                         // of the newest reading
  std::vector<std::int64_t> sold;     // one a row of the plan; empty where none of them has windows
  std::vector<std::int64_t> settled;  // the same of the settlement rows
  bool operator==(const WindowedUse&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.at, self.sold, self.settled); }
};
// What the projection keeps of a capture by such rows.
struct CapturedWindows {
  std::vector<pricing::ReadingAt> readings;  // signed, since the record before
  WindowedUse use;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.readings, self.use); }
};
// The instants that an order lists: where the plan's rows change while the job may wait (kLongestQueue) or run, from `from`
// on; the first kMaxEdges of them. None where no row has windows. What lies beyond is priced as unread (docs/adr/0012).
inline constexpr Duration kLongestQueue = hours(24 * 40);
inline constexpr std::size_t kMaxEdges = 4'096;
std::vector<Instant> edges_of(const Plan& plan, Instant from, Duration walltime);

// One dispatch of a job to one center. Its number is the fence: only the newest attempt of a job can charge the user.
struct Attempt {
  AttemptId id;
  std::uint32_t fence = 0;  // from 1
  std::uint32_t plan = 0;   // index into the job's plans
  CenterId center;
  Instant ordered_at;
  Instant not_after;          // the center may not start the submission later
  Hash256 order_hash;         // SHA-256 of the order's bytes; zero until it was built the first time
  std::string scheduler_job;  // the scheduler's own id, once known
  std::optional<Instant> started_at;
  std::optional<Instant> ended_at;
  std::optional<Happening> happened;  // how far it came, by the center's word; nothing before the first
  bool closed = false;                // known not to run any more, and its usage is final (or never was)
  pricing::Readings usage;            // newest accepted, as reported
  std::uint32_t usage_revision = 0;
  bool usage_final = false;
  Amount charged;             // Σ captured for it, in the unit that it is rated in
  Amount money;               // the same in the account's money: less than charged only of packages' 度
  WindowedUse windowed;
  bool paused = false;
  Duration ran;        // running time at `measured_at`, at most: by its usage or, where that is older, by the clock
  Instant measured_at;  // its start, its newest usage, or when it was paused or resumed
  std::vector<LotPart> lots;  // what of it lots paid, in the order of consumption
  Instant end_before;         // its center doesn't sell beyond; unix_ms 0 = it does

  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.fence, self.plan, self.center, self.ordered_at, self.not_after, self.order_hash,
          self.scheduler_job, self.started_at, self.ended_at, self.happened, self.closed, self.usage,
          self.usage_revision, self.usage_final, self.charged, self.windowed, self.paused, self.ran, self.measured_at,
          self.lots, self.money, self.end_before);
  }
};

// Why a running job's next window could not be held, as it stood when that was first seen.
struct Shortage {
  ErrorCode code{};    // insufficient_funds, member_limit, budget_too_small
  std::string detail;  // for a person
  Amount needed;       // by which the hold was to grow
  Instant since;
  Instant runs_out;    // when what is held will have been used
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.code, self.detail, self.needed, self.since, self.runs_out);
  }
};

struct Job {
  JobId id;
  BillingAccountId account;
  TenantId tenant;
  UserId user;
  QuoteId quote;  // nil when submitted without one
  JobSpec spec;
  Decision decision;
  HoldId hold;
  Instant submitted_at;
  JobState state = JobState::routed;
  bool cancel_requested = false;
  std::int32_t exit_code = 0;
  std::string reason;  // why it failed or was cancelled, for a person
  Instant ended_at;
  std::vector<Attempt> attempts;  // the last is the live one; none of a job that waits, or was cancelled while it did
  Duration covered;               // running time that the hold pays for
  std::optional<Shortage> shortage;  // the next window could not be held
  bool pause_wanted = false;      // it is to stand still until there is money again
  Instant pause_wanted_at;
  Amount worth;  // of a job that packages pay: what of its hold counts against its user's limits still, in money
  Gate gate;           // of spec.after
  Instant wait_until;  // of one that was not dispatched at once: when it is given up

  // Of a job without attempts one that is nobody's: no id, no center, fence 0, by the first plan.
  const Attempt& attempt() const { return attempts.empty() ? kNoAttempt : attempts.back(); }
  Attempt& attempt() { return attempts.back(); }
  bool waits() const { return state == JobState::waiting; }
  const Plan& plan() const { return decision.plans[attempt().plan]; }
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.account, self.tenant, self.user, self.quote, self.spec, self.decision, self.hold,
          self.submitted_at, self.state, self.cancel_requested, self.exit_code, self.reason, self.ended_at,
          self.attempts, self.covered, self.shortage, self.pause_wanted, self.pause_wanted_at, self.worth, self.gate,
          self.wait_until);
  }

 private:
  static const Attempt kNoAttempt;
};

}  // namespace bourse::broker
