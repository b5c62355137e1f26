// The projections against what they must say.
#pragma once

#include <string>
#include <vector>

#include "broker/adapters/store/connection.h"
#include "broker/adapters/store/expectation.h"

namespace bourse::broker::store {

// One use; inside a transaction that sees one state of the tables.
class Comparison {
 public:
  // `differences` is added to, up to `most` in all.
  Comparison(Connection& connection, const Market& market, const Expectation& expected,
             std::vector<std::string>& differences, std::size_t most)
      : connection_(connection), market_(market), expected_(expected), differences_(differences), most_(most) {}

  // True when everything fits. Errors: unavailable, timeout.
  Result<bool> run();

 private:
  template <class Visit>
  Status each(const std::string& select, Visit&& visit);
  void differ(std::string what);
  void same(const std::string& what, const std::string& field, Amount projected, Amount journaled);
  void same_count(const std::string& what, std::int64_t projected, std::int64_t journaled);

  Status accounts();
  Status holds();
  Status jobs();
  Status arrays();
  Status periods();
  Status transfers();
  Status captures();
  Status adjustments();
  Status lots();
  Status reversals();
  Status members();
  Status accruals();
  Status fees();
  Status counters_follow_transfers();
  Status moves_are_gathered();
  Status counts();

  Connection& connection_;
  const Market& market_;
  const Expectation& expected_;
  std::vector<std::string>& differences_;
  const std::size_t most_;
  std::size_t found_ = 0;
};

}  // namespace bourse::broker::store
