#include "gateway/api/json_message.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/assert.h"
#include "base/hex.h"
#include "base/time.h"
#include "gateway/http/text.h"

namespace bourse::gateway {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using nlohmann::json;
using nlohmann::ordered_json;

// What becomes a time of day. Every other …_ms is a duration and stays an integer.
constexpr std::pair<std::string_view, std::string_view> kInstants[] = {
    {"submitted_ms", "submitted_at"},  {"started_ms", "started_at"},    {"ended_ms", "ended_at"},
    {"last_seen_ms", "last_seen_at"},  {"opened_ms", "opened_at"},      {"at_ms", "at"},
    {"valid_until_ms", "valid_until"}, {"valid_from_ms", "valid_from"}, {"cut_off_ms", "cut_off"},
    {"deadline_ms", "deadline"},       {"expires_ms", "expires_at"},    {"ordered_ms", "ordered_at"},
    {"settled_ms", "settled_at"},      {"withdrawn_ms", "withdrawn_at"},      {"imported_ms", "imported_at"},  {"resolved_ms", "resolved_at"},
    {"covered_until_ms", "covered_until"}, {"warned_ms", "warned_at"}, {"runs_out_ms", "runs_out_at"},
    {"due_ms", "due"},                 {"unpriced_since_ms", "unpriced_since"},
    {"from_ms", "from"},               {"until_ms", "until"},           {"requested_ms", "requested_at"},
    {"locked_ms", "locked_at"},        {"used_from_ms", "used_from"},   {"used_until_ms", "used_until"},
    {"added_ms", "added_at"},          {"issued_ms", "issued_at"},        {"since_ms", "since"},           {"bought_ms", "bought_at"},
    {"redeem_by_ms", "redeem_by"},     {"next_expiry_ms", "next_expiry"},
    {"joined_ms", "joined_at"},        {"closes_ms", "closes_at"},                {"certificate_until_ms", "certificate_until"},
    {"wait_until_ms", "wait_until"},
};

// Set by the broker only, wherever such a message comes in.
constexpr std::pair<std::string_view, std::string_view> kOutputOnly[] = {
    {"PriceRow", "id"}, {"Discount", "id"}, {"Contract", "id"}, {"Contract", "proposal"}, {"ReservedPrice", "id"}, {"ReservedPrice", "center_name"}, {"Product", "id"}};

constexpr std::size_t kMostScriptBytes = 1024 * 1024;
constexpr std::size_t kMostTextBytes = 16 * 1024;
constexpr int kMostElements = 1000;

std::optional<std::string_view> instant_name(const FieldDescriptor& field) {
  for (const auto& [proto, name] : kInstants)
    if (field.name() == proto) return name;
  return std::nullopt;
}

bool is_script(const FieldDescriptor& field) {
  return field.name() == "script";
}

// To the broker zero means that nothing was said, and it takes one. A client that says zero means something else.
bool counts_from_one(const FieldDescriptor& field) {
  return field.containing_type()->name() == "JobSpec" && (field.name() == "cores" || field.name() == "nodes");
}

bool is_output_only(const FieldDescriptor& field) {
  return std::ranges::any_of(kOutputOnly, [&](const auto& one) {
    return field.containing_type()->name() == one.first && field.name() == one.second;
  });
}

ordered_json bytes_to_json(const FieldDescriptor& field, const std::string& bytes) {
  if (is_script(field)) return bytes;
  return to_hex(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

ordered_json scalar(const Message& message, const Reflection& r, const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return r.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_INT32:
      return r.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return r.GetInt64(message, &field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return r.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return r.GetUInt64(message, &field);
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text = r.GetString(message, &field);
      return field.type() == FieldDescriptor::TYPE_BYTES ? bytes_to_json(field, text) : ordered_json(text);
    }
    default:
      BOURSE_ASSERT(false && "a type that the market API does not use");
  }
  return nullptr;
}

ordered_json elements(const Message& message, const Reflection& r, const FieldDescriptor& field) {
  ordered_json out = ordered_json::array();
  for (int i = 0; i < r.FieldSize(message, &field); ++i) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      out.push_back(to_json(r.GetRepeatedMessage(message, &field, i)));
    } else {
      BOURSE_ASSERT(field.cpp_type() == FieldDescriptor::CPPTYPE_STRING);
      out.push_back(r.GetRepeatedString(message, &field, i));
    }
  }
  return out;
}

