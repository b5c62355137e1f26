#include "federation-proto/envelope.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>
#include <sodium.h>

#include "base/assert.h"
#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"

namespace bourse::federation {
namespace {

// libsodium wants one call before use; a static makes it happen once, before any caller goes on.
void ready() {
  static const int initialised = sodium_init();
  BOURSE_ASSERT(initialised >= 0);
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string hint_of(const PublicKey& key) {
  const Hash256 hash = fingerprint(key);
  return {reinterpret_cast<const char*>(hash.bytes.data()), 8};
}

bool has_unknown_fields(const google::protobuf::Message& message) {
  const google::protobuf::Reflection* reflection = message.GetReflection();
  if (!reflection->GetUnknownFields(message).empty()) return true;
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (has_unknown_fields(reflection->GetMessage(message, field))) return true;
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i)
      if (has_unknown_fields(reflection->GetRepeatedMessage(message, field, i))) return true;
  }
  return false;
}

}  // namespace

KeyPair make_key_pair(Rng& rng) {
  std::array<std::uint8_t, 32> seed{};
  rng.fill(std::as_writable_bytes(std::span(seed)));
  KeyPair pair = key_pair_of_seed(seed);
  sodium_memzero(seed.data(), seed.size());
  return pair;
}

KeyPair key_pair_of_seed(const std::array<std::uint8_t, 32>& seed) {
  ready();
  KeyPair pair;
  BOURSE_ASSERT(crypto_sign_seed_keypair(pair.public_key.data(), pair.secret.data(), seed.data()) == 0);
  return pair;
}

Status check_public_key(const PublicKey& key) {
  ready();
  // On the curve, canonical, in the main subgroup and not of a small order.
  if (crypto_core_ed25519_is_valid_point(key.data()) != 1)
    return fail(ErrorCode::invalid_argument, "the Ed25519 public key is not a point of the main subgroup");
  return {};
}

Hash256 fingerprint(const PublicKey& key) { return sha256(std::as_bytes(std::span(key))); }

std::string pae(std::string_view type, std::string_view payload) {
  std::string text = "DSSEv1 ";
  text.reserve(type.size() + payload.size() + 40);
  text.append(std::to_string(type.size())).append(" ").append(type);
  text.append(" ").append(std::to_string(payload.size())).append(" ").append(payload);
  return text;
}

Signature sign(const SecretKey& key, std::string_view type, std::string_view payload) {
  ready();
  const std::string message = pae(type, payload);
  Signature signature{};
  BOURSE_ASSERT(crypto_sign_detached(signature.data(), nullptr, bytes_of(message), message.size(), key.data()) == 0);
  return signature;
}

Status verify(const PublicKey& key, std::string_view type, std::string_view payload, std::string_view signature) {
  ready();
  if (signature.size() != crypto_sign_BYTES) return fail(ErrorCode::bad_signature, "a signature has 64 bytes");
  if (!check_public_key(key)) return fail(ErrorCode::bad_signature, "the public key is not acceptable");
  const std::string message = pae(type, payload);
  if (crypto_sign_verify_detached(bytes_of(signature), bytes_of(message), message.size(), key.data()) != 0)
    return fail(ErrorCode::bad_signature);
  return {};
}

v1::Envelope seal(const KeyPair& key, std::string_view type, std::string payload) {
  const Signature signature = sign(key.secret, type, payload);
  v1::Envelope envelope;
  envelope.set_payload(std::move(payload));
  envelope.set_payload_type(std::string(type));
  envelope.set_key_hint(hint_of(key.public_key));
  envelope.set_signature(signature.data(), signature.size());
  return envelope;
}

Status open(const v1::Envelope& envelope, std::string_view type, const PublicKey& key) {
  if (envelope.payload_type() != type)
    return fail(ErrorCode::bad_signature, std::string("expected a payload of type ").append(type));
  if (envelope.key_hint() != hint_of(key)) return fail(ErrorCode::bad_signature, "signed with another key");
  return verify(key, type, envelope.payload(), envelope.signature());
}

Result<Hash256> payload_hash(std::string_view envelope_bytes) {
  v1::Envelope envelope;
  CHECK_OK(parse_strict(envelope_bytes, envelope));
  return sha256(envelope.payload());
}

Status parse_strict(std::string_view bytes, google::protobuf::Message& message) {
  if (bytes.size() > kMaxMessageBytes) return fail(ErrorCode::too_large);
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorCode::invalid_argument, "not a well-formed " + message.GetDescriptor()->name());
  if (has_unknown_fields(message))
    return fail(ErrorCode::invalid_argument, message.GetDescriptor()->name() + " has fields of a later version");
  // Duplicates, over-long integers and written-out defaults all make the input longer than what it says.
  if (message.ByteSizeLong() != bytes.size())
    return fail(ErrorCode::invalid_argument, message.GetDescriptor()->name() + " is not encoded plainly");
  return {};
}

}  // namespace bourse::federation
