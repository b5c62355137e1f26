#include "broker/adapters/store/compare.h"

#include <algorithm>

namespace bourse::broker::store {
namespace {

constexpr int kFetch = 20'000;
constexpr Duration kQueryTimeout = minutes(10);

// PostgreSQL's sum of bigints is numeric; it comes as text.
__int128 integer_of(std::string_view text) {
  __int128 value = 0;
  bool negative = false;
  for (const char c : text) {
    if (c == '-') negative = true;
    else if (c >= '0' && c <= '9') value = value * 10 + (c - '0');
  }
  return negative ? -value : value;
}

std::string text_of(__int128 value) {
  const bool negative = value < 0;
  std::string digits;
  for (unsigned __int128 rest = negative ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value); rest > 0; rest /= 10)
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  if (digits.empty()) digits = "0";
  return negative ? "-" + digits : digits;
}

}  // namespace

void Comparison::differ(std::string what) {
  ++found_;
  if (differences_.size() < most_) differences_.push_back(std::move(what));
}

void Comparison::same(const std::string& what, const std::string& field, Amount projected, Amount journaled) {
  if (projected == journaled) return;
  differ(what + ": " + field + " is " + to_text(projected) + " in the projection and " + to_text(journaled) + " in the journal");
}

void Comparison::same_count(const std::string& what, std::int64_t projected, std::int64_t journaled) {
  if (projected == journaled) return;
  differ(what + ": " + std::to_string(projected) + " in the projection and " + std::to_string(journaled) + " in the journal");
}

// Row by row, without holding a whole table in memory.
template <class Visit>
Status Comparison::each(const std::string& select, Visit&& visit) {
  CHECK_OK(connection_.script("DECLARE compared NO SCROLL CURSOR FOR " + select, kQueryTimeout));
  const std::string fetch = "FETCH " + std::to_string(kFetch) + " FROM compared";
  while (true) {
    TRY(const Rows rows, connection_.run(fetch.c_str(), {}, kQueryTimeout));
    for (int i = 0; i < rows.size(); ++i) visit(rows, i);
    if (rows.size() < kFetch) break;
  }
  return connection_.script("CLOSE compared");
}

Result<bool> Comparison::run() {
  CHECK_OK(accounts());
  CHECK_OK(holds());
  CHECK_OK(jobs());
  CHECK_OK(arrays());
  CHECK_OK(periods());
  CHECK_OK(transfers());
  CHECK_OK(captures());
  CHECK_OK(adjustments());
  CHECK_OK(lots());
  CHECK_OK(reversals());
  CHECK_OK(members());
  CHECK_OK(accruals());
  CHECK_OK(fees());
  CHECK_OK(counters_follow_transfers());
  CHECK_OK(moves_are_gathered());
  CHECK_OK(counts());
  return found_ == 0;
}

Status Comparison::accounts() {
  std::int64_t rows_seen = 0;
  CHECK_OK(each("SELECT id, debits_pending_micros, debits_posted_micros, credits_pending_micros, credits_posted_micros, "
                "credit_limit_micros FROM market.ledger_accounts",
                [&](const Rows& r, int i) {
                  ++rows_seen;
                  const LedgerAccountId id{r.uuid(i, 0)};
                  const ledger::Account* account = market_.ledger().account(id);
                  const std::string what = "account " + to_text(id);
                  if (account == nullptr) return differ(what + " is not in the journal");
                  same(what, "debits_pending", {r.int8(i, 1)}, account->debits_pending);
                  same(what, "debits_posted", {r.int8(i, 2)}, account->debits_posted);
                  same(what, "credits_pending", {r.int8(i, 3)}, account->credits_pending);
                  same(what, "credits_posted", {r.int8(i, 4)}, account->credits_posted);
                  same(what, "credit_limit", {r.int8(i, 5)}, account->credit_limit);
                }));
  same_count("ledger accounts", rows_seen, static_cast<std::int64_t>(market_.ledger().accounts().size()));
  return {};
}

