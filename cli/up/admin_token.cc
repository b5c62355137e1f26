#include "cli/up/admin_token.h"

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "base/sha256.h"
#include "bourse/market/v1/market.grpc.pb.h"
#include "gateway/sso/secrets.h"

namespace bourse::embedded {
namespace {

constexpr Duration kPatience = seconds(15);
constexpr Duration kLifetime = hours(24 * 30);

template <class Request, class Reply>
Status call(const Clock& clock, market::v1::Market::Stub& stub, grpc::Status (market::v1::Market::Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
            const Request& request, Reply& reply) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::time_point(std::chrono::milliseconds((clock.now() + kPatience).unix_ms)));
  const grpc::Status status = (stub.*method)(&context, request, &reply);
  if (status.ok()) return {};
  return fail(status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED ? ErrorCode::timeout : ErrorCode::unavailable,
              "the broker refused the administrator: " + status.error_message());
}

}  // namespace

Result<std::string> register_admin_token(const std::string& market_address, const Clock& clock, Rng& rng) {
  const auto stub = market::v1::Market::NewStub(grpc::CreateChannel(market_address, grpc::InsecureChannelCredentials()));
  market::v1::SignInRequest person;
  person.set_issuer("urn:bourse:local");
  person.set_subject("administrator");
  person.set_name("Administrator");
  person.set_tenant_name("Operators");
  person.add_roles("operator");
  person.add_roles("finance");
  market::v1::Principal principal;
  CHECK_OK(call(clock, *stub, &market::v1::Market::Stub::SignIn, person, principal));

  const std::string token = sso::make_access_token(rng);
  const Hash256 hash = sha256(token);
  market::v1::CreateSessionRequest session;
  session.set_token_sha256(hash.bytes.data(), hash.bytes.size());
  session.set_user(principal.user());
  for (const std::string& role : person.roles()) session.add_roles(role);
  session.set_expires_ms((clock.now() + kLifetime).unix_ms);
  session.set_kind("cli");
  market::v1::Empty done;
  CHECK_OK(call(clock, *stub, &market::v1::Market::Stub::CreateSession, session, done));
  return token;
}

}  // namespace bourse::embedded
