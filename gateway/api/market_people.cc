#include "gateway/api/market_people.h"

#include "bourse/market/v1/market.pb.h"

namespace bourse::gateway {
namespace {

namespace v1 = market::v1;

sso::Principal principal_of(const v1::Principal& message) {
  return {message.user(),
          message.tenant(),
          message.name(),
          {message.roles().begin(), message.roles().end()},
          {message.accounts().begin(), message.accounts().end()}};
}

std::string bytes_of(const Hash256& hash) {
  return {reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()};
}

}  // namespace

http::Task<Result<sso::Principal>> MarketPeople::sign_in(sso::Identity identity) {
  v1::SignInRequest request;
  request.set_issuer(identity.issuer);
  request.set_subject(identity.subject);
  request.set_name(identity.name);
  request.set_tenant_name(identity.tenant);
  for (const std::string& role : identity.roles) request.add_roles(role);
  v1::Principal reply;
  if (auto done = co_await market_.call({.rpc = "SignIn", .effect = Effect::changes}, &request, &reply); !done)
    co_return std::unexpected(done.error());
  if (reply.user().empty()) co_return fail(ErrorCode::internal, "the broker named no user");
  co_return principal_of(reply);
}

http::Task<Status> MarketPeople::open_session(sso::NewSession session) {
  v1::CreateSessionRequest request;
  request.set_token_sha256(bytes_of(session.token));
  request.set_user(session.user);
  for (const std::string& role : session.roles) request.add_roles(role);
  request.set_expires_ms(session.expires.unix_ms);
  request.set_kind(session.kind);
  v1::Empty reply;
  co_return co_await market_.call({.rpc = "CreateSession", .effect = Effect::changes}, &request, &reply);
}

http::Task<Result<sso::Principal>> MarketPeople::resolve(Hash256 token) {
  v1::ResolveSessionRequest request;
  request.set_token_sha256(bytes_of(token));
  v1::Principal reply;
  if (auto done = co_await market_.call({.rpc = "ResolveSession"}, &request, &reply); !done) {
    // The broker says that it doesn't know the token; to the client that is one thing only.
    if (done.error().code == ErrorCode::not_found) co_return fail(ErrorCode::unauthenticated, "the session has ended");
    co_return std::unexpected(done.error());
  }
  if (reply.user().empty()) co_return fail(ErrorCode::unauthenticated, "the session has ended");
  co_return principal_of(reply);
}

http::Task<Status> MarketPeople::end_session(Hash256 token) {
  v1::EndSessionRequest request;
  request.set_token_sha256(bytes_of(token));
  v1::Empty reply;
  co_return co_await market_.call({.rpc = "EndSession", .effect = Effect::changes}, &request, &reply);
}

}  // namespace bourse::gateway
