// Decisions a second on one core, at 100 centers × 20 pools unless said otherwise.
#include <benchmark/benchmark.h>

#include "broker/domain/routing/routing_fixture.h"

namespace bourse::broker::routing {
namespace {

void decisions(benchmark::State& state, fixture::World& world, const std::vector<JobSpec>& jobs) {
  const TermsLookup terms = world.terms();
  std::size_t i = 0;
  std::int64_t n = 0;
  for (auto _ : state) {
    // Time moves, so terms are looked up again now and then, as in a busy market.
    const Request request{.spec = &jobs[i], .now = fixture::kNow + milliseconds(n++ / 50)};
    benchmark::DoNotOptimize(world.router.decide(request, world.prices, terms));
    i = (i + 1) % jobs.size();
  }
  state.counters["decisions_per_s"] = benchmark::Counter(static_cast<double>(n), benchmark::Counter::kIsRate);
}

void BM_route(benchmark::State& state) {
  fixture::World world;
  SeededRng rng(7);
  fixture::fill(world, static_cast<std::uint64_t>(state.range(0)), static_cast<std::uint64_t>(state.range(1)), rng, state.range(2) != 0);
  std::vector<JobSpec> jobs;
  for (int k = 0; k < 1000; ++k) jobs.push_back(fixture::random_job(rng));
  decisions(state, world, jobs);
}
BENCHMARK(BM_route)->ArgNames({"centers", "pools", "few_prices"})->Args({100, 20, 0})->Args({100, 20, 1})->Args({3, 3, 0})->Args({1000, 100, 0});

void BM_route_one_objective(benchmark::State& state) {
  fixture::World world;
  SeededRng rng(7);
  fixture::fill(world, 100, 20, rng);
  std::vector<JobSpec> jobs;
  for (int k = 0; k < 1000; ++k) {
    jobs.push_back(fixture::random_job(rng));
    jobs.back().objective = static_cast<Objective>(state.range(0));
    if (state.range(1) != 0) jobs.back().budget = Amount::whole(5);
  }
  decisions(state, world, jobs);
}
BENCHMARK(BM_route_one_objective)->ArgNames({"objective", "budget"})->Args({0, 0})->Args({1, 0})->Args({2, 0})->Args({0, 1});

}  // namespace
}  // namespace bourse::broker::routing
