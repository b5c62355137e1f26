#include "broker/domain/routing/router.h"

#include <algorithm>
#include <set>

#include "base/assert.h"
#include "broker/domain/routing/evaluation.h"
#include "broker/domain/routing/sale_rules.h"

namespace bourse::broker::routing {
namespace {

constexpr std::size_t kMaxPriceTables = 16;  // kinds of buyer kept at once; the one used longest ago goes first

}  // namespace

class Router::Impl {
 public:
  PoolTable pools;
  SaleRules rules;

  void prices_changed() {
    tables_.clear();
    book_ = nullptr;
    asked_ = false;
  }

  Decision decide(const Request& request, const pricing::PriceBook& prices, const TermsLookup& lookup) {
    BOURSE_ASSERT(request.spec != nullptr);
    if (book_ != &prices) learn(prices);
    pools.settle();
    refresh_terms(request.now, lookup);
    PriceTable& table = table_for(buyer_of(request), prices, request.now);
    if (table.terms_version != terms_.version) table.apply_terms(pools, terms_, rules.ruled(pools), request.now);
    return Evaluation(request, pools, table, terms_, rules, scratch_).decide(++turn_);
  }

 private:
  void learn(const pricing::PriceBook& prices) {
    prices_changed();
    book_ = &prices;
    tenants_.clear();
    qos_.clear();
    for (const auto& [id, row] : prices.rows()) {
      if (!row.scope.tenant.is_nil()) tenants_.insert(row.scope.tenant);
      if (!row.scope.qos.empty()) qos_.insert(row.scope.qos);
    }
    for (const auto& [id, discount] : prices.discounts()) {
      if (!discount.scope.tenant.is_nil()) tenants_.insert(discount.scope.tenant);
      if (!discount.scope.qos.empty()) qos_.insert(discount.scope.qos);
    }
  }

  Buyer buyer_of(const Request& request) const {
    Buyer buyer{.unit = request.unit, .settled_in = request.settled_in, .meters = meters_of(request.spec->need)};
    if (tenants_.contains(request.tenant)) buyer.tenant = request.tenant;
    if (qos_.contains(request.spec->qos)) buyer.qos = request.spec->qos;
    return buyer;
  }

  // A contract may begin at any instant, and the lookup can't say when: so it is asked again whenever time has moved.
  void refresh_terms(Instant now, const TermsLookup& lookup) {
    if (asked_ && asked_at_ == now && asked_shape_ == pools.shape() && asked_rules_ == rules.version()) return;
    const bool other_pools = !asked_ || asked_shape_ != pools.shape() || asked_rules_ != rules.version();
    asked_ = true;
    asked_at_ = now;
    asked_shape_ = pools.shape();
    asked_rules_ = rules.version();
    std::vector<std::optional<TermsAt>> fresh;
    fresh.reserve(pools.centers().size());
    for (const CenterSpan& span : pools.centers()) fresh.push_back(lookup(span.center, now));
    const auto alike = [](const std::optional<TermsAt>& a, const std::optional<TermsAt>& b) {
      if (a.has_value() != b.has_value() || !a) return a.has_value() == b.has_value();
      const bool by_rows = a->settles_by_rows() || b->settles_by_rows();
      return a->unit == b->unit && a->terms.tax_bps == b->terms.tax_bps && (!by_rows || a->contract == b->contract);
    };
    if (other_pools || !std::ranges::equal(fresh, terms_.of, alike)) {
      ++terms_.version;
      for (const std::optional<TermsAt>& terms : fresh)
        if (terms && terms->settles_by_rows())
          for (const pricing::PriceRow& row : *terms->settlement)
            if (!row.scope.qos.empty()) qos_.insert(row.scope.qos);
    }
    terms_.of = std::move(fresh);
  }

  PriceTable& table_for(const Buyer& buyer, const pricing::PriceBook& prices, Instant now) {
    const auto at = std::ranges::find_if(tables_, [&](const auto& table) { return table->buyer == buyer; });
    if (at != tables_.end()) {
      std::rotate(tables_.begin(), at, at + 1);
      if (tables_.front()->shape == pools.shape() && tables_.front()->good_at(now)) return *tables_.front();
      tables_.erase(tables_.begin());
    }
    if (tables_.size() == kMaxPriceTables) tables_.pop_back();
    tables_.insert(tables_.begin(), std::make_unique<PriceTable>(make_price_table(buyer, pools, prices, now)));
    return *tables_.front();
  }

  const pricing::PriceBook* book_ = nullptr;
  std::set<TenantId> tenants_;   // that have prices of their own
  std::set<std::string> qos_;    // that have prices of their own
  std::vector<std::unique_ptr<PriceTable>> tables_;  // most recently used first
  TermsNow terms_;
  bool asked_ = false;
  Instant asked_at_;
  std::uint64_t asked_shape_ = 0, asked_rules_ = 0;
  Scratch scratch_;
  std::uint64_t turn_ = 0;
};

Router::Router() : impl_(std::make_unique<Impl>()) {}
Router::~Router() = default;

void Router::observe(CenterId center, const std::vector<Pool>& pools) { impl_->pools.observe(center, pools); }
void Router::set_online(CenterId center, bool online) { impl_->pools.set_online(center, online); }
void Router::set_paused(CenterId center, bool paused) { impl_->pools.set_paused(center, paused); }
void Router::set_rules(CenterId center, const std::vector<PoolRule>& rules) { impl_->rules.set(center, rules); }
void Router::take(CenterId center, std::string_view pool, const pricing::Allocation& allocation) { impl_->rules.take(center, pool, allocation); }
void Router::give_back(CenterId center, std::string_view pool, const pricing::Allocation& allocation) { impl_->rules.give_back(center, pool, allocation); }
pricing::Allocation Router::held(CenterId center, std::string_view pool) const { return impl_->rules.held(center, pool); }
Refusal Router::refused_now(const Plan& plan, Duration walltime, Instant now) {
  impl_->pools.settle();
  SaleRules::Ruled* ruled = impl_->rules.find(impl_->pools, plan.center, plan.pool);
  return ruled == nullptr ? Refusal::none : refusal_of(*ruled, plan.allocation, walltime, impl_->pools.wait(ruled->pool, plan.allocation), now);
}
Instant Router::closes(CenterId center, const std::string& pool, Instant now) {
  impl_->pools.settle();
  SaleRules::Ruled* ruled = impl_->rules.find(impl_->pools, center, pool);
  return ruled == nullptr ? Instant{} : closes_at(*ruled, now);
}
void Router::promise(CenterId center, std::string_view pool, const pricing::Allocation& allocation, Duration duration) {
  impl_->pools.promise(center, pool, allocation, duration);
}
const std::vector<Pool>& Router::pools() const { return impl_->pools.pools(); }
std::optional<Duration> Router::wait(CenterId center, std::string_view pool, const pricing::Allocation& allocation) {
  return impl_->pools.wait(center, pool, allocation);
}
void Router::prices_changed() { impl_->prices_changed(); }
Decision Router::decide(const Request& request, const pricing::PriceBook& prices, const TermsLookup& terms) {
  return impl_->decide(request, prices, terms);
}

}  // namespace bourse::broker::routing
