#include "connectors/kubernetes/pools.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace bourse::kubernetes {
namespace {

using nlohmann::json;

NodeView node(const std::string& name, const std::string& rest = "{}") {
  json object = json::parse(R"({"metadata":{"labels":{"kind":"gpu","kubernetes.io/arch":"arm64","nvidia.com/gpu.product":"NVIDIA-A100-SXM4"}},
    "spec":{},"status":{"allocatable":{"cpu":"7910m","memory":"16393820Ki","nvidia.com/gpu":"4","pods":"110"},"conditions":[{"type":"Ready","status":"True"}]}})");
  object["metadata"]["name"] = name;
  object.merge_patch(json::parse(rest));
  return *read_node(object);
}

PodUse use(const std::string& name, const std::string& text) {
  json object = json::parse(text);
  object["metadata"]["name"] = name;
  object["metadata"]["namespace"] = "other";
  return *read_pod_use(object);
}

const PoolConfig kPool{.name = "gpu", .selector = {{"kind", "gpu"}}, .tolerations = {{.key = "nvidia.com/gpu", .value = "", .effect = "NoSchedule"}}};

PoolFigures figures(const std::vector<NodeView>& nodes, const std::vector<PodUse>& pods) { return pools_from(nodes, pods, {kPool}, hours(24))[0]; }

TEST(Pools, CountUsableNodesOnly) {
  const auto pool = figures({node("a"), node("b", R"({"spec":{"unschedulable":true}})"), node("c", R"({"status":{"conditions":[{"type":"Ready","status":"Unknown"}]}})"),
                             node("d", R"({"spec":{"taints":[{"key":"nvidia.com/gpu","value":"present","effect":"NoSchedule"}]}})"),
                             node("e", R"({"spec":{"taints":[{"key":"maintenance","effect":"NoExecute"}]}})"), node("f", R"({"metadata":{"labels":{"kind":"cpu"}}})")}, {});
  EXPECT_EQ(pool.info.nodes, 2);
  EXPECT_EQ(pool.info.cores_per_node, 7);
  EXPECT_EQ(pool.info.mem_mib_per_node, 16009);
  EXPECT_EQ(pool.info.gpus_per_node, 4);
  EXPECT_EQ(pool.info.arch, "aarch64");
  EXPECT_EQ(pool.info.gpu_model, "a100-sxm4");
  EXPECT_EQ(pool.gpu_resource, "nvidia.com/gpu");
  EXPECT_EQ(pool.info.free_cores, 14);
  EXPECT_TRUE(pool.info.accepting);
  EXPECT_FALSE(figures({}, {}).info.accepting);
}

TEST(Pools, SubtractWhatRuns) {
  const auto pool = figures({node("a"), node("b")}, {
    use("kube-proxy", R"({"metadata":{"ownerReferences":[{"kind":"DaemonSet","name":"p"}]},"spec":{"nodeName":"a","containers":[{"resources":{"requests":{"cpu":"1","memory":"1Gi"}}}]},"status":{"phase":"Running"}})"),
    use("web", R"({"spec":{"nodeName":"b","containers":[{"resources":{"requests":{"cpu":"2500m"}}},{"resources":{"requests":{"cpu":"500m","nvidia.com/gpu":"1"}}}]},"status":{"phase":"Running"}})"),
    use("done", R"({"spec":{"nodeName":"b","containers":[{"resources":{"requests":{"cpu":"4"}}}]},"status":{"phase":"Succeeded"}})")});
  EXPECT_EQ(pool.info.cores_per_node, 6) << "what a DaemonSet has nobody can be sold";
  EXPECT_EQ(pool.info.free_cores, 6 + 4);
  EXPECT_EQ(pool.info.free_gpus, 7);
  EXPECT_EQ(pool.info.running_jobs, 0);
}

TEST(Pools, CountJobsOnceHoweverManyPods) {
  const std::string ours = R"({"metadata":{"labels":{"bourse.internal/job":"j1","bourse.internal/pool":"gpu"},"annotations":{"bourse.internal/walltime-seconds":"60"}},"spec":{"containers":[{"resources":{"requests":{"cpu":"2"}}}]},"status":{"phase":"Pending"}})";
  const std::string others = R"({"metadata":{"ownerReferences":[{"kind":"Job","name":"x"}]},"spec":{"nodeName":"a","containers":[{}]},"status":{"phase":"Running"}})";
  const std::string theirs_waiting = R"({"metadata":{"ownerReferences":[{"kind":"Job","name":"y"}]},"spec":{"activeDeadlineSeconds":30,"nodeSelector":{"kind":"gpu"},"containers":[{"resources":{"requests":{"cpu":"1"}}}]},"status":{"phase":"Pending"}})";
  const std::string elsewhere = R"({"metadata":{"ownerReferences":[{"kind":"Job","name":"z"}]},"spec":{"nodeSelector":{"kind":"cpu"},"containers":[{}]},"status":{"phase":"Pending"}})";
  const auto pool = figures({node("a")}, {use("1", ours), use("2", ours), use("3", others), use("4", others), use("5", theirs_waiting), use("6", elsewhere)});
  EXPECT_EQ(pool.info.pending_jobs, 2);
  EXPECT_EQ(pool.info.running_jobs, 1);
  EXPECT_EQ(pool.info.pending_core_ms, 2 * 120'000 + 30'000);
}

TEST(Pools, TakeTheCardsThatTheNodesHave) {
  const auto ascend = figures({node("a", R"({"status":{"allocatable":{"nvidia.com/gpu":null,"huawei.com/Ascend910":"8"}}})")}, {});
  EXPECT_EQ(ascend.gpu_resource, "huawei.com/Ascend910");
  EXPECT_EQ(ascend.info.gpus_per_node, 8);
  PoolConfig named = kPool;
  named.gpu_resource = "vendor.example/card";
  named.gpu_model = "x1";
  EXPECT_EQ(pools_from({node("a")}, {}, {named}, hours(1))[0].info.gpus_per_node, 0);
  const auto own = pools_from({node("a", R"({"status":{"allocatable":{"vendor.example/card":"2"}}})")}, {}, {named}, hours(1))[0];
  EXPECT_EQ(own.info.gpus_per_node, 2);
  EXPECT_EQ(own.info.gpu_model, "x1");
}

}  // namespace
}  // namespace bourse::kubernetes
