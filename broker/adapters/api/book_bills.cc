// Bills: a billing account's month, by the transfers that its wallet made in it. Σ of a bill's lines is what the wallet moved.
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/api/api.h"
#include "broker/adapters/api/bills.h"
#include "broker/adapters/api/columns.h"

namespace bourse::broker::api {
namespace {

constexpr int kMostBillLines = 10'000;
// After its end a month waits this long: what was decided before midnight is booked soon after it.
constexpr Duration kBookingSlack = minutes(10);

// The wallet's movements between instants, by class: money in (top-ups, less those reversed), charges, corrections.
constexpr const char* kMoves =
    "SELECT x.slot, sum(x.m) FILTER (WHERE x.code IN (1, 26))::bigint AS money_in, sum(x.m) FILTER (WHERE x.code IN (3, 4, 5, 17, 21, 25, 28))::bigint AS charged, "
    "sum(x.m) FILTER (WHERE x.code = 8)::bigint AS corrected, sum(x.m) FILTER (WHERE x.code NOT IN (1, 3, 4, 5, 8, 17, 21, 25, 26, 28))::bigint AS other "
    "FROM (SELECT width_bucket(at, $2::timestamptz[]) AS slot, code, moved AS m FROM market.moves_of($1::uuid)) x "
    "GROUP BY x.slot ORDER BY x.slot";

struct Moves {
  Amount money_in, charged, corrected, other;  // charged is below zero
  Amount all() const { return money_in + charged + corrected + other; }
};

// Slot 0 is what was before the first of `starts`.
std::vector<Moves> moves_between(pqxx::transaction_base& work, LedgerAccountId wallet, const std::vector<Instant>& starts) {
  std::string bounds = "{";
  for (const Instant start : starts) bounds.append(bounds.size() > 1 ? "," : "").append(sql(start));
  std::vector<Moves> out(starts.size() + 1);
  for (const auto& row : work.exec_params(kMoves, sql(wallet), bounds + "}")) {
    Moves& moves = out.at(row["slot"].as<std::size_t>());
    moves = {amount_column(row["money_in"]), amount_column(row["charged"]), amount_column(row["corrected"]), amount_column(row["other"])};
  }
  return out;
}

void fill_head(v1::Bill& out, const BilledAccount& account, const BilledMonth& month) {
  out.set_account(to_text(account.id));
  out.set_account_name(account.name);
  out.set_month(month_text(month.month));
  out.set_zone(account.zone.empty() ? "UTC" : account.zone);
  out.set_from_ms(month.span.from.unix_ms);
  out.set_until_ms(month.span.until.unix_ms);
  out.set_closed(month.closed);
  out.set_unit(std::string(account.unit.text()));
  out.set_opening(to_text(month.opening));
  out.set_money_in(to_text(month.money_in));
  out.set_charges(to_text(month.charges));
  out.set_corrections(to_text(month.corrections));
  out.set_other(to_text(month.other));
  out.set_closing(to_text(month.closing()));
}

// What the month left owing, and how it stands. What came in later pays the oldest debt first.
void fill_due(v1::Bill& out, const std::vector<BilledMonth>& months, std::size_t which, Instant now, int net_days) {
  const BilledMonth& month = months.at(which);
  if (!month.closed) {
    out.set_due_state("open");
    return;
  }
  const Amount due = month.closing().is_negative() ? Amount{} - month.closing() : Amount{};
  Amount came;
  for (std::size_t later = which + 1; later < months.size(); ++later) came += months[later].money_in + months[later].corrections + months[later].other;
  const Amount balance = months.back().closing();
  // No more than was due then, nor than is owed now, whatever paid it.
  const Amount left = std::max(Amount{}, std::min({due, due - came, Amount{} - balance}));
  out.set_amount_due(to_text(due));
  out.set_outstanding(to_text(left));
  if (due.is_zero()) {
    out.set_due_state("nothing_due");
    return;
  }
  const Instant until = month.span.until + hours(24 * net_days);
  out.set_due_ms(until.unix_ms);
  out.set_due_state(left.is_zero() ? "paid" : now < until ? "due" : "overdue");
}

// Charges by kind, project, user and center; what was used before the month stands apart, under the month it was used in.
Result<Amount> fill_charges(pqxx::transaction_base& work, v1::Bill& out, const BilledAccount& account, Span span) {
  const auto rows = work.exec_params(
      "WITH captures AS (SELECT kind, project, \"user\", center, job, attempt, revision, used_until, sum(amount_micros)::bigint AS amount "
      "FROM market.charges_of($1::uuid, $2::timestamptz, $3::timestamptz) "
      "GROUP BY kind, project, \"user\", center, job, attempt, revision, used_until) "
      "SELECT x.kind, x.project, un.name AS user_name, c.name AS center_name, "
      "CASE WHEN x.used_until <= $2::timestamptz THEN to_char((x.used_until - interval '1 millisecond') AT TIME ZONE $4, 'YYYY-MM') ELSE '' END AS used_in, "
      "count(DISTINCT x.job) AS jobs, sum(u.core_ms)::bigint AS core_ms, sum(u.gpu_ms)::bigint AS gpu_ms, sum(u.mem_mib_s)::bigint AS mem_mib_s, "
      "sum(x.amount)::bigint AS amount FROM captures x LEFT JOIN market.usage u ON u.job = x.job AND u.attempt = x.attempt AND u.revision = x.revision "
      "LEFT JOIN market.centers c ON c.id = x.center LEFT JOIN identity.users un ON un.id = x.\"user\" "
      "GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5 LIMIT $5",
      sql(account.wallet), sql(span.from), sql(span.until), account.zone.empty() ? "UTC" : account.zone, kMostBillLines + 1);
  Amount sum;
  for (const auto& row : rows) {
    if (out.lines_size() == kMostBillLines) return fail(ErrorCode::too_large, "The bill has more than 10,000 lines.");
    v1::BillLine& line = *out.add_lines();
    line.set_kind(row["kind"].c_str());
    line.set_project(row["project"].is_null() ? "" : row["project"].c_str());
    line.set_user_name(row["user_name"].is_null() ? "" : row["user_name"].c_str());
    line.set_center_name(row["center_name"].is_null() ? "" : row["center_name"].c_str());
    line.set_used_in(row["used_in"].c_str());
    line.set_jobs(static_cast<std::uint64_t>(int64_column(row["jobs"])));
    line.set_core_ms(int64_column(row["core_ms"]));
    line.set_gpu_ms(int64_column(row["gpu_ms"]));
    line.set_mem_mib_s(int64_column(row["mem_mib_s"]));
    const Amount amount = amount_column(row["amount"]);
    line.set_amount(to_text(amount));
    sum += amount;
  }
  return sum;
}

// What isn't a charge: money in, corrections with their reasons, anything else by its code. Σ with the charges = the wallet's movement.
Result<Amount> fill_items(pqxx::transaction_base& work, v1::Bill& out, const BilledAccount& account, Span span) {
  const auto rows = work.exec_params(
      "WITH own AS (SELECT * FROM market.moves_of($1::uuid, $2::timestamptz, $3::timestamptz) "
      "WHERE code NOT IN (3, 4, 5, 17, 21, 25, 28)), "
      "items AS (SELECT journal_seq, code, reference, min(idx) AS idx, min(at) AS at, sum(moved)::bigint AS amount FROM own "
      "GROUP BY journal_seq, code, reference, CASE WHEN code = 8 THEN -1 ELSE idx END) "
      "SELECT i.journal_seq, " BOURSE_MS("i.at") " AS at_ms, i.code, i.reference, i.amount, b.text AS bank, "
      "(SELECT string_agg(a.reason, '; ' ORDER BY a.idx) FROM market.adjustments a WHERE i.code = 8 AND a.journal_seq = i.journal_seq AND a.job = i.reference) AS reason, "
      "(SELECT r.reason FROM market.money_in_reversals r WHERE i.code IN (26, 27) AND r.reference = i.reference AND r.journal_seq = i.journal_seq LIMIT 1) AS taken "
      "FROM items i LEFT JOIN identity.bank_entries b ON i.code IN (1, 26) AND b.reference = i.reference ORDER BY i.journal_seq, i.idx LIMIT $4",
      sql(account.wallet), sql(span.from), sql(span.until), kMostBillLines + 1);
  Amount sum;
  for (const auto& row : rows) {
    if (out.items_size() == kMostBillLines) return fail(ErrorCode::too_large, "The bill has more than 10,000 items.");
    const auto code = enum_column<ledger::TransferCode>(row["code"]);
    const Uuid reference = uuid_column(row["reference"]);
    v1::BillItem& item = *out.add_items();
    item.set_at_ms(int64_column(row["at_ms"]));
    item.set_position(row["journal_seq"].as<std::uint64_t>());
    item.set_kind(code == ledger::TransferCode::reversal ? "correction" : std::string(name(code)));
    if (!row["bank"].is_null()) item.set_reference(row["bank"].c_str());
    else if (code == ledger::TransferCode::reversal) item.set_reference(to_text(JobId{reference}));
    else if (!reference.is_nil()) item.set_reference(to_hyphenated(reference));
    if (!row["reason"].is_null()) item.set_reason(row["reason"].c_str());
    if (!row["taken"].is_null()) item.set_reason(row["taken"].c_str());
    const Amount amount = amount_column(row["amount"]);
    item.set_amount(to_text(amount));
    sum += amount;
  }
  return sum;
}

}  // namespace

Result<std::vector<BilledMonth>> billed_months(pqxx::transaction_base& work, const BilledAccount& account, Instant now) {
  constexpr std::int32_t kMostMonths = 1'200;
  TRY(const std::vector<ZoneSetting> history, zone_history(work, account.id));
  const auto opened = work.exec_params("SELECT " BOURSE_MS("opened_at") " FROM market.billing_accounts WHERE id = $1::uuid", sql(account.id));
  if (opened.empty()) return fail(ErrorCode::unavailable, "The account's books are not there yet.");
  // A month more at each end than any zone can make of it; those that hold nothing go again below.
  std::int32_t month = month_of(instant_column(opened[0][0]).unix_ms / hours(24).ms - 1);
  std::vector<BilledMonth> months;
  std::vector<Instant> starts;
  for (std::int32_t n = 0; n <= kMostMonths; ++n, ++month) {
    TRY(const Instant start, month_start(history, month));
    starts.push_back(start);
    if (start > now) break;
    months.push_back({.month = month});
  }
  if (months.size() + 1 != starts.size()) return fail(ErrorCode::too_large, "The account has more than 1,200 months.");
  const std::vector<Moves> moves = moves_between(work, account.wallet, starts);
  Amount balance = moves[0].all();
  for (std::size_t i = 0; i < months.size(); ++i) {
    const Moves& in = moves[i + 1];
    months[i].span = {starts[i], starts[i + 1]};
    months[i].closed = starts[i + 1] + kBookingSlack <= now;
    months[i].opening = balance;
    months[i].money_in = in.money_in;
    months[i].charges = Amount{} - in.charged;
    months[i].corrections = in.corrected;
    months[i].other = in.other;
    balance = months[i].closing();
  }
  while (!months.empty() && months.front().span.until <= instant_column(opened[0][0])) months.erase(months.begin());
  return months;
}

Result<BilledAccount> Api::billed_account(const Caller& caller, const std::string& named) {
  TRY(const BillingAccountId id, id_or_not_found<BillingAccountIdKind>(named));
  TRY(BilledAccount found, look([caller, id](const Market& market) {
        const BillingAccount* account = market.account(id);
        if (account == nullptr || !may_see(caller, market, id)) return BilledAccount{};
        return BilledAccount{account->id, account->wallet, account->name, account->zone, account->unit};
      }));
  if (found.id.is_nil()) return fail(ErrorCode::not_found, "There is no such billing account.");
  return found;
}

Result<v1::ListBillsReply> Api::list_bills(const v1::ListBillsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const BilledAccount account, billed_account(caller, request.account()));
  const std::uint64_t newest = position();
  queries_.wait_for(newest);
  return queries_.database().read<v1::ListBillsReply>([&](pqxx::transaction_base& work) -> Result<v1::ListBillsReply> {
    work.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    CHECK_OK(check_projected(work, newest));
    const Instant now = parts_.clock.now();
    TRY(const std::vector<BilledMonth> months, billed_months(work, account, now));
    v1::ListBillsReply reply;
    for (std::size_t i = months.size(); i-- > 0;) {
      v1::Bill& bill = *reply.add_bills();
      fill_head(bill, account, months[i]);
      fill_due(bill, months, i, now, options_.bill_net_days);
    }
    return reply;
  });
}

