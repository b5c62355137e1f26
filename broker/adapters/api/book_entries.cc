// Statements of ledger accounts: every posted entry with the balance after it, and all transfers of a span.
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "broker/adapters/api/api.h"
#include "broker/adapters/api/books.h"
#include "broker/adapters/api/columns.h"

namespace bourse::broker::api {
namespace {

constexpr int kEntries = 500, kMostEntries = 5'000;
constexpr int kFetched = 5'000;

// What was asked for, and how it may be shown.
struct AccountAsked {
  LedgerAccountId id;
  std::string name, zone;
  bool own = false;  // a wallet, by its owner: what centers and the platform get of a charge is not shown
};

struct Cursor {
  std::int64_t seq = 0, idx = -1;
};

Result<Cursor> cursor_of(const std::string& text) {
  Cursor out;
  if (text.empty()) return out;
  const auto dash = text.find('-');
  const auto number = [&](std::string_view digits, std::int64_t& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() && value >= 0;
  };
  if (dash == std::string::npos || !number(std::string_view(text).substr(0, dash), out.seq) ||
      !number(std::string_view(text).substr(dash + 1), out.idx))
    return fail(ErrorCode::invalid_argument, "cursor: take it from the page before.");
  return out;
}

// The account's posted legs in the span, as credits less debits. For its owner the legs of one charge or correction are one
// entry, and the other side isn't named.
std::string shown_entries(bool own) {
  const std::string legs =
      "WITH own AS (SELECT * FROM market.moves_of($1::uuid, $2::timestamptz, $3::timestamptz)), ";
  if (!own) return legs + "shown AS (SELECT * FROM own) ";
  return legs +
         "shown AS (SELECT journal_seq, min(idx) AS idx, min(at) AS at, min(code) AS code, reference, hold, NULL::uuid AS counter, "
         "sum(moved)::bigint AS moved FROM own "
         "GROUP BY journal_seq, reference, hold, CASE WHEN code IN (3, 4, 5) THEN -1 WHEN code = 1 THEN idx ELSE -2 - code END) ";
}

constexpr const char* kEntryColumns =
    "p.journal_seq, p.idx, " BOURSE_MS("p.at") " AS at_ms, p.code, p.reference, p.moved, ca.code AS counter_code, "
    "ca.unit AS counter_unit, ca.owner AS counter_owner, coalesce(cb.name, cc.name, '') AS counter_name, j.id AS job, j.name AS job_name, j.project, "
    "un.name AS user_name, ctr.name AS center, b.text AS bank, "
    "rv.quantity || CASE rv.what WHEN 1 THEN ' nodes' ELSE ' cards' END || ' of ' || rv.pool || ' for ' || rv.days || ' days' AS reserved FROM page p "
    "LEFT JOIN market.ledger_accounts ca ON ca.id = p.counter "
    "LEFT JOIN market.billing_accounts cb ON cb.id = ca.owner LEFT JOIN market.centers cc ON cc.id = ca.owner "
    "LEFT JOIN LATERAL (SELECT c.job, c.attempt FROM market.usage_captures c JOIN market.jobs h ON h.id = c.job AND h.hold = p.hold "
    "WHERE p.code IN (3, 4, 5) AND c.record = p.reference AND c.journal_seq = p.journal_seq LIMIT 1) u ON true "
    "LEFT JOIN market.jobs j ON j.id = coalesce(u.job, CASE WHEN p.code IN (8, 12, 13) THEN p.reference END) "
    "LEFT JOIN market.attempts a ON a.id = coalesce(u.attempt, j.attempt) LEFT JOIN market.reservations rv ON p.code BETWEEN 21 AND 25 AND rv.id = p.reference "
    "LEFT JOIN market.centers ctr ON ctr.id = coalesce(a.center, rv.center) "
    "LEFT JOIN identity.users un ON un.id = coalesce(j.\"user\", rv.\"by\") "
    "LEFT JOIN identity.bank_entries b ON p.code IN (1, 26) AND b.reference = p.reference ORDER BY p.journal_seq, p.idx";

std::string entry_code(ledger::TransferCode code, bool own) {
  using enum ledger::TransferCode;
  if (!own) return std::string(name(code));
  if (code == capture_center || code == capture_margin || code == capture_tax) return "charge";
  return code == reversal ? "correction" : std::string(name(code));
}

std::string business_id(ledger::TransferCode code, Uuid reference) {
  using enum ledger::TransferCode;
  if (reference.is_nil()) return {};
  switch (code) {
    case capture_center:
    case capture_margin:
    case capture_tax:
    case subsidy: return to_text(UsageRecordId{reference});
    case payout:
    case payout_paid:
    case payout_returned: return to_text(PayoutId{reference});
    case reversal:
    case escrow:
    case escrow_release: return to_text(JobId{reference});
    case reservation:
    case accrual_center:
    case accrual_margin:
    case accrual_tax:
    case reservation_returned: return to_text(ReservationId{reference});
    case package_sold:
    case package_reversed:
    case grant:
    case grant_expired:
    case grant_reversed:
    case package_expired: return to_text(LotId{reference});
    case package_used: return to_text(UsageRecordId{reference});
    default: return to_hyphenated(reference);
  }
}

void fill_entry(v1::LedgerEntry& out, const pqxx::row& row, Amount balance, bool own) {
  const auto code = enum_column<ledger::TransferCode>(row["code"]);
  const Amount moved = amount_column(row["moved"]);
  out.set_position(row["journal_seq"].as<std::uint64_t>());
  out.set_index(row["idx"].as<std::uint32_t>());
  out.set_at_ms(int64_column(row["at_ms"]));
  out.set_code(entry_code(code, own));
  const std::string bank = row["bank"].is_null() ? "" : row["bank"].c_str();
  out.set_reference(bank.empty() ? business_id(code, uuid_column(row["reference"])) : bank);
  if (!row["counter_code"].is_null())
    out.set_counter(account_path({.code = enum_column<ledger::AccountCode>(row["counter_code"]),
                                  .unit = unit_column(row["counter_unit"]),
                                  .owner = row["counter_name"].c_str()}));
  if (!row["job"].is_null()) {
    out.set_job(to_text(id_column<JobIdKind>(row["job"])));
    out.set_text(row["job_name"].c_str());
    out.set_project(row["project"].c_str());
    out.set_user_name(row["user_name"].is_null() ? "" : row["user_name"].c_str());
    out.set_center_name(row["center"].is_null() ? "" : row["center"].c_str());
  } else if (!row["reserved"].is_null()) {
    out.set_text(row["reserved"].c_str());
    out.set_user_name(row["user_name"].is_null() ? "" : row["user_name"].c_str());
    out.set_center_name(row["center"].is_null() ? "" : row["center"].c_str());
  }
  if (moved.is_negative()) out.set_debit(to_text(Amount{} - moved));
  else out.set_credit(to_text(moved));
  out.set_balance(to_text(balance));
}

// One page, and the balances around the span, in one snapshot.
Result<v1::ListEntriesReply> read_entries(pqxx::transaction_base& work, const AccountAsked& asked, Span span, Cursor after, int limit) {
  work.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  const std::string id = sql(asked.id), from = sql(span.from), until = sql(span.until);
  const auto accounts = work.exec_params(
      "SELECT a.code, a.unit, a.debits_posted_micros, a.credits_posted_micros, a.debits_pending_micros, a.credits_pending_micros, "
      "(SELECT coalesce(sum(moved), 0)::bigint FROM market.moves_of($1::uuid, $2::timestamptz)) AS since "
      "FROM market.ledger_accounts a WHERE a.id = $1::uuid", id, from);
  if (accounts.empty()) return fail(ErrorCode::not_found, "There is no such ledger account.");
  const auto& a = accounts[0];
  const Amount opening = amount_column(a["credits_posted_micros"]) - amount_column(a["debits_posted_micros"]) - amount_column(a["since"]);
  const std::string entries = shown_entries(asked.own);
  const auto sums = work.exec_params(entries + "SELECT coalesce(sum(moved), 0)::bigint AS all_moved, "
                                     "coalesce(sum(moved) FILTER (WHERE (journal_seq, idx) <= ($4::bigint, $5::bigint)), 0)::bigint AS passed FROM shown",
                                     id, from, until, after.seq, after.idx);
  v1::ListEntriesReply reply;
  v1::LedgerAccount& account = *reply.mutable_account();
  account.set_id(to_text(asked.id));
  account.set_code(std::string(name(enum_column<ledger::AccountCode>(a["code"]))));
  account.set_unit(a["unit"].c_str());
  account.set_owner(asked.name);
  account.set_debits_pending(to_text(amount_column(a["debits_pending_micros"])));
  account.set_credits_pending(to_text(amount_column(a["credits_pending_micros"])));
  reply.set_zone(asked.zone.empty() ? "UTC" : asked.zone);
  reply.set_from_ms(span.from.unix_ms);
  reply.set_until_ms(span.until.unix_ms);
  reply.set_opening(to_text(opening));
  reply.set_closing(to_text(opening + amount_column(sums[0]["all_moved"])));
  Amount balance = opening + amount_column(sums[0]["passed"]);
  const auto page = work.exec_params(
      entries + ", page AS (SELECT * FROM shown WHERE (journal_seq, idx) > ($4::bigint, $5::bigint) ORDER BY journal_seq, idx LIMIT $6) SELECT " + kEntryColumns,
      id, from, until, after.seq, after.idx, limit + 1);
  for (const auto& row : page) {
    if (reply.entries_size() == limit) {
      const v1::LedgerEntry& last = reply.entries(limit - 1);
      reply.set_next_cursor(fmt::format("{}-{}", last.position(), last.index()));
      break;
    }
    balance += amount_column(row["moved"]);
    fill_entry(*reply.add_entries(), row, balance, asked.own);
  }
  return reply;
}

// The platform's accounts by the name of their kind, "tax_payable" or "tax_payable:USD".
std::optional<LedgerAccountId> platform_account_named(const std::string& text) {
  const auto colon = text.find(':');
  const auto unit = colon == std::string::npos ? Result<Unit>(kCny) : parse_unit(text.substr(colon + 1));
  if (!unit) return std::nullopt;
  for (int n = 1; n <= static_cast<int>(ledger::AccountCode::platform_risk); ++n) {
    const auto code = static_cast<ledger::AccountCode>(n);
    if (name(code) == std::string_view(text).substr(0, colon)) return Market::platform_account(code, *unit);
  }
  return std::nullopt;
}

}  // namespace

Result<v1::ListEntriesReply> Api::list_entries(const v1::ListEntriesRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  if (request.limit() < 0 || request.limit() > kMostEntries)
    return fail(ErrorCode::invalid_argument, fmt::format("limit must be from 1 to {}.", kMostEntries));
  TRY(const Cursor after, cursor_of(request.cursor()));
  AccountAsked asked;
  if (const auto billing = parse_id<BillingAccountIdKind>(request.account())) {
    TRY(asked, look([caller, id = *billing](const Market& market) {
          const BillingAccount* account = market.account(id);
          if (account == nullptr || !may_see(caller, market, id)) return AccountAsked{};
          return AccountAsked{account->wallet, account->name, account->zone, true};
        }));
    if (asked.id.is_nil()) return fail(ErrorCode::not_found, "There is no such billing account.");
    asked.own = request.legs() == 0 || !caller.has_any({Role::finance, Role::operator_});
  } else {
    CHECK_OK(require(caller, {Role::finance, Role::operator_}));
    if (const auto ledger_id = parse_id<LedgerAccountIdKind>(request.account())) asked.id = *ledger_id;
    else if (const auto platform = platform_account_named(request.account())) asked.id = *platform;
    else {
      TRY(const CenterId center, center_of(request.account()));
      TRY(asked, look([center](const Market& market) {
            const Period* open = market.period(market.center(center)->open_period);
            return AccountAsked{Market::platform_account(ledger::AccountCode::center_payable, open == nullptr ? kCny : open->unit, center.uuid),
                                market.center(center)->name, {}, false};
          }));
    }
  }
  TRY(const Zone zone, zone_named(asked.zone));
  TRY(const Span span, span_of(request.from(), request.to(), zone, parts_.clock.now() + seconds(1)));
  const std::uint64_t newest = position();
  queries_.wait_for(newest);
  const int limit = request.limit() == 0 ? kEntries : request.limit();
  return queries_.database().read<v1::ListEntriesReply>([&](pqxx::transaction_base& work) -> Result<v1::ListEntriesReply> {
    TRY(v1::ListEntriesReply reply, read_entries(work, asked, span, after, limit));
    CHECK_OK(check_projected(work, newest));
    reply.set_up_to(newest);
    return reply;
  });
}

// JSON, a line each: first the accounts with their balances before and after (debits less credits), then the transfers in the
// order of the journal; what is pending moves no balance.
Status Api::export_span(const v1::ExportLedgerRequest& request, const std::function<bool(std::string)>& write) {
  using nlohmann::ordered_json;
  TRY(const Zone utc, zone_named(""));
  TRY(const Span span, span_of(request.from(), request.to(), utc, parts_.clock.now() + seconds(1)));
  const std::uint64_t newest = position();
  queries_.wait_for(newest);
  const auto done = queries_.database().read<bool>([&](pqxx::transaction_base& work) -> Result<bool> {
    work.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    CHECK_OK(check_projected(work, newest));
    const std::string from = sql(span.from), until = sql(span.until);
    std::string piece;
    for (const auto& row : work.exec_params(
             "WITH moves AS (SELECT debit AS id, at, amount_micros AS m FROM market.transfers WHERE NOT pending AND at >= $1::timestamptz "
             "UNION ALL SELECT credit, at, -amount_micros FROM market.transfers WHERE NOT pending AND at >= $1::timestamptz), "
             "sums AS (SELECT id, sum(m)::bigint AS since, (sum(m) FILTER (WHERE at >= $2::timestamptz))::bigint AS later FROM moves GROUP BY id) "
             "SELECT a.id, a.code, a.unit, a.owner, coalesce(b.name, c.name, '') AS name, "
             "a.debits_posted_micros - a.credits_posted_micros - coalesce(s.since, 0) AS opening, "
             "a.debits_posted_micros - a.credits_posted_micros - coalesce(s.later, 0) AS closing "
             "FROM market.ledger_accounts a LEFT JOIN sums s USING (id) LEFT JOIN market.billing_accounts b ON b.id = a.owner "
             "LEFT JOIN market.centers c ON c.id = a.owner ORDER BY a.opened_seq, a.opened_idx", from, until)) {
      const auto code = enum_column<ledger::AccountCode>(row["code"]);
      const Uuid owner = uuid_column(row["owner"]);
      const BookAccount account{.code = code, .unit = unit_column(row["unit"]),
                                .owner = owner.is_nil() ? "" : code == ledger::AccountCode::wallet ? to_text(BillingAccountId{owner}) : to_text(CenterId{owner})};
      piece += ordered_json{{"account", to_text(id_column<LedgerAccountIdKind>(row["id"]))}, {"path", account_path(account)},
                            {"unit", row["unit"].c_str()}, {"name", row["name"].c_str()}, {"opening", to_text(amount_column(row["opening"]))},
                            {"closing", to_text(amount_column(row["closing"]))}}.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
    }
    if (!write(std::move(piece))) return fail(ErrorCode::unavailable, "The reader is gone.");
    work.exec("DECLARE transfers_of_span NO SCROLL CURSOR FOR SELECT t.journal_seq, t.idx, " BOURSE_MS("t.at") " AS at_ms, t.debit, t.credit, "
              "t.amount_micros, t.pending, t.code, t.reference, a.unit, e.text AS bank FROM market.transfers t "
              "JOIN market.ledger_accounts a ON a.id = t.debit LEFT JOIN identity.bank_entries e ON t.code IN (1, 26) AND e.reference = t.reference "
              "WHERE t.at >= " + work.quote(from) + "::timestamptz AND t.at < " + work.quote(until) + "::timestamptz ORDER BY t.journal_seq, t.idx");
    for (;;) {
      const auto page = work.exec(fmt::format("FETCH {} FROM transfers_of_span", kFetched));
      piece.clear();
      for (const auto& row : page) {
        const auto code = enum_column<ledger::TransferCode>(row["code"]);
        const Uuid reference = uuid_column(row["reference"]);
        const bool of_hold = code == ledger::TransferCode::hold || code == ledger::TransferCode::release;
        piece += ordered_json{{"position", int64_column(row["journal_seq"])}, {"index", int64_column(row["idx"])},
                              {"at", to_text(instant_column(row["at_ms"]))}, {"code", std::string(name(code))},
                              {"debit", to_text(id_column<LedgerAccountIdKind>(row["debit"]))}, {"credit", to_text(id_column<LedgerAccountIdKind>(row["credit"]))},
                              {"amount", to_text(amount_column(row["amount_micros"]))}, {"unit", row["unit"].c_str()},
                              {"pending", row["pending"].as<bool>()},
                              {"reference", !row["bank"].is_null() ? row["bank"].c_str() : of_hold ? to_text(JobId{reference}) : business_id(code, reference)}}
                     .dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
      }
      if (!piece.empty() && !write(std::move(piece))) return fail(ErrorCode::unavailable, "The reader is gone.");
      if (page.size() < kFetched) return true;
    }
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

}  // namespace bourse::broker::api
