// bourse_scow_adapter KIND DIRECTORY SHIM ADDRESS_FILE: the double of a SCOW scheduler adapter (KIND: slurm or crane), whose jobs
// run as processes on this machine, as their users, by the local driver. Ends on SIGTERM.
#include <csignal>
#include <cstdio>
#include <string>

#include <poll.h>

#include "connectors/host/files.h"
#include "connectors/host/process_runner.h"
#include "connectors/host/run_as.h"
#include "connectors/local/local_driver.h"
#include "connectors/scow/testing/adapter_double.h"

namespace bourse::test {
namespace {

using connector::RunState;

volatile std::sig_atomic_t g_stop = 0;

std::string marker_of(std::uint32_t id) { return "job-" + std::to_string(id); }

// What a login shell of the user and the adapter put around a script.
std::string generated(const std::string& script) {
  return "#!/bin/bash\n#SBATCH --get-user-env\nexport LD_PRELOAD= BASH_ENV=/tmp/evil BOURSE_SECRET=hunter2 SBATCH_PARTITION=nonsense "
         "PATH=/usr/bin:/bin:/root SLURM_JOB_ID=1\n" + script;
}

void submit(local::LocalDriver& driver, scow::testing::WorldJob& job, const scow::testing::wire::SubmitJobRequest& request) {
  const auto user = host::find_run_as(job.user);
  if (user) {
    const connector::LocalUser as{.name = user->name, .uid = user->uid, .gid = user->gid, .home = "", .scheduler_account = ""};
    const auto id = driver.submit({.marker = marker_of(job.id), .name = "x", .script = generated(request.script()), .pool = "here",
                                   .need = {.cores = job.cores, .gpus = job.gpus, .nodes = job.nodes, .mem_mib = job.mem_mib},
                                   .walltime = minutes(job.limit_minutes), .qos = "", .gpu_model = "", .user = as,
                                   .workdir = request.working_directory(), .stdout_path = request.stdout()});
    if (id) return;
    std::fprintf(stderr, "job %u: %s\n", job.id, id.error().message().c_str());
  }
  job.state = "FAILED", job.end = job.submit, job.in_queue = false;
}

void look(local::LocalDriver& driver, scow::testing::World& world) {
  for (scow::testing::WorldJob& job : world.jobs) {
    if (!job.in_queue) continue;
    const std::string marker = marker_of(job.id);
    const auto seen = driver.poll({{marker, marker}});
    if (!seen) continue;
    const connector::RunStatus& status = seen->at(marker);
    if (status.started) job.start = status.started->unix_ms / 1000;
    if (status.state == RunState::running) job.state = "RUNNING";
    if (status.state != RunState::ended && status.state != RunState::cancelled) continue;
    // Schedulers count whole seconds.
    job.end = std::max(status.ended ? status.ended->unix_ms / 1000 : world.now(), job.start + (status.running.ms + 999) / 1000);
    job.in_queue = false;
    if (status.state == RunState::cancelled) job.state = "CANCELLED";
    else if (status.reason.contains("TIMEOUT") || status.reason.contains("walltime")) job.state = "TIMEOUT";
    else job.state = status.exit_code == 0 ? "COMPLETED" : "FAILED";
  }
}

int serve(const std::string& kind, const std::string& directory, const std::string& shim, const std::string& address_file) {
  SystemClock clock;
  host::SystemProcessRunner runner(clock);
  auto driver = local::LocalDriver::open({.directory = directory, .shim = shim, .pools = {{.name = "here", .cores = 2, .mem_mib = 2000}},
                                          .kill_grace = seconds(1)}, clock, runner);
  if (!driver) return std::fprintf(stderr, "%s\n", driver.error().message().c_str()), 1;
  scow::testing::World world;
  world.crane = kind == "crane";
  world.scheduler_name = world.crane ? "Crane" : "slurm";
  world.nodes = 1, world.cores_per_node = 2, world.mem_mib_per_node = 2000, world.partition = "here";
  world.now = [&] { return clock.now().unix_ms / 1000; };
  world.on_submit = [&](auto& job, const auto& request) { submit(**driver, job, request); };
  world.on_look = [&](auto& all) { look(**driver, all); };
  world.on_cancel = [&](const auto& job) { (void)(*driver)->cancel(marker_of(job.id), {}); };
  scow::testing::AdapterDouble adapter(world);
  if (!host::write_durably(address_file, adapter.address() + "\n")) return 1;
  while (g_stop == 0) ::poll(nullptr, 0, 100);
  return 0;
}

}  // namespace
}  // namespace bourse::test

int main(int argc, char** argv) {
  if (argc != 5) return std::fprintf(stderr, "usage: bourse_scow_adapter slurm|crane DIRECTORY SHIM ADDRESS_FILE\n"), 2;
  std::signal(SIGTERM, [](int) { bourse::test::g_stop = 1; });
  return bourse::test::serve(argv[1], argv[2], argv[3], argv[4]);
}
