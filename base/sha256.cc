#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/assert.h"

namespace bourse {
namespace {

// OpenSSL's implementation uses the processor's SHA instructions where there are any, which libsodium's does not.
class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new()) {
    BOURSE_ASSERT(context_ != nullptr);
    BOURSE_ASSERT(EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
  }
  ~Digest() { EVP_MD_CTX_free(context_); }
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  void update(const void* data, std::size_t size) { BOURSE_ASSERT(EVP_DigestUpdate(context_, data, size) == 1); }
  Hash256 finish() {
    Hash256 hash;
    unsigned size = 0;
    BOURSE_ASSERT(EVP_DigestFinal_ex(context_, hash.bytes.data(), &size) == 1 && size == hash.bytes.size());
    return hash;
  }

 private:
  EVP_MD_CTX* context_;
};

}  // namespace

Hash256 sha256(std::span<const std::byte> data) {
  Digest digest;
  digest.update(data.data(), data.size());
  return digest.finish();
}

Hash256 sha256(std::string_view data) {
  return sha256(std::as_bytes(std::span(data)));
}

Hash256 sha256(const Hash256& previous, std::span<const std::byte> data) {
  Digest digest;
  digest.update(previous.bytes.data(), previous.bytes.size());
  digest.update(data.data(), data.size());
  return digest.finish();
}

Hash256 sha256(std::span<const std::span<const std::byte>> pieces) {
  Digest digest;
  for (const auto piece : pieces) digest.update(piece.data(), piece.size());
  return digest.finish();
}

Sha256::Sha256() : context_(new Digest) {}
Sha256::~Sha256() { delete static_cast<Digest*>(context_); }
void Sha256::add(std::span<const std::byte> data) { static_cast<Digest*>(context_)->update(data.data(), data.size()); }
Hash256 Sha256::finish() { return static_cast<Digest*>(context_)->finish(); }

}  // namespace bourse
