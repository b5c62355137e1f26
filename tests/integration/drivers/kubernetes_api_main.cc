// bourse_kubernetes_api DIRECTORY SHIM ADDRESS_FILE: the double of a Kubernetes API server with one node of two cores, whose pods run as
// processes on this machine, as the users that they name by number, by the local driver. Ends on SIGTERM.
#include <csignal>
#include <cstdio>
#include <string>

#include <poll.h>

#include <openssl/evp.h>

#include "connectors/core/log_file.h"
#include "connectors/host/files.h"
#include "connectors/host/process_runner.h"
#include "connectors/host/run_as.h"
#include "connectors/kubernetes/testing/api_server.h"
#include "connectors/local/local_driver.h"

namespace bourse::test {
namespace {

using connector::RunState;
using kubernetes::testing::Cluster;
using kubernetes::testing::json;

volatile std::sig_atomic_t g_stop = 0;

std::string decoded(const std::string& text) {
  std::string out(text.size() / 4 * 3, '\0');
  EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  while (!out.empty() && out.back() == '\0') out.pop_back();
  return out;
}

// A container: its files in a folder, its environment what the image and the pod say, as its user.
class Containers {
 public:
  Containers(local::LocalDriver& driver, std::string directory) : driver_(driver), directory_(std::move(directory)) {}

  bool start(const json& pod, const json& secret) {
    const std::string uid = pod["metadata"]["uid"];
    const json& spec = pod["spec"];
    const json& container = spec["containers"][0];
    const auto user = host::find_run_as(static_cast<uid_t>(spec["securityContext"]["runAsUser"].get<std::int64_t>()));
    if (!user) return false;
    const std::string folder = directory_ + "/" + uid;
    if (!host::make_directory(folder, {.mode = 0755})) return false;
    for (const auto& [name, data] : secret["data"].items())
      if (!host::write_new(folder + "/" + name, decoded(data), {.mode = 0555})) return false;
    const std::string workdir = container["workingDir"];
    // What a container runtime does: nothing of the host's environment, what the image sets, then what the pod sets.
    std::string script = "#!/bin/sh\ncd '" + workdir + "' || exit 1\numask 022\nexec /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin KUBERNETES_SERVICE_HOST=10.0.0.1";
    for (const json& variable : container["env"]) script += " '" + variable["name"].get<std::string>() + "=" + variable["value"].get<std::string>() + "'";
    script += " '" + folder + "/start'\n";
    const json& requests = container["resources"]["requests"];
    const std::int64_t deadline = spec.value("activeDeadlineSeconds", std::int64_t{86'400});
    // The log is the node's, not in the folder that the job works in.
    const std::string own = folder + "-log";
    if (!host::make_directory(own, {.mode = 0700, .uid = user->uid, .gid = user->gid})) return false;
    logs_[uid] = {.path = own + "/log", .user = {.name = user->name, .uid = user->uid, .gid = user->gid, .home = "", .scheduler_account = ""}};
    const auto id = driver_.submit({.marker = uid, .name = "x", .script = script, .pool = "here",
                                    .need = {.cores = std::stoll(requests["cpu"].get<std::string>()), .gpus = 0, .nodes = 1, .mem_mib = std::stoll(requests["memory"].get<std::string>())},
                                    .walltime = seconds(deadline), .qos = "", .gpu_model = "", .user = logs_[uid].user, .workdir = own, .stdout_path = own + "/log"});
    if (!id) std::fprintf(stderr, "%s: %s\n", uid.c_str(), id.error().message().c_str());
    return id.has_value();
  }

  kubernetes::testing::Runtime::Seen look(const std::string& uid) {
    const auto seen = driver_.poll({{uid, uid}});
    if (!seen) return {};
    const connector::RunStatus& status = seen->at(uid);
    kubernetes::testing::Runtime::Seen out;
    out.started = status.started ? status.started->unix_ms / 1000 : 0;
    out.running = status.state != RunState::ended && status.state != RunState::cancelled;
    if (out.running) return out;
    out.exit_code = status.exit_code;
    // Whole seconds, as kubelets tell them.
    out.finished = out.started + (status.running.ms + 999) / 1000;
    return out;
  }

  void kill(const std::string& uid) { (void)driver_.cancel(uid, {}); }

  std::string log(const std::string& uid) {
    const auto log = logs_.find(uid);
    if (log == logs_.end()) return "";
    const auto piece = connector::read_log_file(log->second.path, log->second.user, 0, 256 << 10);
    return piece ? piece->data : "";
  }

 private:
  struct Log {
    std::string path;
    connector::LocalUser user;
  };
  local::LocalDriver& driver_;
  const std::string directory_;
  std::map<std::string, Log> logs_;
};

int serve(const std::string& directory, const std::string& shim, const std::string& address_file) {
  SystemClock clock;
  host::SystemProcessRunner runner(clock);
  auto driver = local::LocalDriver::open({.directory = directory + "/local", .shim = shim, .pools = {{.name = "here", .cores = 2, .mem_mib = 2000}},
                                          .kill_grace = seconds(1)}, clock, runner);
  if (!driver) return std::fprintf(stderr, "%s\n", driver.error().message().c_str()), 1;
  Containers containers(**driver, directory);
  Cluster cluster([&] { return clock.now().unix_ms / 1000; });
  cluster.habits.token = "a-token";
  cluster.add_node("node-1", {{"cpu", "2"}, {"memory", "2000Mi"}}, {{"pool", "here"}});
  cluster.runtime = {.start = [&](const json& pod, const json& secret) { return containers.start(pod, secret); },
                     .look = [&](const std::string& uid) { return containers.look(uid); },
                     .kill = [&](const std::string& uid) { containers.kill(uid); },
                     .log = [&](const std::string& uid) { return containers.log(uid); }};
  kubernetes::testing::ApiServer server(cluster);
  if (!host::write_durably(address_file, server.address() + "\n")) return 1;
  while (g_stop == 0) {
    cluster.step();
    ::poll(nullptr, 0, 50);
  }
  return 0;
}

}  // namespace
}  // namespace bourse::test

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: bourse_kubernetes_api DIRECTORY SHIM ADDRESS_FILE\n"), 2;
  std::signal(SIGTERM, [](int) { bourse::test::g_stop = 1; });
  return bourse::test::serve(argv[1], argv[2], argv[3]);
}
