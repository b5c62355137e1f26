#include "broker/domain/routing/choice.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace bourse::broker::routing {
namespace {

struct Key {
  std::int64_t primary = 0, secondary = 0;
  std::uint32_t pool = 0, center = 0;
};

bool better(const Key& a, const Key& b) {
  return std::tie(a.primary, a.secondary, a.pool) < std::tie(b.primary, b.secondary, b.pool);
}
bool better(const Scored& a, const Scored& b) {
  return std::tie(a.primary, a.secondary, a.promised_core_ms, a.last_turn, a.pool) <
         std::tie(b.primary, b.secondary, b.promised_core_ms, b.last_turn, b.pool);
}

// The best few seen so far, in order, with at most `per_center` of one center. What was turned away or pushed out is
// never needed again: those that pushed it only get better.
template <class T>
class Podium {
 public:
  explicit Podium(std::size_t per_center) : per_center_(per_center) {}

  bool full() const { return size_ == kMaxPlans; }
  std::size_t size() const { return size_; }
  const T& last() const { return places_[size_ - 1]; }
  std::span<const T> places() const { return {places_.data(), size_}; }
  bool has(std::uint32_t pool) const { return std::ranges::find(places(), pool, &T::pool) != places().end(); }

  void offer(const T& candidate) {
    if (full() && !better(candidate, last())) return;
    std::size_t of_center = 0, worst = 0;
    for (std::size_t i = 0; i < size_; ++i)
      if (places_[i].center == candidate.center) ++of_center, worst = i;
    if (of_center >= per_center_) {
      if (!better(candidate, places_[worst])) return;
      remove(worst);
    } else if (full()) {
      --size_;
    }
    std::size_t at = size_;
    for (; at > 0 && better(candidate, places_[at - 1]); --at) places_[at] = places_[at - 1];
    places_[at] = candidate;
    ++size_;
  }

 private:
  void remove(std::size_t at) {
    std::move(places_.begin() + static_cast<std::ptrdiff_t>(at) + 1, places_.begin() + static_cast<std::ptrdiff_t>(size_),
              places_.begin() + static_cast<std::ptrdiff_t>(at));
    --size_;
  }
  std::array<T, kMaxPlans> places_{};
  std::size_t size_ = 0;
  std::size_t per_center_;
};

// What the bounds say of a pool: nothing that it could score is below its key.
Key key_of(const Field& field, std::size_t i) {
  return {.primary = field.key[i],
          .secondary = field.objective == Objective::fastest ? field.priced.bound(i) : 0,
          .pool = static_cast<std::uint32_t>(i)};
}

constexpr Key kAny{.primary = kRefused - 1, .secondary = kRefused};

// The key that pools scoring as `scored` or better can't be above.
Key limit_of(const Field& field, const Scored& scored) {
  switch (field.objective) {
    case Objective::cheapest:
      return {.primary = field.scale->of_micros(scored.primary)};
    case Objective::fastest:
      return {.primary = static_cast<std::int64_t>(scored.primary),
              .secondary = field.scale->of_micros(static_cast<unsigned __int128>(scored.total.micros))};
    case Objective::best_value:
      return {.primary = field.scale->of_micros(scored.primary, -field.priced.cost_shift - kEndShift)};
  }
  return kAny;
}

// Calls `visit` for every pool that runs and whose key may reach `limit`, which visit may lower.
template <class Visit>
void walk(const Field& field, const Key& limit, Visit&& visit) {
  for (std::size_t block = 0; block < field.blocks(); ++block) {
    if (field.lowest[block] > limit.primary) continue;
    const std::size_t at = field.begin + block * kBlock;
    const std::size_t stop = std::min(at + kBlock, field.end);
    for (std::size_t i = at; i < stop; ++i) {
      if (field.key[i] > limit.primary) continue;
      if (field.key[i] < limit.primary || key_of(field, i).secondary <= limit.secondary) visit(i);
    }
  }
}

// A limit that lets few through: the kMaxPlans-th of the blocks' lowest keys, so at least as many pools are below it.
Key first_limit(const Field& field) {
  std::array<std::int64_t, kMaxPlans> least;
  least.fill(kRefused - 1);
  for (std::size_t block = 0; block < field.blocks(); ++block) {
    if (field.lowest[block] >= least.back()) continue;
    std::size_t at = least.size() - 1;
    for (; at > 0 && field.lowest[block] < least[at - 1]; --at) least[at] = least[at - 1];
    least[at] = field.lowest[block];
  }
  return {.primary = least.back(), .secondary = kRefused};
}

std::size_t per_center(const Field& field) {
  std::size_t centers = 0;
  for (const CenterSpan& span : field.centers) {
    if (span.begin < field.begin || span.end > field.end) continue;
    centers += std::any_of(field.key + span.begin, field.key + span.end, [](std::int64_t key) { return key != kRefused; });
    if (centers == 3) return kPlansPerCenter;
  }
  return kMaxPlans;
}

bool score(const Field& field, const ScoreExactly& score_exactly, std::uint32_t pool, Scored& scored) {
  scored = {.pool = pool, .center = field.pools->center_of(pool)};
  if (!score_exactly(pool, scored)) return false;
  const auto total = static_cast<unsigned __int128>(scored.total.micros);
  const auto end = static_cast<unsigned __int128>(scored.end_ms());
  scored.primary = field.objective == Objective::cheapest ? total : field.objective == Objective::fastest ? end : total * end;
  scored.secondary = field.objective == Objective::fastest ? scored.total.micros : scored.end_ms();
  scored.promised_core_ms = field.centers[scored.center].promised_core_ms;
  scored.last_turn = field.centers[scored.center].last_turn;
  return true;
}

}  // namespace

std::vector<Scored> choose(const Field& field, const ScoreExactly& score_exactly) {
  const std::size_t most = per_center(field);
  Podium<Key> by_bound(most);
  // Below the first limit there may be too many of one center; then everybody is asked.
  for (Key limit = first_limit(field); !by_bound.full(); limit = kAny) {
    const bool all = limit.primary == kAny.primary;
    by_bound = Podium<Key>(most);
    walk(field, limit, [&](std::size_t i) {
      Key key = key_of(field, i);
      key.center = field.pools->center_of(i);
      by_bound.offer(key);
      if (by_bound.full()) limit = by_bound.last();
    });
    if (all) break;
  }
  Podium<Scored> best(most);
  Scored scored;
  for (const Key& key : by_bound.places())
    if (score(field, score_exactly, key.pool, scored)) best.offer(scored);
  // Whoever isn't among these can only be in the answer if its bound is not above the last one's exact score.
  Key limit = best.full() ? limit_of(field, best.last()) : kAny;
  walk(field, limit, [&](std::size_t i) {
    if (by_bound.has(static_cast<std::uint32_t>(i))) return;
    if (!score(field, score_exactly, static_cast<std::uint32_t>(i), scored)) return;
    best.offer(scored);
    if (best.full()) limit = limit_of(field, best.last());
  });
  return {best.places().begin(), best.places().end()};
}

}  // namespace bourse::broker::routing
