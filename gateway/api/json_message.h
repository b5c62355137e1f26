// JSON ⇄ the market API's messages, by reflection: one rule for all, so a field can't be forgotten or slip through.
//
// A field keeps its name, with these changes: an instant in ms becomes RFC 3339 text under a name of its own
// (submitted_ms → submitted_at, valid_until_ms → valid_until; see the .cc), Money's and Wallet's unit is `currency`, a
// script is text and other bytes are hexadecimal. Integers are JSON integers of any size. An instant of 0 and a message
// that isn't set are absent.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace google::protobuf {
class Message;
class FieldDescriptor;
}  // namespace google::protobuf

namespace bourse::gateway {

nlohmann::ordered_json to_json(const google::protobuf::Message& message);

// The name that a field has in JSON.
std::string json_name(const google::protobuf::FieldDescriptor& field);

// Fills `out` from an object. At the top only the `allowed` fields (by proto name) may come, below that all but those
// that the broker alone sets (ids of price rows and contracts). Refused, by the path of the name ("spec.cores"): names
// that don't exist, values of another type, numbers with a fraction or out of range, text with controls, null. Errors:
// invalid_argument, too_large.
Status from_json(const nlohmann::json& json, const std::vector<std::string_view>& allowed,
                 google::protobuf::Message& out);

// Sets a scalar field from the text of a query parameter or a path segment. Errors: invalid_argument naming it.
Status set_from_text(google::protobuf::Message& out, std::string_view field, std::string_view text);

}  // namespace bourse::gateway
