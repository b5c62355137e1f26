// Who may set a price, by the contract that holds when it takes effect (docs/adr/0015).
#include <algorithm>

#include "broker/domain/decider.h"
#include "broker/domain/derive.h"

namespace bourse::broker {
namespace {

// So that a center's versions of its contract leave room for the platform's, and none lies in wait for years.
constexpr std::size_t kMaxVersions = 500;
constexpr Duration kFarthest = hours(24 * 92);

std::string terms_of(const Market& market, CenterId center, const Contract* contract) {
  const std::string name = market.center(center)->name;
  return contract == nullptr ? name + " has no contract then, and without one" : "the contract of " + name + " from " + to_text(contract->valid_from);
}

}  // namespace

Status Decider::check_setter(CenterId by, CenterId center, Instant from, const std::string& what) const {
  if (!by.is_nil() && market_.center(by) == nullptr) return fail(ErrorCode::not_found, "center " + to_text(by));
  if (!by.is_nil() && by != center) return fail(ErrorCode::forbidden, what + " is not for " + market_.center(by)->name + " alone.");
  if (center.is_nil()) return {};
  // A price that is dated back takes effect now.
  const Contract* contract = contract_at(market_.center(center)->contracts, std::max(from, now_));
  const PriceSetter setter = contract == nullptr ? PriceSetter::platform : contract->sale_prices;
  if (by.is_nil() && setter == PriceSetter::center)
    return fail(ErrorCode::forbidden, what + ": " + terms_of(market_, center, contract) + " leaves sale prices to the center.");
  if (!by.is_nil() && setter == PriceSetter::platform)
    return fail(ErrorCode::forbidden, what + ": " + terms_of(market_, center, contract) + " leaves sale prices to the platform.");
  return {};
}

// A center sets its settlement prices by the next version of its contract, in which nothing else is new.
Status Decider::check_settlement_by(const SetContract& act) const {
  if (act.by != act.contract.center) return fail(ErrorCode::forbidden, "The contract is another center's.");
  const Contract* before = contract_at(market_.center(act.by)->contracts, act.contract.valid_from);
  if (before == nullptr || before->settlement_prices == PriceSetter::platform)
    return fail(ErrorCode::forbidden, terms_of(market_, act.by, before) + " leaves settlement prices to the platform.");
  if (act.contract.settlement.empty()) return fail(ErrorCode::invalid_argument, "no settlement prices");
  if (act.contract.valid_from > now_ + kFarthest) return fail(ErrorCode::invalid_argument, "Settlement prices can be set for at most 92 days ahead.");
  if (market_.center(act.by)->contracts.size() >= kMaxVersions)
    return fail(ErrorCode::too_large, "The contract has 500 versions; further ones are the platform's to set.");
  Contract same = *before;
  same.id = act.contract.id;
  same.valid_from = act.contract.valid_from;
  same.settlement = act.contract.settlement;
  same.by_center = act.contract.by_center;
  if (codec::encoded(same) != codec::encoded(act.contract))
    return fail(ErrorCode::failed_precondition, "Other terms hold at that time than those which this was made from; set the prices anew.");
  return {};
}

// The center's later versions, on these terms from their days on, up to the platform's next contract. Where settlement prices become
// the platform's, what the center had set is over.
std::vector<Contract> Decider::followers(const Contract& terms) const {
  std::vector<Contract> out;
  for (const Contract& later : market_.center(terms.center)->contracts) {
    if (later.valid_from <= terms.valid_from) continue;
    if (!later.by_center) {
      if (!out.empty() && out.back().valid_from == later.valid_from) out.pop_back();
      break;
    }
    if (out.empty() || out.back().valid_from != later.valid_from) {  // of one day's the newest holds
      Contract next = terms;
      next.id = derive_contract(terms.id, static_cast<std::uint32_t>(out.size()), later.valid_from);
      next.valid_from = later.valid_from;
      next.by_center = true;
      out.push_back(std::move(next));
    }
    if (terms.settlement_prices != PriceSetter::platform) out.back().settlement = later.settlement;
  }
  return out;
}

}  // namespace bourse::broker
