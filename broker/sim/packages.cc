// Packages of 度: sold, used and expired in the simulator; and that none of their 度, nor of their money, is lost or made.
#include "broker/sim/world.h"

namespace bourse::broker::sim {

Status World::sell_packages() {
  for (const auto& center : centers_) {
    PublishPrices prices;
    for (const auto meter : {pricing::Meter::core_ms, pricing::Meter::gpu_ms}) {
      pricing::PriceRow row{.id = PriceRowId::make(clock_.now(), dice_.rng()),
                            .scope = {.center = center->id()},
                            .meter = meter,
                            .price = {static_cast<std::int64_t>(dice_.below(100'000)), 5},
                            .per = 3'600'000,
                            .unit = kDu,
                            .valid_from = clock_.now()};
      row.factor = {.table = "v1", .chip = "any", .precision = "fp64", .value = {1 + static_cast<std::int64_t>(dice_.below(2'000)), 3}};
      if (meter == pricing::Meter::core_ms)
        row.factor.includes = 1U << static_cast<unsigned>(pricing::Meter::node_ms) | 1U << static_cast<unsigned>(pricing::Meter::mem_mib_s);
      prices.rows.push_back(row);
    }
    CHECK_OK(command(prices));
  }
  PublishProducts act;
  for (int i = 0; i < 3; ++i)
    act.products.push_back({.id = ProductId::make(clock_.now(), dice_.rng()),
                            .name = "package " + std::to_string(i),
                            .du = Amount{1 + dice_.up_to({20'000'000}).ms},
                            .price = Amount{1 + dice_.up_to({9'000'000}).ms},
                            .valid_for = minutes(30) + dice_.up_to(hours(8))});
  for (const Product& product : act.products) products_.push_back(product.id);
  client_->use_packages();
  return command(std::move(act));
}

void World::buy_package() { client_->want_package(products_[dice_.below(products_.size())]); }

World::Packages World::packages() const {
  const Market& market = committer_->market();
  Packages out;
  const auto is_package = [&](const std::vector<LotPart>& lots) {
    return !lots.empty() && market.lot(lots.front().lot)->kind == LotKind::package;
  };
  for (const JournalRow& row : journal_.store()->rows)
    for (const Event& event : *decode(row.body)) {
      if (const auto* issued = std::get_if<LotIssued>(&event)) {
        if (issued->lot.kind != LotKind::package) continue;
        out.bought += issued->lot.price;
        ++out.lots;
      } else if (const auto* captured = std::get_if<UsageCaptured>(&event)) {
        if (captured->unit == kDu) out.used += captured->gross;
      } else if (const auto* adjusted = std::get_if<ChargeAdjusted>(&event)) {
        if (!is_package(adjusted->charge.lots)) continue;
        out.corrected += adjusted->parts.user;
        out.given_back += money_of(adjusted->lots);
      } else if (const auto* expired = std::get_if<LotExpired>(&event)) {
        out.expired += expired->money;
      }
    }
  return out;
}

Amount World::check_packages(const Packages& told) {
  const Market& market = committer_->market();
  tally_.packages = told.lots;
  const auto balance = [&](LedgerAccountId id) {
    const ledger::Account* account = market.ledger().account(id);
    return account == nullptr ? Amount{} : account->balance();
  };
  Amount left, price_left;
  for (const Lot* lot : market.all_lots()) {
    if (lot->kind != LotKind::package) continue;
    left += lot->left;
    price_left += lot->price_left;
  }
  if (told.corrected != told.given_back) violate("packages got back other money than was corrected");
  if (price_left != told.bought - told.used + told.given_back - told.expired) violate("what is left of prices isn't what was not used");
  constexpr auto kDeferred = ledger::AccountCode::deferred_revenue;
  const LedgerAccountId du_wallet = Market::wallet_of(*market.accounts().front(), kDu);
  if (balance(du_wallet) != left || balance(Market::platform_account(kDeferred, kDu)) != Amount{} - left)
    violate("the 度 in the ledger are not those of the packages");
  return price_left;
}

}  // namespace bourse::broker::sim
