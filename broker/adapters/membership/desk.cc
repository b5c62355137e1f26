#include "broker/adapters/membership/desk.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>

#include "base/hex.h"
#include "federation-proto/bundle.h"
#include "federation-proto/envelope.h"
#include "federation-proto/fields.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

constexpr std::size_t kMaxRequestBytes = 64 << 10;

std::unexpected<Error> invalid(std::string what) { return fail(ErrorCode::invalid_argument, std::move(what)); }

Result<PublicKey> read_key(const std::string& bytes, const char* field) {
  PublicKey key{};
  if (bytes.size() != key.size()) return invalid(std::string(field) + ": expected 32 bytes");
  std::ranges::copy(bytes, key.begin());
  if (const Status good = federation::check_public_key(key); !good) return invalid(std::string(field) + ": " + good.error().detail);
  return key;
}

Status check_audience(std::uint32_t version, const std::string& audience, const std::string& ours) {
  if (version != 1) return invalid("version: expected 1");
  if (audience != ours) return invalid("audience: this is " + ours);
  return {};
}

}  // namespace

Desk::Desk(MembershipOptions options, Engine& engine, const CertificateAuthority& authority, const SigningKey& ack_key, const Clock& clock, Rng& rng)
    : options_(std::move(options)), engine_(engine), authority_(authority), ack_key_{ack_key.secret, ack_key.public_key}, clock_(clock), rng_(rng),
      nonces_(clock, rng) {}

std::string Desk::begin() { return nonces_.issue(); }

Result<CommandResult> Desk::run(CommandBody body) { return engine_.execute({.key = {}, .fingerprint = 0, .now = clock_.now(), .body = std::move(body)}); }

Result<wire::JoinReply> Desk::join(const wire::JoinCall& call) {
  if (call.payload().size() > kMaxRequestBytes) return fail(ErrorCode::too_large, "a request to join has at most 64 KiB");
  wire::JoinRequest request;
  CHECK_OK(federation::parse_strict(call.payload(), request));
  CHECK_OK(check_audience(request.version(), request.audience(), options_.audience));
  CHECK_OK(nonces_.spend(request.nonce()));
  TRY(const PublicKey identity, read_key(request.identity_key(), "identity_key"));
  TRY(const PublicKey billing, read_key(request.billing_key(), "billing_key"));
  CHECK_OK(federation::verify(identity, federation::kJoinType, call.payload(), call.identity_signature()));
  CHECK_OK(federation::verify(billing, federation::kJoinType, call.payload(), call.billing_signature()));
  TRY(const CenterId center, federation::center_of_token(request.token()));

  CHECK_OK(run(UseInvitation{.center = center,
                             .token = federation::token_hash(request.token()),
                             .connector = ConnectorId::make(clock_.now(), rng_),
                             .identity_key = identity,
                             .billing_key = billing}));
  wire::JoinReply reply;
  CHECK_OK(engine_.read_wait([&](const Market& market) {
    if (const Center* member = market.center(center)) {
      reply.set_admitted(true);
      reply.set_center_name(member->name);
      reply.set_connector(federation::to_bytes(member->connector));
    } else if (const Invitation* invitation = market.invitation(center)) {
      reply.set_center_name(invitation->name);
      reply.set_connector(federation::to_bytes(invitation->connector));
    }
  }));
  if (reply.connector().empty()) return fail(ErrorCode::not_found, "the invitation has just ended");
  reply.set_center(federation::to_bytes(center));
  return reply;
}

Result<Center> Desk::member(CenterId id, ConnectorId connector) {
  std::optional<Center> found;
  CHECK_OK(engine_.read_wait([&](const Market& market) {
    if (const Center* center = market.center(id); center != nullptr && center->connector == connector) found = *center;
  }));
  if (!found) return fail(ErrorCode::unauthenticated, "an unknown connector");
  return *found;
}

Result<wire::CertifyReply> Desk::certify(const wire::Envelope& envelope) {
  if (envelope.payload().size() > kMaxRequestBytes) return fail(ErrorCode::too_large, "a request for a certificate has at most 64 KiB");
  wire::CertifyRequest request;  // read for whose it is; nothing follows from it before its signature is checked
  CHECK_OK(federation::parse_strict(envelope.payload(), request));
  CHECK_OK(check_audience(request.version(), request.audience(), options_.audience));
  CHECK_OK(nonces_.spend(request.nonce()));
  TRY(const CenterId id, federation::id_of<CenterId>(request.center(), "center"));
  TRY(const ConnectorId connector, federation::id_of<ConnectorId>(request.connector(), "connector"));
  TRY(const Center asking, member(id, connector));
  CHECK_OK(federation::open(envelope, federation::kCertifyType, asking.identity_key));

  const Instant now = clock_.now(), until = now + options_.certificate_lifetime;
  // Before the command: a request that can't be certified must not use up a generation.
  TRY(std::string chain, authority_.issue_connector(request.csr_pem(), options_.audience, id, connector, now, options_.certificate_lifetime));
  CHECK_OK(run(CertifyConnector{id, connector, request.generation(), until}));
  TRY(const Center center, member(id, connector));
  if (barred(center.state)) {
    spdlog::error("{}, {} now, asked for a certificate with generation {}", center.name, name(center.state), request.generation());
    if (center.state == CenterState::revoked) return fail(ErrorCode::forbidden, "the center is revoked");
    return fail(ErrorCode::forbidden, "there are two connectors with these keys; the center is locked until the market's operator has looked into it");
  }
  spdlog::info("certificate {} of {}, until {}", center.certification.issued, center.name, to_text(until));
  wire::JoinState state;
  state.set_version(1);
  state.set_audience(options_.audience);
  state.set_center(request.center());
  state.set_connector(request.connector());
  state.set_generation(center.certification.issued);
  state.set_epoch(center.chain.epoch);
  state.set_until_ms(until.unix_ms);
  wire::CertifyReply reply;
  reply.set_certificate_pem(std::move(chain));
  *reply.mutable_join_state() = federation::seal(ack_key_, federation::kJoinStateType, state.SerializeAsString());
  return reply;
}

}  // namespace bourse::broker
