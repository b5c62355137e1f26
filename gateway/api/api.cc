#include "gateway/api/api.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

#include "gateway/api/rendering.h"
#include "gateway/api/request_message.h"
#include "gateway/http/problem.h"

namespace bourse::gateway {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Seconds until there is a token again, at least one: Retry-After has no fractions.
std::string seconds_text(Duration wait) {
  return std::to_string((wait.ms + 999) / 1000);
}

void add_limit_headers(http::Response& response, const BucketSize& size, const Grant& grant) {
  response.headers.set("ratelimit-limit", std::to_string(size.burst));
  response.headers.set("ratelimit-remaining", std::to_string(grant.left));
  if (grant.granted) return;
  response.headers.set("ratelimit-reset", seconds_text(grant.wait));
  response.headers.set("retry-after", seconds_text(grant.wait));
}

http::Response plain_json(const nlohmann::ordered_json& body) {
  http::Response out;
  out.headers.add("content-type", "application/json");
  out.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return out;
}

http::Task<http::Response> health(http::Request) {
  co_return plain_json({{"status", "ok"}});
}

http::Task<http::Response> openapi(http::Request request) {
  http::Response out;
  out.headers.add("content-type", "application/yaml");
  out.body = openapi_document();
  add_etag(out, request.headers.get("if-none-match"));
  co_return out;
}

}  // namespace

void Positions::raise(const std::string& user, std::uint64_t position) {
  const std::lock_guard lock(mutex_);
  auto found = known_.find(user);
  if (found != known_.end()) {
    order_.erase(found->second.place);
  } else {
    if (known_.size() >= most_) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    found = known_.emplace(user, Known{}).first;
  }
  order_.push_back(user);
  found->second = {std::max(found->second.position, position), std::prev(order_.end())};
}

std::uint64_t Positions::of(const std::string& user) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(user);
  return found == known_.end() ? 0 : found->second.position;
}

void Api::add_routes(http::Router& router) {
  router.add({.method = http::Method::get, .pattern = "/healthz", .handler = health});
  router.add({.method = http::Method::get, .pattern = "/api/v1/openapi.yaml", .handler = openapi});
  router.add({.method = http::Method::get, .pattern = "/api/v1/me", .handler = [this](http::Request r) {
                return me(std::move(r));
              }});
  for (const Operation& operation : operations())
    router.add({.method = operation.method,
                .pattern = std::string(operation.pattern),
                .body_bytes = operation.body_bytes,
                .handler = [this, row = &operation](http::Request r) { return serve(row, std::move(r)); }});
}

http::Task<Result<sso::Principal>> Api::admit(http::Request request, Grant* grant) {
  const auto credential = sso::credential_of(request.headers);
  if (!credential) co_return std::unexpected(credential.error());
  const bool changes = request.method != http::Method::get && request.method != http::Method::head;
  if (changes && credential->from_cookie)
    if (auto own = sso::check_own_page(request.headers, parts_.origin); !own) co_return std::unexpected(own.error());
  auto principal = co_await parts_.authenticator.resolve(*credential);
  if (!principal) co_return principal;
  const auto drawn = co_await parts_.cache.draw("bourse:limit:" + principal->user, parts_.limit);
  if (!drawn) co_return std::unexpected(drawn.error());
  *grant = *drawn;
  if (!drawn->granted) co_return fail(ErrorCode::rate_limited);
  co_return principal;
}

http::Task<http::Response> Api::me(http::Request request) {
  const std::string request_id = request.request_id;
  Grant grant{.granted = true};
  const auto principal = co_await admit(std::move(request), &grant);
  if (!principal) co_return http::problem(principal.error(), request_id);
  co_return plain_json({{"user", principal->user},
                        {"tenant", principal->tenant},
                        {"name", principal->name},
                        {"roles", principal->roles},
                        {"accounts", principal->accounts}});
}

http::Task<http::Response> Api::serve(const Operation* operation, http::Request request) {
  const std::string request_id = request.request_id;
  http::Request envelope;  // what admission looks at, without the body
  envelope.method = request.method;
  envelope.headers = request.headers;
  Grant grant{.granted = true, .left = parts_.limit.burst};
  auto principal = co_await admit(std::move(envelope), &grant);
  const BucketSize& limit = operation->guesses ? parts_.guesses : parts_.limit;
  if (principal && operation->guesses) {
    const auto drawn = co_await parts_.cache.draw("bourse:guess:" + principal->user, limit);
    if (drawn) grant = *drawn;
    if (!drawn) principal = std::unexpected(drawn.error());
    else if (!drawn->granted) principal = fail(ErrorCode::rate_limited, "Too many codes were tried.");
  }
  Result<http::Response> outcome =
      principal ? co_await perform(operation, std::move(request), *principal) : std::unexpected(principal.error());
  http::Response response = outcome ? std::move(*outcome) : http::problem(outcome.error(), request_id);
  if (principal || !grant.granted) add_limit_headers(response, limit, grant);
  co_return response;
}

void Api::note_position(const sso::Principal& principal, const Message& reply) {
  const FieldDescriptor* field = reply.GetDescriptor()->FindFieldByName("position");
  if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_UINT64) return;
  positions_.raise(principal.user, reply.GetReflection()->GetUInt64(reply, field));
}

http::Task<Result<http::Response>> Api::ask(const Operation* operation, Call call, const Message* request,
                                            Message* reply) {
  if (operation->rendering == Rendering::stream) {
    auto body = co_await parts_.market.export_ledger(std::move(call), request);
    if (!body) co_return std::unexpected(body.error());
    http::Response out;
    out.headers.add("content-type", "text/plain; charset=utf-8");
    out.stream = std::move(*body);
    co_return out;
  }
  if (auto done = co_await parts_.market.call(std::move(call), request, reply); !done)
    co_return std::unexpected(done.error());
  co_return render(*operation, *reply);
}

http::Task<Result<http::Response>> Api::perform(const Operation* operation, http::Request request,
                                                sso::Principal principal) {
  auto message = request_message(*operation, request, principal);
  if (!message) co_return std::unexpected(message.error());
  if (const auto* field = (*message)->GetDescriptor()->FindFieldByName("at_least_position"))
    (*message)->GetReflection()->SetUInt64(message->get(), field, positions_.of(principal.user));
  const Effect effect = needs_key(*operation) ? Effect::changes : Effect::reads;
  Call call{.rpc = std::string(operation->rpc),
            .effect = effect,
            .deadline = operation->deadline,
            .request_id = request.request_id};
  const MessagePointer reply = new_reply(*operation);
  auto response = co_await ask(operation, std::move(call), message->get(), reply.get());
  if (!response) co_return response;
  note_position(principal, *reply);
  if (operation->method == http::Method::get) add_etag(*response, request.headers.get("if-none-match"));
  co_return response;
}

}  // namespace bourse::gateway