Result<v1::Bill> Api::get_bill(const v1::GetBillRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const BilledAccount account, billed_account(caller, request.account()));
  TRY(const std::int32_t wanted, month_named(request.month()));
  const std::uint64_t newest = position();
  queries_.wait_for(newest);
  return queries_.database().read<v1::Bill>([&](pqxx::transaction_base& work) -> Result<v1::Bill> {
    work.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    CHECK_OK(check_projected(work, newest));
    const Instant now = parts_.clock.now();
    TRY(const std::vector<BilledMonth> months, billed_months(work, account, now));
    const auto month = std::ranges::find(months, wanted, &BilledMonth::month);
    if (month == months.end()) return fail(ErrorCode::not_found, "The account has no bill of that month.");
    v1::Bill bill;
    fill_head(bill, account, *month);
    fill_due(bill, months, static_cast<std::size_t>(month - months.begin()), now, options_.bill_net_days);
    TRY(const Amount charges, fill_charges(work, bill, account, month->span));
    TRY(const Amount items, fill_items(work, bill, account, month->span));
    // Two ways through the books must meet: a bill whose lines don't add up is none.
    if (charges != month->charges || items != month->money_in + month->corrections + month->other)
      return fail(ErrorCode::integrity, "The bill's lines are not what the wallet moved.");
    bill.set_market(options_.name);
    const auto tenant = work.exec_params("SELECT t.name, b.tenant FROM market.billing_accounts b LEFT JOIN identity.tenants t ON t.id = b.tenant WHERE b.id = $1::uuid", sql(account.id));
    if (!tenant.empty()) bill.set_tenant(tenant[0][0].is_null() ? tenant[0][1].c_str() : tenant[0][0].c_str());
    return bill;
  });
}

}  // namespace bourse::broker::api
