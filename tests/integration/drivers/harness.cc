#include "tests/integration/drivers/harness.h"

#include <cstdlib>

#include <poll.h>

#include "connectors/kubernetes/kubernetes_driver.h"
#include "connectors/local/local_driver.h"
#include "connectors/scow/scow_driver.h"
#include "connectors/slurm/slurm_driver.h"

namespace bourse::test {

std::string DriverTest::setting(const std::string& name) {
  const char* value = std::getenv(("BOURSE_CONFORMANCE_" + name).c_str());
  return value != nullptr ? value : "";
}

void DriverTest::SetUp() {
  ASSERT_FALSE(setting("DRIVER").empty()) << "run it by tests/integration/drivers_test.py";
  const auto found = host::find_run_as(setting("USER"));
  ASSERT_TRUE(found) << found.error().message();
  // Nothing of this may reach a job.
  ::setenv("LD_PRELOAD", "", 1);
  ::setenv("BASH_ENV", "/tmp/evil", 1);
  ::setenv("BOURSE_SECRET", "hunter2", 1);
  ::setenv("SBATCH_PARTITION", "nonsense", 1);
  folders_.emplace(setting("DIR") + "/work");
  bench_.emplace(conformance::Setting{.pool = pool(),
                                      .user = {.name = found->name, .uid = found->uid, .gid = found->gid, .home = "", .scheduler_account = setting("ACCOUNT")},
                                      .other = {},
                                      .patience = kPatience,
                                      .shortest_walltime = setting("DRIVER") == "local" ? seconds(2) : seconds(60),
                                      .fill_pool = true,
                                      .strangers = {"root", "LD_PRELOAD", "BASH_ENV", "BOURSE_SECRET", "SBATCH_PARTITION", "hunter2", "CONFORMANCE"}},
                 conformance::Ports{.open = [this] { return open(); }, .folders = *folders_, .clock = clock_, .rng = rng_,
                                    .wait = [](Duration time) { ::poll(nullptr, 0, static_cast<int>(time.ms)); }, .stopped = [] { return false; }});
  restart();
}

Result<std::unique_ptr<connector::Driver>> DriverTest::open() {
  if (is_slurm()) return slurm::SlurmDriver::open({.conf = setting("SLURM_CONF")}, runner_);
  if (is_scow()) {
    return scow::ScowDriver::open({.client = {.address = setting("ADDRESS"), .tls = {}}, .account = setting("ACCOUNT"),
                                   .owner = setting("OWNER"), .users = {setting("USER")}, .queue_kept = {}}, clock_);
  }
  if (is_kubernetes()) {
    return kubernetes::KubernetesDriver::open(
        {.access = {.address = setting("ADDRESS"), .token_file = setting("TOKEN_FILE")}, .name_space = "market",
         .pools = {{.name = pool(), .selector = {{"pool", pool()}}}}, .image = "registry.example/base:1", .claim = "jobs",
         .kill_grace = seconds(1), .figures_kept = {}}, clock_);
  }
  return local::LocalDriver::open({.directory = setting("DIR") + "/local",
                                   .shim = setting("SHIM"),
                                   .pools = {{.name = pool(), .cores = 2, .mem_mib = 2000, .max_walltime = hours(1)}},
                                   .kill_grace = seconds(1)},
                                  clock_, runner_);
}

}  // namespace bourse::test