std::unexpected<Error> wrong(const std::string& path, std::string_view expected) {
  return fail(ErrorCode::invalid_argument, path + ": expected " + std::string(expected));
}

template <class T>
std::optional<T> integer(const json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (!std::in_range<T>(number)) return std::nullopt;
    return static_cast<T>(number);
  }
  const auto number = value.get<std::int64_t>();
  if (!std::in_range<T>(number)) return std::nullopt;
  return static_cast<T>(number);
}

Status check_text(const std::string& path, const FieldDescriptor& field, std::string_view text) {
  if (text.size() > (is_script(field) ? kMostScriptBytes : kMostTextBytes))
    return fail(ErrorCode::too_large, path + " is too long");
  if (text.find('\0') != std::string_view::npos)
    return fail(ErrorCode::invalid_argument, path + " has a NUL character");
  if (!is_script(field) && !http::is_free_of_controls(text))
    return fail(ErrorCode::invalid_argument, path + " has a control character");
  return {};
}

Status set_text(Message& out, const FieldDescriptor& field, const json& value, const std::string& path) {
  if (!value.is_string()) return wrong(path, "text");
  const auto& text = value.get_ref<const std::string&>();
  CHECK_OK(check_text(path, field, text));
  if (field.type() != FieldDescriptor::TYPE_BYTES || is_script(field)) {
    out.GetReflection()->SetString(&out, &field, text);
    return {};
  }
  std::string bytes(text.size() / 2, '\0');
  if (!from_hex(text, std::span(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size())))
    return wrong(path, "hexadecimal digits");
  out.GetReflection()->SetString(&out, &field, std::move(bytes));
  return {};
}

Status set_instant(Message& out, const FieldDescriptor& field, const json& value, const std::string& path) {
  if (!value.is_string()) return wrong(path, "a time like 2026-11-21T08:30:00Z");
  const auto instant = parse_instant(value.get_ref<const std::string&>());
  if (!instant || instant->unix_ms <= 0) return wrong(path, "a time like 2026-11-21T08:30:00Z");
  out.GetReflection()->SetInt64(&out, &field, instant->unix_ms);
  return {};
}

