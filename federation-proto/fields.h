// Ids and hashes as they lie in the wire's `bytes` fields: 16 bytes big-endian, 32 bytes.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"

namespace bourse::federation {

std::string to_bytes(Uuid uuid);
std::string to_bytes(const Hash256& hash);
template <class Kind>
std::string to_bytes(Id<Kind> id) { return to_bytes(id.uuid); }

// Errors: invalid_argument, naming the field.
Result<Uuid> uuid_of(std::string_view bytes, std::string_view field);
Result<Hash256> hash_of(std::string_view bytes, std::string_view field);
template <class IdType>
Result<IdType> id_of(std::string_view bytes, std::string_view field) {
  TRY(const Uuid uuid, uuid_of(bytes, field));
  return IdType{uuid};
}

}  // namespace bourse::federation
