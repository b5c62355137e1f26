// From the broker's reply to a response.
#pragma once

#include "gateway/api/operations.h"
#include "gateway/http/message.h"

namespace google::protobuf {
class Message;
}

namespace bourse::gateway {

// For all but streams.
http::Response render(const Operation& operation, const google::protobuf::Message& reply);

// Adds an ETag to a 200 answer to a GET, and turns it into a 304 when `if_none_match` has it.
void add_etag(http::Response& response, std::optional<std::string_view> if_none_match);

}  // namespace bourse::gateway
