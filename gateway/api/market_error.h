// gRPC → Error: the one place of this edge where statuses become codes.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "gateway/api/market_client.h"

namespace bourse::gateway {

// The broker's own word is in the trailer "bourse-problem-bin"; without it the transport failed.
Error error_of(const grpc::Status& status, const grpc::ClientContext& context, Effect effect);

}  // namespace bourse::gateway
