#include "connectors/kubernetes/run_state.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace bourse::kubernetes {

using connector::RunState;
using connector::RunStatus;

namespace {

// Why a container waits that may never run. "ContainerCreating" and "PodInitializing" are none of them: a volume may be slow.
constexpr std::array<std::string_view, 10> kStuck = {"ErrImagePull",      "ImagePullBackOff",           "InvalidImageName",
                                                     "ErrImageNeverPull", "RegistryUnavailable",        "CreateContainerConfigError",
                                                     "CreateContainerError", "RunContainerError", "ImageInspectError", "CrashLoopBackOff"};

constexpr Duration kClocksDiffer = seconds(15);
constexpr Duration kPodless = hours(1);  // the controller could make no pod of a Job for so long: a quota, no such service account

struct Together {
  std::optional<Instant> started, finished;  // the first start, the last end
  std::vector<std::pair<Instant, std::optional<Instant>>> times;  // of each container that started
  bool all_over = true;                      // no container runs or may still start
  bool runs = false;
  connector::Allocation allocation{.nodes = 0};
  const PodView* worst = nullptr;            // the pod that says why the Job failed
  bool deleted = false;                      // a pod that was removed before its container had ended
};

bool failed(const PodView& pod) { return pod.phase == "Failed" || (pod.exit_code && *pod.exit_code != 0); }

// A container that ended unseen: before its pod was found to be gone, which a connector that was away learns late, and hardly later
// than its Job's end.
std::optional<Instant> unseen_end(const KnownJob& job, const KnownPod& pod, const Patience& patience) {
  if (!pod.gone || !pod.view.started) return std::nullopt;
  const Instant end = job.view.finished ? std::min(*pod.gone, *job.view.finished + patience.settle) : *pod.gone;
  return std::max(end, *pod.view.started);
}

Together look(const KnownJob& job, const Patience& patience) {
  Together all;
  for (const auto& [uid, known] : job.pods) {
    const PodView& pod = known.view;
    if (pod.started && (!all.started || *pod.started < *all.started)) all.started = pod.started;
    const std::optional<Instant> end = pod.finished ? pod.finished : unseen_end(job, known, patience);
    if (end && (!all.finished || *all.finished < *end)) all.finished = end;
    if (!pod.over() && !known.gone) all.all_over = false;
    if (pod.started && !pod.over() && !known.gone) all.runs = true;
    if (pod.started) all.times.emplace_back(*pod.started, end);
    // A pod that somebody removed is replaced by its like; both never hold their nodes together.
    if (pod.started && all.allocation.nodes < job.view.nodes) {
      all.allocation.cores += pod.allocation.cores;
      all.allocation.gpus += pod.allocation.gpus;
      all.allocation.mem_mib += pod.allocation.mem_mib;
      all.allocation.nodes += 1;
    }
    if (failed(pod) && (all.worst == nullptr || (pod.finished && all.worst->finished && *pod.finished < *all.worst->finished))) all.worst = &pod;
    // A kubelet may write the end of a pod on its way out.
    if ((known.gone || pod.deleting) && !pod.exit_code) all.deleted = true;
  }
  if (all.allocation.nodes == 0) all.allocation.nodes = 1;
  return all;
}

std::string raw_of(const KnownJob& job) {
  constexpr std::size_t kMostPods = 64;
  std::string raw = "{\"job\":" + job.view.raw + ",\"pods\":[";
  std::size_t told = 0;
  for (const auto& [uid, pod] : job.pods) {
    if (told++ == kMostPods) break;
    if (told > 1) raw += ',';
    raw += pod.view.raw;
  }
  return raw + "]}";
}

// How a Job ended that the controller calls failed.
void tell_failure(const KnownJob& job, const Together& all, RunStatus& status) {
  status.exit_code = all.worst != nullptr && all.worst->exit_code.value_or(0) != 0 ? *all.worst->exit_code : kNoExitCode;
  const bool by_deadline = job.view.reason == "DeadlineExceeded";
  if (by_deadline && job.view.stopped == kCancelled) {
    status.state = RunState::cancelled;
    status.reason = "CANCELLED";
  } else if (by_deadline) {
    status.reason = job.view.stopped.empty() ? "TIMEOUT" : job.view.stopped;
  } else if (all.worst != nullptr && all.worst->reason == "DeadlineExceeded") {
    status.reason = "TIMEOUT";
  } else if (all.worst != nullptr && (all.worst->reason == "NodeLost" || all.worst->reason == "NodeShutdown" || all.worst->reason == "Shutdown" ||
                                      all.worst->reason == "Terminated")) {
    status.reason = "NODE_FAIL";
  } else if (all.worst != nullptr && !all.worst->reason.empty()) {
    status.reason = all.worst->reason;  // "Evicted", "OutOfcpu", "UnexpectedAdmissionError"
  } else if (all.worst != nullptr && !all.deleted) {
    const std::string& why = all.worst->container_reason;
    status.reason = why.empty() || why == "Error" ? "FAILED" : why;  // "OOMKilled", "ContainerCannotRun"
  } else if (all.deleted) {
    status.state = RunState::cancelled;
    status.reason = "CANCELLED: its pod was deleted";
  } else {
    status.reason = job.view.reason.empty() ? "FAILED" : job.view.reason;
  }
}

bool settled(const KnownJob& job, const Together& all, Instant now, const Patience& patience) {
  if (all.all_over) return true;
  const Instant over = job.gone ? *job.gone : job.view.finished.value_or(now);
  return now - over > patience.settle;
}

// A pod that ran was taken away, and the controller puts another in its place, which would run the script again.
bool lost_its_pod(const KnownJob& job, Instant now) {
  // At its deadline the controller itself takes pods away, and may say so only when they are gone; clocks may differ.
  const bool late = job.view.deadline_s && job.view.started && now - *job.view.started >= seconds(*job.view.deadline_s) - kClocksDiffer;
  // So it does with the other nodes' pods where one has failed.
  const bool fails = std::ranges::any_of(job.pods, [](const auto& entry) { return failed(entry.second.view) && !entry.second.gone; });
  return !late && !fails && std::ranges::any_of(job.pods, [](const auto& entry) {
    const KnownPod& pod = entry.second;
    return pod.view.started && !pod.view.over() && (pod.gone || pod.view.deleting);
  });
}

// How long containers ran, each second once; those that have not ended, until `now`.
Duration covered(const Together& all, Instant now) {
  auto times = all.times;
  std::ranges::sort(times, {}, [](const auto& span) { return span.first; });
  Duration sum;
  std::optional<Instant> until;
  for (const auto& [from, end] : times) {
    const Instant begin = until ? std::max(from, *until) : from, to = std::min(end.value_or(now), now);
    if (to > begin) sum = sum + (to - begin), until = to;
  }
  return sum;
}

}  // namespace

