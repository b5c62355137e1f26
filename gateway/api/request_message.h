// From a request to the operation's message: its path, query, body and key, each checked, and the principal set.
#pragma once

#include <memory>

#include "base/result.h"
#include "gateway/api/operations.h"
#include "gateway/sso/people.h"

namespace google::protobuf {
class Message;
}

namespace bourse::gateway {

using MessagePointer = std::unique_ptr<google::protobuf::Message>;

// Whether the operation changes something and so carries an idempotency key.
bool needs_key(const Operation& operation);
MessagePointer new_reply(const Operation& operation);
// Errors: invalid_argument (naming the field or parameter), unsupported_media_type, too_large.
Result<MessagePointer> request_message(const Operation& operation, const http::Request& request,
                                       const sso::Principal& principal);

}  // namespace bourse::gateway
