// What the driver offers, and what it refuses.
#include "connectors/conformance/checks.h"
#include "connectors/conformance/scripts.h"

namespace bourse::conformance {

using connector::PoolInfo;
using connector::SubmitRequest;

Status check_pools(Bench& bench) {
  TRY(const auto all, bench.driver().probe({}));
  TRY(const PoolInfo pool, bench.pool());
  bool among = false;
  for (const PoolInfo& each : all) among = among || each.name == pool.name;
  bench.expect(among, "asked for all pools, the driver leaves this one out");
  bench.expect(pool.nodes >= 1, "it has no usable node");
  bench.expect(pool.cores_per_node >= 1, "its nodes have no cores");
  bench.expect(pool.mem_mib_per_node >= 1, "its nodes have no memory");
  bench.expect(!pool.arch.empty(), "the architecture of its nodes is not known");
  bench.expect(pool.gpus_per_node >= 0 && pool.max_walltime.ms >= 0, "a figure is below zero");
  const auto within = [&](const char* what, std::int64_t got, std::int64_t most) {
    bench.expect(got >= 0 && got <= most, fmt::format("{} {} of {}", what, got, most));
  };
  within("free cores:", pool.free_cores, pool.nodes * pool.cores_per_node);
  within("free cards:", pool.free_gpus, pool.nodes * pool.gpus_per_node);
  bench.expect(pool.running_jobs >= 0 && pool.pending_jobs >= 0 && pool.pending_core_ms >= 0, "a count of jobs is below zero");
  if (!pool.accepting) bench.note("the pool takes no jobs now");
  TRY(const auto nowhere, bench.driver().probe({"nowhere"}));
  bench.expect(nowhere.empty(), "a pool that is not there has figures");
  return {};
}

namespace {

Status expect_refused(Bench& bench, const std::string& what, const std::function<void(SubmitRequest&)>& spoil) {
  TRY(auto asked, bench.request(scripts::exits(0)));
  const std::string marker = asked.marker;
  spoil(asked);
  const auto id = bench.submit(asked);
  if (!bench.expect(!id, what + " is not refused")) return {};
  bench.expect(id.error().outcome() == Outcome::rejected, what + " is refused as if it might do later: " + id.error().detail);
  if (asked.marker != marker) return {};
  TRY(const auto found, bench.driver().find_by_marker(marker));
  bench.expect(!found, what + " is refused, and yet the scheduler has it");
  return {};
}

}  // namespace

Status check_refusals(Bench& bench) {
  TRY(const PoolInfo pool, bench.pool());
  const auto refused = [&](const std::string& what, const std::function<void(SubmitRequest&)>& spoil) { return expect_refused(bench, what, spoil); };
  CHECK_OK(refused("a pool that is not there", [](auto& r) { r.pool = "nowhere"; }));
  CHECK_OK(refused("a pool 'x --wrap=id'", [](auto& r) { r.pool = "x --wrap=id"; }));
  CHECK_OK(refused("a pool '-x'", [](auto& r) { r.pool = "-x"; }));
  CHECK_OK(refused("a QoS '$(id)'", [](auto& r) { r.qos = "$(id)\n"; }));
  CHECK_OK(refused("a marker '../../etc'", [](auto& r) { r.marker = "../../etc"; }));
  CHECK_OK(refused("a marker of two lines", [](auto& r) { r.marker = "a\nb"; }));
  CHECK_OK(refused("a million cores", [](auto& r) { r.need.cores = 1'000'000; }));
  CHECK_OK(refused("less than no cores", [](auto& r) { r.need.cores = -1; }));
  CHECK_OK(refused("more memory than there is", [](auto& r) { r.need.mem_mib = 1'000'000'000; }));
  CHECK_OK(refused("more cards than there are", [&](auto& r) { r.need.gpus = pool.nodes * pool.gpus_per_node + 5; }));
  CHECK_OK(refused("no nodes", [](auto& r) { r.need.nodes = 0; }));
  CHECK_OK(refused("no walltime", [](auto& r) { r.walltime = Duration{}; }));
  if (pool.max_walltime.ms != 0) CHECK_OK(refused("a walltime above the pool's", [&](auto& r) { r.walltime = pool.max_walltime + hours(24 * 300); }));
  CHECK_OK(refused("root", [](auto& r) { r.user.name = "root", r.user.uid = 0; }));
  CHECK_OK(refused("a user that is not there", [](auto& r) { r.user.name = "no-such-user"; }));
  CHECK_OK(refused("a user '-x y'", [](auto& r) { r.user.name = "-x y"; }));
  CHECK_OK(refused("a user with another's number", [](auto& r) { r.user.uid += 1; }));
  return {};
}

}  // namespace bourse::conformance