Status set_scalar(Message& out, const FieldDescriptor& field, const json& value, const std::string& path) {
  if (instant_name(field)) return set_instant(out, field, value, path);
  if (counts_from_one(field) && value.is_number() && value == 0) return wrong(path, "an integer from 1");
  const Reflection* r = out.GetReflection();
  const auto put = [&]<class T>(std::optional<T> number, auto setter) -> Status {
    if (!number) return wrong(path, "an integer in range");
    (r->*setter)(&out, &field, *number);
    return {};
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      if (!value.is_boolean()) return wrong(path, "true or false");
      r->SetBool(&out, &field, value.get<bool>());
      return {};
    case FieldDescriptor::CPPTYPE_INT32:
      return put(integer<std::int32_t>(value), &Reflection::SetInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return put(integer<std::int64_t>(value), &Reflection::SetInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return put(integer<std::uint32_t>(value), &Reflection::SetUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return put(integer<std::uint64_t>(value), &Reflection::SetUInt64);
    case FieldDescriptor::CPPTYPE_STRING:
      return set_text(out, field, value, path);
    default:
      BOURSE_ASSERT(false && "a type that the market API does not use");
  }
  return {};
}

Status fill(const json& object, const std::vector<std::string_view>* allowed, const std::string& path, Message& out);

Status set_repeated(Message& out, const FieldDescriptor& field, const json& value, const std::string& path) {
  if (!value.is_array()) return wrong(path, "a list");
  if (value.size() > kMostElements)
    return fail(ErrorCode::too_large, path + " has more than " + std::to_string(kMostElements) + " elements");
  int index = 0;
  for (const json& element : value) {
    const std::string place = path + "[" + std::to_string(index++) + "]";
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      CHECK_OK(fill(element, nullptr, place, *out.GetReflection()->AddMessage(&out, &field)));
      continue;
    }
    BOURSE_ASSERT(field.cpp_type() == FieldDescriptor::CPPTYPE_STRING);
    if (!element.is_string()) return wrong(place, "text");
    const auto& text = element.get_ref<const std::string&>();
    CHECK_OK(check_text(place, field, text));
    out.GetReflection()->AddString(&out, &field, text);
  }
  return {};
}

const FieldDescriptor* field_named(const Message& message, std::string_view name,
                                   const std::vector<std::string_view>* allowed) {
  const auto* type = message.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (json_name(*field) != name || is_output_only(*field)) continue;
    if (allowed != nullptr && std::ranges::find(*allowed, std::string_view(field->name())) == allowed->end()) continue;
    return field;
  }
  return nullptr;
}

Status fill(const json& object, const std::vector<std::string_view>* allowed, const std::string& path, Message& out) {
  if (!object.is_object()) return wrong(path.empty() ? "the body" : path, "an object");
  for (const auto& [name, value] : object.items()) {
    const std::string place = path.empty() ? name.substr(0, 64) : path + "." + name.substr(0, 64);
    const FieldDescriptor* field = field_named(out, name, allowed);
    if (field == nullptr) return fail(ErrorCode::invalid_argument, place + ": there is no such field here");
    if (field->is_repeated()) {
      CHECK_OK(set_repeated(out, *field, value, place));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      CHECK_OK(fill(value, nullptr, place, *out.GetReflection()->MutableMessage(&out, field)));
    } else {
      CHECK_OK(set_scalar(out, *field, value, place));
    }
  }
  return {};
}

}  // namespace

std::string json_name(const FieldDescriptor& field) {
  if (const auto name = instant_name(field)) return std::string(*name);
  const std::string& owner = field.containing_type()->name();
  if (field.name() == "unit" && (owner == "Money" || owner == "Wallet" || owner == "Member" || owner == "Bill")) return "currency";
  return field.name();
}

ordered_json to_json(const Message& message) {
  ordered_json out = ordered_json::object();
  const auto* type = message.GetDescriptor();
  const Reflection& r = *message.GetReflection();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor& field = *type->field(i);
    const std::string name = json_name(field);
    if (field.is_repeated()) {
      out[name] = elements(message, r, field);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (r.HasField(message, &field)) out[name] = to_json(r.GetMessage(message, &field));
    } else if (instant_name(field)) {
      if (const std::int64_t ms = r.GetInt64(message, &field); ms != 0) out[name] = to_text(Instant{ms});
    } else if (field.type() != FieldDescriptor::TYPE_BYTES || !r.GetString(message, &field).empty()) {
      out[name] = scalar(message, r, field);
    }
  }
  return out;
}

Status from_json(const json& object, const std::vector<std::string_view>& allowed, Message& out) {
  return fill(object, &allowed, {}, out);
}

Status set_from_text(Message& out, std::string_view name, std::string_view text) {
  const FieldDescriptor* field = out.GetDescriptor()->FindFieldByName(std::string(name));
  BOURSE_ASSERT(field != nullptr && !field->is_repeated());
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) return set_text(out, *field, json(text), std::string(name));
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size())
    return wrong(std::string(name), "an integer in range");
  return set_scalar(out, *field, json(number), std::string(name));
}

}  // namespace bourse::gateway
