#include "broker/app/journal.h"

#include <array>

#include "base/sha256.h"

namespace bourse::broker {

Hash256 row_hash(const JournalRow& row) {
  const std::array<std::uint64_t, 3> numbers = {row.seq, row.epoch, static_cast<std::uint64_t>(row.at.unix_ms)};
  const std::array<std::span<const std::byte>, 3> pieces = {std::as_bytes(std::span(row.previous.bytes)),
                                                            std::as_bytes(std::span(numbers)), std::span(row.body)};
  return sha256(pieces);
}

}  // namespace bourse::broker
