// Operators: centers, contracts.
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/api/api.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr int kMaxPriceRows = 1'000;
constexpr PriceSetter kSetters[] = {PriceSetter::platform, PriceSetter::center, PriceSetter::either};

Result<PriceSetter> read_setter(std::string_view field, const std::string& text) {
  for (const PriceSetter setter : kSetters)
    if (text.empty() || text == name(setter)) return setter;
  return fail(ErrorCode::invalid_argument, fmt::format("{} must be platform, center or either.", field));
}

}  // namespace

Result<std::vector<pricing::PriceRow>> read_settlement(const google::protobuf::RepeatedPtrField<v1::PriceRow>& rows, CenterId center,
                                                       const std::string& key, Instant valid_from) {
  if (rows.size() > kMaxPriceRows) return fail(ErrorCode::too_large, fmt::format("At most {} settlement prices.", kMaxPriceRows));
  std::vector<pricing::PriceRow> out;
  for (int i = 0; i < rows.size(); ++i) {
    auto row = read_price(rows[i], center);
    if (!row) return fail(row.error().code, fmt::format("settlement[{}]: {}", i, row.error().detail));
    row->id = PriceRowId{derived_uuid("settlement", fmt::format("{}#{}", key, i))};
    if (row->valid_from.unix_ms == 0) row->valid_from = valid_from;
    out.push_back(std::move(*row));
  }
  return out;
}

Result<v1::Center> Api::center_view(CenterId id, bool with_money) {
  TRY(v1::Center out, look([id, with_money](const Market& market) {
        v1::Center view;
        const Center* center = market.center(id);
        if (center == nullptr) return view;
        view.set_id(to_text(center->id));
        view.set_name(center->name);
        view.set_state(std::string(name(center->state)));
        view.set_connector(to_text(center->connector));
        view.set_reports(center->chain.seq);
        if (const Period* period = market.period(center->open_period)) view.set_open_period(period->number);
        if (!with_money) return view;
        view.set_certificate_generation(center->certification.issued);
        view.set_certificate_until_ms(center->certification.until.unix_ms);
        view.set_recoveries(center->certification.recoveries);
        const Unit unit = market.period(center->open_period)->unit;
        const auto* payable =
            market.ledger().account(Market::platform_account(ledger::AccountCode::center_payable, unit, center->id.uuid));
        fill(*view.mutable_owed(), payable == nullptr ? Amount{} : payable->balance(), unit);
        for (const Contract& contract : center->contracts) fill(*view.add_contracts(), contract);
        return view;
      }));
  if (out.id().empty()) return fail(ErrorCode::not_found, "There is no such center.");
  const ConnectorStatus status = parts_.link.status(id);
  out.set_online(status.online);
  out.set_last_seen_ms(status.last_seen.unix_ms);
  out.set_software(status.software);
  out.set_driver(status.driver);
  return out;
}

Result<v1::ListCentersReply> Api::list_centers(const v1::ListCentersRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  const bool staff = caller.has_any({Role::operator_, Role::finance});
  std::vector<CenterId> own;
  if (!staff && caller.has(Role::center_admin)) {
    TRY(own, identity_.centers_of(caller.user));
  }
  TRY(const std::vector<CenterId> ids, look([](const Market& market) {
        std::vector<CenterId> out;
        for (const Center* center : market.centers()) out.push_back(center->id);
        return out;
      }));
  std::vector<StoredQuarantine> quarantined;
  if (staff || !own.empty()) {
    TRY(quarantined, queries_.quarantined_by_center());
  }
  v1::ListCentersReply reply;
  for (const CenterId id : ids) {
    const bool with_money = staff || std::ranges::find(own, id) != own.end();
    TRY(*reply.add_centers(), center_view(id, with_money));
    if (!with_money) continue;
    for (const StoredQuarantine& one : quarantined) {
      if (one.center != id) continue;
      v1::Center& center = *reply.mutable_centers()->rbegin();
      center.set_quarantined(one.records);
      center.set_unpriced(one.unpriced);
      center.set_unpriced_since_ms(one.unpriced_since.unix_ms);
    }
  }
  return reply;
}

