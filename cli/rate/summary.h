// What a book comes to beside what was charged, by center and meter: "what would this book have charged" for a month.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "cli/rate/rate_files.h"

namespace bourse::cli {

class Summary {
 public:
  struct Sum {
    Amount amount, charged;
    std::string center_name;
  };

  // A record that was rated and says what it was charged. Errors: amount_overflow.
  Status add(const UsageLine& line, const pricing::Rating& rating);
  void pass_over() { ++passed_over_; }  // paid in another currency, or nothing is said of its charge

  // By center and meter. What a record's charge was for isn't always known: that stands under the meter "".
  const std::map<std::pair<std::string, std::string>, Sum>& sums() const { return sums_; }
  Sum total() const { return total_; }
  std::uint64_t passed_over() const { return passed_over_; }
  // {"summary": […], "total": {…}}
  nlohmann::json as_json(Unit currency, std::size_t parked) const;

 private:
  std::map<std::pair<std::string, std::string>, Sum> sums_;
  Sum total_;
  std::uint64_t rated_ = 0, passed_over_ = 0;
};

}  // namespace bourse::cli
