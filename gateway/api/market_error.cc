#include "gateway/api/market_error.h"

#include "bourse/market/v1/market.pb.h"

namespace bourse::gateway {
namespace {

constexpr const char* kProblemTrailer = "bourse-problem-bin";

Error transport_error(grpc::StatusCode code, Effect effect) {
  switch (code) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      if (effect == Effect::reads) return {ErrorCode::unavailable, "the broker did not answer in time"};
      return {ErrorCode::timeout, "the broker did not answer in time"};
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::CANCELLED:
      if (effect == Effect::reads) return {ErrorCode::unavailable, "the broker can't be reached"};
      return {ErrorCode::unknown_outcome, "the connection to the broker was lost"};
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return {ErrorCode::too_large, "the answer or the request is over the broker's limit"};
    default:
      return {ErrorCode::internal, {}};
  }
}

}  // namespace

Error error_of(const grpc::Status& status, const grpc::ClientContext& context, Effect effect) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find(kProblemTrailer);
  market::v1::Problem problem;
  if (found != trailers.end() && problem.ParseFromArray(found->second.data(), static_cast<int>(found->second.size())))
    if (const auto code = error_code_named(problem.code())) return {*code, problem.detail()};
  return transport_error(status.error_code(), effect);
}

}  // namespace bourse::gateway
