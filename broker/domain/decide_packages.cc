// Packages of 度: what is on sale, and buying it. Using them is a capture (decide_usage.cc), their end an expiry (decide_lots.cc).
#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "broker/domain/decider.h"
#include "broker/domain/derive.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr Duration kLongestValidity = hours(24 * 3'660);
constexpr std::int64_t kMostWorth = std::numeric_limits<std::int64_t>::max() / 4;

}  // namespace

Status Decider::check(const PublishProducts& act) const {
  const auto invalid = [](const Product& product, const char* why) {
    return fail(ErrorCode::invalid_argument, "product " + to_text(product.id) + ": " + why);
  };
  if (act.products.empty()) return fail(ErrorCode::invalid_argument, "no products");
  if (market_.products_.size() + act.products.size() > kMaxProducts)
    return fail(ErrorCode::too_large, "the market has at most 1,000 products");
  for (const Product& product : act.products) {
    if (product.id.is_nil()) return invalid(product, "it needs an id");
    if (!is_label(product.name)) return invalid(product, "its name must be 1 to 128 printable bytes");
    if (!product.du.is_positive() || !product.price.is_positive()) return invalid(product, "度 and price must be above zero");
    CHECK_OK(parse_unit(product.currency.text()));
    if (product.currency == kDu) return invalid(product, "its price must be in money");
    if (product.valid_for.ms <= 0 || product.valid_for > kLongestValidity)
      return invalid(product, "it must be valid for up to ten years");
    const Product* known = market_.product(product.id);
    const auto same_id = std::ranges::count(act.products, product.id, &Product::id);
    if (same_id > 1 || (known != nullptr && *known != product)) return invalid(product, "the id is that of another one");
  }
  return {};
}

Result<CommandResult> Decider::on(const PublishProducts& act) {
  CHECK_OK(check(act));
  emit(ProductsPublished{act.products, now_});
  return made(act.products.front().id.uuid);
}

Amount Decider::own_money(const BillingAccount& account) const {
  const ledger::Account& wallet = *market_.ledger_.account(account.wallet);
  Amount own = wallet.balance() + wallet.credit_limit;
  for (const Lot* lot : market_.lots(account, account.unit)) own -= lot->left;
  return std::min(own, market_.spendable(account, account.unit, now_));
}

// No less than it will cost, unless something dearer is bought later.
Amount Decider::worth_of(const BillingAccount& account, Amount du) const {
  Amount most;
  for (const Lot* lot : market_.lots(account, kDu)) {
    const __int128 price = static_cast<__int128>(du.micros) * lot->price.micros;
    const __int128 worth = (price + lot->amount.micros - 1) / lot->amount.micros;
    most = std::max(most, Amount{static_cast<std::int64_t>(std::min<__int128>(worth, kMostWorth))});
  }
  return most;
}

Result<CommandResult> Decider::on(const BuyPackage& command) {
  using enum ledger::AccountCode;
  const BillingAccount* found = market_.account(command.account);
  if (!command.user.is_nil()) {
    TRY(found, usable_account(command.account, command.user));
  }
  if (found == nullptr) return fail(ErrorCode::not_found, "billing account " + to_text(command.account));
  const BillingAccount account = *found;
  const Product* on_sale = market_.product(command.product);
  if (on_sale == nullptr || (on_sale->until != Instant{} && on_sale->until <= now_))
    return fail(ErrorCode::not_found, "no product " + to_text(command.product) + " is on sale");
  const Product product = *on_sale;
  if (product.currency != account.unit)
    return fail(ErrorCode::unit_mismatch, "The product is sold for " + std::string(product.currency.text()) + ".");
  if (account.frozen) return fail(ErrorCode::account_frozen, account.frozen_reason);
  CHECK_OK(check_room(account, kDu, command.lot, product.du));
  // Gifts pay for computing alone: what they bought would outlive them.
  if (const Amount own = own_money(account); product.price > own)
    return fail(ErrorCode::insufficient_funds, "The package costs " + to_text(product.price) + "; the account has " +
                                                   to_text(std::max(own, Amount{})) + " of its own.");
  const LedgerAccountId du_wallet = Market::wallet_of(account, kDu);
  if (market_.ledger_.account(du_wallet) == nullptr) {
    auto opened = market_.ledger_.open({.account = du_wallet,
                                        .unit = kDu,
                                        .code = ledger::AccountCode::wallet,
                                        .limit = ledger::Limit::credit_balance,
                                        .owner = account.id.uuid});
    BOURSE_ASSERT(opened.has_value());
    emit(std::move(*opened));
  }
  platform_account(holds, kDu);
  post_all(command.lot.uuid, command.lot.uuid,
           {{account.wallet, platform_account(deferred_revenue, account.unit), product.price, ledger::TransferCode::package_sold},
            {platform_account(deferred_revenue, kDu), du_wallet, product.du, ledger::TransferCode::package_sold}});
  emit(LotIssued{{.id = command.lot,
                  .account = account.id,
                  .kind = LotKind::package,
                  .amount = product.du,
                  .left = product.du,
                  .issued_at = now_,
                  .expires_at = now_ + product.valid_for,
                  .reference = product.id.uuid,
                  .reason = product.name,
                  .unit = kDu,
                  .price = product.price,
                  .price_left = product.price,
                  .buyer = command.user}});
  return made(command.lot.uuid);
}

}  // namespace bourse::broker
