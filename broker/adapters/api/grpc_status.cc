#include "broker/adapters/api/grpc_status.h"

#include <algorithm>

#include "bourse/market/v1/market.pb.h"

namespace bourse::broker::api {

// Written out by the error table, so a new code can't be forgotten: the switch has no default.
grpc::StatusCode grpc_code(ErrorCode code) {
  switch (code) {
#define BOURSE_ERROR(number, name, outcome, http, grpc_number, exit, sentence, remedy) \
  case ErrorCode::name:                                                                \
    return static_cast<grpc::StatusCode>(grpc_number);
#include "base/error_table.inc"
#undef BOURSE_ERROR
  }
  return grpc::StatusCode::INTERNAL;
}

grpc::Status grpc_status(const Error& error) { return {grpc_code(error.code), error.message()}; }

std::string problem_trailer(const Error& error) {
  market::v1::Problem problem;
  problem.set_code(std::string(info(error.code).name));
  // Trailers have a few KiB in all; a detail is a sentence. Half a character at the cut would make the whole
  // unreadable.
  std::size_t size = std::min<std::size_t>(error.detail.size(), 2'000);
  while (size > 0 && size < error.detail.size() && (error.detail[size] & 0xC0) == 0x80) --size;
  problem.set_detail(error.detail.substr(0, size));
  return problem.SerializeAsString();
}

}  // namespace bourse::broker::api
