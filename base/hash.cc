#include "base/hash.h"

#include "base/hex.h"

namespace bourse {

std::string to_hex(const Hash256& hash) {
  return to_hex(std::span(hash.bytes));
}

Result<Hash256> parse_hash(std::string_view hex) {
  Hash256 hash;
  if (!from_hex(hex, hash.bytes)) return fail(ErrorCode::invalid_argument, "a hash is 64 hexadecimal digits");
  return hash;
}

}  // namespace bourse
