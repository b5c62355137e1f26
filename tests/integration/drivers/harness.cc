#include "tests/integration/drivers/harness.h"

#include <cstdlib>
#include <stdexcept>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "connectors/kubernetes/kubernetes_driver.h"
#include "connectors/local/local_driver.h"
#include "connectors/scow/scow_driver.h"
#include "connectors/slurm/slurm_driver.h"

namespace bourse::test {

using connector::RunState;
using connector::RunStatus;

std::string DriverTest::setting(const std::string& name) {
  const char* value = std::getenv(("BOURSE_CONFORMANCE_" + name).c_str());
  return value != nullptr ? value : "";
}

void DriverTest::SetUp() {
  ASSERT_FALSE(setting("DRIVER").empty()) << "run it by tests/integration/drivers_test.py";
  const auto found = host::find_run_as(setting("USER"));
  ASSERT_TRUE(found) << found.error().message();
  user_ = {.name = found->name, .uid = found->uid, .gid = found->gid, .home = "", .scheduler_account = setting("ACCOUNT")};
  // Nothing of this may reach a job.
  ::setenv("LD_PRELOAD", "", 1);
  ::setenv("BASH_ENV", "/tmp/evil", 1);
  ::setenv("BOURSE_SECRET", "hunter2", 1);
  ::setenv("SBATCH_PARTITION", "nonsense", 1);
  restart();
}

void DriverTest::restart() {
  driver_.reset();
  if (is_slurm()) {
    auto opened = slurm::SlurmDriver::open({.conf = setting("SLURM_CONF")}, runner_);
    ASSERT_TRUE(opened) << opened.error().message();
    driver_ = std::move(*opened);
    return;
  }
  if (is_scow()) {
    auto opened = scow::ScowDriver::open({.client = {.address = setting("ADDRESS"), .tls = {}}, .account = setting("ACCOUNT"),
                                          .owner = setting("OWNER"), .users = {user_.name}, .queue_kept = {}}, clock_);
    ASSERT_TRUE(opened) << opened.error().message();
    driver_ = std::move(*opened);
    return;
  }
  if (is_kubernetes()) {
    auto opened = kubernetes::KubernetesDriver::open(
        {.access = {.address = setting("ADDRESS"), .token_file = setting("TOKEN_FILE")}, .name_space = "market",
         .pools = {{.name = pool(), .selector = {{"pool", pool()}}}}, .image = "registry.example/base:1", .claim = "jobs",
         .kill_grace = seconds(1), .figures_kept = {}}, clock_);
    ASSERT_TRUE(opened) << opened.error().message();
    driver_ = std::move(*opened);
    return;
  }
  auto opened = local::LocalDriver::open({.directory = setting("DIR") + "/local",
                                          .shim = setting("SHIM"),
                                          .pools = {{.name = pool(), .cores = 2, .mem_mib = 2000, .max_walltime = hours(1)}},
                                          .kill_grace = seconds(1)},
                                         clock_, runner_);
  ASSERT_TRUE(opened) << opened.error().message();
  driver_ = std::move(*opened);
}

connector::SubmitRequest DriverTest::request(std::string script) {
  const std::string attempt = to_text(AttemptId::make(clock_.now(), rng_));
  const std::string workdir = setting("DIR") + "/work/" + attempt;
  EXPECT_EQ(::mkdir(workdir.c_str(), 0700), 0);
  EXPECT_EQ(::chown(workdir.c_str(), user_.uid, user_.gid), 0);
  return {.marker = "bourse-" + attempt + "-1",
          .name = "a job; $(touch /tmp/evil) --wrap",
          .script = std::move(script),
          .pool = pool(),
          .need = {.cores = 1, .gpus = 0, .nodes = 1, .mem_mib = 200},
          .walltime = seconds(60),
          .qos = "",
          .gpu_model = "",
          .user = user_,
          .workdir = workdir,
          .stdout_path = workdir + "/stdout"};
}

std::string DriverTest::submit(const connector::SubmitRequest& request) {
  const auto id = driver_->submit(request);
  if (!id) throw std::runtime_error("submit: " + id.error().message());  // nothing to wait for
  submitted_[*id] = request;
  return *id;
}

RunStatus DriverTest::poll(const std::string& id) {
  const auto seen = driver_->poll({{id, submitted_[id].marker}});
  EXPECT_TRUE(seen) << seen.error().message();
  return seen ? seen->at(id) : RunStatus{};
}

void DriverTest::until(const std::string& what, Duration patience, const std::function<bool()>& good) {
  const std::int64_t deadline = clock_.monotonic().ms + patience.ms;
  while (!good()) {
    if (clock_.monotonic().ms > deadline) {
      throw std::runtime_error("no " + what + " within " + std::to_string(patience.ms) + " ms");
    }
    ::poll(nullptr, 0, is_slurm() || is_scow() || is_kubernetes() ? 100 : 20);
  }
}

RunStatus DriverTest::wait(const std::string& id, const std::string& what, const std::function<bool(const RunStatus&)>& good,
                           Duration patience) {
  RunStatus last;
  until(what, patience, [&] { return good(last = poll(id)); });
  return last;
}

RunStatus DriverTest::wait_over(const std::string& id, Duration patience) {
  return wait(id, "end of " + id, [](const RunStatus& s) { return s.state == RunState::ended || s.state == RunState::cancelled; },
              patience);
}

RunStatus DriverTest::wait_running(const std::string& id) {
  return wait(id, "start of " + id, [](const RunStatus& s) { return s.state == RunState::running; });
}

std::string DriverTest::log_of(const std::string& id) {
  const auto piece = driver_->read_log(id, user_, submitted_[id].stdout_path, 0, 100'000);
  return piece ? piece->data : "";
}

void DriverTest::wait_for_log(const std::string& id, const std::string& text) {
  until("'" + text + "' in the log of " + id, kPatience, [&] { return log_of(id).contains(text); });
}

}  // namespace bourse::test
