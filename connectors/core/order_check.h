// From the broker's signed batch to orders that may be carried out here: the checks, in order.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "connectors/core/sell.h"
#include "base/hash.h"
#include "base/id.h"
#include "federation-proto/envelope.h"

namespace bourse::federation::v1 {
class DispatchOrder;
class Orders;
class CancelBatch;
class PauseBatch;
}  // namespace bourse::federation::v1

namespace bourse::connector {

// Who we are and whom we obey.
struct Membership {
  std::string audience;        // the broker's name
  CenterId center;
  ConnectorId connector;
  std::uint64_t epoch = 1;
  federation::PublicKey order_key{};
  federation::PublicKey ack_key{};
};

struct OrderBatch {
  std::vector<std::string> orders;          // exact bytes
  std::map<Hash256, std::string> scripts;   // by their real hash
};
// Signature by K_order, addressed to this center. Errors: bad_signature, invalid_argument; nothing of the batch counts then.
Result<OrderBatch> open_orders(const federation::v1::Orders& orders, const Membership& us);
Result<federation::v1::CancelBatch> open_cancels(const federation::v1::Envelope& envelope, const Membership& us);
Result<federation::v1::PauseBatch> open_pauses(const federation::v1::Envelope& envelope, const Membership& us);

// One order, well formed and ours. Errors: invalid_argument: it can't be answered, for we can't tell what it is about.
Result<federation::v1::DispatchOrder> parse_order(const std::string& bytes, const Membership& us);

// Whether it may run here, now. Errors say why not, for the signed rejection: failed_precondition, invalid_argument.
Status check_order(const federation::v1::DispatchOrder& order, const std::string* script,
                   const std::map<std::string, Offered>& pools, Instant now);

Allocation allocation_of(const federation::v1::DispatchOrder& order);

}  // namespace bourse::connector
