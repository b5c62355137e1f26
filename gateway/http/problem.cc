#include "gateway/http/problem.h"

#include <nlohmann/json.hpp>

namespace bourse::http {

Response problem(const Error& error, std::string_view request_id, int status) {
  const ErrorInfo& row = info(error.code);
  Response out;
  out.status = status != 0 ? status : row.http_status;
  nlohmann::ordered_json body;
  body["type"] = std::string("urn:bourse:error:").append(row.name);
  body["title"] = row.sentence;
  body["status"] = out.status;
  if (!error.detail.empty()) body["detail"] = error.detail;
  body["code"] = row.name;
  body["remedy"] = row.remedy;
  body["request_id"] = request_id;
  // A detail may quote bytes of the client's; what isn't UTF-8 in it is replaced.
  out.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  out.headers.set("content-type", "application/problem+json");
  out.headers.set("cache-control", "no-store");
  if (row.outcome == Outcome::transient) out.headers.set("retry-after", "1");
  if (out.status == 401) out.headers.set("www-authenticate", "Bearer realm=\"bourse\"");
  return out;
}

}  // namespace bourse::http
