// SHA-256 (FIPS 180-4): pure, so it may be used below the adapters; the implementation is OpenSSL's, seen only by the .cc.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/hash.h"

namespace bourse {

Hash256 sha256(std::span<const std::byte> data);
Hash256 sha256(std::string_view data);
// SHA-256 over the concatenation: for chains (previous hash, then body).
Hash256 sha256(const Hash256& previous, std::span<const std::byte> data);
Hash256 sha256(std::span<const std::span<const std::byte>> pieces);

// Over what comes piece by piece and is never in memory as a whole.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void add(std::span<const std::byte> data);
  void add(std::string_view data) { add(std::as_bytes(std::span(data))); }
  Hash256 finish();  // once, the last call

 private:
  void* context_;
};

}  // namespace bourse
