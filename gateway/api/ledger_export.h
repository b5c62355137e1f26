// The broker's stream of export pieces as an HTTP body. Used by the market client alone.
#pragma once

#include <grpcpp/client_context.h>

#include <memory>

#include "bourse/market/v1/market.grpc.pb.h"
#include "gateway/http/message.h"

namespace bourse::gateway {

// Waits for the first piece, so that a refusal is a problem and not a broken body.
http::Task<Result<std::unique_ptr<http::BodyStream>>> open_export(market::v1::Market::Stub* stub,
                                                                  std::unique_ptr<grpc::ClientContext> context,
                                                                  market::v1::ExportLedgerRequest request);

}  // namespace bourse::gateway
