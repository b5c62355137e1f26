// The dispatch order as a pure function of the job: built again, it is the same, and so is its hash.
#include <algorithm>

#include "broker/adapters/link/link_server.h"
#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/fields.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

// Fields beyond a plain price's stay unset where they say nothing: orders of plain prices keep their bytes.
void fill_locked(wire::LockedPrice& price, const pricing::PriceRow& row) {
  price.set_row(federation::to_bytes(row.id));
  price.set_meter(static_cast<wire::Meter>(static_cast<int>(row.meter) + 1));
  price.set_price_coefficient(row.price.coefficient);
  price.set_price_scale(row.price.scale);
  price.set_per(row.per);
  if (row.strategy != pricing::Strategy::per_meter) {
    price.set_strategy(std::string(pricing::name(row.strategy)));
    price.set_places(row.places);
  }
  price.set_minimum_micros(row.minimum.micros);
  price.set_free(row.free.ticks);
  if (row.tiers.mode == pricing::TierMode::volume && !row.tiers.steps.empty()) price.set_volume(true);
  for (const pricing::Tier& step : row.tiers.steps) {
    wire::LockedTier& tier = *price.add_tiers();
    tier.set_above(step.above);
    tier.set_price_coefficient(step.price.coefficient);
    tier.set_price_scale(step.price.scale);
  }
  for (const pricing::WeeklyWindow& window : row.windows) {
    wire::LockedWindow& to = *price.add_windows();
    to.set_days(window.days);
    to.set_from(window.from);
    to.set_until(window.until);
  }
  if (!row.windows.empty()) price.set_zone(row.zone);
  if (row.off.bps == 0) return;
  price.set_discount(federation::to_bytes(row.off.id));
  price.set_discount_bps(static_cast<std::uint32_t>(row.off.bps));
}

void fill_element(wire::ArrayElement& out, const JobSpec& spec) {
  const auto& ranges = spec.array.ranges;
  out.set_array(to_text(spec.element.array));
  out.set_index(spec.element.index);
  out.set_count(static_cast<std::uint32_t>(count_of(ranges)));
  std::uint32_t least = kMaxIndex, most = 0;
  for (const IndexRange& range : ranges) {
    least = std::min(least, range.first);
    most = std::max(most, range.first + (range.count() - 1) * range.step);
  }
  out.set_least(least);
  out.set_most(most);
  out.set_step(ranges.size() == 1 ? ranges.front().step : 1);  // as Slurm: a list has none
}

}  // namespace

std::string order_bytes(const Job& job) {
  const Attempt& attempt = job.attempt();
  const Plan& plan = job.plan();
  wire::DispatchOrder order;
  order.set_version(1);
  order.set_job(federation::to_bytes(job.id));
  order.set_attempt(federation::to_bytes(attempt.id));
  order.set_fence(attempt.fence);
  order.set_center(federation::to_bytes(attempt.center));
  order.set_pool(plan.pool);
  order.set_kind(static_cast<wire::JobKind>(job.spec.kind));
  order.set_release_policy(wire::ON_END);
  order.set_name(job.spec.name);
  order.set_script_sha256(federation::to_bytes(job.spec.script));
  order.set_cores(plan.allocation.cores);
  order.set_gpus(plan.allocation.gpus);
  order.set_nodes(plan.allocation.nodes);
  order.set_mem_mib(plan.allocation.mem_mib);
  order.set_walltime_ms(job.spec.walltime.ms);
  order.set_gpu_model(job.spec.gpu_model);
  order.set_qos(job.spec.qos);
  order.set_tenant(federation::to_bytes(job.tenant));
  order.set_billing_account(federation::to_bytes(job.account));
  order.set_user(federation::to_bytes(job.user));
  order.set_hold(federation::to_bytes(job.hold));
  order.set_hold_micros(plan.cap.micros);
  for (const pricing::PriceRow& row : plan.rows) {
    order.set_unit(std::string(row.unit.text()));
    fill_locked(*order.add_prices(), row);
  }
  order.set_ordered_at_ms(attempt.ordered_at.unix_ms);
  order.set_not_after_ms(attempt.not_after.unix_ms);
  const pricing::Readings most = pricing::readings_of(plan.allocation, job.spec.walltime);
  for (const pricing::Meter meter : pricing::kHeldMeters) {
    if (most[meter] == 0) continue;
    wire::MeterCap& cap = *order.add_caps();
    cap.set_meter(static_cast<wire::Meter>(static_cast<int>(meter) + 1));
    cap.set_most(most[meter]);
  }
  for (const Instant edge : edges_of(plan, attempt.ordered_at, job.spec.walltime)) order.add_tariff_edges_ms(edge.unix_ms);
  if (plan.totals != pricing::PoolTotals{}) {
    order.mutable_pool_totals()->set_cores(plan.totals.cores);
    order.mutable_pool_totals()->set_gpus(plan.totals.gpus);
    order.mutable_pool_totals()->set_mem_mib(plan.totals.mem_mib);
  }
  for (const pricing::PriceRow& row : plan.settlement) fill_locked(*order.add_settlement(), row);
  order.set_may_subsidise(plan.may_subsidise);
  if (!job.spec.manifest.is_zero()) order.set_manifest_sha256(federation::to_bytes(job.spec.manifest));
  if (!plan.reservation.is_nil()) order.set_reservation(federation::to_bytes(plan.reservation));
  if (attempt.end_before.unix_ms > 0) order.set_end_before_ms(attempt.end_before.unix_ms);
  if (!job.spec.element.array.is_nil()) fill_element(*order.mutable_array(), job.spec);
  return order.SerializeAsString();
}

}  // namespace bourse::broker
