// After any doubt the scheduler is asked for the marker: what these prove is what keeps a job from running twice.
#include <optional>

#include "connectors/conformance/checks.h"
#include "connectors/conformance/scripts.h"

namespace bourse::conformance {

using connector::RunState;
using connector::RunStatus;

Status check_marker(Bench& bench) {
  TRY(const auto asked, bench.request(scripts::exits(0)));
  const auto expect_found = [&](const std::string& id, const std::string& when) -> Status {
    TRY(const auto found, bench.driver().find_by_marker(asked.marker));
    bench.expect(found == id, when + " it is not found by its marker: it would be submitted again");
    return {};
  };
  TRY(const auto before, bench.driver().find_by_marker(asked.marker));
  bench.expect(!before, "a marker that was never submitted is found: its job would never run");
  TRY(const std::string id, bench.submit(asked));
  CHECK_OK(expect_found(id, "right after its submission"));
  CHECK_OK(bench.wait_over(id));
  CHECK_OK(expect_found(id, "after its end"));
  CHECK_OK(bench.reopen());
  return expect_found(id, "after a restart");
}

Status check_strangers(Bench& bench) {
  TRY(const std::string id, bench.run(scripts::exits(0)));
  CHECK_OK(bench.wait_over(id));
  const std::string nobody = "999999";
  TRY(const auto seen, bench.driver().poll({{id, "bourse-another-marker-1"}, {nobody, "bourse-nobody-1"}}));
  const auto missing = [&](const std::string& which) { return seen.contains(which) && seen.at(which).state == RunState::missing; };
  bench.expect(missing(id), "an id with another's marker is taken for ours");
  bench.expect(missing(nobody), "an id that nobody has is not missing");
  return {};
}

Status check_restart(Bench& bench) {
  TRY(const auto asked, bench.request(scripts::holds()));
  TRY(const std::string id, bench.submit(asked));
  CHECK_OK(bench.wait_for_log(id, "begun"));
  TRY(const RunStatus first, bench.wait_running(id));
  if (!bench.expect(first.started.has_value(), "a running job has no start")) return {};
  CHECK_OK(bench.reopen());
  TRY(const auto found, bench.driver().find_by_marker(asked.marker));
  bench.expect(found == id, "after a restart the run is not found by its marker: it would be submitted again");
  TRY(const RunStatus again, bench.poll(id));
  bench.expect(again.state == RunState::running || again.state == RunState::ended, "after a restart the run is not what it was");
  bench.close();
  CHECK_OK(bench.let_go(id));
  CHECK_OK(bench.reopen());
  TRY(const RunStatus over, bench.wait_over(id));
  bench.equal("the exit code", over.exit_code, 0);
  bench.expect(over.started == first.started, "it has another start than before the restart");
  bench.equal("the log", bench.log_of(id), "begun\ndone\n");
  return {};
}

}  // namespace bourse::conformance