Status Comparison::holds() {
  std::int64_t rows_seen = 0;
  CHECK_OK(each("SELECT id, amount_micros, captured_micros, released_micros, ended FROM market.holds",
                [&](const Rows& r, int i) {
                  ++rows_seen;
                  const HoldId id{r.uuid(i, 0)};
                  const std::string what = "hold " + to_text(id);
                  const auto found = expected_.holds.find(id.uuid);
                  if (found == expected_.holds.end()) return differ(what + " is not in the journal");
                  same(what, "amount", {r.int8(i, 1)}, found->second.amount);
                  same(what, "captured", {r.int8(i, 2)}, found->second.captured);
                  same(what, "released", {r.int8(i, 3)}, found->second.released);
                  if ((r.int2(i, 4) != 0) != found->second.ended) differ(what + ": ended in one and not in the other");
                }));
  same_count("holds", rows_seen, static_cast<std::int64_t>(expected_.holds.size()));
  return {};
}

Status Comparison::jobs() {
  std::int64_t rows_seen = 0;
  CHECK_OK(each("SELECT id, state, held_micros, charged_micros, attempts, center FROM market.jobs",
                [&](const Rows& r, int i) {
                  ++rows_seen;
                  const JobId id{r.uuid(i, 0)};
                  const std::string what = "job " + to_text(id);
                  const auto found = expected_.jobs.find(id.uuid);
                  if (found == expected_.jobs.end()) return differ(what + " is not in the journal");
                  const auto state = static_cast<JobState>(r.int2(i, 1));
                  if (state != found->second.state)
                    differ(what + " is " + std::string(name(state)) + " in the projection and " +
                           std::string(name(found->second.state)) + " in the journal");
                  same(what, "held", {r.int8(i, 2)}, found->second.held);
                  same(what, "charged", {r.int8(i, 3)}, found->second.charged);
                  same_count(what + " attempts", r.int4(i, 4), found->second.attempts);
                  if (r.uuid(i, 5) != found->second.center.uuid) differ(what + " is at another center");
                }));
  same_count("jobs", rows_seen, static_cast<std::int64_t>(expected_.jobs.size()));
  return {};
}

Status Comparison::arrays() {
  std::int64_t rows_seen = 0;
  CHECK_OK(each("SELECT id, elements, (SELECT count(*) FROM market.jobs j WHERE j.array_id = a.id) FROM market.arrays a", [&](const Rows& r, int i) {
    ++rows_seen;
    const JobId id{r.uuid(i, 0)};
    const std::string what = "array " + to_text(id);
    const auto found = expected_.arrays.find(id.uuid);
    if (found == expected_.arrays.end()) return differ(what + " is not in the journal");
    same_count(what + " elements", r.int4(i, 1), found->second);
    if (const JobArray* array = market_.array(id)) same_count(what + " elements made", r.int8(i, 2), array->made);
  }));
  same_count("arrays", rows_seen, static_cast<std::int64_t>(expected_.arrays.size()));
  return {};
}

Status Comparison::periods() {
  std::int64_t rows_seen = 0;
  CHECK_OK(each("SELECT id, state, captures, gross_micros, center_share_micros, margin_micros, tax_micros, statement, "
                "opening_micros, adjustments, adj_user_micros, adj_center_micros, adj_margin_micros, adj_tax_micros, "
                "adj_escrow_micros, paid_out_micros FROM market.periods",
                [&](const Rows& r, int i) {
                  ++rows_seen;
                  const PeriodId id{r.uuid(i, 0)};
                  const std::string what = "period " + to_text(id);
                  const Period* period = market_.period(id);
                  if (period == nullptr) return differ(what + " is not in the journal");
                  if (r.int2(i, 1) != static_cast<std::int16_t>(period->state)) differ(what + " is in another state");
                  same_count(what + " captures", r.int8(i, 2), static_cast<std::int64_t>(period->captures));
                  same(what, "gross", {r.int8(i, 3)}, period->gross);
                  same(what, "center_share", {r.int8(i, 4)}, period->center_share);
                  same(what, "margin", {r.int8(i, 5)}, period->margin);
                  same(what, "tax", {r.int8(i, 6)}, period->tax);
                  if (r.hash(i, 7) != period->statement) differ(what + " has another statement");
                  same(what, "opening", {r.int8(i, 8)}, period->opening);
                  same_count(what + " adjustments", r.int8(i, 9), static_cast<std::int64_t>(period->adjustments));
                  same(what, "adjusted.user", {r.int8(i, 10)}, period->adjusted.user);
                  same(what, "adjusted.center_share", {r.int8(i, 11)}, period->adjusted.center_share);
                  same(what, "adjusted.margin", {r.int8(i, 12)}, period->adjusted.margin);
                  same(what, "adjusted.tax", {r.int8(i, 13)}, period->adjusted.tax);
                  same(what, "adjusted.escrow", {r.int8(i, 14)}, period->adjusted.escrow);
                  same(what, "paid_out", {r.int8(i, 15)}, period->paid_out);
                }));
  same_count("periods", rows_seen, static_cast<std::int64_t>(expected_.periods.size()));
  return {};
}

