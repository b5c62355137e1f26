// The dispatch order as a pure function of the job: built again, it is the same, and so is its hash.
#include "broker/adapters/link/link_server.h"
#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/fields.h"

namespace bourse::broker {

namespace wire = federation::v1;

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
    wire::LockedPrice& price = *order.add_prices();
    price.set_row(federation::to_bytes(row.id));
    price.set_meter(static_cast<wire::Meter>(static_cast<int>(row.meter) + 1));
    price.set_price_coefficient(row.price.coefficient);
    price.set_price_scale(row.price.scale);
    price.set_per(row.per);
  }
  order.set_ordered_at_ms(attempt.ordered_at.unix_ms);
  order.set_not_after_ms(attempt.not_after.unix_ms);
  const pricing::Readings most = pricing::readings_of(plan.allocation, job.spec.walltime);
  for (const pricing::Meter meter : pricing::kMeters) {
    if (most[meter] == 0) continue;
    wire::MeterCap& cap = *order.add_caps();
    cap.set_meter(static_cast<wire::Meter>(static_cast<int>(meter) + 1));
    cap.set_most(most[meter]);
  }
  return order.SerializeAsString();
}

}  // namespace bourse::broker
