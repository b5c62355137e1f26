#include "connectors/kubernetes/job_object.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <functional>
#include <regex>

#include "connectors/kubernetes/names.h"
#include "connectors/kubernetes/double_fixture_test.h"

namespace bourse::kubernetes {
namespace {

using nlohmann::json;

JobSettings settings() {
  return {.name_space = "market",
          .pool = {.name = "cpu", .selector = {{"kind", "gpu"}}, .tolerations = {*parse_toleration("gpu=yes:NoSchedule"), *parse_toleration("spot")}},
          .image = "registry.example/base:1", .gpu_resource = "nvidia.com/gpu", .service_account = "runner", .priority_class = "high", .claim = "jobs",
          .scratch_mib = 512, .start_allowance = minutes(10), .kill_grace = seconds(30), .keep = hours(24), .version = {}};
}

// What a server of 1.20 is sent, to the letter.
TEST(JobObject, IsWhatItWas) {
  auto request = sample();
  request.need.gpus = 1;
  const json golden = json::parse(R"json({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"NAME","namespace":"market",
    "labels":{"app.kubernetes.io/managed-by":"bourse","bourse.internal/job":"NAME","bourse.internal/pool":"cpu","bourse.internal/user":"nobody"},
    "annotations":{"bourse.internal/marker":"bourse-att_06A-1","bourse.internal/name":"a job; $(x)","bourse.internal/walltime-seconds":"90"}},
   "spec":{"backoffLimit":0,"completions":1,"parallelism":1,"template":{
    "metadata":{"labels":{"app.kubernetes.io/managed-by":"bourse","bourse.internal/job":"NAME","bourse.internal/pool":"cpu","bourse.internal/user":"nobody"},
     "annotations":{"bourse.internal/marker":"bourse-att_06A-1","bourse.internal/walltime-seconds":"90"}},
    "spec":{"restartPolicy":"Never","activeDeadlineSeconds":690,"terminationGracePeriodSeconds":30,"automountServiceAccountToken":false,
     "enableServiceLinks":false,"shareProcessNamespace":true,"serviceAccountName":"runner","priorityClassName":"high","nodeSelector":{"kind":"gpu"},
     "tolerations":[{"key":"gpu","operator":"Equal","value":"yes","effect":"NoSchedule"},{"key":"spot","operator":"Exists"},
      {"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute"},
      {"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute"}],
     "securityContext":{"runAsNonRoot":true,"runAsUser":65534,"runAsGroup":65534,"seccompProfile":{"type":"RuntimeDefault"}},
     "containers":[{"name":"job","image":"registry.example/base:1","command":["/var/run/bourse/start"],"workingDir":"/srv/jobs/att_06A",
      "env":[{"name":"HOME","value":"/srv/jobs/att_06A"},{"name":"USER","value":"nobody"},{"name":"LOGNAME","value":"nobody"},
       {"name":"LANG","value":"C.UTF-8"},{"name":"TMPDIR","value":"/srv/jobs/att_06A"},{"name":"BOURSE_JOB_ID","value":"bourse-att_06A-1"},
       {"name":"BOURSE_CORES","value":"2"},{"name":"BOURSE_MEM_MIB","value":"300"},{"name":"BOURSE_WALLTIME_S","value":"90"}],
      "resources":{"requests":{"cpu":"2","memory":"300Mi","nvidia.com/gpu":"1"},"limits":{"cpu":"2","memory":"300Mi","nvidia.com/gpu":"1"}},
      "securityContext":{"allowPrivilegeEscalation":false,"privileged":false,"capabilities":{"drop":["ALL"]}},
      "volumeMounts":[{"name":"script","mountPath":"/var/run/bourse","readOnly":true},{"name":"work","mountPath":"/srv/jobs/att_06A","subPath":"att_06A"}]}],
     "volumes":[{"name":"script","secret":{"secretName":"NAME","defaultMode":365}},{"name":"work","persistentVolumeClaim":{"claimName":"jobs"}}]}}}})json");
  const std::string wanted = std::regex_replace(golden.dump(), std::regex("\"NAME\""), '"' + job_name("bourse-att_06A-1") + '"');
  ASSERT_TRUE(check_request(request, settings()));
  EXPECT_EQ(json::parse(job_body(request, settings())), json::parse(wanted)) << job_body(request, settings());
}

TEST(JobObject, TellsANewerServerMore) {
  auto request = sample();
  request.need = {.cores = 4, .gpus = 0, .nodes = 2, .mem_mib = 301};
  JobSettings newer = settings();
  EXPECT_EQ(check_request(request, newer).error().code, ErrorCode::failed_precondition);
  newer.version.minor = 24;
  ASSERT_TRUE(check_request(request, newer));
  const json job = json::parse(job_body(request, newer));
  EXPECT_EQ(job["spec"]["completionMode"], "Indexed");
  EXPECT_EQ(job["spec"]["parallelism"], 2);
  EXPECT_EQ(job["spec"]["ttlSecondsAfterFinished"], 86'400);
  const json& pod = job["spec"]["template"]["spec"];
  EXPECT_EQ(pod["containers"][0]["resources"]["limits"], (json{{"cpu", "2"}, {"memory", "151Mi"}}));
  EXPECT_TRUE(pod["affinity"].contains("podAntiAffinity"));
}

TEST(JobObject, WithoutAClaimThePodHasAFolderOfItsOwn) {
  JobSettings own = settings();
  own.claim.clear();
  const json pod = json::parse(job_body(sample(), own))["spec"]["template"]["spec"];
  EXPECT_EQ(pod["volumes"][1]["emptyDir"]["sizeLimit"], "512Mi");
  EXPECT_FALSE(pod["containers"][0]["volumeMounts"][1].contains("subPath"));
}

TEST(JobObject, TheSecretHasTheScriptAndItsOwner) {
  const json secret = json::parse(secret_body(sample(), settings(), "uid-1"));
  EXPECT_EQ(secret["data"]["script"], "IyEvYmluL3NoCmVjaG8gaGkK");
  EXPECT_EQ(secret["metadata"]["ownerReferences"][0]["uid"], "uid-1");
  EXPECT_EQ(json::parse(delete_body("u")), json::parse(R"({"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background","preconditions":{"uid":"u"}})"));
}

TEST(JobObject, RefusesOddTexts) {
  const auto refused = [](const char* what, const std::function<void(connector::SubmitRequest&)>& spoil) {
    auto request = sample();
    spoil(request);
    EXPECT_FALSE(check_request(request, settings())) << what;
  };
  refused("marker", [](auto& r) { r.marker = "a\nb"; });
  refused("user", [](auto& r) { r.user.name = "-x y"; });
  refused("gid", [](auto& r) { r.user.gid = 0; });
  refused("account", [](auto& r) { r.user.scheduler_account = "A b"; });
  refused("home", [](auto& r) { r.user.home = "/a b"; });
  refused("cores", [](auto& r) { r.need.cores = -1; });
  refused("cores", [](auto& r) { r.need.cores = 3'000'000'000; });
  refused("nodes", [](auto& r) { r.need.nodes = 0; });
  refused("walltime", [](auto& r) { r.walltime = Duration{}; });
  refused("script", [](auto& r) { r.script = "echo"; });
  auto long_script = sample();
  long_script.script = "#!" + std::string(kMaxScript, 'x');
  EXPECT_EQ(check_request(long_script, settings()).error().code, ErrorCode::too_large);
  for (const char* bad : {"", "a b", "k=v:Never", "k:", "=v"}) EXPECT_FALSE(parse_toleration(bad)) << bad;
}

}  // namespace
}  // namespace bourse::kubernetes
