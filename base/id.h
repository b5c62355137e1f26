// Ids: UUIDv7 (RFC 9562), one C++ type for each kind of thing, and a text form that says which kind.
//
// Text: the kind's prefix, '_', and the 128 bits as 26 characters of Crockford's base 32: "job_06A…". Text sorts by time.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"

namespace bourse {

struct Uuid {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  constexpr bool is_nil() const { return high == 0 && low == 0; }
  constexpr auto operator<=>(const Uuid&) const = default;
};

// `now` from 1970 to 10889. The random bits come from `rng`, so two ids of one millisecond have no order.
Uuid make_uuid_v7(Instant now, Rng& rng);
std::string to_crockford(Uuid uuid);                    // 26 characters
Result<Uuid> parse_crockford(std::string_view text);    // either case, no look-alikes; errors: invalid_argument
std::string to_hyphenated(Uuid uuid);                   // 8-4-4-4-12, as PostgreSQL writes it
Result<Uuid> parse_hyphenated(std::string_view text);

template <class Kind>
struct Id {
  Uuid uuid;

  static Id make(Instant now, Rng& rng) { return Id{make_uuid_v7(now, rng)}; }
  constexpr bool is_nil() const { return uuid.is_nil(); }
  constexpr auto operator<=>(const Id&) const = default;
};

template <class Kind>
std::string to_text(Id<Kind> id) {
  return std::string(Kind::prefix).append("_").append(to_crockford(id.uuid));
}

// Errors: invalid_argument (wrong prefix, length or alphabet).
template <class Kind>
Result<Id<Kind>> parse_id(std::string_view text) {
  constexpr std::string_view prefix = Kind::prefix;
  if (text.size() != prefix.size() + 27 || !text.starts_with(prefix) || text[prefix.size()] != '_')
    return fail(ErrorCode::invalid_argument, std::string("expected an id like ").append(prefix).append("_…"));
  TRY(const Uuid uuid, parse_crockford(text.substr(prefix.size() + 1)));
  return Id<Kind>{uuid};
}

#define BOURSE_ID(Name, Prefix)                          \
  struct Name##Kind {                                    \
    static constexpr std::string_view prefix = Prefix;   \
  };                                                     \
  using Name = Id<Name##Kind>

BOURSE_ID(TenantId, "ten");
BOURSE_ID(UserId, "usr");
BOURSE_ID(BillingAccountId, "acc");
BOURSE_ID(LedgerAccountId, "lac");
BOURSE_ID(TransferId, "tra");
BOURSE_ID(HoldId, "hld");
BOURSE_ID(CenterId, "ctr");
BOURSE_ID(ConnectorId, "con");
BOURSE_ID(QuoteId, "quo");
BOURSE_ID(JobId, "job");
BOURSE_ID(AttemptId, "att");
BOURSE_ID(PriceRowId, "prc");
BOURSE_ID(ContractId, "ctc");
BOURSE_ID(PeriodId, "per");
BOURSE_ID(UsageRecordId, "usg");
BOURSE_ID(ProposalId, "prp");
BOURSE_ID(PayoutId, "pay");
BOURSE_ID(AdjustmentId, "adj");
BOURSE_ID(DisputeId, "dsp");
BOURSE_ID(InvoiceId, "inv");
BOURSE_ID(LotId, "lot");
BOURSE_ID(VoucherBatchId, "vou");
BOURSE_ID(ReservationId, "rsv");
BOURSE_ID(ProductId, "prd");

}  // namespace bourse

template <>
struct std::hash<bourse::Uuid> {
  // One multiplication spreads every bit over the result, so ids made by counting hash as well as random ones.
  std::size_t operator()(const bourse::Uuid& u) const noexcept {
    const auto product = static_cast<unsigned __int128>(u.low ^ 0x9E3779B97F4A7C15) * (u.high ^ 0xD1B54A32D192ED03);
    return static_cast<std::size_t>(product) ^ static_cast<std::size_t>(product >> 64) ^ u.low ^ u.high;
  }
};
template <class Kind>
struct std::hash<bourse::Id<Kind>> {
  std::size_t operator()(const bourse::Id<Kind>& id) const noexcept { return std::hash<bourse::Uuid>{}(id.uuid); }
};
