#include "broker/adapters/api/act_view.h"

#include <fmt/format.h>

#include "federation-proto/bundle.h"

namespace bourse::broker::api {
namespace {

std::string account_name(const Market& market, BillingAccountId id) {
  const BillingAccount* account = market.account(id);
  return account == nullptr ? std::string() : account->name;
}
Unit unit_of(const Market& market, BillingAccountId id) {
  const BillingAccount* account = market.account(id);
  return account == nullptr ? kCny : account->unit;
}

void show(v1::Act& out, const FundAccount& act, const Market& market, const std::string& bank_text) {
  v1::Funding& to = *out.mutable_fund_account();
  to.set_account(to_text(act.account));
  to.set_account_name(account_name(market, act.account));
  fill(*to.mutable_money(), act.amount, unit_of(market, act.account));
  to.set_bank_reference(bank_text);
}
void show(v1::Act& out, const SetContract& act, const Market&, const std::string&) { fill(*out.mutable_set_contract(), act.contract); }
void show(v1::Act& out, const PublishPrices& act, const Market& market, const std::string&) {
  for (const pricing::PriceRow& row : act.rows) fill(*out.mutable_publish_prices()->add_rows(), row);
  for (const pricing::Discount& discount : act.discounts) fill(*out.mutable_publish_prices()->add_discounts(), discount);
  if (!act.by.is_nil()) out.mutable_publish_prices()->set_for_center(center_name(market, act.by));
}
void show(v1::Act& out, const PublishReservedPrices& act, const Market& market, const std::string&) {
  for (const ReservedPrice& price : act.prices) fill(*out.mutable_publish_reserved_prices()->add_prices(), price, market);
}
void show(v1::Act& out, const SetPayee& act, const Market& market, const std::string&) {
  v1::PayeeReply& to = *out.mutable_set_payee();
  to.set_center(to_text(act.center));
  to.set_center_name(center_name(market, act.center));
  fill(*to.mutable_payee(), act.payee);
  if (const Center* center = market.center(act.center); center != nullptr && center->payee != Payee{}) fill(*to.mutable_before(), center->payee);
}
void show(v1::Act& out, const OrderPayout& act, const Market& market, const std::string&) {
  v1::Payout& to = *out.mutable_order_payout();
  const Period* through = market.period(act.through);
  to.set_id(to_text(act.payout));
  to.set_center(to_text(act.center));
  to.set_center_name(center_name(market, act.center));
  fill(*to.mutable_money(), act.amount, through == nullptr ? kCny : through->unit);
  fill(*to.mutable_payee(), act.payee);
  to.set_through(to_text(act.through));
  to.set_end_to_end_id(to_crockford(act.payout.uuid));
}
void show(v1::Act& out, const Refund& act, const Market& market, const std::string&) {
  v1::Refund& to = *out.mutable_refund();
  const Unit unit = unit_of(market, act.charge.account);
  to.set_id(to_text(act.adjustment));
  to.set_job(to_text(act.charge.job));
  to.set_attempt(to_text(act.charge.attempt));
  to.set_account(to_text(act.charge.account));
  to.set_account_name(account_name(market, act.charge.account));
  to.set_center_name(center_name(market, act.charge.center));
  fill(*to.mutable_charged(), act.charge.gross, unit);
  fill(*to.mutable_money(), act.amount, unit);
  to.set_reason(act.reason);
}
void show(v1::Act& out, const ResolveDispute& act, const Market& market, const std::string&) {
  v1::Resolution& to = *out.mutable_resolve_dispute();
  to.set_dispute(to_text(act.dispute));
  to.set_reason(act.reason);
  const Dispute* dispute = market.dispute(act.dispute);
  if (dispute == nullptr) return;
  to.set_job(to_text(dispute->charge.job));
  to.set_account(to_text(dispute->charge.account));
  to.set_account_name(account_name(market, dispute->charge.account));
  to.set_center_name(center_name(market, dispute->charge.center));
  fill(*to.mutable_amount(), dispute->amount, dispute->unit);
  fill(*to.mutable_to_user(), act.to_user, dispute->unit);
}
void show(v1::Act& out, const SetCreditLimit& act, const Market& market, const std::string&) {
  v1::Funding& to = *out.mutable_set_credit_limit();
  to.set_account(to_text(act.account));
  to.set_account_name(account_name(market, act.account));
  fill(*to.mutable_money(), act.credit_limit, unit_of(market, act.account));
  to.set_until_ms(act.until.unix_ms);
  to.set_reason(act.reason);
}

void show(v1::Act& out, const GrantLot& act, const Market& market, const std::string&) {
  v1::Lot& to = *out.mutable_grant_lot();
  to.set_id(to_text(act.lot));
  to.set_account(to_text(act.account));
  to.set_account_name(account_name(market, act.account));
  to.set_kind(std::string(name(LotKind::grant)));
  fill(*to.mutable_money(), act.amount, unit_of(market, act.account));
  to.set_expires_ms(act.expires_at.unix_ms);
  to.set_reason(act.reason);
}
void show(v1::Act& out, const IssueVouchers& act, const Market&, const std::string&) { fill(*out.mutable_issue_vouchers(), act.batch); }

void show(v1::Act& out, const PublishProducts& act, const Market&, const std::string&) {
  for (const Product& product : act.products) fill(*out.mutable_publish_products()->add_products(), product);
}

void show(v1::Act& out, const ReverseMoneyIn& act, const Market& market, const std::string&) { fill(*out.mutable_reverse_money_in(), act, market); }

void show(v1::Act& out, const WithdrawPaymentFile& act, const Market& market, const std::string&) {
  v1::PaymentFile& file = *out.mutable_withdraw_payment_file();
  fill(file, act.file, market);
  file.set_reason(act.reason);
}

void show(v1::Act& out, const EnrolCenter& act, const Market&, const std::string&) {
  v1::Invitation& to = *out.mutable_enrol_center();
  to.set_center(to_text(act.center));
  to.set_name(act.name);
  to.set_unit(std::string(act.unit.text()));
  to.set_fingerprint(federation::shown_fingerprint(federation::keys_fingerprint(act.identity_key, act.billing_key)));
}

std::string tell(const EnrolCenter& act, const Market&, const std::string&) {
  return fmt::format("Let {} ({}) in, settled in {}; keys' fingerprint {}", act.name, to_text(act.center), act.unit.text(),
                     federation::shown_fingerprint(federation::keys_fingerprint(act.identity_key, act.billing_key)));
}
std::string tell(const WithdrawPaymentFile& act, const Market& market, const std::string&) {
  const auto named = std::ranges::count(market.payouts(), act.file, &Payout::file);
  return fmt::format("Withdraw the payment file {}, which the bank refused; its {} payout{} may then be in another: {}", to_crockford(act.file), named,
                     named == 1 ? "" : "s", act.reason);
}
std::string tell(const ReverseMoneyIn& act, const Market& market, const std::string&) {
  v1::MoneyInReversal view;
  fill(view, act, market);
  return fmt::format("Take {} {} of {} {} back from {} ({}): {}", view.money().amount(), view.money().unit(), act.kind == MoneyInKind::top_up ? "top-up" : name(act.kind),
                     view.id(), view.account_name(), view.account(), act.reason);
}
std::string tell(const PublishProducts& act, const Market&, const std::string&) {
  std::string text = "Sell packages of 度:";
  for (const Product& product : act.products)
    text += fmt::format(" {} ({} for {}, valid for {})", product.name, money_words(product.du, kDu), money_words(product.price, product.currency),
                        plain_duration(product.valid_for));
  return text;
}
std::string tell(const GrantLot& act, const Market& market, const std::string&) {
  return fmt::format("Give {} to {} ({}) until {}: {}", money_words(act.amount, unit_of(market, act.account)), account_name(market, act.account),
                     to_text(act.account), to_text(act.expires_at), act.reason);
}
std::string tell(const IssueVouchers& act, const Market&, const std::string&) {
  const VoucherBatch& batch = act.batch;
  return fmt::format("Issue {} vouchers of {}, to be redeemed before {} and spent {}: {}", batch.codes.size(), money_words(batch.amount, batch.unit),
                     to_text(batch.redeem_by),
                     batch.valid_for.ms > 0 ? fmt::format("within {} days of that", batch.valid_for.ms / hours(24).ms)
                                            : fmt::format("before {}", to_text(batch.expires_at)),
                     batch.reason);
}
std::string tell(const SetCreditLimit& act, const Market& market, const std::string&) {
  return fmt::format("Let {} ({}) go {} below zero{}", account_name(market, act.account), to_text(act.account),
                     money_words(act.credit_limit, unit_of(market, act.account)),
                     act.until.unix_ms == 0 ? "" : fmt::format(" until {}: {}", to_text(act.until), act.reason));
}
std::string tell(const FundAccount& act, const Market& market, const std::string& bank_text) {
  return fmt::format("Credit {} to {} ({}){}", money_words(act.amount, unit_of(market, act.account)), account_name(market, act.account),
                     to_text(act.account), bank_text.empty() ? "" : fmt::format(", which came in by the bank's entry \"{}\"", bank_text));
}
std::string reservable_words(const Contract& contract) {
  std::string text;
  for (const Reservable& one : contract.reservable) {
    text += fmt::format("{} {} {}s of {}", text.empty() ? "; to be reserved:" : ",", one.quantity, name(one.what), one.pool);
    if (!one.month.is_zero() || !one.year.is_zero())
      text += fmt::format(" (the center gets {} a month, {} a year)", money_words(one.month, contract.unit), money_words(one.year, contract.unit));
  }
  return text;
}
std::string fee_words(const Contract& contract) {
  if (contract.monthly_fee.is_zero()) return {};
  return fmt::format("; the center pays {} a month, {} bps tax in it, by the calendar of {}", money_words(contract.monthly_fee, contract.unit), contract.fee_tax_bps,
                     contract.zone.empty() ? "UTC" : contract.zone);
}
std::string tell(const SetContract& act, const Market& market, const std::string&) {
  const Contract& c = act.contract;
  const auto set_by = [](std::string_view what, PriceSetter setter) {
    if (setter == PriceSetter::platform) return std::string();
    return fmt::format("; {} prices are set by {}", what, setter == PriceSetter::center ? "the center" : "the platform or the center");
  };
  return fmt::format("{}erms for {} in {} from {}: {}, tax is {} bps, settled {}{}{}{}{}", act.by.is_nil() ? "T" : "In the center's name, and with other settlement prices alone, t",
                     center_name(market, c.center), c.unit.text(),
                     to_text(c.valid_from),
                     c.settlement.empty() ? fmt::format("the platform keeps {} bps of the net price", c.terms.margin_bps)
                                          : fmt::format("the center gets {} prices of its own{}", c.settlement.size(),
                                                        c.may_subsidise ? ", the platform pays what is missing" : ""),
                     c.terms.tax_bps,
                     !c.schedule.empty() ? fmt::format("by '{}' {}", c.schedule, c.zone) : c.cycle.ms == 0 ? "by hand" : "every " + plain_duration(c.cycle),
                     fee_words(c), reservable_words(c), set_by("sale", c.sale_prices), set_by("settlement", c.settlement_prices));
}
std::string tell(const PublishPrices& act, const Market& market, const std::string&) {
  constexpr std::size_t kShown = 3;
  const auto place = [&market](const pricing::Scope& scope) {
    return fmt::format("{}{}{}", scope.center.is_nil() ? "every center" : center_name(market, scope.center), scope.pool.empty() ? "" : "/", scope.pool);
  };
  const std::string publish = act.by.is_nil() ? "Publish" : "In the name of " + center_name(market, act.by) + " publish";
  std::string text = act.rows.empty() ? publish + " " : fmt::format("{} {} price rows: ", publish, act.rows.size());
  for (std::size_t i = 0; i < std::min(act.rows.size(), kShown); ++i) {
    v1::PriceRow row;
    fill(row, act.rows[i]);
    text += fmt::format("{}{} {} {} per {} at {}", i == 0 ? "" : "; ", row.meter(), row.price(), row.unit(),
                        row.per().empty() ? fmt::format("{} ticks", row.per_ticks()) : row.per(), place(act.rows[i].scope));
  }
  if (act.rows.size() > kShown) text += "; …";
  if (act.discounts.empty()) return text;
  text += fmt::format("{}{} discounts: ", act.rows.empty() ? "" : "; and ", act.discounts.size());
  for (std::size_t i = 0; i < std::min(act.discounts.size(), kShown); ++i) {
    const pricing::Discount& one = act.discounts[i];
    text += fmt::format("{}\"{}\", {} bps off {} at {}", i == 0 ? "" : "; ", one.name, one.bps,
                        one.meter ? std::string(pricing::name(*one.meter)) : "everything", place(one.scope));
  }
  return text + (act.discounts.size() > kShown ? "; …" : "");
}
std::string tell(const PublishReservedPrices& act, const Market& market, const std::string&) {
  constexpr std::size_t kShown = 3;
  std::string text = fmt::format("{} {} prices of reserved capacity: ", act.by.is_nil() ? "Publish" : "In the name of " + center_name(market, act.by) + " publish",
                                 act.prices.size());
  for (std::size_t i = 0; i < std::min(act.prices.size(), kShown); ++i) {
    const ReservedPrice& one = act.prices[i];
    text += fmt::format("{}a {} of {}/{} at {} a {}", i == 0 ? "" : "; ", name(one.what), center_name(market, one.center), one.pool, money_words(one.price, one.unit), name(one.term));
  }
  return text + (act.prices.size() > kShown ? "; …" : "");
}
std::string tell(const SetPayee& act, const Market& market, const std::string&) {
  const Center* center = market.center(act.center);
  const bool had = center != nullptr && center->payee != Payee{};
  return fmt::format("Pay {} from now on to {} (until now {})", center_name(market, act.center), words(act.payee),
                     had ? words(center->payee) : std::string("nowhere"));
}
std::string tell(const OrderPayout& act, const Market& market, const std::string&) {
  const Period* through = market.period(act.through);
  return fmt::format("Pay {} {} for its periods up to {}, to {}", center_name(market, act.center),
                     money_words(act.amount, through == nullptr ? kCny : through->unit), through == nullptr ? 0 : through->number, words(act.payee));
}
std::string tell(const Refund& act, const Market& market, const std::string&) {
  const Unit unit = unit_of(market, act.charge.account);
  return fmt::format("Give {} of the {} that {} charged for {} back to {} ({}): {}", money_words(act.amount, unit), money_words(act.charge.gross, unit),
                     center_name(market, act.charge.center), to_text(act.charge.job), account_name(market, act.charge.account),
                     to_text(act.charge.account), act.reason);
}
std::string tell(const ResolveDispute& act, const Market& market, const std::string&) {
  const Dispute* dispute = market.dispute(act.dispute);
  if (dispute == nullptr) return fmt::format("Resolve {}", to_text(act.dispute));
  return fmt::format("Resolve {} on {}: of {} disputed, {} to {} and the rest to {}: {}", to_text(act.dispute), to_text(dispute->charge.job),
                     money_words(dispute->amount, dispute->unit), money_words(act.to_user, dispute->unit), account_name(market, dispute->charge.account),
                     center_name(market, dispute->charge.center), act.reason);
}

}  // namespace

Role role_of(std::string_view act_name) {
  const auto is_any_of = [act_name](auto... names) { return ((act_name == names) || ...); };
  return is_any_of("set_contract", "publish_prices", "publish_reserved_prices", "enrol_center") ? Role::operator_ : Role::finance;
}
Role role_of(const Act& act) { return role_of(name(act)); }

void fill(v1::MoneyInReversal& out, const ReverseMoneyIn& act, const Market& market) {
  const Lot* lot = act.kind == MoneyInKind::top_up ? nullptr : market.lot(LotId{act.what});
  const Unit unit = lot == nullptr ? unit_of(market, act.account) : lot->unit;
  out.set_id(lot == nullptr ? to_text(TransferId{act.what}) : to_text(lot->id));
  out.set_kind(std::string(name(act.kind)));
  out.set_account(to_text(act.account));
  out.set_account_name(account_name(market, act.account));
  fill(*out.mutable_money(), act.amount, unit);
  if (const Amount whole = lot == nullptr ? act.whole : lot->amount; whole.is_positive()) fill(*out.mutable_whole(), whole, unit);
  out.set_reason(act.reason);
}
void fill(v1::PaymentFile& out, Uuid file, const Market& market) {
  const PaymentFile* made = market.payment_file(file);
  if (made == nullptr) return;
  out.set_id(to_crockford(made->id));
  out.set_sha256(to_hex(made->bytes));
  out.set_at_ms(made->at.unix_ms);
  out.set_withdrawn_ms(made->withdrawn_at.unix_ms);
  for (const Payout* payout : market.payouts())
    if (payout->file == file) out.add_payouts(to_text(payout->id));
}
void fill(v1::VoucherBatch& out, const VoucherBatch& batch) {
  out.set_id(to_text(batch.id));
  out.set_count(static_cast<std::int32_t>(batch.codes.size()));
  fill(*out.mutable_money(), batch.amount, batch.unit);
  out.set_redeem_by_ms(batch.redeem_by.unix_ms);
  out.set_valid_days(static_cast<std::int32_t>(batch.valid_for.ms / hours(24).ms));
  out.set_expires_ms(batch.expires_at.unix_ms);
  out.set_reason(batch.reason);
  out.set_issued_ms(batch.issued_at.unix_ms);
}
void fill(v1::Payee& out, const Payee& payee) {
  out.set_name(payee.name);
  out.set_account(payee.account);
  out.set_bank(payee.agent);
}
std::string words(const Payee& payee) { return fmt::format("{}, account {} at {}", payee.name, payee.account, payee.agent); }
std::string money_words(Amount amount, Unit unit) { return fmt::format("{} {}", to_text(amount), unit.text()); }

void fill(v1::Act& out, const Act& act, const Market& market, const std::string& bank_text) {
  std::visit([&](const auto& what) { show(out, what, market, bank_text); }, act);
}
std::string words(const Act& act, const Market& market, const std::string& bank_text) {
  return std::visit([&](const auto& what) { return tell(what, market, bank_text); }, act);
}

}  // namespace bourse::broker::api
