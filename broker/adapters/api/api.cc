#include "broker/adapters/api/api.h"

#include <algorithm>

namespace bourse::broker::api {

Api::Api(MarketServiceOptions options, MarketServiceParts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      identity_(options_.writer_conninfo),
      queries_(options_.reader_conninfo, options_.query_threads, parts_.wait_projected, options_.position_wait),
      bank_entries_(options_.writer_conninfo),
      breaks_(options_.writer_conninfo, queries_.database()) {}

Result<CommandResult> Api::run(const Caller& caller, std::string_view key, std::uint64_t fingerprint, CommandBody body) {
  TRY(std::string scoped, scoped_key(caller, key));
  return parts_.engine.execute(
      {.key = std::move(scoped), .fingerprint = fingerprint, .now = parts_.clock.now(), .body = std::move(body)});
}

Result<BillingAccountId> Api::account_of(const Caller& caller, const std::string& named) {
  BillingAccountId wanted;
  if (!named.empty()) {
    TRY(wanted, id_or_not_found<BillingAccountIdKind>(named));
  }
  // Unnamed, it is the oldest of his own: that others made him a member of theirs changes nothing for him.
  TRY(const BillingAccountId found, look([user = caller.user, tenant = caller.tenant, wanted](const Market& market) {
        BillingAccountId other;
        for (const BillingAccount* account : market.accounts_of(user)) {
          if (account->tenant != tenant || (!wanted.is_nil() && account->id != wanted)) continue;
          if (!wanted.is_nil() || account->members.front() == user) return account->id;
          if (other.is_nil()) other = account->id;
        }
        return other;
      }));
  if (found.is_nil()) return fail(ErrorCode::not_found, "There is no such billing account.");
  return found;
}

Result<CenterId> Api::center_of(const std::string& name_or_id) {
  TRY(const CenterId found, look([name_or_id](const Market& market) {
        if (const Center* named = market.center_named(name_or_id)) return named->id;
        const auto id = parse_id<CenterIdKind>(name_or_id);
        return id && market.center(*id) != nullptr ? *id : CenterId{};
      }));
  if (found.is_nil()) return fail(ErrorCode::not_found, "There is no such center.");
  return found;
}

Uuid derived_uuid(std::string_view purpose, std::string_view text) {
  const Hash256 hash = sha256(std::string(purpose).append("\0", 1).append(text));
  Uuid uuid;
  for (std::size_t i = 0; i < 8; ++i) uuid.high = uuid.high << 8 | hash.bytes[i];
  for (std::size_t i = 8; i < 16; ++i) uuid.low = uuid.low << 8 | hash.bytes[i];
  uuid.high = (uuid.high & ~0xF000ULL) | 0x8000ULL;
  uuid.low = (uuid.low & ~(3ULL << 62)) | (2ULL << 62);
  return uuid;
}

bool may_see(const Caller& caller, const Market& market, BillingAccountId id) {
  if (caller.has_any({Role::operator_, Role::finance})) return true;
  const BillingAccount* account = market.account(id);
  return account != nullptr && account->tenant == caller.tenant && std::ranges::find(account->members, caller.user) != account->members.end();
}

}  // namespace bourse::broker::api
