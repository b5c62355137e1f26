// The benches behind `bourse-bench NAME`: one file each, named in the table of bench_main.cc.
//
// A bench prints what it does to stderr, for people, and returns one JSON object, which becomes the last line of stdout.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace bourse::bench {

struct BenchOptions {
  Duration duration = seconds(5);  // of each measured stretch
  std::uint64_t seed = 1;
  std::int64_t days = 365;  // of the year
};

using Bench = std::function<Result<nlohmann::json>(const BenchOptions&)>;

Result<nlohmann::json> run_ledger(const BenchOptions& options);
Result<nlohmann::json> run_paced(const BenchOptions& options);
Result<nlohmann::json> run_project(const BenchOptions& options);
Result<nlohmann::json> run_engine(const BenchOptions& options);
Result<nlohmann::json> run_route(const BenchOptions& options);
Result<nlohmann::json> run_year(const BenchOptions& options);

// A line to stderr.
void say(const std::string& text);

// The value below which `permille` thousandths of `samples` lie; sorts them. 0 without samples.
double percentile(std::vector<double>& samples, unsigned permille);

}  // namespace bourse::bench
