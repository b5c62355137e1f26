// Contracts and periods as the API shows them.
#include "base/hex.h"
#include "broker/adapters/api/convert.h"

namespace bourse::broker::api {

void fill(v1::Contract& out, const Contract& contract) {
  out.set_id(to_text(contract.id));
  out.set_center(to_text(contract.center));
  out.set_unit(std::string(contract.unit.text()));
  out.set_tax_bps(contract.terms.tax_bps);
  out.set_margin_bps(contract.terms.margin_bps);
  out.set_valid_from_ms(contract.valid_from.unix_ms);
  out.set_cycle_ms(contract.cycle.ms);
  out.set_schedule(contract.schedule);
  out.set_zone(contract.zone);
  out.set_net_days(contract.net_days);
  for (const pricing::PriceRow& row : contract.settlement) fill(*out.add_settlement(), row);
  out.set_may_subsidise(contract.may_subsidise);
  out.set_sale_prices(std::string(name(contract.sale_prices)));
  out.set_settlement_prices(std::string(name(contract.settlement_prices)));
  if (!contract.monthly_fee.is_zero()) out.set_monthly_fee(to_text(contract.monthly_fee));
  out.set_fee_tax_bps(contract.fee_tax_bps);
  for (const Reservable& one : contract.reservable) {
    v1::Reservable& to = *out.add_reservable();
    to.set_pool(one.pool);
    to.set_what(std::string(name(one.what)));
    to.set_quantity(one.quantity);
    if (!one.month.is_zero()) to.set_month(to_text(one.month));
    if (!one.year.is_zero()) to.set_year(to_text(one.year));
  }
}

void fill(v1::Statement& out, const Period& period, const std::string& center) {
  out.set_period(to_text(period.id));
  out.set_center(to_text(period.center));
  out.set_center_name(center);
  out.set_number(period.number);
  out.set_state(std::string(name(period.state)));
  out.set_opened_ms(period.opened_at.unix_ms);
  out.set_cut_off_ms(period.cut_off.unix_ms);
  fill(*out.mutable_gross(), period.gross, period.unit);
  fill(*out.mutable_center_share(), period.center_share, period.unit);
  fill(*out.mutable_margin(), period.margin, period.unit);
  fill(*out.mutable_tax(), period.tax, period.unit);
  if (!period.statement.is_zero()) out.set_sha256(to_hex(period.statement));
  out.set_captures(period.captures);
  fill(*out.mutable_opening(), period.opening, period.unit);
  fill(*out.mutable_corrections(), period.adjusted.center_share, period.unit);
  fill(*out.mutable_paid_out(), period.paid_out, period.unit);
  if (period.accruals > 0) fill(*out.mutable_reserved(), period.accrued.center_share, period.unit);
  if (period.fees > 0) fill(*out.mutable_fee(), period.fee, period.unit);
  fill(*out.mutable_closing(), period.closing(), period.unit);
  if (period.state == PeriodState::open) return;
  out.set_completeness(std::string(name(period.completeness)));
  out.set_incomplete_reason(period.incomplete_reason);
}

}  // namespace bourse::broker::api
