#include "broker/domain/job.h"

#include <algorithm>

#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

std::unexpected<Error> invalid(std::string what) {
  return fail(ErrorCode::invalid_argument, std::move(what));
}

Status within(std::string_view field, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return {};
  return invalid(std::string(field) + " must be between " + std::to_string(least) + " and " + std::to_string(most) +
                 ", not " + std::to_string(value));
}

// Empty stands for "any".
Status optional_token(std::string_view field, std::string_view value) {
  if (value.empty() || is_token(value)) return {};
  return invalid(std::string(field) + " may have letters, digits and . _ + : @ - (at most " +
                 std::to_string(kMaxToken) + "), and may not begin with '-' or '.'");
}

Status validate_need(const JobSpec& spec) {
  CHECK_OK(within("cores", spec.need.cores, 1, kMaxCores));
  CHECK_OK(within("gpus", spec.need.gpus, 0, kMaxCores));
  CHECK_OK(within("nodes", spec.need.nodes, 1, kMaxNodes));
  CHECK_OK(within("mem_mib", spec.need.mem_mib, 1, kMaxMemMib));
  if (spec.need.nodes > spec.need.cores) return invalid("cores must be at least one for each node");
  if (spec.need.gpus == 0 && !spec.gpu_model.empty()) return invalid("gpu_model is given but gpus is 0");
  CHECK_OK(optional_token("gpu_model", spec.gpu_model));
  CHECK_OK(optional_token("arch", spec.arch));
  return optional_token("qos", spec.qos);
}

Status validate_times(const JobSpec& spec) {
  if (spec.walltime.ms <= 0) return invalid("walltime must be above zero");
  if (spec.walltime > kMaxWalltime) return invalid("walltime must be at most 366 days");
  if (spec.walltime.ms % 1000 != 0) return invalid("walltime must be whole seconds");
  if (spec.hold_window.ms != 0 && (spec.hold_window < kMinHoldWindow || spec.hold_window > spec.walltime))
    return invalid("hold_window must be zero, or between a minute and the walltime");
  if (spec.expected.ms < 0 || spec.expected > kMaxWalltime)
    return invalid("expected must be between zero and 366 days");
  if (spec.deadline && spec.deadline->unix_ms <= 0) return invalid("deadline must be an instant");
  // Memory is the one meter whose bounds multiply beyond what rating takes.
  if (static_cast<__int128>(spec.need.mem_mib) * (spec.walltime.ms / 1000) > pricing::kMaxReading)
    return invalid("mem_mib for that walltime is more than can be metered");
  return {};
}

}  // namespace

const Attempt Job::kNoAttempt{};

Status validate(const JobSpec& spec) {
  static_assert(kMaxJobName == kMaxLabel);
  if (!is_label(spec.name))
    return invalid("name must be 1 to " + std::to_string(kMaxJobName) +
                   " bytes of printable UTF-8, without control characters, and may not begin with '-'");
  if (spec.kind > JobKind::service) return invalid("kind is unknown");
  if (spec.objective > Objective::best_value) return invalid("objective is unknown");
  if (spec.script.is_zero()) return invalid("script is missing");
  if (!spec.project.empty() && (spec.project.size() > kMaxProject || !is_label(spec.project)))
    return invalid("project must be at most " + std::to_string(kMaxProject) +
                   " bytes of printable UTF-8, and may not begin with '-'");
  CHECK_OK(validate_need(spec));
  CHECK_OK(validate_times(spec));
  if (spec.budget && !spec.budget->is_positive()) return invalid("budget must be above zero");
  if (!spec.element.array.is_nil()) return invalid("only the market makes elements of arrays");
  if (spec.after.of.size() > kMaxConditions) return invalid("dependency may have at most 500 conditions");
  if (!spec.array.is_array()) return {};
  if (spec.array.at_once > kMaxIndices) return invalid("array may have at most 10,000 elements at once");
  return check_index_ranges(spec.array.ranges);
}

std::vector<Instant> edges_of(const Plan& plan, Instant from, Duration walltime) {
  std::vector<Instant> edges;
  for (const auto* rows : {&plan.rows, &plan.settlement}) {
    if (!pricing::by_windows(*rows)) continue;
    const auto some = pricing::tariff_edges(*rows, from, from + walltime + kLongestQueue);
    if (!some) continue;  // this machine's database has lost the zone; what isn't read is priced for the user
    edges.insert(edges.end(), some->begin(), some->end());
  }
  std::ranges::sort(edges);
  edges.erase(std::ranges::unique(edges).begin(), edges.end());
  if (edges.size() > kMaxEdges) edges.resize(kMaxEdges);
  return edges;
}

}  // namespace bourse::broker
