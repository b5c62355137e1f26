// Error → HTTP: problem details (RFC 9457) from the one table of errors.
#pragma once

#include <string_view>

#include "base/error.h"
#include "gateway/http/message.h"

namespace bourse::http {

// Status, sentence and remedy come from the table; `status` overrides it where HTTP has a narrower word for the same
// (431, 421). Transient ones carry Retry-After, 401 a challenge.
Response problem(const Error& error, std::string_view request_id, int status = 0);

}  // namespace bourse::http
