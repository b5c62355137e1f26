// What an answer that isn't ok means, by its outcome.
#include <nlohmann/json.hpp>

#include "connectors/kubernetes/api_client.h"
#include "connectors/kubernetes/objects.h"
#include "connectors/host/text.h"

namespace bourse::kubernetes {
namespace {

std::string words_of(const std::string& what, const Answer& answer) {
  if (answer.status == 0) return what + ": " + host::shown(answer.problem);
  const auto body = parse_answer(answer.body);
  std::string message = body ? text_at(*body, {"message"}) : "";
  if (message.empty()) message = host::shown(answer.body);
  return what + ": " + std::to_string(answer.status) + (message.empty() ? "" : " " + message);
}

ErrorCode code_of(const Answer& answer, bool changes) {
  switch (answer.status) {
    case 0:
      return answer.sent && changes ? ErrorCode::unknown_outcome : ErrorCode::unavailable;
    case 401:
    case 429:
    case 503:
      return ErrorCode::unavailable;
    case 404:
      return changes ? ErrorCode::failed_precondition : ErrorCode::not_found;
    case 409:
      return changes ? ErrorCode::conflict : ErrorCode::unavailable;
    case 413:
      return ErrorCode::too_large;
    default:
      break;
  }
  if (answer.status >= 400 && answer.status < 500) return changes ? ErrorCode::failed_precondition : ErrorCode::unavailable;
  // A store that answers too late may have written all the same.
  return changes ? ErrorCode::unknown_outcome : ErrorCode::unavailable;
}

}  // namespace

std::string reason_of(const std::string& body) {
  const auto status = parse_answer(body);
  return status ? text_at(*status, {"reason"}) : std::string();
}

Error failure(const std::string& what, const Answer& answer, bool changes) { return {code_of(answer, changes), words_of(what, answer)}; }

}  // namespace bourse::kubernetes
