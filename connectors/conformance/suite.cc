#include "connectors/conformance/suite.h"

#include <algorithm>

namespace bourse::conformance {

std::size_t Report::count(Verdict verdict) const { return static_cast<std::size_t>(std::ranges::count(findings, verdict, &Finding::verdict)); }

Result<Report> run_suite(Bench& bench, const std::vector<std::string>& only, const Progress& progress, const std::function<bool()>& stopped) {
  for (const std::string& name : only)
    if (find_check(name) == nullptr) return fail(ErrorCode::invalid_argument, "there is no check '" + name + "'");
  CHECK_OK(bench.reopen());
  const connector::Capabilities can = bench.driver().capabilities();
  Report report{.kind = can.kind, .version = can.version, .pool = bench.setting().pool, .user = bench.setting().user.name, .findings = {}, .left = {}};
  for (const Check& check : checks()) {
    if (!only.empty() && std::ranges::find(only, check.name) == only.end()) continue;
    if (stopped()) {
      report.findings.push_back({.check = std::string(check.name), .asks = std::string(check.asks), .verdict = Verdict::skipped, .took = {},
                                 .says = {"stopped"}, .notes = {}, .look_at = {}});
      continue;
    }
    progress.began(check);
    report.findings.push_back(bench.judge(check));
    progress.ended(report.findings.back());
  }
  report.stopped = stopped();
  report.left = bench.left();
  bench.close();
  return report;
}

}  // namespace bourse::conformance
