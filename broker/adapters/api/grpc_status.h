// Error → gRPC: the one place of this edge where codes become statuses.
#pragma once

#include <grpcpp/support/status.h>

#include "base/error.h"

namespace bourse::broker::api {

inline constexpr const char* kProblemTrailer = "bourse-problem-bin";

grpc::StatusCode grpc_code(ErrorCode code);
// The status with the sentence for people; the machine-readable Problem goes into the trailer (see problem_trailer).
grpc::Status grpc_status(const Error& error);
// A serialized bourse.market.v1.Problem.
std::string problem_trailer(const Error& error);

}  // namespace bourse::broker::api
