// Packages of 度: what is on sale, by two people, and buying it.
#include <fmt/format.h>

#include "broker/adapters/api/api.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr int kMostProducts = 100;
constexpr std::int64_t kMostValidDays = 3'650;

Result<Product> read_product(const v1::Product& in, Instant now) {
  CHECK_OK(check_text("name", in.name(), kMaxLabel));
  Product out{.id = {}, .name = in.name()};
  const auto du = parse_amount(in.du());
  if (!du) return fail(du.error().code, fmt::format("du: {}", du.error().detail));
  out.du = *du;
  TRY(const MoneyIn price, read_positive(in.price()));
  out.price = price.amount;
  out.currency = price.unit;
  if (in.valid_days() < 1 || in.valid_days() > kMostValidDays) return fail(ErrorCode::invalid_argument, "valid_days must be from 1 to 3650.");
  out.valid_for = hours(24 * in.valid_days());
  if (in.until_ms() != 0 && in.until_ms() <= now.unix_ms) return fail(ErrorCode::invalid_argument, "until must be in the future.");
  out.until = Instant{in.until_ms()};
  return out;
}

}  // namespace

Status read_factor(const v1::PriceRow& in, pricing::PriceRow& row) {
  if (!in.has_factor()) return {};
  const v1::DuFactor& from = in.factor();
  const auto value = from.value().empty() ? Result<Decimal>(Decimal{}) : parse_decimal(from.value());  // none: the published one
  if (!value) return fail(value.error().code, fmt::format("factor.value: {}", value.error().detail));
  row.factor = {.table = from.table(), .chip = from.chip(), .precision = from.precision(), .value = *value};
  for (const std::string& name : from.includes()) {
    const auto meter = pricing::meter_named(name);
    if (!meter) return fail(ErrorCode::invalid_argument, "factor.includes names what is no meter.");
    row.factor.includes |= 1U << static_cast<unsigned>(*meter);
  }
  return {};
}

void fill(v1::DuFactor& out, const pricing::DuFactor& factor) {
  out.set_table(factor.table);
  out.set_chip(factor.chip);
  out.set_precision(factor.precision);
  out.set_value(to_text(factor.value));
  for (const pricing::Meter meter : pricing::kMeters)
    if (pricing::includes(factor, meter)) out.add_includes(std::string(pricing::name(meter)));
}

void fill(v1::Product& out, const Product& product) {
  out.set_id(to_text(product.id));
  out.set_name(product.name);
  out.set_du(to_text(product.du));
  fill(*out.mutable_price(), product.price, product.currency);
  out.set_valid_days(static_cast<std::int32_t>(product.valid_for.ms / hours(24).ms));
  out.set_until_ms(product.until.unix_ms);
}

Result<v1::ProductList> Api::publish_products(const v1::PublishProductsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  TRY(const std::string key, scoped_key(caller, request.key()));
  if (request.products().empty() || request.products_size() > kMostProducts)
    return fail(ErrorCode::invalid_argument, fmt::format("products: 1 to {} at once.", kMostProducts));
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  PublishProducts act_;
  v1::ProductList reply;
  for (int i = 0; i < request.products_size(); ++i) {
    auto product = read_product(request.products(i), parts_.clock.now());
    if (!product) return fail(product.error().code, fmt::format("products[{}]: {}", i, product.error().detail));
    product->id = ProductId{derived_uuid("product", fmt::format("{}#{}", key, i))};
    fill(*reply.add_products(), *product);
    act_.products.push_back(std::move(*product));
  }
  TRY(const Acted acted, act(caller, request.key(), fingerprint("PublishProducts", request), std::move(act_), request.note()));
  if (acted.proposal) *reply.mutable_proposal() = *acted.proposal;
  reply.set_position(acted.result.position);
  return reply;
}

// For everybody: what can be bought now. Finance sees what could be bought once, too.
Result<v1::ProductList> Api::list_products(const v1::ListProductsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  return look([now = parts_.clock.now(), all = caller.has(Role::finance)](const Market& market) {
    v1::ProductList reply;
    for (const Product* product : market.products())
      if (all || product->until == Instant{} || product->until > now) fill(*reply.add_products(), *product);
    return reply;
  });
}

Result<v1::Lot> Api::buy_package(const v1::BuyPackageRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const std::string key, scoped_key(caller, request.key()));
  BillingAccountId account;
  if (request.account().empty()) {
    TRY(account, account_of(caller, {}));
  } else {
    TRY(account, id_or_not_found<BillingAccountIdKind>(request.account()));
  }
  CHECK_OK(may_rule(caller, account));
  TRY(const ProductId product, id_or_not_found<ProductIdKind>(request.product()));
  const bool own = account_of(caller, to_text(account)).has_value();
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("BuyPackage", request),
                                    BuyPackage{.lot = LotId{derived_uuid("package", key)}, .account = account,
                                               .user = own ? caller.user : UserId{}, .product = product}));
  TRY(v1::Lot out, lot_view(LotId{done.object}));
  out.set_position(done.position);
  return out;
}

}  // namespace bourse::broker::api
