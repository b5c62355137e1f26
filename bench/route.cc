// Routing decisions a second on one core: 100 centers × 20 pools with prices of their own, mixed jobs.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/time.h"
#include "bench/bench.h"
#include "broker/domain/routing/routing_fixture.h"

namespace bourse::bench {
namespace {

using namespace broker;
using namespace broker::routing;

constexpr std::uint64_t kCenters = 100, kPoolsPerCenter = 20;
constexpr int kJobs = 1000, kStretches = 5, kBetweenLooks = 500;

std::vector<JobSpec> jobs_of(std::optional<Objective> objective, SeededRng& rng) {
  std::vector<JobSpec> jobs;
  for (int i = 0; i < kJobs; ++i) {
    jobs.push_back(fixture::random_job(rng));
    if (objective) jobs.back().objective = *objective;
  }
  return jobs;
}

// Decisions a second over one stretch.
double stretch(fixture::World& world, const std::vector<JobSpec>& jobs, Duration duration) {
  const SystemClock clock;
  const TermsLookup terms = world.terms();
  const std::int64_t began_ms = clock.monotonic().ms;
  std::int64_t count = 0, now_ms = began_ms;
  std::size_t plans = 0;
  do {
    for (int i = 0; i < kBetweenLooks; ++i, ++count) {
      const Request request{.spec = &jobs[static_cast<std::size_t>(count) % jobs.size()], .now = fixture::kNow + milliseconds(count / 50)};
      plans += world.router.decide(request, world.prices, terms).plans.size();
    }
    now_ms = clock.monotonic().ms;
  } while (now_ms - began_ms < duration.ms);
  if (plans == 0) say("no job found a plan: the figures mean nothing");
  return static_cast<double>(count) * 1000 / static_cast<double>(std::max<std::int64_t>(now_ms - began_ms, 1));
}

double median_of_stretches(fixture::World& world, const std::vector<JobSpec>& jobs, Duration duration) {
  std::array<double, kStretches> rates{};
  for (double& rate : rates) rate = stretch(world, jobs, {duration.ms / kStretches});
  std::ranges::sort(rates);
  return rates[kStretches / 2];
}

}  // namespace

Result<nlohmann::json> run_route(const BenchOptions& options) {
  SeededRng rng(options.seed);
  fixture::World world;
  fixture::fill(world, kCenters, kPoolsPerCenter, rng);
  const std::pair<const char*, std::optional<Objective>> cases[] = {{"mixed", std::nullopt},
                                                                    {"cheapest", Objective::cheapest},
                                                                    {"fastest", Objective::fastest},
                                                                    {"best_value", Objective::best_value}};
  nlohmann::json by_objective;
  for (const auto& [name, objective] : cases) {
    const double rate = median_of_stretches(world, jobs_of(objective, rng), options.duration);
    by_objective[name] = static_cast<std::int64_t>(rate);
    say(std::string(name) + ": " + std::to_string(static_cast<std::int64_t>(rate)) + " decisions/s");
  }
  return nlohmann::json{{"bench", "route"},          {"centers", kCenters},
                        {"pools", kCenters * kPoolsPerCenter}, {"seed", options.seed},
                        {"decisions_per_s", by_objective["mixed"]}, {"by_objective", by_objective}};
}

}  // namespace bourse::bench
