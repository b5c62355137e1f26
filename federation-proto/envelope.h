// Signed messages: DSSE's pre-authentication encoding over Ed25519, with libsodium.
//
// Protobuf has many encodings of one message, so the exact bytes are signed, stored and verified, and parsed only after
// that. All functions are pure and safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/result.h"
#include "base/rng.h"

namespace google::protobuf {
class Message;
}
namespace bourse::federation::v1 {
class Envelope;
}

namespace bourse::federation {

// Payload types. A signature is good for one type only: a usage report never passes for an order.
inline constexpr std::string_view kHelloType = "application/vnd.bourse.hello.v1+protobuf";
inline constexpr std::string_view kWelcomeType = "application/vnd.bourse.welcome.v1+protobuf";
inline constexpr std::string_view kReportType = "application/vnd.bourse.report.v1+protobuf";
inline constexpr std::string_view kAckType = "application/vnd.bourse.ack.v1+protobuf";
inline constexpr std::string_view kOrderBatchType = "application/vnd.bourse.orders.v1+protobuf";
inline constexpr std::string_view kCancelBatchType = "application/vnd.bourse.cancels.v1+protobuf";
inline constexpr std::string_view kCheckpointType = "application/vnd.bourse.checkpoint.v1+protobuf";
// Never signed by itself, only in batches; names an order among what is signed.
inline constexpr std::string_view kOrderType = "application/vnd.bourse.order.v1+protobuf";
inline constexpr std::string_view kPauseBatchType = "application/vnd.bourse.pauses.v1+protobuf";
inline constexpr std::string_view kJoinType = "application/vnd.bourse.join.v1+protobuf";
inline constexpr std::string_view kCertifyType = "application/vnd.bourse.certify.v1+protobuf";
inline constexpr std::string_view kJoinStateType = "application/vnd.bourse.join-state.v1+protobuf";

inline constexpr std::size_t kMaxMessageBytes = 4 << 20;  // a frame
inline constexpr std::size_t kMaxReportBytes = 1 << 20;   // a report's payload
inline constexpr std::size_t kMaxReportRecords = 1'000;
inline constexpr std::size_t kMaxPools = 1'000;
inline constexpr std::size_t kMaxOrdersPerBatch = 100;

using PublicKey = std::array<std::uint8_t, 32>;
using SecretKey = std::array<std::uint8_t, 64>;  // libsodium's form: seed and public key
using Signature = std::array<std::uint8_t, 64>;

struct KeyPair {
  SecretKey secret{};
  PublicKey public_key{};
};

KeyPair make_key_pair(Rng& rng);
KeyPair key_pair_of_seed(const std::array<std::uint8_t, 32>& seed);
// Errors: invalid_argument for points that are not canonical or have a small order (under such a key one signature fits
// every message).
Status check_public_key(const PublicKey& key);
Hash256 fingerprint(const PublicKey& key);  // SHA-256

// "DSSEv1" SP len(type) SP type SP len(payload) SP payload, lengths in decimal.
std::string pae(std::string_view type, std::string_view payload);

Signature sign(const SecretKey& key, std::string_view type, std::string_view payload);
// Errors: bad_signature (also for signatures that are not 64 bytes, malleated ones, and keys that check_public_key refuses).
Status verify(const PublicKey& key, std::string_view type, std::string_view payload, std::string_view signature);

// An envelope over exactly these bytes.
v1::Envelope seal(const KeyPair& key, std::string_view type, std::string payload);
// Errors: bad_signature (another type, another key's hint, or the signature doesn't fit).
Status open(const v1::Envelope& envelope, std::string_view type, const PublicKey& key);

// SHA-256 of the payload in a serialized envelope: what a report is named by. Errors: invalid_argument.
Result<Hash256> payload_hash(std::string_view envelope_bytes);

// Reads all of `bytes` into `message` and refuses what a careful writer doesn't produce: trailing bytes, fields unknown to
// us (at any depth), fields given twice, over-long integers, invalid UTF-8. Errors: invalid_argument.
Status parse_strict(std::string_view bytes, google::protobuf::Message& message);

}  // namespace bourse::federation
