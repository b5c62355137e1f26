#include "connectors/conformance/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace bourse::conformance {

std::string to_text(const Finding& finding) {
  std::string text = fmt::format("{:<13} {:<15} {:>4}.{} s  {}\n", name(finding.verdict), finding.check, finding.took.ms / 1000, finding.took.ms % 1000 / 100, finding.asks);
  for (const std::string& line : finding.says) text += fmt::format("{:<14}{}{}\n", "", finding.verdict == Verdict::failed ? "! " : "  ", line);
  for (const std::string& line : finding.notes) text += fmt::format("{:<14}note: {}\n", "", line);
  if (!finding.look_at.empty()) text += fmt::format("{:<14}-> {}\n", "", finding.look_at);
  return text;
}

std::string summary(const Report& report) {
  std::string text = fmt::format("\n{} {}, pool {}, as {}: {} passed, {} failed, {} not supported, {} skipped{}.\n", report.kind, report.version, report.pool,
                                 report.user, report.count(Verdict::passed), report.count(Verdict::failed), report.count(Verdict::not_supported),
                                 report.count(Verdict::skipped), report.stopped ? "; stopped before the end" : "");
  for (const std::string& left : report.left) text += "left behind: " + left + "\n";
  return text;
}

std::string to_json(const Report& report) {
  nlohmann::json all = {{"scheduler", report.kind}, {"version", report.version}, {"pool", report.pool}, {"user", report.user},
                        {"holds", report.holds()}, {"stopped", report.stopped}, {"left", report.left}, {"checks", nlohmann::json::array()}};
  for (const Finding& f : report.findings)
    all["checks"].push_back({{"name", f.check}, {"asks", f.asks}, {"verdict", name(f.verdict)}, {"ms", f.took.ms}, {"says", f.says},
                             {"notes", f.notes}, {"look_at", f.look_at}});
  // What a scheduler says may be in any encoding.
  return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace bourse::conformance
