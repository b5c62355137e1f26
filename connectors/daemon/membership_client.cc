#include "connectors/daemon/membership_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "bourse/federation/v1/membership.grpc.pb.h"
#include "connectors/daemon/tls.h"
#include "federation-proto/fields.h"

namespace bourse::connector {

namespace wire = federation::v1;

namespace {

constexpr std::size_t kMostDetail = 400;

ErrorCode code_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT: return ErrorCode::invalid_argument;
    case grpc::StatusCode::UNAUTHENTICATED: return ErrorCode::unauthenticated;
    case grpc::StatusCode::PERMISSION_DENIED: return ErrorCode::forbidden;
    case grpc::StatusCode::NOT_FOUND: return ErrorCode::not_found;
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::ALREADY_EXISTS: return ErrorCode::conflict;
    case grpc::StatusCode::FAILED_PRECONDITION: return ErrorCode::failed_precondition;
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return ErrorCode::overloaded;
    case grpc::StatusCode::DEADLINE_EXCEEDED: return ErrorCode::timeout;
    default: return ErrorCode::unavailable;
  }
}

template <class Reply, class Call>
Result<Reply> ask(const std::function<std::shared_ptr<grpc::Channel>()>& channel, Duration deadline, Call call) {
  const auto stub = wire::Membership::NewStub(channel());
  grpc::ClientContext context;
  context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(deadline.ms, GPR_TIMESPAN)));
  context.set_wait_for_ready(false);
  Reply reply;
  const grpc::Status status = call(*stub, context, reply);
  if (!status.ok()) return fail(code_of(status.error_code()), status.error_message().substr(0, kMostDetail));
  return reply;
}

std::unexpected<Error> wrong(std::string what) { return fail(ErrorCode::integrity, "the market's answer: " + std::move(what)); }

std::string text_of(const federation::Signature& signature) { return {reinterpret_cast<const char*>(signature.data()), signature.size()}; }
std::string text_of(const federation::PublicKey& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }

}  // namespace

MembershipClient::MembershipClient(std::function<std::shared_ptr<grpc::Channel>()> channel, Duration deadline)
    : channel_(std::move(channel)), deadline_(deadline) {}

Result<std::string> MembershipClient::begin() {
  TRY(const wire::Challenge challenge, ask<wire::Challenge>(channel_, deadline_, [](auto& stub, auto& context, auto& reply) {
        return stub.Begin(&context, wire::BeginRequest(), &reply);
      }));
  return challenge.nonce();
}
Result<wire::JoinReply> MembershipClient::join(const wire::JoinCall& call) {
  return ask<wire::JoinReply>(channel_, deadline_, [&](auto& stub, auto& context, auto& reply) { return stub.Join(&context, call, &reply); });
}
Result<wire::CertifyReply> MembershipClient::certify(const wire::Envelope& request) {
  return ask<wire::CertifyReply>(channel_, deadline_, [&](auto& stub, auto& context, auto& reply) { return stub.Certify(&context, request, &reply); });
}

namespace {

// A nonce is forgotten when the broker restarts; another one is asked for once.
template <class Attempt>
auto with_nonce(MembershipPort& desk, Attempt attempt) -> decltype(attempt(std::string())) {
  TRY(const std::string first, desk.begin());
  auto done = attempt(first);
  if (done || done.error().code != ErrorCode::unauthenticated) return done;
  TRY(const std::string second, desk.begin());
  return attempt(second);
}

}  // namespace

Result<Joined> join(MembershipPort& desk, const federation::JoinBundle& bundle, const ConnectorKeys& keys) {
  wire::JoinRequest request;
  request.set_version(1);
  request.set_audience(bundle.audience);
  request.set_token(bundle.token);
  request.set_identity_key(text_of(keys.identity.public_key));
  request.set_billing_key(text_of(keys.billing.public_key));
  TRY(const wire::JoinReply reply, with_nonce(desk, [&](const std::string& nonce) {
        request.set_nonce(nonce);
        wire::JoinCall call;
        call.set_payload(request.SerializeAsString());
        call.set_identity_signature(text_of(federation::sign(keys.identity.secret, federation::kJoinType, call.payload())));
        call.set_billing_signature(text_of(federation::sign(keys.billing.secret, federation::kJoinType, call.payload())));
        return desk.join(call);
      }));
  if (reply.center() != federation::to_bytes(bundle.center)) return wrong("it is about another center");
  Joined out{.connector = {}, .admitted = reply.admitted()};
  TRY(out.connector, federation::id_of<ConnectorId>(reply.connector(), "connector"));
  return out;
}

Result<Credentials> certify(MembershipPort& desk, const federation::JoinBundle& bundle, const ConnectorKeys& keys, const Credentials& current, Instant now) {
  Credentials next = current;
  TRY(next.tls_key_pem, make_tls_key());
  wire::CertifyRequest request;
  request.set_version(1);
  request.set_audience(bundle.audience);
  request.set_center(federation::to_bytes(bundle.center));
  request.set_connector(federation::to_bytes(current.connector));
  request.set_generation(current.generation);
  TRY(*request.mutable_csr_pem(), make_request(next.tls_key_pem));
  TRY(wire::CertifyReply reply, with_nonce(desk, [&](const std::string& nonce) {
        request.set_nonce(nonce);
        return desk.certify(federation::seal(keys.identity, federation::kCertifyType, request.SerializeAsString()));
      }));

  if (!federation::open(reply.join_state(), federation::kJoinStateType, bundle.ack_key)) return wrong("it is not signed by the market's key");
  wire::JoinState state;
  if (const Status read = federation::parse_strict(reply.join_state().payload(), state); !read) return wrong(read.error().detail);
  if (state.version() != 1 || state.audience() != bundle.audience || state.center() != request.center() || state.connector() != request.connector())
    return wrong("it is meant for another connector");
  if (state.generation() <= current.generation) return wrong("its generation is not a newer one");
  if (const Status good = check_certificate(reply.certificate_pem(), next.tls_key_pem, bundle.root_pem, now); !good) return wrong(good.error().detail);
  next.certificate_pem = std::move(*reply.mutable_certificate_pem());
  next.generation = state.generation();
  next.epoch = state.epoch();
  next.since = now;
  next.until = {state.until_ms()};
  return next;
}

}  // namespace bourse::connector
