// The days of a period against the signed reports that say them.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/statement/checks.h"
#include "federation-proto/fields.h"

namespace bourse::statement {
namespace {

namespace wire = federation::v1;

bool says(const wire::DaySum& sum, const evidence::DaySum& said) {
  return sum.attempts() == said.attempts && sum.finals() == said.finals && sum.core_ms() == said.core_ms && sum.gpu_ms() == said.gpu_ms &&
         sum.node_ms() == said.node_ms && sum.mem_mib_s() == said.mem_mib_s && sum.digest() == federation::to_bytes(said.digest);
}

// What the center signed of that day in that report.
void check_said(const broker::ClosedDay& day, const std::string& place, const std::map<Hash256, wire::Report>& reports, Differences& out) {
  const auto report = reports.find(day.report);
  if (report == reports.end()) return out.add(place + ".report", "not among the reports");
  for (const wire::Record& record : report->second.records()) {
    if (!record.has_day() || record.day().day() != day.day || record.day().revision() != day.revision) continue;
    if (!says(record.day().sum(), day.said)) out.add(place + ".said", "the signed record says otherwise");
    return;
  }
  out.add(place + ".revision", "the report says nothing of that day in that revision");
}

void check_state(const ClosedDays& closed, Differences& out) {
  const bool agreed = std::ranges::all_of(closed.days, &broker::ClosedDay::agreed);
  using enum broker::Completeness;
  if (closed.state == not_offered && !closed.days.empty()) out.add("completeness.state", "not offered, yet there are days");
  if (closed.state == complete && !agreed) out.add("completeness.state", "complete, yet a day is not agreed on");
  if (closed.state == incomplete && agreed) out.add("completeness.state", "incomplete, yet all days are agreed on");
  if ((closed.state == incomplete) == closed.reason.empty()) out.add("completeness.reason", "missing, or not of this state");
}

}  // namespace

void check_completeness(const Statement& statement, Differences& out) {
  if (!statement.completeness) return;
  if (statement.format == kBodyFormat2) out.add("completeness", "version 2 doesn't have it");
  const ClosedDays& closed = *statement.completeness;
  check_state(closed, out);
  std::map<Hash256, wire::Report> reports;
  for (const Report& report : statement.reports) {
    wire::Envelope envelope;
    if (envelope.ParseFromString(report.envelope)) reports[sha256(envelope.payload())].ParseFromString(envelope.payload());
  }
  for (std::size_t i = 0; i < closed.days.size(); ++i) {
    const broker::ClosedDay& day = closed.days[i];
    const std::string place = fmt::format("completeness.days[{}]", i);
    if (i > 0 && day.day != closed.days[i - 1].day + 1) out.add(place + ".day", "doesn't follow the day before");
    if (evidence::end_of(day.day) <= statement.opened_at || evidence::end_of(day.day) > statement.cut_off)
      out.add(place + ".day", "didn't end in this period");
    if (day.revision == 0) {
      if (day.agreed) out.add(place + ".agreed", "the center hasn't said it");
      continue;
    }
    if (day.agreed && day.said != day.booked) out.add(place + ".booked", "agreed on, but not what the center said");
    check_said(day, place, reports, out);
  }
  if (!closed.days.empty() && evidence::end_of(closed.days.back().day + 1) <= statement.cut_off)
    out.add("completeness.days", "a day that ended in this period is missing");
}

}  // namespace bourse::statement