RunStatus status_of(const KnownJob& job, Instant now, const Patience& patience) {
  const Together all = look(job, patience);
  RunStatus status{.state = RunState::queued, .started = all.started, .ended = {}, .running = {}, .allocation = all.allocation, .reason = {}};
  status.raw = raw_of(job);
  const bool over = !job.view.condition.empty() || job.gone;
  if (!over || !settled(job, all, now, patience)) {
    // Containers that have ended while others of the Job run have their nodes until its end.
    if (all.started) {
      status.state = RunState::running;
      // Kubelets tell whole seconds: more than is over of this one could be taken back at the end.
      status.running = covered(all, Instant{now.unix_ms - now.unix_ms % 1000});
    }
    return status;
  }
  status.state = RunState::ended;
  // Who stays silent after the Job's end is believed to have ended with it.
  const Instant end = job.view.finished.value_or(job.gone.value_or(now));
  status.ended = all.finished && all.all_over ? all.finished : std::optional(end);
  if (!status.started) status.ended = end;
  if (status.started) status.ended = std::max(*status.ended, *status.started);
  if (status.started) status.running = covered(all, *status.ended);
  if (job.view.condition == "Complete") return status;
  if (job.view.condition == "Failed") {
    tell_failure(job, all, status);
    return status;
  }
  status.state = RunState::cancelled;
  status.exit_code = kNoExitCode;
  status.reason = job.view.stopped.empty() || job.view.stopped == kCancelled ? "CANCELLED: its Job was deleted" : job.view.stopped;
  return status;
}

Wish wish_of(const KnownJob& job, Instant now, const Patience& patience) {
  Wish wish;
  if (!job.view.condition.empty() || job.gone || job.view.deleting || !job.view.stopped.empty()) return wish;
  const Together all = look(job, patience);
  if (all.runs && !job.view.deadline_s && job.view.started && job.view.walltime_s > 0) {
    const std::int64_t waited = std::max<std::int64_t>((*all.started - *job.view.started).ms, 0) / 1000;
    // The controller and the kubelet both count whole seconds, each of its own clock.
    wish.deadline_s = waited + job.view.walltime_s + 1;
  }
  for (const auto& [uid, known] : job.pods) {
    const PodView& pod = known.view;
    if (pod.started || known.gone || !pod.bound || now - *pod.bound <= patience.start) continue;
    if (std::ranges::find(kStuck, pod.waiting) != kStuck.end()) wish.stop = pod.waiting;
  }
  if (lost_its_pod(job, now)) wish.stop = "NODE_FAIL";
  if (job.pods.empty() && job.view.started && now - *job.view.started > kPodless) wish.stop = "NO_POD";
  return wish;
}

}  // namespace bourse::kubernetes
