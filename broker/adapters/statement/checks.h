// What a statement says, recomputed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/adapters/statement/statement.h"

namespace bourse::statement {

// Collects what differs, with its place; keeps the first hundred.
class Differences {
 public:
  explicit Differences(std::vector<std::string>& out) : out_(out) {}
  void add(std::string_view place, std::string_view what) {
    if (out_.size() >= kMost) return;
    out_.push_back(place.empty() ? std::string(what) : std::string(place).append(": ").append(what));
  }

 private:
  static constexpr std::size_t kMost = 100;
  std::vector<std::string>& out_;
};

// Signatures and contents of the reports, each line against its signed record and its own arithmetic, the chain of each
// attempt's records, the sums.
void check_statement(const Statement& statement, Differences& differences);

// Of a line that packages paid: 度 by its rating, each package's money, and their sums.
void check_packages(const Line& line, Amount rated, const std::string& place, Differences& differences);

// The days against the signed reports that say them.
void check_completeness(const Statement& statement, Differences& differences);

// The checkpoint's signature by the key that signs the statement, whose it is, and that the reports are in its tree. The
// tree's size, when the checkpoint can be read.
std::optional<std::uint64_t> check_evidence(const Statement& statement, const federation::PublicKey& ack_key, Differences& differences);
// What reservations earned, each after the other.
void check_accruals(const Statement& statement, Differences& differences);
// The fixed fees of the period's contracts, each after the other.
void check_fees(const Statement& statement, Differences& differences);
// Lines that cost nothing because a reservation of this center and of the job's account carried them.
void check_carried(const Statement& statement, Differences& differences);

// Where a windowed line begins: where the attempt's line before it (null = none here) ended.
void check_windowed(const Line& line, const Line* before, const std::string& place, Differences& differences);
// What fell to each of `rows`, which have windows, up to the line's end, from what had fallen to them before; nothing when that
// can't be told.
std::optional<std::vector<std::int64_t>> fallen_to(const Line& line, std::string_view field, const std::vector<std::int64_t>& before,
                                                   const std::vector<pricing::PriceRow>& rows, const std::string& place, Differences& differences);

}  // namespace bourse::statement
