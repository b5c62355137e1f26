// A center in the simulator: a connector with a durable spool before a scheduler that has a will of its own. It keeps
// the protocol, and now and then reports what isn't so.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "broker/domain/commands.h"
#include "broker/sim/dice.h"

namespace bourse::broker::sim {

struct Order {
  JobId job;
  AttemptId attempt;
  std::uint32_t fence = 0;
  pricing::Allocation allocation;
  Duration walltime;
  Instant not_after;
  Hash256 hash;
};
struct Cancellation {
  JobId job;
  AttemptId attempt;
  std::uint32_t fence = 0;
};
struct Acknowledged {
  std::uint64_t seq = 0;
};
struct ToCenter {
  CenterId center;
  std::variant<Order, Cancellation, Acknowledged> body;
};

// A report in the spool, and which of its records are lies.
struct Spooled {
  ApplyReport report;
  std::vector<bool> lies;
};

struct Run {
  enum class Stage : std::uint8_t { accepted, queued, running, over, refused };
  Order order;
  Stage stage = Stage::accepted;
  Instant moves_at;  // when the next stage begins
  Duration length;   // of the run, if nobody ends it
  std::int32_t exit_code = 0;
  bool will_be_refused = false;  // drained from the queue before it starts
  bool was_started = false;
  Instant started, ended;
  std::uint32_t revision = 0;
  bool final_reported = false;
  bool in_scheduler() const { return stage == Stage::accepted || stage == Stage::queued || stage == Stage::running; }
};

class SimCenter {
 public:
  SimCenter(CenterId id, Dice& dice, std::uint64_t lies_permille);

  CenterId id() const { return id_; }
  void receive(const ToCenter& message, Instant now);
  // The scheduler moves on; what there is to say goes into the spool.
  void step(Instant now);
  // From now on it tells the truth and refuses nothing.
  void calm() {
    lies_permille_ = 0;
    refusals_permille_ = 0;
  }
  // `other` belongs to another center; it may be lied about.
  void overhear(const Order& other) { overheard_ = other; }

  const std::deque<Spooled>& unacknowledged() const { return spool_; }
  const Spooled* spooled(std::uint64_t seq) const;
  // Another report under an acknowledged number, as a forger of its own past would send.
  std::optional<ApplyReport> forgery(Instant now);

  const std::map<AttemptId, Run>& runs() const { return runs_; }

 private:
  void begin(const Order& order, Instant now);
  void cancel(const Cancellation& cancellation, Instant now);
  void refuse(Run& run, Happening how, Instant now);
  void end(Run& run, Happening how, Instant now);
  void move(Run& run, Instant now);
  void say(const Run& run, Happening happening, Instant at);
  void read_meters(Run& run, Instant until, bool final);
  UsageRecord usage_of(const Run& run, Instant until, bool final);
  void lie(Instant now);
  std::optional<ReportRecord> make_lie(const Run& run, Instant now);
  void say_days(Instant now);
  void write(Instant now);

  const CenterId id_;
  Dice& dice_;
  std::uint64_t lies_permille_;
  std::uint64_t refusals_permille_ = 120;
  std::map<AttemptId, Run> runs_;
  std::vector<ReportRecord> records_;  // not yet in a report
  std::vector<bool> lies_;
  std::deque<Spooled> spool_;
  // What it metered on each day, and what it said of it last.
  struct Said {
    std::uint32_t revision = 0;
    evidence::DaySum sum;
  };
  std::optional<evidence::Day> first_day_;
  std::map<evidence::Day, evidence::DayReadings> days_;
  std::map<evidence::Day, Said> said_;
  std::set<evidence::Day> changed_;
  std::uint64_t seq_ = 0;
  std::uint64_t acknowledged_ = 0;
  Hash256 hash_;
  std::optional<Order> overheard_;
};

}  // namespace bourse::broker::sim
