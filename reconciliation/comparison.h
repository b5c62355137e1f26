// What a center's accounting and the broker's books have of the same runs, held side by side. Pure.
//
//   Σ over a run's lines: meter = elapsed × allocation     against     the newest reading that the broker accepted
//
// A difference up to `tolerance` of run time (of each allocated core, card, node, MiB) is none: schedulers round.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/unit.h"
#include "reconciliation/accounting.h"

namespace bourse::reconciliation {

struct Quantities {  // cumulative over the attempt
  std::int64_t core_ms = 0, gpu_ms = 0, node_ms = 0, mem_mib_s = 0;
  bool operator==(const Quantities&) const = default;
};

// What was charged for one meter; a reading's parts sum to what the user was charged.
struct ChargedMeter {
  std::int64_t Quantities::*meter = nullptr;
  Amount amount;
};

// An attempt at that center, as the broker has it.
struct BookedRun {
  AttemptId attempt;
  std::uint32_t fence = 0;
  std::string scheduler_job;
  Quantities reported;
  bool final = false;  // nothing is to come
  Instant end;         // of its newest reading
  Amount charged;
  Unit unit = kCny;
  std::vector<ChargedMeter> lines;
};

// Numbers are kept (reconciliation.findings).
enum class BreakKind : std::uint8_t {
  not_accounted = 1,  // charged, and the center's accounting has no such run
  not_booked = 2,     // the center accounts for it, the broker has no usage of it
  not_final = 3,      // over at the center, still open at the broker
  quantity = 4,       // both have it, and differ
};
std::string_view name(BreakKind kind);

struct Finding {
  AttemptId attempt;
  BreakKind kind{};
  std::string scheduler_job;     // as the center has it, else the broker
  Instant end;                   // as the center has it, else the broker
  Quantities accounted, booked;  // zero where that side has nothing
  // About what the user was charged above (below zero: below) what the center's accounting bears out, in proportion to each
  // line's quantity; it is what is at stake and never booked. Of `not_booked` it isn't known and zero.
  Amount at_stake;
  Unit unit = kCny;
  std::string detail;
};

struct Comparison {
  std::vector<Finding> findings;          // by attempt
  std::int64_t accounted = 0, booked = 0, agreed = 0;  // attempts
  Quantities accounted_sum, booked_sum;   // of the attempts that were compared
};

// `booked` are the attempts of which the file speaks and those whose newest reading ends in [from, until); the file's runs
// outside of it are left out, unless the broker has them in it. Each attempt of `booked` once.
Comparison compare(std::span<const AccountedRun> accounted, std::span<const BookedRun> booked, Instant from, Instant until, Duration tolerance);

}  // namespace bourse::reconciliation