Status Comparison::transfers() {
  auto left = expected_.transfers;
  CHECK_OK(each("SELECT pending, code, count(*), sum(amount_micros)::text FROM market.transfers GROUP BY pending, code",
                [&](const Rows& r, int i) {
                  const std::pair key{r.boolean(i, 0), r.int2(i, 1)};
                  const Expectation::Sum projected{r.int8(i, 2), integer_of(r.text(i, 3))};
                  const Expectation::Sum journaled = left.contains(key) ? left.at(key) : Expectation::Sum{};
                  left.erase(key);
                  if (projected == journaled) return;
                  differ("transfers with code " + std::to_string(key.second) + ": " + std::to_string(projected.count) + " of " +
                         text_of(projected.micros) + " micro-units in the projection, " + std::to_string(journaled.count) +
                         " of " + text_of(journaled.micros) + " in the journal");
                }));
  for (const auto& [key, sum] : left)
    differ("transfers with code " + std::to_string(key.second) + ": none in the projection, " + std::to_string(sum.count) +
           " in the journal");
  return {};
}

Status Comparison::captures() {
  return each("SELECT period, count(*), sum(gross_micros)::text, sum(center_share_micros)::text, sum(margin_micros)::text, "
              "sum(tax_micros)::text FROM market.usage_captures GROUP BY period",
              [&](const Rows& r, int i) {
                const PeriodId id{r.uuid(i, 0)};
                const std::string what = "captures of period " + to_text(id);
                const Period* period = market_.period(id);
                if (period == nullptr) return differ(what + ": it is not in the journal");
                same_count(what, r.int8(i, 1), static_cast<std::int64_t>(period->captures));
                const auto micros = [&](int column) { return Amount{static_cast<std::int64_t>(integer_of(r.text(i, column)))}; };
                same(what, "gross", micros(2), period->gross);
                same(what, "center_share", micros(3), period->center_share);
                same(what, "margin", micros(4), period->margin);
                same(what, "tax", micros(5), period->tax);
              });
}

Status Comparison::accruals() {
  return each("SELECT period, count(*), sum(gross_micros)::text, sum(center_share_micros)::text, sum(margin_micros)::text, "
              "sum(tax_micros)::text FROM market.reservation_accruals GROUP BY period",
              [&](const Rows& r, int i) {
                const PeriodId id{r.uuid(i, 0)};
                const std::string what = "accruals of period " + to_text(id);
                const Period* period = market_.period(id);
                if (period == nullptr) return differ(what + ": it is not in the journal");
                const auto micros = [&](int column) { return Amount{static_cast<std::int64_t>(integer_of(r.text(i, column)))}; };
                same_count(what, r.int8(i, 1), static_cast<std::int64_t>(period->accruals));
                same(what, "gross", micros(2), period->accrued.gross);
                same(what, "center_share", micros(3), period->accrued.center_share);
                same(what, "margin", micros(4), period->accrued.margin);
                same(what, "tax", micros(5), period->accrued.tax);
              });
}

Status Comparison::fees() {
  std::uint64_t rows_seen = 0;
  CHECK_OK(each("SELECT period, count(*), sum(amount_micros)::text, sum(tax_micros)::text FROM market.period_fees GROUP BY period", [&](const Rows& r, int i) {
    const PeriodId id{r.uuid(i, 0)};
    const std::string what = "fees of period " + to_text(id);
    const Period* period = market_.period(id);
    if (period == nullptr) return differ(what + ": it is not in the journal");
    rows_seen += period->fees;
    same_count(what, r.int8(i, 1), static_cast<std::int64_t>(period->fees));
    same(what, "amount", Amount{static_cast<std::int64_t>(integer_of(r.text(i, 2)))}, period->fee);
    same(what, "tax", Amount{static_cast<std::int64_t>(integer_of(r.text(i, 3)))}, period->fee_tax);
  }));
  same_count("fees", static_cast<std::int64_t>(rows_seen), expected_.fees);
  return {};
}

