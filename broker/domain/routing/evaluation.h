// One routing decision: the passes in order, over scratch arrays that live as long as the router. Internal to routing.
#pragma once

#include <cstdint>
#include <vector>

#include "broker/domain/routing/choice.h"
#include "broker/domain/routing/kernels.h"

namespace bourse::broker::routing {

// Prices of the classes rated so far in this decision, for one duration each.
class Memo {
 public:
  void start(std::size_t classes) {
    if (entries_.size() < classes) entries_.resize(classes);
    ++round_;
  }
  template <class Rate>
  std::optional<Amount> of(std::uint32_t cls, Rate&& rate) {
    Entry& entry = entries_[cls];
    if (entry.round != round_) entry = {round_, rate()};
    return entry.amount;
  }

 private:
  struct Entry {
    std::uint64_t round = 0;
    std::optional<Amount> amount;
  };
  std::vector<Entry> entries_;
  std::uint64_t round_ = 0;
};

struct Scratch {
  std::vector<std::int32_t> code;
  std::vector<std::int64_t> ends, duration_by_speed, key, lowest;
  std::vector<std::uint32_t> dropped_by_speed, rate;
  Memo totals, caps, covered;
};

class SaleRules;

class Evaluation {
 public:
  Evaluation(const Request& request, PoolTable& pools, const PriceTable& prices, const TermsNow& terms, SaleRules& rules, Scratch& scratch);

  // `turn` is given to the center of the first plan.
  Decision decide(std::uint64_t turn);

 private:
  void fit_all();
  void refuse_without_files();
  void predict_all();
  void refuse_late();
  void refuse_unsold();
  void refuse_below();
  void refuse_dear();
  void find_cheapest_cap(std::uint64_t longest_dropped);
  std::vector<Scored> chosen();
  Plan plan_of(const Scored& scored);
  void explain_refusals();
  void explain_dear();
  void refuse_one(std::size_t pool);
  std::optional<Amount> cap_of(std::size_t pool);

  const Request& request_;
  const JobSpec& spec_;
  PoolTable& pools_;
  const PriceTable& prices_;
  const TermsNow& terms_;
  SaleRules& rules_;
  Scratch& s_;
  Shape shape_;
  CostScale scale_;
  std::size_t begin_ = 0, end_ = 0;  // the pools of the center that was asked for, or all
  bool ends_known_ = false;
  std::uint32_t longest_dropped_ = 0;
  Decision decision_;
};

}  // namespace bourse::broker::routing
