// Domain ⇄ market.v1 messages. Reading from the wire validates; writing to it never fails.
#pragma once

#include <string>
#include <string_view>

#include "base/amount.h"
#include "base/unit.h"
#include "bourse/market/v1/market.pb.h"
#include "broker/app/engine.h"

namespace bourse::broker::api {

namespace v1 = market::v1;

// Text ids. Errors: invalid_argument naming the field; or, for things that may belong to others, use id_or_not_found.
template <class Kind>
Result<Id<Kind>> read_id(std::string_view field, std::string_view text) {
  auto id = parse_id<Kind>(text);
  if (!id) return fail(ErrorCode::invalid_argument, std::string(field).append(": ").append(id.error().detail));
  return *id;
}
// An id that isn't one is as absent as one that nobody has.
template <class Kind>
Result<Id<Kind>> id_or_not_found(std::string_view text) {
  const auto id = parse_id<Kind>(text);
  if (!id) return fail(ErrorCode::not_found);
  return *id;
}
template <class Kind>
std::string text_or_empty(Id<Kind> id) {
  return id.is_nil() ? std::string() : to_text(id);
}

void fill(v1::Money& out, Amount amount, Unit unit);
// Errors: invalid_argument (not a decimal, no unit), amount_not_positive.
struct MoneyIn { Amount amount; Unit unit; };
Result<MoneyIn> read_positive(const v1::Money& money);

// The spec without its script's hash; `center` is a name or an id and is resolved by `center_of` (nil = not found).
// Errors: invalid_argument naming the field, too_large (script).
Result<JobSpec> read_spec(const v1::JobSpec& in, const std::function<CenterId(std::string_view)>& center_of);
void fill(v1::JobSpec& out, const JobSpec& spec, Unit unit, const Market& market);

// Errors: invalid_argument naming the field. The id is the caller's business.
Result<pricing::PriceRow> read_price(const v1::PriceRow& in, CenterId center);
void fill(v1::PriceRow& out, const pricing::PriceRow& row);
Result<pricing::Discount> read_discount(const v1::Discount& in, CenterId center);
void fill(v1::Discount& out, const pricing::Discount& discount);

// `unit`: that the plans are priced in.
void fill(v1::Decision& out, const Decision& decision, const JobSpec& spec, Unit unit, const Market& market);
void fill(v1::Product& out, const Product& product);
Status read_factor(const v1::PriceRow& in, pricing::PriceRow& row);
void fill(v1::DuFactor& out, const pricing::DuFactor& factor);
void fill(v1::Contract& out, const Contract& contract);
// Errors: invalid_argument naming the field, amount errors.
Result<Reservable> read_reservable(const v1::Reservable& in);
Result<ReservedPrice> read_reserved_price(const v1::ReservedPrice& in, CenterId center);
void fill(v1::ReservedPrice& out, const ReservedPrice& price, const Market& market);
void fill(v1::Reservation& out, const Reservation& reservation, const Market& market);
std::optional<Reserved> reserved_named(std::string_view text);
std::optional<Term> term_named(std::string_view text);
void fill(v1::Statement& out, const Period& period, const std::string& center_name);

void fill(v1::UnitTotal& out, Unit unit, const ledger::UnitTotals& totals);

std::optional<CenterState> center_state_named(std::string_view text);
std::string_view name(ledger::AccountCode code);
std::string_view name(ledger::TransferCode code);

std::string center_name(const Market& market, CenterId id);

// The paragraph for people: why the first plan won, in numbers, and why the rest of the market was out.
std::string why(const Decision& decision, const JobSpec& spec, Unit unit, const Market& market);
// "2 min", "1 h 20 min", "45 s".
std::string plain_duration(Duration duration);

}  // namespace bourse::broker::api
