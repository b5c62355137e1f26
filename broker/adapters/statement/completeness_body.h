// The completeness of a period in a statement's body.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "broker/adapters/statement/statement.h"

namespace bourse::statement {

inline nlohmann::json day_sum_json(const evidence::DaySum& sum) {
  return {{"attempts", sum.attempts}, {"finals", sum.finals},   {"core_ms", sum.core_ms},     {"gpu_ms", sum.gpu_ms},
          {"node_ms", sum.node_ms},   {"mem_mib_s", sum.mem_mib_s}, {"digest", to_hex(sum.digest)}};
}

inline nlohmann::json completeness_json(const ClosedDays& closed) {
  nlohmann::json days = nlohmann::json::array();
  for (const broker::ClosedDay& day : closed.days) {
    days.push_back({{"day", evidence::to_text(day.day)}, {"agreed", day.agreed}, {"booked", day_sum_json(day.booked)}});
    if (day.revision == 0) continue;
    days.back()["said"] = day_sum_json(day.said);
    days.back()["revision"] = day.revision;
    days.back()["report"] = to_hex(day.report);
  }
  return {{"state", std::string(name(closed.state))}, {"reason", closed.reason}, {"days", std::move(days)}};
}

// `Field` is a place in the document that knows its name; `parsed` of an error ends the reading there.
template <class Field>
evidence::DaySum read_day_sum(const Field& in) {
  return {in["attempts"].integer(), in["finals"].integer(),    in["core_ms"].integer(), in["gpu_ms"].integer(),
          in["node_ms"].integer(),  in["mem_mib_s"].integer(), in["digest"].hash()};
}

template <class Field>
ClosedDays read_completeness(const Field& in) {
  ClosedDays out;
  const std::string state = in["state"].text();
  using enum broker::Completeness;
  for (const auto one : {not_offered, complete, incomplete})
    if (state == name(one)) out.state = one;
  if (state != name(out.state)) in["state"].parsed(Result<int>(fail(ErrorCode::invalid_argument)));
  out.reason = in["reason"].text();
  for (const Field& day : in["days"].items()) {
    broker::ClosedDay& to = out.days.emplace_back();
    to.day = evidence::day_of(day["day"].parsed(parse_instant(day["day"].text() + "T00:00:00Z")));
    to.agreed = day["agreed"].boolean();
    to.booked = read_day_sum(day["booked"]);
    if (!day.has("report")) continue;
    to.said = read_day_sum(day["said"]);
    to.revision = static_cast<std::uint32_t>(day["revision"].integer(UINT32_MAX));
    to.report = day["report"].hash();
  }
  return out;
}

}  // namespace bourse::statement
