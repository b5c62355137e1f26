// For tests of the engine: commands that need no centers.
#pragma once

#include <string>

#include "broker/domain/commands.h"

namespace bourse::broker::testing {

template <class IdType>
IdType id_of(std::uint64_t n) {
  return IdType{Uuid{0x0190'0000'0000'7000ULL, 0x8000'0000'0000'0000ULL | n}};
}

inline Command command(Instant now, CommandBody body, std::string key = {}, std::uint64_t fingerprint = 0) {
  return {.key = std::move(key), .fingerprint = fingerprint, .now = now, .body = std::move(body)};
}
inline OpenBillingAccount open_account(std::uint64_t n) {
  return {id_of<BillingAccountId>(n), id_of<TenantId>(1), "account " + std::to_string(n), kCny, id_of<UserId>(n)};
}
inline FundAccount fund(std::uint64_t account, std::uint64_t transfer, std::int64_t yuan) {
  return {id_of<BillingAccountId>(account), Amount::whole(yuan), id_of<TransferId>(transfer), Uuid{9, transfer}};
}

}  // namespace bourse::broker::testing
