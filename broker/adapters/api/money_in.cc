// Wrong money in: what came in by bank, and taking back a top-up, a gift or a package.
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/api/act_view.h"
#include "broker/adapters/api/api.h"
#include "broker/adapters/api/columns.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr int kPageOfTopUps = 50, kMostTopUps = 200;

// $1 an account or '', $2 a top-up or '', $3 a top-up that the page is older than or ''.
constexpr const char* kTopUps =
    "SELECT t.id, b.id AS account, b.name, b.unit, t.amount_micros, t.reference, e.text AS bank, " BOURSE_MS("t.at") " AS at_ms, t.journal_seq "
    "FROM market.transfers t JOIN market.billing_accounts b ON b.wallet = t.credit LEFT JOIN identity.bank_entries e ON e.reference = t.reference "
    "WHERE t.code = 1 AND NOT t.pending AND ($1 = '' OR t.credit = (SELECT wallet FROM market.billing_accounts WHERE id = nullif($1, '')::uuid)) "
    "AND ($2 = '' OR t.id = nullif($2, '')::uuid) AND ($3 = '' OR (t.journal_seq, t.idx) < "
    "(SELECT o.journal_seq, o.idx FROM market.transfers o WHERE o.code = 1 AND o.id = nullif($3, '')::uuid)) "
    "ORDER BY t.journal_seq DESC, t.idx DESC LIMIT $4";

struct StoredTopUp {
  TransferId id;
  BillingAccountId account;
  std::string account_name, bank;
  Unit unit = kCny;
  Amount amount;
  Uuid reference;
  Instant at;
  std::uint64_t position = 0;
};

Result<std::vector<StoredTopUp>> top_ups(Database& database, const std::string& account, const std::string& one, const std::string& older_than, int limit) {
  using TopUps = std::vector<StoredTopUp>;
  return database.read<TopUps>([&](pqxx::transaction_base& work) -> Result<TopUps> {
    TopUps found;
    for (const auto& row : work.exec_params(kTopUps, account, one, older_than, limit))
      found.push_back({.id = id_column<TransferIdKind>(row["id"]), .account = id_column<BillingAccountIdKind>(row["account"]),
                       .account_name = row["name"].c_str(), .bank = row["bank"].is_null() ? "" : row["bank"].c_str(), .unit = unit_column(row["unit"]),
                       .amount = amount_column(row["amount_micros"]), .reference = uuid_column(row["reference"]), .at = instant_column(row["at_ms"]),
                       .position = row["journal_seq"].as<std::uint64_t>()});
    return found;
  });
}

// As it was done; nothing when it was not.
std::optional<v1::MoneyInReversal> reversal_of(const Market& market, Uuid what) {
  const MoneyInReversal* found = market.reversal(what);
  if (found == nullptr) return std::nullopt;
  v1::MoneyInReversal out;
  fill(out, ReverseMoneyIn{.what = found->what, .kind = found->kind, .account = found->account, .amount = found->amount, .whole = {},
                           .reference = found->reference, .reason = found->reason}, market);
  if (found->kind == MoneyInKind::package) fill(*out.mutable_back(), found->money, market.account(found->account)->unit);
  out.set_at_ms(found->at.unix_ms);
  return out;
}

MoneyInKind kind_of(LotKind kind) {
  return kind == LotKind::grant ? MoneyInKind::grant : kind == LotKind::voucher ? MoneyInKind::voucher : MoneyInKind::package;
}

}  // namespace

Result<v1::ListTopUpsReply> Api::list_top_ups(const v1::ListTopUpsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  if (request.limit() < 0 || request.limit() > kMostTopUps) return fail(ErrorCode::invalid_argument, fmt::format("limit must be from 1 to {}.", kMostTopUps));
  std::string account, older_than;
  if (!request.account().empty()) {
    TRY(const BillingAccountId id, id_or_not_found<BillingAccountIdKind>(request.account()));
    account = sql(id);
  }
  if (!request.cursor().empty()) {
    TRY(const TransferId id, read_id<TransferIdKind>("cursor", request.cursor()));
    older_than = sql(id);
  }
  const int limit = request.limit() == 0 ? kPageOfTopUps : request.limit();
  queries_.wait_for(position());
  TRY(const std::vector<StoredTopUp> found, top_ups(queries_.database(), account, {}, older_than, limit));
  return look([found, limit](const Market& market) {
    v1::ListTopUpsReply reply;
    for (const StoredTopUp& one : found) {
      v1::TopUp& out = *reply.add_top_ups();
      out.set_id(to_text(one.id));
      out.set_account(to_text(one.account));
      out.set_account_name(one.account_name);
      fill(*out.mutable_money(), one.amount, one.unit);
      out.set_bank_reference(one.bank);
      out.set_at_ms(one.at.unix_ms);
      out.set_position(one.position);
      if (auto reversal = reversal_of(market, one.id.uuid)) *out.mutable_reversal() = std::move(*reversal);
    }
    if (static_cast<int>(found.size()) == limit) reply.set_next_cursor(to_text(found.back().id));
    return reply;
  });
}

// What is named by an id, all of it.
Result<ReverseMoneyIn> Api::money_in_named(const std::string& id) {
  const auto missing = [] { return fail(ErrorCode::not_found, "There is no such top-up (tra_…), and no such lot (lot_…)."); };
  if (const auto lot = parse_id<LotIdKind>(id)) {
    TRY(const auto act, look([lot = *lot](const Market& market) -> std::optional<ReverseMoneyIn> {
          const Lot* found = market.lot(lot);
          if (found == nullptr) return std::nullopt;
          return ReverseMoneyIn{.what = lot.uuid, .kind = kind_of(found->kind), .account = found->account, .amount = found->amount,
                                .whole = found->amount, .reference = lot.uuid, .reason = {}};
        }));
    if (!act) return missing();
    return *act;
  }
  const auto transfer = parse_id<TransferIdKind>(id);
  if (!transfer) return missing();
  queries_.wait_for(position());
  TRY(const std::vector<StoredTopUp> found, top_ups(queries_.database(), {}, sql(*transfer), {}, 1));
  if (found.empty()) return missing();
  return ReverseMoneyIn{.what = transfer->uuid, .kind = MoneyInKind::top_up, .account = found.front().account, .amount = found.front().amount,
                        .whole = found.front().amount, .reference = found.front().reference, .reason = {}};
}

Result<v1::MoneyInReversal> Api::reverse_money_in(const v1::ReverseMoneyInRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  CHECK_OK(scoped_key(caller, request.key()));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason));
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  TRY(ReverseMoneyIn wanted, money_in_named(request.id()));
  wanted.reason = request.reason();
  if (!request.amount().empty()) {
    const auto amount = parse_amount(request.amount());
    if (!amount) return fail(amount.error().code, fmt::format("amount: {}", amount.error().detail));
    wanted.amount = *amount;
  }
  TRY(const Acted acted, act(caller, request.key(), fingerprint("ReverseMoneyIn", request), wanted, request.note()));
  TRY(v1::MoneyInReversal out, look([wanted](const Market& market) {
        if (auto done = reversal_of(market, wanted.what)) return *done;
        v1::MoneyInReversal proposed;
        fill(proposed, wanted, market);
        return proposed;
      }));
  fill(*out.mutable_whole(), wanted.whole, *parse_unit(out.money().unit()));
  if (acted.proposal) *out.mutable_proposal() = *acted.proposal;
  out.set_position(acted.result.position);
  return out;
}

}  // namespace bourse::broker::api
