#include "broker/domain/routing/evaluation.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <span>
#include <string_view>

#include "broker/domain/routing/sale_rules.h"
#include "pricing/coverage.h"

namespace bourse::broker::routing {
namespace {

constexpr std::int32_t code_of(Refusal refusal) { return static_cast<std::int32_t>(refusal); }

// How long the job runs on a pool of that speed: as expected there, never longer than it may.
std::int64_t duration_at(const JobSpec& spec, std::int32_t speed_milli) {
  const std::int64_t expected = std::min(spec.expected.ms > 0 ? spec.expected.ms : spec.walltime.ms, kMaxWalltime.ms * 1000);
  return std::min(spec.walltime.ms, (expected * 1000 + speed_milli - 1) / speed_milli);
}

std::int64_t score_of(const Scored& scored, Objective objective) {
  constexpr unsigned __int128 kMost = std::numeric_limits<std::int64_t>::max();
  // total × end in whole units × milliseconds, so that it can be read; the ranking used all of its digits.
  const auto value = objective == Objective::best_value ? scored.primary / Amount::kMicrosPerUnit : scored.primary;
  return static_cast<std::int64_t>(std::min(value, kMost));
}

}  // namespace

Evaluation::Evaluation(const Request& request, PoolTable& pools, const PriceTable& prices, const TermsNow& terms, SaleRules& rules, Scratch& scratch)
    : request_(request), spec_(*request.spec), pools_(pools), prices_(prices), terms_(terms), rules_(rules), s_(scratch) {
  shape_ = shape_of(spec_, pools);
  end_ = pools.size();
  if (!spec_.center.is_nil()) {
    const CenterSpan* span = pools.find(spec_.center);
    begin_ = span == nullptr ? 0 : span->begin;
    end_ = span == nullptr ? 0 : span->end;
    if (!request.pool.empty()) {
      const auto of_center = std::span(pools.pools()).subspan(begin_, end_ - begin_);  // by name
      const auto at = std::ranges::equal_range(of_center, request.pool, std::ranges::less{}, [](const Pool& pool) { return std::string_view(pool.name); });
      begin_ += static_cast<std::size_t>(at.begin() - of_center.begin());
      end_ = begin_ + at.size();
    }
  }
}

Decision Evaluation::decide(std::uint64_t turn) {
  decision_.considered = static_cast<std::uint32_t>(pools_.size());
  fit_all();
  refuse_unsold();
  predict_all();
  if (spec_.deadline) refuse_late();
  if (!prices_.settling.empty()) refuse_below();
  price(prices_, scale_, begin_, end_, s_.rate.data());
  refuse_dear();
  decision_.fitting = count_fitting(s_.code.data(), begin_, end_);
  const std::vector<Scored> best = chosen();
  decision_.plans.reserve(best.size());
  for (const Scored& scored : best) decision_.plans.push_back(plan_of(scored));
  if (!best.empty()) pools_.centers()[best.front().center].last_turn = turn;
  explain_refusals();
  return std::move(decision_);
}

void Evaluation::fit_all() {
  const std::size_t n = pools_.size();
  s_.code.resize(n);
  s_.ends.resize(n);
  s_.rate.resize(n);
  s_.key.resize(n);
  s_.lowest.resize(n / kBlock + 1);
  s_.totals.start(prices_.classes.size());
  s_.caps.start(prices_.classes.size());
  s_.covered.start(prices_.settled.size());
  if (spec_.kind != JobKind::batch)
    std::fill(s_.code.begin(), s_.code.end(), code_of(Refusal::kind));  // no center runs the other kinds yet
  else
    fit(pools_.columns(), prices_.unsellable.data(), shape_, begin_, end_, s_.code.data());
  if (!spec_.manifest.is_zero()) refuse_without_files();
}

// Few jobs have files, so the kernels don't ask.
void Evaluation::refuse_without_files() {
  for (std::size_t i = begin_; i < end_; ++i)
    if (s_.code[i] == 0 && !pools_.pools()[i].files) s_.code[i] = code_of(Refusal::no_files);
}

void Evaluation::predict_all() {
  scale_ = scale_of(prices_, spec_.need, spec_.walltime);
  s_.duration_by_speed.clear();
  s_.dropped_by_speed.clear();
  for (const std::int32_t speed : pools_.speeds()) {
    const std::int64_t duration = duration_at(spec_, speed);
    s_.duration_by_speed.push_back(duration);
    s_.dropped_by_speed.push_back(static_cast<std::uint32_t>(duration >> scale_.drop));
    longest_dropped_ = std::max(longest_dropped_, s_.dropped_by_speed.back());
  }
  ends_known_ = spec_.deadline || spec_.objective != Objective::cheapest;
  if (ends_known_) predict(pools_.columns(), shape_, s_.duration_by_speed.data(), begin_, end_, s_.ends.data());
}

void Evaluation::refuse_late() {
  const std::int64_t most = saturated_add(spec_.deadline->unix_ms, -request_.now.unix_ms);
  for (std::size_t i = begin_; i < end_; ++i)
    if (s_.code[i] == 0 && s_.ends[i] > most) s_.code[i] = code_of(Refusal::past_deadline);
}

std::optional<Amount> Evaluation::cap_of(std::size_t pool) {
  const std::uint32_t cls = prices_.cls[pool];
  return s_.caps.of(cls, [&] { return dearest_price(prices_.classes[cls], spec_.need, spec_.held_first()); });
}

void Evaluation::refuse_unsold() {
  for (SaleRules::Ruled& ruled : rules_.ruled(pools_)) {
    const std::size_t i = ruled.pool;
    if (i < begin_ || i >= end_ || s_.code[i] != 0) continue;
    const pricing::Allocation asked = granted(pools_.pools()[i], spec_.need);
    s_.code[i] = code_of(refusal_of(ruled, asked, spec_.walltime, pools_.wait(i, asked), request_.now));
  }
}

// Where what is left of the sale after tax doesn't cover what the center gets by its contract, or wants at least.
void Evaluation::refuse_below() {
  for (std::size_t k = 0; k < prices_.settling.size(); ++k) {
    const std::uint32_t i = prices_.settling[k];
    if (i < begin_ || i >= end_ || s_.code[i] != 0) continue;
    const std::uint32_t settled = prices_.settled_as[k];
    const auto covered = s_.covered.of(settled, [&]() -> std::optional<Amount> {
      const PriceTable::Settled& deal = prices_.settled[settled];
      const pricing::Allocation held = held_in(prices_.classes[deal.cls], spec_.need);
      if (!pricing::covers({deal.sale, deal.rows, deal.tax_bps, deal.totals}, held, spec_.walltime)) return std::nullopt;
      return Amount{};
    });
    if (!covered) s_.code[i] = code_of(prices_.settled[settled].refusal);
  }
}

// The cap is the price of the walltime or hold window. A pool's scaled rate decides it at once unless it lies in the narrow band where
// rounding matters; those pools are rated. A cap beyond what an amount can hold is over any budget, also when none is given.
void Evaluation::refuse_dear() {
  using Wide = unsigned __int128;
  constexpr Wide kTop = std::numeric_limits<std::int32_t>::max();  // of a rate
  const Amount budget = std::max(spec_.budget.value_or(Amount{std::numeric_limits<std::int64_t>::max()}), Amount{});
  const auto longest = static_cast<std::uint64_t>(spec_.held_first().ms >> scale_.drop);
  const Wide limit = scale_.wide_of(budget);
  const Wide room = limit > scale_.slack + Wide{2} ? (limit - scale_.slack - 2) / (longest + 1) : 0;
  const Wide within = room > scale_.rate_error ? room - scale_.rate_error : 0;  // rates below it surely fit
  if (spec_.budget) find_cheapest_cap(longest);
  for (const std::uint32_t i : prices_.not_plain) {  // of these the rate says nothing
    if (i < begin_ || i >= end_ || s_.code[i] != 0) continue;
    const std::optional<Amount> cap = cap_of(i);
    if (!cap || *cap > budget) s_.code[i] = code_of(Refusal::over_budget);
  }
  if (!spec_.budget && within > kTop) return;
  const Wide over = (limit + 1 + scale_.slack) / std::max<std::uint64_t>(longest, 1) + 1;  // rates from it surely don't
  if (over <= kTop)
    refuse_from(static_cast<std::uint32_t>(over), s_.rate.data(), begin_, end_, s_.code.data());
  if (within > kTop) return;
  const auto doubtful = static_cast<std::uint32_t>(within);
  const auto band = static_cast<std::uint32_t>(std::min(over - within, kTop));
  for (std::size_t i = begin_; i < end_; ++i) {
    if (s_.rate[i] - doubtful > band || s_.code[i] != 0) continue;
    const std::optional<Amount> cap = cap_of(i);
    if (cap && *cap <= budget) continue;
    s_.code[i] = code_of(Refusal::over_budget);
  }
}

void Evaluation::find_cheapest_cap(std::uint64_t longest) {
  std::uint64_t highest_rate = std::numeric_limits<std::uint64_t>::max();  // above it no cap can be lower than the lowest found
  bool found = false;
  for (std::size_t i = begin_; i < end_; ++i) {
    if (s_.rate[i] > highest_rate || s_.code[i] != 0) continue;  // the first is the one that is almost always so
    const std::optional<Amount> cap = cap_of(i);
    if (!cap || (found && *cap >= decision_.cheapest_cap)) continue;
    found = true;
    decision_.cheapest_cap = *cap;
    highest_rate = (static_cast<std::uint64_t>(scale_.of_micros(static_cast<unsigned __int128>(cap->micros))) + scale_.slack) /
                   std::max<std::uint64_t>(longest, 1);
  }
}

std::vector<Scored> Evaluation::chosen() {
  const Priced priced{.code = s_.code.data(),
                      .rate = s_.rate.data(),
                      .speed = pools_.columns().speed.data(),
                      .dropped_by_speed = s_.dropped_by_speed.data(),
                      .ends = s_.ends.data(),
                      .slack = scale_.slack,
                      .cost_shift = static_cast<int>(std::bit_width(longest_dropped_))};
  rank(spec_.objective, priced, begin_, end_, s_.key.data(), s_.lowest.data());
  const Field field{.objective = spec_.objective,
                    .begin = begin_,
                    .end = end_,
                    .priced = priced,
                    .key = s_.key.data(),
                    .lowest = s_.lowest.data(),
                    .scale = &scale_,
                    .pools = &pools_,
                    .centers = pools_.centers()};
  return choose(field, [this](std::uint32_t pool, Scored& scored) {
    const std::uint32_t cls = prices_.cls[pool];
    scored.duration = {s_.duration_by_speed[pools_.columns().speed[pool]]};
    scored.wait = pools_.wait(pool, granted(pools_.pools()[pool], spec_.need));
    const auto rate = [&] { return exact_price(prices_.classes[cls], spec_.need, scored.duration, request_.now + scored.wait); };
    const std::optional<Amount> total = prices_.classes[cls].windowed ? rate() : s_.totals.of(cls, rate);
    if (!total || !cap_of(pool)) return false;
    scored.total = *total;
    return true;
  });
}

Plan Evaluation::plan_of(const Scored& scored) {
  const Pool& pool = pools_.pools()[scored.pool];
  const TermsAt& terms = *terms_.of[scored.center];
  Plan plan{.center = pool.center,
            .pool = pool.name,
            .allocation = granted(pool, spec_.need),
            .terms = terms.terms,
            .contract = terms.contract,
            .wait = scored.wait,
            .duration = scored.duration,
            .total = scored.total,
            .cap = *cap_of(scored.pool),
            .score = score_of(scored, spec_.objective),
            .totals = prices_.totals[scored.pool]};
  plan.rows.reserve(prices_.rows[scored.pool].size());
  for (const pricing::PriceRow* row : prices_.rows[scored.pool]) plan.rows.push_back(*row);
  if (!terms.settles_by_rows()) return plan;
  plan.may_subsidise = terms.may_subsidise;
  for (const pricing::PriceRow* row : prices_.settlement[scored.pool]) plan.settlement.push_back(*row);
  return plan;
}

void Evaluation::refuse_one(std::size_t pool) {
  const Pool& p = pools_.pools()[pool];
  const Refusal reason = pool >= begin_ && pool < end_ ? static_cast<Refusal>(s_.code[pool]) : Refusal::other_center_asked;
  const Amount needed = reason != Refusal::over_budget
                            ? Amount{}
                            : cap_of(pool).value_or(Amount{std::numeric_limits<std::int64_t>::max()});
  decision_.refused.push_back({.center = p.center, .pool = p.name, .reason = reason, .needed = needed});
}

void Evaluation::explain_dear() {
  std::vector<std::uint32_t> dear;
  for (std::size_t i = begin_; i < end_; ++i)
    if (s_.code[i] == code_of(Refusal::over_budget)) dear.push_back(static_cast<std::uint32_t>(i));
  const auto shown = dear.begin() + static_cast<std::ptrdiff_t>(std::min(dear.size(), kMaxRefused / 2));
  std::partial_sort(dear.begin(), shown, dear.end(), [this](auto a, auto b) { return s_.rate[a] < s_.rate[b]; });
  dear.erase(shown, dear.end());
  for (const std::uint32_t i : dear) refuse_one(i);
  std::ranges::sort(decision_.refused, {}, &Refused::needed);
}

// One a center and reason; where only money kept every pool out, the cheapest of those first.
void Evaluation::explain_refusals() {
  if (decision_.fitting == decision_.considered) return;
  decision_.refused.reserve(kMaxRefused);
  const bool only_money = decision_.plans.empty() && !decision_.cheapest_cap.is_zero();
  if (only_money) explain_dear();
  const auto one_a_reason = [this, only_money](std::size_t begin, std::size_t end) {
    std::uint64_t told = 0;  // reasons of this center so far
    std::uint32_t center = std::numeric_limits<std::uint32_t>::max();
    for (std::size_t i = begin; i < end && decision_.refused.size() < kMaxRefused; ++i) {
      const bool asked = i >= begin_ && i < end_;
      const auto reason = asked ? s_.code[i] : code_of(Refusal::other_center_asked);
      if (reason == 0 || (only_money && reason == code_of(Refusal::over_budget))) continue;
      if (pools_.center_of(i) != center) center = pools_.center_of(i), told = 0;
      if ((told >> reason & 1) != 0) continue;
      told |= 1ULL << reason;
      refuse_one(i);
    }
  };
  one_a_reason(begin_, end_);
  one_a_reason(0, begin_);
  one_a_reason(end_, pools_.size());
}

}  // namespace bourse::broker::routing
