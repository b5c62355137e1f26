#include "federation-proto/envelope.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/hex.h"
#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/fields.h"

namespace bourse::federation {
namespace {

KeyPair key(std::uint64_t seed) {
  SeededRng rng(seed);
  return make_key_pair(rng);
}

std::string_view text(const Signature& s) { return {reinterpret_cast<const char*>(s.data()), s.size()}; }

v1::Heartbeat heartbeat() {
  v1::Heartbeat message;
  message.set_at_ms(300);
  return message;
}

TEST(Pae, IsDssesEncoding) {
  EXPECT_EQ(pae("http://example.com/HelloWorld", "hello world"), "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  EXPECT_EQ(pae("", ""), "DSSEv1 0  0 ");
  EXPECT_NE(pae("a 1 b", "c"), pae("a", "b 1 c"));
}

TEST(Signing, VerifiesWhatWasSignedAndNothingElse) {
  const KeyPair pair = key(1);
  const Signature signature = sign(pair.secret, kReportType, "payload");
  EXPECT_TRUE(verify(pair.public_key, kReportType, "payload", text(signature)));
  EXPECT_FALSE(verify(pair.public_key, kReportType, "payloae", text(signature)));
  EXPECT_FALSE(verify(pair.public_key, kAckType, "payload", text(signature)));
  EXPECT_FALSE(verify(key(2).public_key, kReportType, "payload", text(signature)));
  EXPECT_EQ(sign(pair.secret, kReportType, "payload"), signature) << "deterministic, so an acknowledgement can be made again";
}

TEST(Signing, RefusesSignaturesOfOtherLengthsAndMalleatedOnes) {
  const KeyPair pair = key(1);
  const Signature signature = sign(pair.secret, kReportType, "payload");
  const std::string exact(text(signature));
  EXPECT_FALSE(verify(pair.public_key, kReportType, "payload", exact.substr(0, 63)));
  EXPECT_FALSE(verify(pair.public_key, kReportType, "payload", exact + "x"));
  EXPECT_FALSE(verify(pair.public_key, kReportType, "payload", ""));
  // S + L, the group's order: the same point, another encoding.
  constexpr std::array<std::uint8_t, 32> kOrder = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                                   0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                                   0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  Signature malleated = signature;
  int carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    const int sum = malleated[32 + i] + kOrder[i] + carry;
    malleated[32 + i] = static_cast<std::uint8_t>(sum);
    carry = sum >> 8;
  }
  EXPECT_FALSE(verify(pair.public_key, kReportType, "payload", text(malleated)));
}

TEST(Signing, RefusesKeysUnderWhichOneSignatureFitsEveryMessage) {
  PublicKey identity{};
  identity[0] = 1;  // the neutral element
  for (const char* hex : {"0100000000000000000000000000000000000000000000000000000000000000",
                          "0000000000000000000000000000000000000000000000000000000000000000",
                          "0000000000000000000000000000000000000000000000000000000000000080",
                          "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                          "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}) {
    PublicKey small{};
    ASSERT_TRUE(from_hex(hex, small));
    EXPECT_FALSE(check_public_key(small)) << hex;
    Signature signature{};
    signature[0] = 1;
    EXPECT_FALSE(verify(small, kReportType, "anything", text(signature))) << hex;
  }
  EXPECT_TRUE(check_public_key(key(3).public_key));
}

TEST(Envelope, OpensOnlyForItsTypeAndKey) {
  const KeyPair pair = key(1);
  const v1::Envelope envelope = seal(pair, kReportType, "payload");
  EXPECT_TRUE(open(envelope, kReportType, pair.public_key));
  EXPECT_FALSE(open(envelope, kHelloType, pair.public_key));
  EXPECT_FALSE(open(envelope, kReportType, key(2).public_key));
  v1::Envelope relabelled = envelope;
  relabelled.set_payload_type(std::string(kHelloType));
  EXPECT_FALSE(open(relabelled, kHelloType, pair.public_key));
  v1::Envelope hinted = envelope;
  hinted.set_key_hint("12345678");
  EXPECT_FALSE(open(hinted, kReportType, pair.public_key));
}

TEST(Envelope, IsNamedByItsPayload) {
  const v1::Envelope envelope = seal(key(1), kReportType, "payload");
  EXPECT_EQ(*payload_hash(envelope.SerializeAsString()), sha256(std::string_view("payload")));
  EXPECT_FALSE(payload_hash("no envelope \xFF"));
}

TEST(StrictParse, TakesOnlyThePlainEncoding) {
  v1::Heartbeat read;
  const std::string plain = heartbeat().SerializeAsString();
  ASSERT_TRUE(parse_strict(plain, read));
  EXPECT_EQ(read.at_ms(), 300);
  EXPECT_FALSE(parse_strict(plain + std::string("\x08\x01", 2), read)) << "twice";
  EXPECT_FALSE(parse_strict(std::string("\x08\xAC\x82\x80\x00", 5), read)) << "over-long";
  EXPECT_FALSE(parse_strict(std::string("\x08\x00", 2), read)) << "a default written out";
  EXPECT_FALSE(parse_strict(plain + std::string("\x10\x01", 2), read)) << "unknown field";
  EXPECT_FALSE(parse_strict(plain + std::string("\x13\x14", 2), read)) << "group";
  EXPECT_FALSE(parse_strict(plain.substr(0, plain.size() - 1), read)) << "cut short";
  EXPECT_TRUE(parse_strict("", read));
}

TEST(StrictParse, LooksIntoNestedMessages) {
  v1::Hello hello;
  hello.add_pools()->set_name("a");
  v1::Pool& odd = *hello.add_pools();
  odd.set_name("b");
  odd.GetReflection()->MutableUnknownFields(&odd)->AddVarint(100, 7);
  v1::Hello read;
  EXPECT_FALSE(parse_strict(hello.SerializeAsString(), read));
  hello.mutable_pools()->RemoveLast();
  EXPECT_TRUE(parse_strict(hello.SerializeAsString(), read));
}

TEST(StrictParse, EndlessNestingIsRefusedWithoutFollowingIt) {
  v1::Heartbeat read;
  for (const std::size_t depth : {101U, 1'000'000U}) {
    EXPECT_FALSE(parse_strict(std::string(depth, '\x13') + std::string(depth, '\x14'), read)) << depth;  // groups
    EXPECT_FALSE(parse_strict(std::string(depth, '\x13'), read)) << depth;
  }
}

TEST(StrictParse, OneBodyOnly) {
  v1::Record event, usage, read;
  event.mutable_event()->set_fence(1);
  usage.mutable_usage()->set_fence(1);
  EXPECT_TRUE(parse_strict(event.SerializeAsString(), read));
  EXPECT_FALSE(parse_strict(event.SerializeAsString() + usage.SerializeAsString(), read)) << "the last would win";
  EXPECT_FALSE(parse_strict(event.SerializeAsString() + event.SerializeAsString(), read)) << "the two would merge";
}

TEST(StrictParse, RefusesTextThatIsNotUtf8) {
  v1::Pool pool;
  EXPECT_FALSE(parse_strict(std::string("\x0A\x02\xC0\xAE", 4), pool));
}

TEST(Fields, IdsAndHashesKeepTheirBytes) {
  const Uuid uuid{0x0102'0304'0506'0708ULL, 0x090A'0B0C'0D0E'0F10ULL};
  EXPECT_EQ(to_bytes(uuid), "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F\x10");
  EXPECT_EQ(*uuid_of(to_bytes(uuid), "x"), uuid);
  EXPECT_FALSE(uuid_of("short", "x"));
  EXPECT_FALSE(hash_of(std::string(31, 'a'), "x"));
  EXPECT_EQ(*hash_of(to_bytes(sha256(std::string_view("a"))), "x"), sha256(std::string_view("a")));
}

}  // namespace
}  // namespace bourse::federation
