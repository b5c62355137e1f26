#include "reconciliation/comparison.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>

namespace bourse::reconciliation {
namespace {

constexpr std::array<std::pair<std::int64_t Quantities::*, std::string_view>, 4> kMeters = {
    {{&Quantities::core_ms, "core_ms"}, {&Quantities::gpu_ms, "gpu_ms"}, {&Quantities::node_ms, "node_ms"}, {&Quantities::mem_mib_s, "mem_mib_s"}}};

std::int64_t within(__int128 value) {
  return static_cast<std::int64_t>(std::clamp<__int128>(value, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()));
}
std::int64_t product(std::int64_t amount, std::int64_t time) { return within(static_cast<__int128>(amount) * time); }
std::int64_t sum(std::int64_t a, std::int64_t b) { return within(static_cast<__int128>(a) + b); }

// As connectors count: mebibyte-seconds rounded down, of each time that it ran.
Quantities of_time(const AccountedRun& run, Duration time) {
  return {.core_ms = product(run.cores, time.ms), .gpu_ms = product(run.gpus, time.ms), .node_ms = product(run.nodes, time.ms),
          .mem_mib_s = within(static_cast<__int128>(run.mem_mib) * time.ms / 1000)};
}

void add(Quantities& to, const Quantities& more) {
  for (const auto& [meter, name] : kMeters) to.*meter = sum(to.*meter, more.*meter);
}

// All lines of one attempt.
struct Accounted {
  std::uint32_t fence = 0;
  std::set<std::string> jobs;
  Instant end;
  Quantities used, tolerated;
};

std::map<AttemptId, Accounted> by_attempt(std::span<const AccountedRun> runs, Duration tolerance) {
  std::map<AttemptId, Accounted> all;
  for (const AccountedRun& run : runs) {
    Accounted& one = all[run.attempt];
    one.fence = std::max(one.fence, run.fence);
    one.jobs.insert(run.job);
    one.end = std::max(one.end, run.end);
    add(one.used, of_time(run, run.elapsed));
    const Quantities tolerated = of_time(run, tolerance);
    for (const auto& [meter, name] : kMeters) one.tolerated.*meter = std::max(one.tolerated.*meter, tolerated.*meter);
  }
  return all;
}

std::string joined(const std::set<std::string>& jobs) {
  constexpr std::size_t kShown = 5;
  std::string text;
  std::size_t shown = 0;
  for (const std::string& job : jobs) {
    if (shown++ == kShown) return text + " …";
    text += (text.empty() ? "" : " ") + job;
  }
  return text;
}

// charged × (booked − accounted) / booked of each line, rounded half away from zero.
Amount at_stake(const BookedRun& booked, const Quantities& accounted) {
  __int128 micros = 0;
  for (const ChargedMeter& line : booked.lines) {
    const std::int64_t ours = booked.reported.*line.meter;
    if (ours <= 0) continue;
    const __int128 part = static_cast<__int128>(line.amount.micros) * (static_cast<__int128>(ours) - accounted.*line.meter);
    micros += (part + (part < 0 ? -ours / 2 : ours / 2)) / ours;
  }
  return Amount::of_micros(within(micros));
}

// The meters that differ by more than is tolerated: "core_ms: center 3600000, broker 3605000".
std::string differences(const Quantities& accounted, const Quantities& booked, const Quantities& tolerated) {
  std::string text;
  for (const auto& [meter, name] : kMeters) {
    const __int128 apart = static_cast<__int128>(accounted.*meter) - booked.*meter;
    if ((apart < 0 ? -apart : apart) <= tolerated.*meter) continue;
    text.append(text.empty() ? "" : "; ").append(name).append(": center ").append(std::to_string(accounted.*meter)).append(", broker ");
    text += std::to_string(booked.*meter);
  }
  return text;
}

bool has_usage(const BookedRun& run) { return run.reported != Quantities{} || run.charged.is_positive(); }

Finding found(const BookedRun& booked, BreakKind kind) {
  return {.attempt = booked.attempt, .kind = kind, .scheduler_job = booked.scheduler_job, .end = booked.end, .accounted = {}, .booked = booked.reported,
          .at_stake = {}, .unit = booked.unit, .detail = {}};
}

}  // namespace

std::string_view name(BreakKind kind) {
  static constexpr std::string_view kNames[] = {"", "not_accounted", "not_booked", "not_final", "quantity"};
  return kNames[static_cast<std::size_t>(kind)];
}

Comparison compare(std::span<const AccountedRun> accounted, std::span<const BookedRun> booked, Instant from, Instant until, Duration tolerance) {
  Comparison out;
  std::map<AttemptId, Accounted> center = by_attempt(accounted, tolerance);
  const auto inside = [&](Instant at) { return from <= at && at < until; };
  const auto report = [&out](Finding finding) { out.findings.push_back(std::move(finding)); };
  for (const BookedRun& run : booked) {
    const auto at = center.find(run.attempt);
    const bool known = at != center.end();
    const Accounted theirs = known ? at->second : Accounted{};
    if (known) center.erase(at);
    if (!inside(run.end) && !(known && inside(theirs.end))) continue;
    if (!known && !(run.final && has_usage(run))) continue;  // it may still run
    out.accounted += known ? 1 : 0;
    out.booked += has_usage(run) ? 1 : 0;
    add(out.accounted_sum, theirs.used);
    add(out.booked_sum, run.reported);
    Finding finding = found(run, BreakKind::quantity);
    finding.accounted = theirs.used;
    if (!known) {
      finding.kind = BreakKind::not_accounted;
      finding.at_stake = run.charged;
      finding.detail = "the center's accounting has no run of this name";
      report(std::move(finding));
      continue;
    }
    finding.scheduler_job = joined(theirs.jobs);
    finding.end = theirs.end;
    finding.detail = differences(theirs.used, run.reported, theirs.tolerated);
    if (!has_usage(run)) {
      if (theirs.used == Quantities{}) {
        ++out.agreed;
        continue;
      }
      finding.kind = BreakKind::not_booked;
      finding.detail = "the broker has no usage of it";
    } else if (!run.final) {
      finding.kind = BreakKind::not_final;
      finding.at_stake = at_stake(run, theirs.used);
      finding.detail = "over at the center, its final usage hasn't come" + (finding.detail.empty() ? "" : "; so far " + finding.detail);
    } else if (finding.detail.empty()) {
      ++out.agreed;
      continue;
    } else {
      finding.at_stake = at_stake(run, theirs.used);
      if (theirs.jobs.size() > 1) finding.detail += "; the accounting has more than one job of this name";
    }
    report(std::move(finding));
  }
  for (const auto& [attempt, theirs] : center) {
    if (!inside(theirs.end)) continue;
    ++out.accounted;
    add(out.accounted_sum, theirs.used);
    if (theirs.used == Quantities{}) {
      ++out.agreed;  // cancelled before it began
      continue;
    }
    report({.attempt = attempt, .kind = BreakKind::not_booked, .scheduler_job = joined(theirs.jobs), .end = theirs.end, .accounted = theirs.used, .booked = {},
            .at_stake = {}, .unit = kCny, .detail = "the broker never ordered such a run here"});
  }
  std::ranges::sort(out.findings, {}, &Finding::attempt);
  return out;
}

}  // namespace bourse::reconciliation
