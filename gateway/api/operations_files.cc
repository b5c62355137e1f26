// Files of jobs: uploads, lists and what is fetched.
#include "gateway/api/operations.h"

namespace bourse::gateway {
namespace {

using http::Method;

constexpr std::int64_t kLargestFile = std::int64_t{1} << 53;
constexpr std::size_t kPiece = 1024 * 1024;
constexpr Duration kHashing = seconds(150);  // a last piece waits for the check of the whole file

}  // namespace

std::vector<Operation> operations_on_files() {
  return {
      {.method = Method::get,
       .pattern = "/api/v1/uploads/{sha256}",
       .rpc = "GetUpload",
       .path = {{"sha256", "sha256"}},
       .query = {{"account"}, {"size", 0, kLargestFile, true}}},
      {.method = Method::post,
       .pattern = "/api/v1/uploads/{sha256}",
       .rpc = "WriteUpload",
       .path = {{"sha256", "sha256"}},
       .query = {{"account"}, {"size", 0, kLargestFile, true}, {"offset", 0, kLargestFile, true}},
       .body_optional = true,
       .raw_body = "data",
       .deadline = kHashing,
       .body_bytes = kPiece},
      {.method = Method::get, .pattern = "/api/v1/jobs/{id}/files", .rpc = "ListJobFiles", .path = {{"id", "job"}}},
      {.method = Method::get,
       .pattern = "/api/v1/jobs/{id}/files/content",
       .rpc = "ReadJobFile",
       .path = {{"id", "job"}},
       .query = {{"path", 0, 0, true}},
       .rendering = Rendering::file},
  };
}

}  // namespace bourse::gateway
