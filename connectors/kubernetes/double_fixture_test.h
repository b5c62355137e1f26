// A driver on the double, without containers: tests say what the kubelet would.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include <poll.h>
#include <unistd.h>

#include "base/time.h"
#include "connectors/kubernetes/kubernetes_driver.h"
#include "connectors/kubernetes/names.h"
#include "connectors/kubernetes/testing/api_server.h"

namespace bourse::kubernetes {

inline connector::SubmitRequest sample(const std::string& marker = "bourse-att_06A-1") {
  return {.marker = marker, .name = "a job; $(x)", .script = "#!/bin/sh\necho hi\n", .pool = "cpu",
          .need = {.cores = 2, .gpus = 0, .nodes = 1, .mem_mib = 300}, .walltime = seconds(90), .qos = "", .gpu_model = "",
          .user = {.name = "nobody", .uid = 65534, .gid = 65534, .home = "", .scheduler_account = ""},
          .workdir = "/srv/jobs/att_06A", .stdout_path = "/srv/jobs/att_06A/output.log"};
}

class DoubleTest : public ::testing::Test {
 protected:
  using Cluster = testing::Cluster;
  using json = nlohmann::json;

  DoubleTest() { cluster_.add_node("n1", {{"cpu", "8"}, {"memory", "16Gi"}, {"nvidia.com/gpu", "2"}}, {{"kind", "cpu"}}); }

  KubernetesConfig config() const {
    return {.access = {.address = server_.address()}, .name_space = "market", .pools = {{.name = "cpu", .selector = {{"kind", "cpu"}}}},
            .image = "registry.example/base:1", .qos = {{"high", "bourse-high"}}, .figures_kept = {}};
  }
  void open() { open(config()); }
  void open(KubernetesConfig config) {
    auto opened = KubernetesDriver::open(std::move(config), clock_);
    ASSERT_TRUE(opened) << opened.error().message();
    driver_ = std::move(*opened);
  }
  std::string submit(const connector::SubmitRequest& request = sample()) {
    const auto id = driver_->submit(request);
    EXPECT_TRUE(id) << id.error().message();
    return id.value_or("");
  }
  connector::RunStatus poll(const std::string& id, const std::string& marker = "bourse-att_06A-1") {
    const auto seen = driver_->poll({{id, marker}});
    EXPECT_TRUE(seen) << seen.error().message();
    return seen ? seen->at(id) : connector::RunStatus{};
  }
  // The watch needs a moment.
  connector::RunStatus until(const std::string& id, const std::function<bool(const connector::RunStatus&)>& good) {
    connector::RunStatus last;
    for (int i = 0; i < 500 && !good(last = poll(id)); ++i) ::poll(nullptr, 0, 10);
    EXPECT_TRUE(good(last)) << "last seen: state " << static_cast<int>(last.state) << ", " << last.raw;
    return last;
  }
  connector::RunStatus until(const std::string& id, connector::RunState state) {
    return until(id, [&](const connector::RunStatus& s) { return s.state == state; });
  }
  std::string pod() {
    for (const json& pod : cluster_.all("pods"))
      if (!pod["metadata"].contains("deletionTimestamp")) return pod["metadata"]["name"];
    return "";
  }
  std::int64_t now_s() const { return clock_.now().unix_ms / 1000; }
  std::string at(std::int64_t second) const { return testing::rfc3339(second); }
  void runs(const std::string& name, std::int64_t since_s) {
    cluster_.set_pod_status("market", name, {{"phase", "Running"}, {"containerStatuses", json::array({{{"name", "job"}, {"state", {{"running", {{"startedAt", at(since_s)}}}}}}})}});
  }
  void ends(const std::string& name, std::int64_t from_s, std::int64_t to_s, int code, const std::string& reason, const json& more = json::object()) {
    json status = {{"phase", code == 0 ? "Succeeded" : "Failed"},
                   {"containerStatuses", json::array({{{"name", "job"}, {"state", {{"terminated", {{"exitCode", code}, {"reason", reason}, {"startedAt", at(from_s)}, {"finishedAt", at(to_s)}}}}}}})}};
    status.update(more);
    cluster_.set_pod_status("market", name, status);
  }

  SystemClock clock_;
  Cluster cluster_{[this] { return clock_.now().unix_ms / 1000; }};
  testing::ApiServer server_{cluster_};
  std::unique_ptr<KubernetesDriver> driver_;
};

}  // namespace bourse::kubernetes
