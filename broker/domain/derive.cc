#include "broker/domain/derive.h"

#include <cstring>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "base/sha256.h"
#include "broker/domain/waiting.h"

namespace bourse::broker {
namespace {

// The first half of SHA-256 over a domain's name and the parts; the parts have fixed sizes, so no two lists collide.
template <class... Part>
Uuid digest_of(std::string_view domain, const Part&... parts) {
  std::vector<std::byte> bytes;
  codec::Writer writer(bytes);
  writer.append(domain.data(), domain.size());
  writer(parts...);
  const Hash256 hash = sha256(bytes);
  Uuid uuid;
  std::memcpy(&uuid.high, hash.bytes.data(), sizeof uuid.high);
  std::memcpy(&uuid.low, hash.bytes.data() + sizeof uuid.high, sizeof uuid.low);
  return uuid;
}

constexpr std::uint64_t kVersionMask = 0xF000;
constexpr std::uint64_t kVariantMask = 0xC000'0000'0000'0000;
constexpr std::uint64_t kVariant = 0x8000'0000'0000'0000;
constexpr int kIndexShift = 40;

Uuid as_v8(Uuid uuid) {
  return {(uuid.high & ~kVersionMask) | 0x8000, (uuid.low & ~kVariantMask) | kVariant};
}
Uuid as_v7(Uuid uuid, Instant at) {
  return {(static_cast<std::uint64_t>(at.unix_ms) << 16U) | 0x7000 | (uuid.high & 0x0FFF),
          (uuid.low & ~kVariantMask) | kVariant};
}

}  // namespace

LedgerAccountId derive_account(ledger::AccountCode code, Unit unit, Uuid owner) {
  return {as_v8(digest_of("bourse.ledger-account.v1", code, unit, owner))};
}
AttemptId derive_attempt(JobId job, std::uint32_t fence, Instant at) {
  return {as_v7(digest_of("bourse.attempt.v1", job, fence), at)};
}
PeriodId derive_period(CenterId center, std::uint32_t number, Instant at) {
  return {as_v7(digest_of("bourse.period.v1", center, number), at)};
}
ContractId derive_contract(ContractId terms, std::uint32_t n, Instant at) {
  return {as_v7(digest_of("bourse.contract.v1", terms, n), at)};
}

ReservationId derive_renewal(ReservationId before, Instant at) {
  return {as_v7(digest_of("bourse.reservation.v1", before), at)};
}

PriceRowId derive_free_row(ReservationId reservation, std::uint32_t meter) {
  return {as_v8(digest_of("bourse.free-row.v1", reservation, meter))};
}

HoldId derive_hold(JobId element) {
  return {as_v8(digest_of("bourse.element-hold.v1", element))};
}

// The array's time and then the index, so that elements lie together and in order; what is left of the bits tells arrays of one
// millisecond apart.
JobId element_id(JobId array, std::uint32_t index) {
  const Uuid digest = digest_of("bourse.element.v1", array, index);
  const std::uint64_t low = (std::uint64_t{index} << kIndexShift) | (digest.low & ((std::uint64_t{1} << kIndexShift) - 1));
  return {{.high = array.uuid.high, .low = (low & ~kVariantMask) | kVariant}};
}

std::uint32_t index_in(JobId element) { return static_cast<std::uint32_t>((element.uuid.low & ~kVariantMask) >> kIndexShift); }

TransferId derive_transfer(Uuid cause, std::uint32_t n) {
  return {as_v8(digest_of("bourse.transfer.v1", cause, n))};
}

}  // namespace bourse::broker
