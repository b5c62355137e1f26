// Credit lots: gifts by two people, vouchers and their redemption, and what an account has.
#include <fmt/format.h>

#include "broker/adapters/api/act_view.h"
#include "broker/adapters/api/api.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr int kPageOfBatches = 50;
constexpr std::int64_t kMostDays = 3'650;
constexpr std::size_t kGroup = 5, kGroups = 5;  // of a code: 25 characters of Crockford's base 32, 125 bits

// "7MQ2K-…": random from the port, so that it can't be guessed.
std::string make_code(Rng& rng) {
  Uuid random;
  random.high = rng.next_u64();
  random.low = rng.next_u64();
  const std::string digits = to_crockford(random).substr(1);  // the first stands for three bits only
  std::string code;
  for (std::size_t i = 0; i < kGroups; ++i) code.append(i == 0 ? "" : "-").append(digits, i * kGroup, kGroup);
  return code;
}

// What is hashed of a code: as people type it, in either case, with or without hyphens and blanks.
Hash256 hash_of_code(std::string_view code) {
  std::string plain = "bourse voucher ";
  for (const char c : code) {
    if (c == '-' || c == ' ') continue;
    plain.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return sha256(plain);
}

v1::Lot view_of(const Market& market, const Lot& lot) {
  v1::Lot out;
  const BillingAccount* account = market.account(lot.account);
  out.set_id(to_text(lot.id));
  out.set_account(to_text(lot.account));
  if (account != nullptr) out.set_account_name(account->name);
  out.set_kind(std::string(name(lot.kind)));
  fill(*out.mutable_money(), lot.amount, lot.unit);
  fill(*out.mutable_left(), lot.left, lot.unit);
  if (lot.kind == LotKind::package) {
    const Unit money = account == nullptr ? kCny : account->unit;
    fill(*out.mutable_price(), lot.price, money);
    fill(*out.mutable_deferred(), lot.price_left, money);
    out.set_product(to_text(ProductId{lot.reference}));
  }
  out.set_issued_ms(lot.issued_at.unix_ms);
  out.set_expires_ms(lot.expires_at.unix_ms);
  out.set_reason(lot.reason);
  return out;
}

Result<Instant> read_instant(std::string_view field, std::int64_t ms, Instant now) {
  if (ms <= now.unix_ms) return fail(ErrorCode::invalid_argument, fmt::format("{} must be in the future.", field));
  if (ms > (now + hours(24 * kMostDays)).unix_ms)
    return fail(ErrorCode::invalid_argument, fmt::format("{} must be within ten years.", field));
  return Instant{ms};
}

}  // namespace

Result<v1::Lot> Api::lot_view(LotId id) {
  TRY(const std::optional<v1::Lot> found, look([id](const Market& market) -> std::optional<v1::Lot> {
        const Lot* lot = market.lot(id);
        if (lot == nullptr) return std::nullopt;
        return view_of(market, *lot);
      }));
  if (!found) return fail(ErrorCode::not_found, "There is no such lot.");
  return *found;
}

Result<v1::Lot> Api::grant_lot(const v1::GrantLotRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  TRY(const std::string key, scoped_key(caller, request.key()));
  TRY(const BillingAccountId account, id_or_not_found<BillingAccountIdKind>(request.account()));
  TRY(const MoneyIn money, read_positive(request.money()));
  TRY(const Instant expires_at, read_instant("expires_at", request.expires_ms(), parts_.clock.now()));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason));
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  TRY(const v1::Wallet wallet, wallet_of(account));
  if (wallet.unit() != money.unit.text())
    return fail(ErrorCode::unit_mismatch, fmt::format("The account is kept in {}.", wallet.unit()));
  // Its id follows from the key, so that not even a forgotten key gives twice.
  const LotId lot{derived_uuid("grant", key)};
  TRY(const Acted acted, act(caller, request.key(), fingerprint("GrantLot", request),
                             GrantLot{.lot = lot, .account = account, .amount = money.amount, .expires_at = expires_at, .reason = request.reason()},
                             request.note()));
  v1::Lot out;
  if (acted.proposal) {
    out = acted.proposal->act().grant_lot();
    *out.mutable_proposal() = *acted.proposal;
  } else {
    TRY(out, lot_view(lot));
  }
  out.set_position(acted.result.position);
  return out;
}