Result<v1::Center> Api::set_center_state(const v1::SetCenterStateRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::operator_}));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason, true));
  const auto state = center_state_named(request.state());
  if (!state) return fail(ErrorCode::invalid_argument, "state must be active, paused, quarantined or revoked.");
  TRY(const CenterId center, center_of(request.center()));
  CHECK_OK(run(caller, request.key(), fingerprint("SetCenterState", request),
               ChangeCenterState{.center = center, .state = *state, .reason = request.reason()}));
  return center_view(center, true);
}

Result<v1::Contract> Api::set_contract(const v1::SetContractRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::operator_}));
  TRY(const std::string key, scoped_key(caller, request.key()));
  const v1::Contract& in = request.contract();
  Contract contract;
  TRY(contract.center, center_of(in.center()));
  const auto unit = parse_unit(in.unit().empty() ? "CNY" : in.unit());
  if (!unit) return fail(ErrorCode::invalid_argument, "unit: expected a code like CNY.");
  if (in.tax_bps() < 0 || in.tax_bps() > 10'000 || in.margin_bps() < 0 || in.margin_bps() > 10'000)
    return fail(ErrorCode::invalid_argument, "tax_bps and margin_bps must be from 0 to 10000.");
  if (in.valid_from_ms() < 0) return fail(ErrorCode::invalid_argument, "valid_from is before 1970.");
  if (in.cycle_ms() < 0 || in.cycle_ms() > hours(24 * 366).ms)
    return fail(ErrorCode::invalid_argument, "cycle_ms must be from 0 (by hand) to a year.");
  contract.id = ContractId{derived_uuid("contract", key)};
  contract.unit = *unit;
  contract.terms = {.tax_bps = in.tax_bps(), .margin_bps = in.margin_bps()};
  contract.valid_from = in.valid_from_ms() == 0 ? parts_.clock.now() : Instant{in.valid_from_ms()};
  contract.cycle = milliseconds(in.cycle_ms());
  CHECK_OK(check_text("schedule", in.schedule(), 200, true));
  CHECK_OK(check_text("zone", in.zone(), 100, true));
  contract.schedule = in.schedule();
  contract.zone = in.zone();
  contract.net_days = in.net_days();
  contract.may_subsidise = in.may_subsidise();
  if (!in.monthly_fee().empty()) {
    const auto fee = parse_amount(in.monthly_fee());
    if (!fee) return fail(ErrorCode::invalid_argument, "monthly_fee: expected an amount like 1000.00.");
    contract.monthly_fee = *fee;
  }
  contract.fee_tax_bps = in.fee_tax_bps();
  TRY(contract.settlement, read_settlement(in.settlement(), contract.center, key, contract.valid_from));
  TRY(contract.sale_prices, read_setter("sale_prices", in.sale_prices()));
  TRY(contract.settlement_prices, read_setter("settlement_prices", in.settlement_prices()));
  if (in.reservable_size() > kMaxPriceRows) return fail(ErrorCode::too_large, fmt::format("At most {} kinds of reservable capacity.", kMaxPriceRows));
  for (int i = 0; i < in.reservable_size(); ++i) {
    auto one = read_reservable(in.reservable(i));
    if (!one) return fail(one.error().code, fmt::format("reservable[{}]: {}", i, one.error().detail));
    contract.reservable.push_back(std::move(*one));
  }
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  TRY(const Acted acted, act(caller, request.key(), fingerprint("SetContract", request), SetContract{.contract = contract, .by = {}}, request.note()));
  return contract_reply(contract, acted);
}

Result<v1::Contract> Api::contract_reply(const Contract& contract, const Acted& acted) {
  TRY(const std::optional<Contract> kept, look([contract](const Market& market) -> std::optional<Contract> {
        const Center* center = market.center(contract.center);
        if (center == nullptr) return std::nullopt;
        const auto found = std::ranges::find(center->contracts, contract.id, &Contract::id);
        return found == center->contracts.end() ? std::nullopt : std::optional(*found);
      }));
  v1::Contract out;
  fill(out, kept.value_or(contract));
  if (acted.proposal) *out.mutable_proposal() = *acted.proposal;
  return out;
}

}  // namespace bourse::broker::api
