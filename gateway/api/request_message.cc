#include "gateway/api/request_message.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/assert.h"
#include "bourse/market/v1/market.pb.h"
#include "gateway/api/json_message.h"
#include "gateway/http/json.h"
#include "gateway/http/text.h"

namespace bourse::gateway {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;

constexpr std::size_t kLongestValue = 512, kLongestPath = 1024;
constexpr std::int64_t kMostAtOnce = 1024 * 1024;  // of a file

const google::protobuf::MethodDescriptor* method_of(const Operation& operation) {
  static const auto* service =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName("bourse.market.v1.Market");
  BOURSE_ASSERT(service != nullptr);
  const auto* method = service->FindMethodByName(std::string(operation.rpc));
  BOURSE_ASSERT(method != nullptr);
  return method;
}

MessagePointer make(const Descriptor* type) {
  return MessagePointer(google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

bool has_field(const Message& message, const char* name) {
  return message.GetDescriptor()->FindFieldByName(name) != nullptr;
}

void set_principal(Message& message, const sso::Principal& principal) {
  const auto* field = message.GetDescriptor()->FindFieldByName("principal");
  if (field == nullptr) return;
  auto* out = google::protobuf::DynamicCastToGenerated<market::v1::Principal>(
      message.GetReflection()->MutableMessage(&message, field));
  BOURSE_ASSERT(out != nullptr);
  out->set_user(principal.user);
  out->set_tenant(principal.tenant);
  out->set_name(principal.name);
  for (const std::string& role : principal.roles) out->add_roles(role);
  for (const std::string& account : principal.accounts) out->add_accounts(account);
}

Status set_key(Message& message, const http::Headers& headers) {
  if (!has_field(message, "key")) return {};
  if (headers.count("idempotency-key") > 1)
    return fail(ErrorCode::invalid_argument, "there are two Idempotency-Key headers");
  const auto key = headers.get("idempotency-key");
  if (!key || key->empty())
    return fail(ErrorCode::invalid_argument, "the header Idempotency-Key is required, so that a repeat is harmless");
  if (key->size() > 255 || !std::ranges::all_of(*key, [](char c) { return c >= 0x20 && c <= 0x7E; }))
    return fail(ErrorCode::invalid_argument, "Idempotency-Key must be 1 to 255 printable ASCII characters");
  const auto* field = message.GetDescriptor()->FindFieldByName("key");
  message.GetReflection()->SetString(&message, field, std::string(*key));
  return {};
}

Status set_query(const Operation& operation, const http::Parameters& query, Message& message) {
  for (const auto& [name, value] : query) {
    const auto known = std::ranges::find(operation.query, std::string_view(name), &QueryField::name);
    if (known == operation.query.end())
      return fail(ErrorCode::invalid_argument, "there is no parameter '" + name.substr(0, 64) + "' here");
    if (value.size() > (operation.rendering == Rendering::file ? kLongestPath : kLongestValue)) return fail(ErrorCode::invalid_argument, name + " is too long");
    if (known->most > 0) {
      std::int64_t number = 0;
      const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
      if (read.ec != std::errc{} || read.ptr != value.data() + value.size() || number < known->least ||
          number > known->most)
        return fail(ErrorCode::invalid_argument, name + ": expected an integer from " + std::to_string(known->least) +
                                                     " to " + std::to_string(known->most));
    }
    CHECK_OK(set_from_text(message, name, value));
  }
  for (const QueryField& field : operation.query)
    if (field.required && !http::find(query, field.name))
      return fail(ErrorCode::invalid_argument, "the parameter '" + std::string(field.name) + "' is required");
  return {};
}

// RFC 9110, 14.2: one range of bytes, from a first one on. What we can't serve is ignored, as it says: then it is the whole file.
Status set_range(const http::Headers& headers, Message& message) {
  const auto range = headers.get("range");
  if (!range || !range->starts_with("bytes=") || headers.count("range") > 1) return {};
  const std::string_view text = range->substr(6);
  std::int64_t first = 0, last = -1;
  const auto from = std::from_chars(text.data(), text.data() + text.size(), first);
  if (from.ec != std::errc{} || from.ptr == text.data() + text.size() || *from.ptr != '-' || first < 0) return {};
  const char* const after = from.ptr + 1;
  if (after != text.data() + text.size()) {
    const auto to = std::from_chars(after, text.data() + text.size(), last);
    if (to.ec != std::errc{} || to.ptr != text.data() + text.size() || last < first) return {};
  }
  CHECK_OK(set_from_text(message, "offset", std::to_string(first)));
  // Of a longer range the beginning is sent, and said so.
  return set_from_text(message, "max_bytes", std::to_string(last < 0 ? kMostAtOnce : std::min(last - first, kMostAtOnce - 1) + 1));
}

bool is_json(const http::Headers& headers) {
  const auto type = headers.get("content-type");
  if (!type) return false;
  std::string media(type->substr(0, type->find(';')));
  while (media.ends_with(' ')) media.pop_back();
  std::ranges::transform(media, media.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return media == "application/json";
}

Status set_body(const Operation& operation, const http::Request& request, Message& message) {
  if (request.body.empty()) {
    // A body whose every field is optional may be left out.
    if (operation.body_optional || (operation.body.empty() && operation.raw_body.empty())) return {};
    return fail(ErrorCode::invalid_argument, "the body is missing");
  }
  if (!operation.raw_body.empty()) {
    const auto* field = message.GetDescriptor()->FindFieldByName(std::string(operation.raw_body));
    BOURSE_ASSERT(field != nullptr);
    message.GetReflection()->SetString(&message, field, request.body);
    return {};
  }
  if (!is_json(request.headers)) return fail(ErrorCode::unsupported_media_type);
  TRY(const nlohmann::json body, http::parse_json(request.body));
  return from_json(body, operation.body, message);
}

}  // namespace

bool needs_key(const Operation& operation) {
  return method_of(operation)->input_type()->FindFieldByName("key") != nullptr;
}

MessagePointer new_reply(const Operation& operation) {
  return make(method_of(operation)->output_type());
}

Result<MessagePointer> request_message(const Operation& operation, const http::Request& request,
                                       const sso::Principal& principal) {
  MessagePointer message = make(method_of(operation)->input_type());
  CHECK_OK(set_key(*message, request.headers));
  CHECK_OK(set_query(operation, request.query, *message));
  if (operation.rendering == Rendering::file) CHECK_OK(set_range(request.headers, *message));
  CHECK_OK(set_body(operation, request, *message));
  for (const PathField& field : operation.path) {
    const auto value = http::find(request.path_values, field.name);
    BOURSE_ASSERT(value.has_value());
    if (value->size() > 128) return fail(ErrorCode::not_found, "there is no such id");
    CHECK_OK(set_from_text(*message, field.field, *value));
  }
  set_principal(*message, principal);
  return message;
}

}  // namespace bourse::gateway
