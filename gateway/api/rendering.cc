#include "gateway/api/rendering.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

#include "base/assert.h"
#include "base/sha256.h"
#include "bourse/market/v1/market.pb.h"
#include "gateway/api/json_message.h"

namespace bourse::gateway {
namespace {

namespace v1 = market::v1;

template <class T>
const T& as(const google::protobuf::Message& message) {
  const T* typed = google::protobuf::DynamicCastToGenerated<T>(&message);
  BOURSE_ASSERT(typed != nullptr);
  return *typed;
}

http::Response with_body(int status, std::string_view type, std::string body) {
  http::Response out;
  out.status = status;
  out.headers.add("content-type", std::string(type));
  out.body = std::move(body);
  return out;
}

// Letters, digits and ".-_/+", which every media type and file name of ours keeps to.
std::string plain(std::string_view text, std::string_view otherwise) {
  for (const char c : text) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                      c == '-' || c == '_' || c == '/' || c == '+';
    if (!fine) return std::string(otherwise);
  }
  return std::string(text.empty() ? otherwise : text);
}

// A repeat may find that the proposal has ended meanwhile: then nothing waits any more.
bool waits_for_a_second_person(const google::protobuf::Message& reply) {
  const auto* field = reply.GetDescriptor()->FindFieldByName("proposal");
  if (field == nullptr || field->message_type() != v1::Proposal::descriptor() || !reply.GetReflection()->HasField(reply, field)) return false;
  return as<v1::Proposal>(reply.GetReflection()->GetMessage(reply, field)).state() == "open";
}

http::Response render_log(const v1::LogReply& log) {
  http::Response out = with_body(200, "application/octet-stream", log.data());
  out.headers.add("x-log-offset", std::to_string(log.offset()));
  out.headers.add("x-log-size", std::to_string(log.size()));
  out.headers.add("x-log-ended", log.ended() ? "true" : "false");
  return out;
}

// A piece says of what it is one. Without a Range header the first piece of a large file comes so too: there is no whole to be had
// in one answer.
http::Response render_file(const v1::JobFilePiece& piece) {
  const auto bytes = static_cast<std::int64_t>(piece.data().size());
  if (bytes == 0 && piece.size() > 0) {
    http::Response out = with_body(416, "application/octet-stream", "");
    out.headers.add("content-range", "bytes */" + std::to_string(piece.size()));
    return out;
  }
  http::Response out = with_body(bytes == piece.size() ? 200 : 206, "application/octet-stream", piece.data());
  out.headers.add("accept-ranges", "bytes");
  out.headers.add("content-disposition", "attachment");
  out.headers.add("x-file-sha256", plain(piece.sha256(), ""));
  if (bytes != piece.size())
    out.headers.add("content-range", "bytes " + std::to_string(piece.offset()) + "-" + std::to_string(piece.offset() + bytes - 1) + "/" + std::to_string(piece.size()));
  return out;
}

http::Response render_document(const v1::Document& document) {
  http::Response out = with_body(200, plain(document.media_type(), "application/octet-stream"), document.data());
  out.headers.add("content-disposition", "attachment; filename=\"" + plain(document.name(), "document") + "\"");
  return out;
}

}  // namespace

http::Response render(const Operation& operation, const google::protobuf::Message& reply) {
  switch (operation.rendering) {
    case Rendering::file:
      return render_file(as<v1::JobFilePiece>(reply));
    case Rendering::log:
      return render_log(as<v1::LogReply>(reply));
    case Rendering::document:
      return render_document(as<v1::Document>(reply));
    case Rendering::bundle:
      return with_body(operation.status, "application/json", as<v1::InviteCenterReply>(reply).bundle_json());
    case Rendering::json:
    case Rendering::stream:
      break;
  }
  return with_body(waits_for_a_second_person(reply) ? 202 : operation.status, "application/json",
                   to_json(reply).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void add_etag(http::Response& response, std::optional<std::string_view> if_none_match) {
  if (response.status != 200 || response.stream) return;
  const std::string tag = "\"" + to_hex(sha256(response.body)).substr(0, 32) + "\"";
  response.headers.set("etag", tag);
  response.headers.set("cache-control", "private, no-cache");
  if (!if_none_match || if_none_match->find(tag) == std::string_view::npos) return;
  response.status = 304;
  response.body.clear();
}

}  // namespace bourse::gateway
