#include "gateway/sso/secrets.h"

#include <array>
#include <span>

#include "base/sha256.h"
#include "gateway/sso/base64url.h"

namespace bourse::sso {
namespace {

constexpr std::string_view kPrefix = "bat_";
constexpr std::string_view kBase32 = "0123456789abcdefghjkmnpqrstvwxyz";  // Crockford's
constexpr std::size_t kBodySize = 52;
constexpr std::size_t kCheckSize = 6;

std::string base32(std::span<const std::uint8_t> bytes) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const std::uint8_t byte : bytes) {
    bits = (bits << 8) | byte;
    for (held += 8; held >= 5; held -= 5) out.push_back(kBase32[(bits >> (held - 5)) & 31]);
  }
  if (held > 0) out.push_back(kBase32[(bits << (5 - held)) & 31]);
  return out;
}

std::string check_of(std::string_view body) {
  const Hash256 hash = sha256(std::string("bourse access token ").append(body));
  return base32(hash.bytes).substr(0, kCheckSize);
}

bool is_base64url(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::array<std::uint8_t, 32> random_bytes(Rng& rng) {
  std::array<std::uint8_t, 32> bytes{};
  rng.fill(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

}  // namespace

std::string make_secret(Rng& rng) {
  return to_base64url(random_bytes(rng));
}

bool looks_like_secret(std::string_view text) {
  if (text.size() != 43) return false;
  for (const char c : text)
    if (!is_base64url(c)) return false;
  return true;
}

std::string make_access_token(Rng& rng) {
  const std::string body = base32(random_bytes(rng));
  return std::string(kPrefix).append(body).append(check_of(body));
}

bool looks_like_access_token(std::string_view text) {
  if (text.size() != kPrefix.size() + kBodySize + kCheckSize || !text.starts_with(kPrefix)) return false;
  const std::string_view body = text.substr(kPrefix.size(), kBodySize);
  if (body.find_first_not_of(kBase32) != std::string_view::npos) return false;
  return text.substr(kPrefix.size() + kBodySize) == check_of(body);
}

std::string challenge_of(std::string_view verifier) {
  return to_base64url(sha256(verifier).bytes);
}

bool is_verifier(std::string_view text) {
  if (text.size() < 43 || text.size() > 128) return false;
  for (const char c : text)
    if (!is_base64url(c) && c != '.' && c != '~') return false;
  return true;
}

bool is_challenge(std::string_view text) {
  return looks_like_secret(text);
}

bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

}  // namespace bourse::sso
