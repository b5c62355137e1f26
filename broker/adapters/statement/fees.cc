// The fixed fees of the center's contracts: written, read and recomputed.
#include <fmt/format.h>

#include <set>

#include "broker/adapters/statement/body_field.h"
#include "broker/adapters/statement/checks.h"
#include "broker/domain/fee.h"
#include "pricing/rating.h"

namespace bourse::statement {

using broker::ChargedFee;

void add_fees(const Statement& statement, nlohmann::json& body) {
  if (statement.fees.empty()) return;
  for (const ChargedFee& one : statement.fees)
    body["fees"].push_back({{"contract", to_text(one.contract)}, {"monthly_fee", to_text(one.monthly_fee)}, {"tax_bps", one.tax_bps}, {"zone", one.zone},
                            {"from", to_text(one.from)}, {"until", to_text(one.until)}, {"amount", to_text(one.amount)}, {"tax", to_text(one.tax)}});
  body["fee"] = to_text(statement.fee);
}

void read_fees(const Field& in, Statement& out) {
  if (!in.has("fees")) return;
  for (const Field& one : in["fees"].items())
    out.fees.push_back({.contract = one["contract"].id<ContractIdKind>(),
                        .monthly_fee = one["monthly_fee"].amount(),
                        .tax_bps = static_cast<std::int32_t>(one["tax_bps"].integer(10'000)),
                        .zone = one["zone"].text(),
                        .from = one["from"].instant(),
                        .until = one["until"].instant(),
                        .amount = one["amount"].amount(),
                        .tax = one["tax"].amount()});
  out.fee = in["fee"].amount();
}

static std::int64_t day_in(const std::string& zone, Instant at) { return broker::day_begun(*Zone::named(zone.empty() ? "UTC" : zone), at); }

// `before`: the fee before it; null of the first.
static void check_fee(const Statement& statement, const ChargedFee& one, const ChargedFee* before, const std::string& place, Differences& out) {
  if (one.from < statement.opened_at) out.add(place + ".from", "before the period was opened");
  if (one.until > statement.cut_off) out.add(place + ".until", "after the cut-off");
  if (one.until <= one.from) out.add(place + ".until", "not after its beginning");
  if (!one.monthly_fee.is_positive() || one.monthly_fee > broker::kMaxMonthlyFee) return out.add(place + ".monthly_fee", "not a fee");
  const auto computed = broker::fee_between(one.monthly_fee, one.zone, one.from, one.until);
  if (!computed) return out.add(place + ".zone", computed.error().detail);
  if (*computed <= 0 || *computed != one.amount.micros) return out.add(place + ".amount", to_text(one.amount) + ", which is not what that time costs");
  const Amount tax = pricing::split(one.amount, {.tax_bps = one.tax_bps, .margin_bps = 0}).tax;
  if (one.tax != tax) out.add(place + ".tax", fmt::format("{}, but it computes to {}", to_text(one.tax), to_text(tax)));
  if (before == nullptr) return;
  if (one.from < before->until) out.add(place + ".from", "before the end of the fee before");
  if (Zone::named(before->zone.empty() ? "UTC" : before->zone) && day_in(one.zone, one.from) < day_in(before->zone, before->until))
    out.add(place + ".from", "on a day that is charged already");
}

void check_fees(const Statement& statement, Differences& out) {
  if (!statement.fees.empty() && statement.format != kBodyFormat) out.add("format", "versions before 5 have no fees");
  std::set<ContractId> seen;
  __int128 sum = 0;
  for (std::size_t i = 0; i < statement.fees.size(); ++i) {
    const std::string place = fmt::format("fees[{}]", i);
    check_fee(statement, statement.fees[i], i == 0 ? nullptr : &statement.fees[i - 1], place, out);
    if (!seen.insert(statement.fees[i].contract).second) out.add(place + ".contract", "charged twice");
    sum += statement.fees[i].amount.micros;
  }
  if (sum != statement.fee.micros) out.add("fee", to_text(statement.fee) + ", which is not the sum of the fees");
}

}  // namespace bourse::statement