Status Comparison::adjustments() {
  return each("SELECT period, count(*), sum(user_micros)::text, sum(center_micros)::text, sum(escrow_micros)::text "
              "FROM market.adjustments GROUP BY period",
              [&](const Rows& r, int i) {
                const PeriodId id{r.uuid(i, 0)};
                const std::string what = "adjustments of period " + to_text(id);
                const Period* period = market_.period(id);
                if (period == nullptr) return differ(what + ": it is not in the journal");
                const auto micros = [&](int column) { return Amount{static_cast<std::int64_t>(integer_of(r.text(i, column)))}; };
                same_count(what, r.int8(i, 1), static_cast<std::int64_t>(period->adjustments));
                same(what, "user", micros(2), period->adjusted.user);
                same(what, "center_share", micros(3), period->adjusted.center_share);
                same(what, "escrow", micros(4), period->adjusted.escrow);
              });
}

Status Comparison::lots() {
  std::int64_t rows_seen = 0;
  CHECK_OK(each("SELECT l.id, l.amount_micros, (l.amount_micros + coalesce(sum(m.amount_micros), 0))::bigint, "
                "l.price_micros, (l.price_micros + coalesce(sum(m.money_micros), 0))::bigint "
                "FROM market.lots AS l LEFT JOIN market.lot_moves AS m ON m.lot = l.id GROUP BY l.id",
                [&](const Rows& r, int i) {
                  ++rows_seen;
                  const LotId id{r.uuid(i, 0)};
                  const std::string what = "lot " + to_text(id);
                  const Lot* lot = market_.lot(id);
                  if (lot == nullptr) return differ(what + " is not in the journal");
                  same(what, "amount", {r.int8(i, 1)}, lot->amount);
                  same(what, "left", {r.int8(i, 2)}, lot->left);
                  same(what, "price", {r.int8(i, 3)}, lot->price);
                  same(what, "price_left", {r.int8(i, 4)}, lot->price_left);
                }));
  same_count("lots", rows_seen, static_cast<std::int64_t>(market_.all_lots().size()));
  return {};
}

Status Comparison::reversals() {
  return each("SELECT what, kind, account, amount_micros, money_micros, reference FROM market.money_in_reversals", [&](const Rows& r, int i) {
    const std::string what = "reversal of " + to_hyphenated(r.uuid(i, 0));
    const MoneyInReversal* reversal = market_.reversal(r.uuid(i, 0));
    if (reversal == nullptr) return differ(what + " is not in the journal");
    same_count(what + ": kind", r.int2(i, 1), static_cast<std::int64_t>(reversal->kind));
    same(what, "amount", {r.int8(i, 3)}, reversal->amount);
    same(what, "money", {r.int8(i, 4)}, reversal->money);
    if (r.uuid(i, 2) != reversal->account.uuid || r.uuid(i, 5) != reversal->reference) differ(what + ": another account or reference in the projection");
  });
}

Status Comparison::members() {
  return each("SELECT DISTINCT ON (account, \"user\") account, \"user\", removed::int::smallint FROM market.account_members "
              "ORDER BY account, \"user\", journal_seq DESC, idx DESC",
              [&](const Rows& r, int i) {
                const BillingAccount* account = market_.account(BillingAccountId{r.uuid(i, 0)});
                const bool member = account != nullptr && std::ranges::find(account->members, UserId{r.uuid(i, 1)}) != account->members.end();
                if (member == (r.int2(i, 2) != 0))
                  differ("user " + to_text(UserId{r.uuid(i, 1)}) + " of billing account " + to_text(BillingAccountId{r.uuid(i, 0)}) + ": " +
                         (member ? "a member, but not in the projection" : "a member in the projection only"));
              });
}

