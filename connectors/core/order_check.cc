#include "connectors/core/order_check.h"

#include <algorithm>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/fields.h"

namespace bourse::connector {
namespace {

namespace wire = federation::v1;

constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxEdges = 10'000;
constexpr std::size_t kMaxScriptBytes = 1 << 20;
constexpr std::int64_t kMaxWalltimeMs = hours(24 * 366).ms;

bool is_printable(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool is_token(std::string_view text) {
  return text.size() <= 64 && !text.starts_with('-') && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

std::unexpected<Error> refuse(std::string why) { return fail(ErrorCode::failed_precondition, std::move(why)); }

Status check_need(const wire::DispatchOrder& order, const PoolInfo& pool) {
  if (order.nodes() < 1 || order.cores() < 1 || order.gpus() < 0 || order.mem_mib() < 0)
    return fail(ErrorCode::invalid_argument, "the order asks for no cores or nodes");
  if (order.nodes() > pool.nodes) return refuse("the pool has fewer nodes");
  // Nodes are at most the pool's, so these products stay far inside the range.
  if (order.cores() > order.nodes() * pool.cores_per_node) return refuse("the pool's nodes have fewer cores");
  if (order.gpus() > order.nodes() * pool.gpus_per_node) return refuse("the pool's nodes have fewer accelerators");
  if (order.mem_mib() > order.nodes() * pool.mem_mib_per_node) return refuse("the pool's nodes have less memory");
  if (order.gpus() > 0 && !order.gpu_model().empty() && order.gpu_model() != pool.gpu_model)
    return refuse("the pool has another accelerator model");
  return {};
}

}  // namespace

Result<OrderBatch> open_orders(const wire::Orders& orders, const Membership& us) {
  CHECK_OK(federation::open(orders.batch(), federation::kOrderBatchType, us.order_key));
  wire::OrderBatch batch;
  CHECK_OK(federation::parse_strict(orders.batch().payload(), batch));
  if (batch.version() != 1 || batch.audience() != to_text(us.center) || batch.center() != federation::to_bytes(us.center))
    return fail(ErrorCode::invalid_argument, "an order batch for somebody else");
  if (static_cast<std::size_t>(batch.orders_size()) > federation::kMaxOrdersPerBatch || orders.scripts_size() > batch.orders_size())
    return fail(ErrorCode::too_large, "an order batch has at most 100 orders");
  OrderBatch result;
  result.orders.assign(batch.orders().begin(), batch.orders().end());
  for (const std::string& script : orders.scripts()) result.scripts.emplace(sha256(script), script);
  return result;
}

namespace {

// A batch of controls: signed by K_order, for this center.
template <class Batch>
Result<Batch> open_controls(const wire::Envelope& envelope, std::string_view type, const Membership& us) {
  CHECK_OK(federation::open(envelope, type, us.order_key));
  Batch batch;
  CHECK_OK(federation::parse_strict(envelope.payload(), batch));
  if (batch.version() != 1 || batch.center() != federation::to_bytes(us.center))
    return fail(ErrorCode::invalid_argument, "a batch for somebody else");
  return batch;
}

}  // namespace

Result<wire::CancelBatch> open_cancels(const wire::Envelope& envelope, const Membership& us) {
  return open_controls<wire::CancelBatch>(envelope, federation::kCancelBatchType, us);
}

Result<wire::PauseBatch> open_pauses(const wire::Envelope& envelope, const Membership& us) {
  return open_controls<wire::PauseBatch>(envelope, federation::kPauseBatchType, us);
}

Result<wire::DispatchOrder> parse_order(const std::string& bytes, const Membership& us) {
  wire::DispatchOrder order;
  CHECK_OK(federation::parse_strict(bytes, order));
  if (order.version() != 1) return fail(ErrorCode::invalid_argument, "order: unknown version");
  if (order.center() != federation::to_bytes(us.center)) return fail(ErrorCode::invalid_argument, "order: for another center");
  for (const auto& [field, value] : {std::pair<const char*, const std::string&>{"job", order.job()}, {"attempt", order.attempt()},
                                     {"tenant", order.tenant()}, {"billing_account", order.billing_account()}, {"user", order.user()}}) {
    TRY(const Uuid uuid, federation::uuid_of(value, field));
    if (uuid.is_nil()) return fail(ErrorCode::invalid_argument, std::string(field) + ": missing");
  }
  CHECK_OK(federation::hash_of(order.script_sha256(), "script_sha256"));
  if (order.fence() == 0) return fail(ErrorCode::invalid_argument, "fence: counts from 1");
  return order;
}

Status check_order(const wire::DispatchOrder& order, const std::string* script, const std::map<std::string, Offered>& pools, Instant now) {
  if (order.kind() != wire::BATCH || order.release_policy() != wire::ON_END) return refuse("this center runs batch jobs only");
  if (now.unix_ms > order.not_after_ms()) return refuse("the order came after its time");
  if (order.name().empty() || order.name().size() > kMaxName || !is_printable(order.name()) || order.name().starts_with('-'))
    return fail(ErrorCode::invalid_argument, "the job's name is not acceptable");
  if (order.has_array() && !is_token(order.array().array())) return fail(ErrorCode::invalid_argument, "the array's id is not a plain name");
  if (!is_token(order.qos()) || !is_token(order.gpu_model()))
    return fail(ErrorCode::invalid_argument, "the QoS or the accelerator model is not a plain name");
  if (order.walltime_ms() < 1000 || order.walltime_ms() > kMaxWalltimeMs)
    return fail(ErrorCode::invalid_argument, "the walltime is out of range");
  if (static_cast<std::size_t>(order.tariff_edges_ms_size()) > kMaxEdges || !std::ranges::is_sorted(order.tariff_edges_ms()))
    return fail(ErrorCode::invalid_argument, "the tariff's edges don't rise, or are too many");
  if (script == nullptr) return fail(ErrorCode::invalid_argument, "the script with the order's hash did not come with it");
  if (script->size() > kMaxScriptBytes) return fail(ErrorCode::too_large, "the script is above 1 MiB");
  if (!script->starts_with("#!") || script->find('\0') != std::string::npos)
    return fail(ErrorCode::invalid_argument, "a script is text and begins with '#!' and its interpreter");
  const auto pool = pools.find(order.pool());
  if (pool == pools.end()) return refuse("this center doesn't sell that pool");
  if (!pool->second.info.accepting) return refuse("the pool takes no new jobs now");
  if (order.end_before_ms() > 0 && order.walltime_ms() > order.end_before_ms() - now.unix_ms) return refuse("the pool's sale closes before the job must have ended");
  const pricing::Opening sale = pricing::opening_at(pool->second.rule, now);
  if (!sale.ends || order.walltime_ms() > (*sale.ends - now).ms) return refuse("the pool isn't for sale now for as long as the job may run");
  if (pool->second.info.max_walltime.ms > 0 && order.walltime_ms() > pool->second.info.max_walltime.ms)
    return refuse("the walltime is above the pool's limit");
  return check_need(order, pool->second.info);
}

Allocation allocation_of(const wire::DispatchOrder& order) {
  return {.cores = order.cores(), .gpus = order.gpus(), .nodes = order.nodes(), .mem_mib = order.mem_mib()};
}

}  // namespace bourse::connector