Result<v1::ListLotsReply> Api::list_lots(const v1::ListLotsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  BillingAccountId account;
  if (request.account().empty()) {
    TRY(account, account_of(caller, {}));
  } else {
    TRY(account, id_or_not_found<BillingAccountIdKind>(request.account()));
  }
  TRY(const auto reply, look([caller, account](const Market& market) -> std::optional<v1::ListLotsReply> {
        const BillingAccount* found = market.account(account);
        if (found == nullptr || !may_see(caller, market, account)) return std::nullopt;
        v1::ListLotsReply out;
        for (const Unit unit : {found->unit, kDu})
          for (const Lot* lot : market.lots(*found, unit)) *out.add_lots() = view_of(market, *lot);
        return out;
      }));
  if (!reply) return fail(ErrorCode::not_found, "There is no such billing account.");
  return *reply;
}

Result<v1::VoucherBatch> Api::issue_vouchers(const v1::IssueVouchersRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  TRY(const std::string key, scoped_key(caller, request.key()));
  TRY(const MoneyIn money, read_positive(request.money()));
  const Instant now = parts_.clock.now();
  VoucherBatch batch{.id = VoucherBatchId{derived_uuid("vouchers", key)}, .unit = money.unit, .amount = money.amount};
  TRY(batch.redeem_by, read_instant("redeem_by", request.redeem_by_ms(), now));
  if (request.expires_ms() != 0) {
    TRY(batch.expires_at, read_instant("expires_at", request.expires_ms(), now));
  }
  if (request.valid_days() < 0 || request.valid_days() > kMostDays)
    return fail(ErrorCode::invalid_argument, "valid_days must be from 1 to 3650.");
  batch.valid_for = hours(24 * request.valid_days());
  if (request.count() < 1 || request.count() > static_cast<int>(kMaxVouchers))
    return fail(ErrorCode::invalid_argument, fmt::format("count must be from 1 to {}.", kMaxVouchers));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason));
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  batch.reason = request.reason();
  v1::VoucherBatch out;
  for (int i = 0; i < request.count(); ++i) {
    const std::string& code = *out.add_codes() = make_code(parts_.rng);
    batch.codes.push_back(hash_of_code(code));
  }
  TRY(const Acted acted, act(caller, request.key(), fingerprint("IssueVouchers", request), IssueVouchers{batch}, request.note()));
  if (acted.result.repeated) out.clear_codes();  // these are not the ones that were issued
  if (!acted.proposal) batch.issued_at = now;
  fill(out, batch);
  if (acted.proposal) *out.mutable_proposal() = *acted.proposal;
  out.set_position(acted.result.position);
  return out;
}

Result<v1::ListVouchersReply> Api::list_vouchers(const v1::ListVouchersRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  std::optional<VoucherBatchId> older_than;
  if (!request.cursor().empty()) {
    TRY(older_than, read_id<VoucherBatchIdKind>("cursor", request.cursor()));
  }
  const int limit = request.limit() == 0 ? kPageOfBatches : std::clamp(request.limit(), 1, 200);
  queries_.wait_for(position());
  TRY(const std::vector<StoredVouchers> stored, queries_.vouchers(older_than, limit));
  v1::ListVouchersReply reply;
  for (const StoredVouchers& one : stored) {
    v1::VoucherBatch& out = *reply.add_batches();
    fill(out, one.batch);
    out.set_count(one.count);
    out.set_redeemed(one.redeemed);
  }
  if (static_cast<int>(stored.size()) == limit) reply.set_next_cursor(to_text(stored.back().batch.id));
  return reply;
}

Result<v1::Lot> Api::redeem_voucher(const v1::RedeemVoucherRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(scoped_key(caller, request.key()));
  CHECK_OK(check_text("code", request.code(), 64));
  TRY(const BillingAccountId account, account_of(caller, request.account()));
  const Hash256 code = hash_of_code(request.code());
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("RedeemVoucher", request),
                                    RedeemVoucher{.lot = LotId{derived_uuid("voucher", to_hex(code))},
                                                  .account = account, .user = caller.user, .code = code}));
  TRY(v1::Lot out, lot_view(LotId{done.object}));
  out.set_position(done.position);
  return out;
}

}  // namespace bourse::broker::api