// The counters again, from the transfers: a posted leg of a hold also takes from the hold's pending pair.
Status Comparison::counters_follow_transfers() {
  return each(
      "WITH moves AS ("
      "  SELECT debit AS id, sum(amount_micros) FILTER (WHERE NOT pending) AS debits, 0 AS credits,"
      "         coalesce(sum(amount_micros) FILTER (WHERE pending AND code = 2), 0)"
      "         - coalesce(sum(amount_micros) FILTER (WHERE NOT pending AND hold IS NOT NULL), 0) AS held"
      "  FROM market.transfers GROUP BY debit"
      "  UNION ALL"
      "  SELECT credit, 0, sum(amount_micros) FILTER (WHERE NOT pending),"
      "         - coalesce(sum(amount_micros) FILTER (WHERE pending AND code = 6), 0)"
      "  FROM market.transfers GROUP BY credit),"
      "sums AS (SELECT id, coalesce(sum(debits), 0) AS debits, coalesce(sum(credits), 0) AS credits, sum(held) AS held "
      "         FROM moves GROUP BY id) "
      "SELECT a.id FROM market.ledger_accounts AS a LEFT JOIN sums AS s USING (id) "
      "WHERE a.debits_posted_micros <> coalesce(s.debits, 0) OR a.credits_posted_micros <> coalesce(s.credits, 0) "
      "   OR (a.code <> 2 AND a.debits_pending_micros <> coalesce(s.held, 0))",
      [&](const Rows& r, int i) {
        differ("account " + to_text(LedgerAccountId{r.uuid(i, 0)}) + ": its counters do not follow from the projected transfers");
      });
}

// What an account's statement goes along leads to each of its posted transfers, once.
Status Comparison::moves_are_gathered() {
  return each(
      "WITH legs AS ("
      "  SELECT s.account, hashint8extended(t.journal_seq, t.idx) AS mark FROM market.transfers AS t, LATERAL (VALUES (t.debit), (t.credit)) AS s (account)"
      "  WHERE NOT t.pending AND t.journal_seq <= (SELECT gathered FROM market.projector_cursor)),"
      "wanted AS (SELECT account, count(*) AS n, sum(mark) AS marks FROM legs GROUP BY account),"
      "found AS (SELECT m.account, count(*) AS n, sum(hashint8extended(p.seq, p.idx)) AS marks"
      "          FROM market.account_moves AS m, unnest(m.seqs, m.idxs) AS p (seq, idx) GROUP BY m.account) "
      "SELECT coalesce(w.account, f.account) FROM wanted AS w FULL JOIN found AS f USING (account) "
      "WHERE w.n IS DISTINCT FROM f.n OR w.marks IS DISTINCT FROM f.marks",
      [&](const Rows& r, int i) {
        differ("account " + to_text(LedgerAccountId{r.uuid(i, 0)}) + ": its gathered moves are not its projected transfers");
      });
}

Status Comparison::counts() {
  const std::pair<const char*, std::int64_t> tables[] = {
      {"attempts", expected_.attempts},       {"attempt_events", expected_.attempt_events},
      {"usage_captures", expected_.captures}, {"rated_lines", expected_.lines},
      {"reports", expected_.reports},         {"quarantined_records", expected_.quarantined},
      {"quotes", expected_.quotes},           {"transfer_refusals", expected_.refusals},
      {"centers", expected_.centers},         {"billing_accounts", expected_.billing_accounts},
      {"proposals", expected_.proposals},     {"proposal_ends", expected_.proposal_ends},
      {"payees", expected_.payees},           {"payouts", expected_.payouts},
      {"adjustments", expected_.adjustments}, {"payout_settlements", expected_.payout_settlements},
      {"disputes", expected_.disputes},       {"dispute_resolutions", expected_.dispute_resolutions},
      {"dispute_evidence", expected_.dispute_evidence},
      {"invoices", expected_.invoices},       {"invoice_moves", expected_.invoice_moves},
      {"payment_file_payouts", expected_.exported_payouts},
      {"voucher_batches", expected_.voucher_batches}, {"voucher_redemptions", expected_.voucher_redemptions},
      {"reservations", expected_.reservations}, {"reservation_ends", expected_.reservation_ends},
      {"account_members", expected_.member_changes}, {"money_in_reversals", expected_.reversals},
      {"payment_file_withdrawals", expected_.withdrawn_files}};
  for (const auto& [table, count] : tables)
    CHECK_OK(each(std::string("SELECT count(*) FROM market.") + table,
                  [&](const Rows& r, int i) { same_count(table, r.int8(i, 0), count); }));
  return {};
}

}  // namespace bourse::broker::store
