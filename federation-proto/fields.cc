#include "federation-proto/fields.h"

#include <algorithm>

namespace bourse::federation {

std::string to_bytes(Uuid uuid) {
  std::string bytes(16, '\0');
  for (int i = 0; i < 8; ++i) {
    bytes[static_cast<std::size_t>(i)] = static_cast<char>(uuid.high >> (56 - 8 * i));
    bytes[static_cast<std::size_t>(8 + i)] = static_cast<char>(uuid.low >> (56 - 8 * i));
  }
  return bytes;
}

std::string to_bytes(const Hash256& hash) {
  return {reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()};
}

Result<Uuid> uuid_of(std::string_view bytes, std::string_view field) {
  if (bytes.size() != 16)
    return fail(ErrorCode::invalid_argument, std::string(field) + ": an id has 16 bytes");
  Uuid uuid;
  for (std::size_t i = 0; i < 8; ++i) {
    uuid.high = uuid.high << 8 | static_cast<unsigned char>(bytes[i]);
    uuid.low = uuid.low << 8 | static_cast<unsigned char>(bytes[8 + i]);
  }
  return uuid;
}

Result<Hash256> hash_of(std::string_view bytes, std::string_view field) {
  Hash256 hash;
  if (bytes.size() != hash.bytes.size())
    return fail(ErrorCode::invalid_argument, std::string(field) + ": a hash has 32 bytes");
  std::copy(bytes.begin(), bytes.end(), hash.bytes.begin());
  return hash;
}

}  // namespace bourse::federation
