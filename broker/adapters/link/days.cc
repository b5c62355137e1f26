#include "broker/adapters/link/days.h"

#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/fields.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

bool is_negative(const auto& in) { return in.core_ms() < 0 || in.gpu_ms() < 0 || in.node_ms() < 0 || in.mem_mib_s() < 0; }

void fill(wire::DaySum& out, const evidence::DaySum& in) {
  out.set_attempts(in.attempts);
  out.set_finals(in.finals);
  out.set_core_ms(in.core_ms);
  out.set_gpu_ms(in.gpu_ms);
  out.set_node_ms(in.node_ms);
  out.set_mem_mib_s(in.mem_mib_s);
  out.set_digest(federation::to_bytes(in.digest));
}

void fill(wire::DayEntry& out, AttemptId attempt, const evidence::DayReading& in) {
  out.set_attempt(federation::to_bytes(attempt));
  out.set_final(in.final);
  out.set_core_ms(in.core_ms);
  out.set_gpu_ms(in.gpu_ms);
  out.set_node_ms(in.node_ms);
  out.set_mem_mib_s(in.mem_mib_s);
}

}  // namespace

Result<DayRecord> read_day(const wire::DayDigest& in) {
  DayRecord out;
  if (in.day() < 0 || in.day() > 4'000'000) return fail(ErrorCode::invalid_argument, "day.day: out of range");
  if (in.revision() == 0) return fail(ErrorCode::invalid_argument, "day.revision: counts from 1");
  if (static_cast<std::size_t>(in.entries_size()) > evidence::kMaxDayEntries) return fail(ErrorCode::too_large, "day.entries: at most 10,000");
  out.day = in.day();
  out.revision = in.revision();
  const wire::DaySum& sum = in.sum();
  if (sum.attempts() < 0 || sum.finals() < 0 || sum.finals() > sum.attempts() || is_negative(sum))
    return fail(ErrorCode::invalid_argument, "day.sum: out of range");
  out.said = {sum.attempts(), sum.finals(), sum.core_ms(), sum.gpu_ms(), sum.node_ms(), sum.mem_mib_s(), {}};
  TRY(out.said.digest, federation::hash_of(sum.digest(), "day.sum.digest"));
  for (const wire::DayEntry& entry : in.entries()) {
    TRY(const AttemptId attempt, federation::id_of<AttemptId>(entry.attempt(), "day.entries.attempt"));
    if (is_negative(entry)) return fail(ErrorCode::invalid_argument, "day.entries: out of range");
    if (!out.entries.empty() && attempt <= out.entries.rbegin()->first) return fail(ErrorCode::invalid_argument, "day.entries: not rising");
    out.entries.emplace_hint(out.entries.end(), attempt,
                             evidence::DayReading{entry.final(), entry.core_ms(), entry.gpu_ms(), entry.node_ms(), entry.mem_mib_s()});
  }
  return out;
}

void fill(wire::DayAnswer& out, const DayAnswered& answer) {
  out.set_day(answer.day);
  out.set_revision(answer.revision);
  out.set_agreed(answer.agreed);
  fill(*out.mutable_booked(), answer.booked);
  for (const evidence::DayDifference& difference : answer.differences) {
    wire::DayDifference& to = *out.add_differences();
    if (difference.center) fill(*to.mutable_center(), difference.attempt, *difference.center);
    if (difference.broker) fill(*to.mutable_broker(), difference.attempt, *difference.broker);
  }
}

}  // namespace bourse::broker
