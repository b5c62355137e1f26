#include "documents/finance.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "documents/text.h"

namespace bourse::documents {
namespace {

// Words of the document's language.
struct Words {
  Language language;
  std::string operator()(std::string_view english, std::string_view chinese) const { return std::string(say(language, english, chinese)); }
};

Document finance_document(const FinanceHead& head, Language l, std::string kind, std::string title) {
  const Words words{l};
  return {.language = l,
          .kind = kind,
          .title = std::move(title),
          .number = fmt::format("{} {} {}", kind, head.unit.text(), day_of(head.to)),
          .issuer = head.market,
          .from = head.from,
          .to = head.to,
          .issued = head.to,
          .facts = {{"market", words("Market", "市场"), head.market, true},
                    {"currency", words("Currency", "币种"), std::string(head.unit.text()), true},
                    {"until", words("As of (exclusive)", "截至（不含）"), head.to, true},
                    {"position", words("Journal position", "账本位置"), static_cast<std::int64_t>(head.position)}},
          .notes = {words("All times are UTC. Amounts are exact to 0.000001.", "时间均为协调世界时（UTC），金额精确到 0.000001。")}};
}

// A sum in which nothing wraps around: what doesn't fit stays what it was, and is said.
class Sum {
 public:
  Sum& add(Amount amount) {
    sum_ += amount.micros;
    return *this;
  }
  Sum& take(Amount amount) {
    sum_ -= amount.micros;
    return *this;
  }
  bool is(Amount amount) const { return sum_ == amount.micros; }
  Result<Amount> value() const {
    if (sum_ > std::numeric_limits<std::int64_t>::max() || sum_ < std::numeric_limits<std::int64_t>::min())
      return fail(ErrorCode::integrity, "a sum is beyond 64 bits");
    return Amount::of_micros(static_cast<std::int64_t>(sum_));
  }

 private:
  __int128 sum_ = 0;
};

template <class Row>
Result<Amount> sum_of(const std::vector<Row>& rows, Amount Row::* field) {
  Sum sum;
  for (const Row& row : rows) sum.add(row.*field);
  return sum.value();
}

constexpr std::int64_t kHoldHourMs = 3'600'000;
// Younger than so many hours; the last class is what is older.
constexpr std::array<std::int64_t, 4> kAges = {24, 72, 168, 720};

std::size_t age_class(const OpenHold& hold, Instant now) {
  const std::int64_t age = now.unix_ms - hold.since.unix_ms;
  std::size_t out = 0;
  while (out < kAges.size() && age >= kAges[out] * kHoldHourMs) ++out;
  return out;
}

std::string words_of_age(std::size_t age, const Words& words) {
  constexpr std::array<std::string_view, 5> kEnglish = {"less than a day", "1 to 3 days", "3 to 7 days", "7 to 30 days", "30 days and more"};
  constexpr std::array<std::string_view, 5> kChinese = {"不足 1 天", "1 至 3 天", "3 至 7 天", "7 至 30 天", "30 天及以上"};
  return words(kEnglish.at(age), kChinese.at(age));
}

}  // namespace

Result<Document> document_of(const TrialBalance& balance, Language l) {
  const Words words{l};
  const auto money = [&](Amount amount) { return Money{amount, balance.head.unit}; };
  Table table{.key = "accounts", .title = words("Accounts", "科目"),
              .columns = {{"account", words("Account", "科目"), Kind::text}, {"owner", words("Owner's id", "所属编号"), Kind::text, false},
                          {"owner_name", words("Owner", "所属"), Kind::text}, {"opening", words("Opening", "期初余额"), Kind::money},
                          {"debits", words("Debits", "借方发生额"), Kind::money}, {"credits", words("Credits", "贷方发生额"), Kind::money},
                          {"closing", words("Closing", "期末余额"), Kind::money}}};
  for (const TrialBalanceAccount& each : balance.accounts) {
    if (each.debits.is_negative() || each.credits.is_negative()) return fail(ErrorCode::integrity, each.path + " has turnover below zero");
    if (!Sum().add(each.opening).add(each.debits).take(each.credits).is(each.closing))
      return fail(ErrorCode::integrity, fmt::format("{} {} doesn't close with what it moved", each.path, each.owner));
    const Cell owner = each.owner.empty() ? Cell{} : Cell{each.owner}, named = each.name.empty() ? Cell{} : Cell{each.name};
    table.rows.push_back({each.path, owner, named, money(each.opening), money(each.debits), money(each.credits), money(each.closing)});
  }
  TRY(const Amount opening, sum_of(balance.accounts, &TrialBalanceAccount::opening));
  TRY(const Amount debits, sum_of(balance.accounts, &TrialBalanceAccount::debits));
  TRY(const Amount credits, sum_of(balance.accounts, &TrialBalanceAccount::credits));
  if (!opening.is_zero()) return fail(ErrorCode::integrity, "the openings sum to " + to_text(opening) + ", not to zero");
  if (debits != credits) return fail(ErrorCode::integrity, "debits are " + to_text(debits) + ", credits " + to_text(credits));
  table.totals = {words("Total", "合计"), {}, {}, money(opening), money(debits), money(credits), money({})};
  Document out = finance_document(balance.head, l, "trial-balance", words("Trial balance", "试算平衡表"));
  out.facts.push_back({"accounts", words("Accounts", "科目数"), static_cast<std::int64_t>(balance.accounts.size())});
  out.summary = {{"debits", words("Debits", "借方发生额合计"), money(debits)},
                 {"credits", words("Credits", "贷方发生额合计"), money(credits)},
                 {"difference", words("Difference", "差额"), money(debits - credits)}};
  out.notes.push_back(words("Balances are debits less credits: what the market owes is below zero.", "余额为借方减贷方：市场的负债为负数。"));
  out.tables = {std::move(table)};
  CHECK_OK(check(out));
  return out;
}

Result<Document> document_of(const AgedHolds& aged, Language l) {
  const Words words{l};
  const auto money = [&](Amount amount) { return Money{amount, aged.head.unit}; };
  std::vector<const OpenHold*> sorted;
  std::array<Sum, kAges.size() + 1> classes{};
  std::array<std::int64_t, kAges.size() + 1> counts{};
  Sum all;
  for (const OpenHold& hold : aged.holds) {
    if (!hold.amount.is_positive() || hold.since.unix_ms > aged.head.to.unix_ms)
      return fail(ErrorCode::integrity, to_text(hold.job) + " holds nothing, or from later on");
    const std::size_t age = age_class(hold, aged.head.to);
    classes.at(age).add(hold.amount);
    ++counts.at(age);
    all.add(hold.amount);
    sorted.push_back(&hold);
  }
  if (!all.is(aged.held)) return fail(ErrorCode::integrity, "the holds don't sum to what the ledger holds, " + to_text(aged.held));
  std::ranges::sort(sorted, {}, [](const OpenHold* hold) { return std::pair(hold->since, hold->job); });
  Table holds{.key = "holds", .title = words("Open holds, oldest first", "未结冻结（由旧到新）"),
              .columns = {{"job", words("Job", "作业"), Kind::text}, {"account", words("Billing account's id", "计费账户编号"), Kind::text, false},
                          {"account_name", words("Billing account", "计费账户"), Kind::text}, {"center", words("Center", "算力中心"), Kind::text},
                          {"state", words("State", "状态"), Kind::text}, {"since", words("Since", "开始时间"), Kind::instant},
                          {"days", words("Days", "天数"), Kind::integer}, {"age", words("Age", "账龄"), Kind::text, false},
                          {"amount", words("Held", "冻结金额"), Kind::money}}};
  for (const OpenHold* hold : sorted)
    holds.rows.push_back({to_text(hold->job), hold->account, hold->account_name, hold->center, hold->state, hold->since,
                          (aged.head.to.unix_ms - hold->since.unix_ms) / (24 * kHoldHourMs), words_of_age(age_class(*hold, aged.head.to), words),
                          money(hold->amount)});
  holds.totals = {words("Total", "合计"), {}, {}, {}, {}, {}, {}, {}, money(aged.held)};
  Table ages{.key = "ages", .title = words("By age", "按账龄"),
             .columns = {{"age", words("Age", "账龄"), Kind::text}, {"holds", words("Holds", "笔数"), Kind::integer},
                         {"amount", words("Held", "冻结金额"), Kind::money}}};
  Document out = finance_document(aged.head, l, "aged-holds", words("Aged holds", "冻结账龄表"));
  for (std::size_t i = 0; i < classes.size(); ++i) {
    TRY(const Amount amount, classes.at(i).value());
    ages.rows.push_back({words_of_age(i, words), counts.at(i), money(amount)});
  }
  ages.totals = {words("Total", "合计"), static_cast<std::int64_t>(sorted.size()), money(aged.held)};
  out.summary = {{"held", words("Held for jobs", "作业冻结合计"), money(aged.held)}};
  out.tables = {std::move(holds), std::move(ages)};
  CHECK_OK(check(out));
  return out;
}

namespace {

struct RevenueSums {
  Amount gross, centers, margin, tax, escrow;
};

// The table of periods with its line of sums.
Result<Table> revenue_table(const std::vector<RevenueRow>& rows, Unit unit, const Words& words, RevenueSums& sums) {
  const auto money = [&](Amount amount) { return Money{amount, unit}; };
  Table table{.key = "periods", .title = words("Periods", "结算周期"),
              .columns = {{"center", words("Center's id", "算力中心编号"), Kind::text, false}, {"center_name", words("Center", "算力中心"), Kind::text},
                          {"period", words("Period", "结算周期"), Kind::text, false}, {"number", words("No.", "期号"), Kind::integer},
                          {"from", words("From", "开始"), Kind::instant, false}, {"to", words("Until", "截止"), Kind::instant},
                          {"gross", words("Sold", "销售额"), Kind::money}, {"center_share", words("Centers", "中心应得"), Kind::money},
                          {"margin", words("Margin", "平台服务费"), Kind::money}, {"tax", words("Tax", "税额"), Kind::money},
                          {"escrow", words("Escrow", "争议托管"), Kind::money}}};
  for (const RevenueRow& row : rows) {
    if (!Sum().add(row.center_share).add(row.margin).add(row.tax).add(row.escrow).is(row.gross))
      return fail(ErrorCode::integrity, fmt::format("period {} of {}: its parts don't sum to what was sold", row.number, row.center));
    table.rows.push_back({row.center, row.center_name, row.period, static_cast<std::int64_t>(row.number), row.from, row.to, money(row.gross),
                          money(row.center_share), money(row.margin), money(row.tax), money(row.escrow)});
  }
  TRY(sums.gross, sum_of(rows, &RevenueRow::gross));
  TRY(sums.centers, sum_of(rows, &RevenueRow::center_share));
  TRY(sums.margin, sum_of(rows, &RevenueRow::margin));
  TRY(sums.tax, sum_of(rows, &RevenueRow::tax));
  TRY(sums.escrow, sum_of(rows, &RevenueRow::escrow));
  table.totals = {{}, words("Total", "合计"), {}, {}, {}, {}, money(sums.gross), money(sums.centers), money(sums.margin), money(sums.tax), money(sums.escrow)};
  return table;
}

void summarise(Document& out, const RevenueSums& sums, Unit unit, const Words& words) {
  const auto money = [&](Amount amount) { return Money{amount, unit}; };
  out.summary = {{"gross", words("Sold, tax included, less refunds", "销售额（含税，已扣退款）"), money(sums.gross)},
                 {"tax", words("− tax", "－ 税额"), money(sums.tax)},
                 {"center_share", words("− centers' share", "－ 中心应得"), money(sums.centers)},
                 {"escrow", words("− in escrow for disputes", "－ 争议托管"), money(sums.escrow)},
                 {"margin", words("The market's revenue", "平台收入"), money(sums.margin)}};
}

}  // namespace

Result<Document> document_of(const RevenueAndTax& revenue, Language l) {
  const Words words{l};
  RevenueSums sums;
  TRY(Table table, revenue_table(revenue.rows, revenue.head.unit, words, sums));
  Document out = finance_document(revenue.head, l, "revenue-and-tax", words("Revenue and tax by period", "各期收入与税额表"));
  summarise(out, sums, revenue.head.unit, words);
  out.tables = {std::move(table)};
  CHECK_OK(check(out));
  return out;
}

namespace {

Result<Table> fee_table(const UnbilledAccrual& accrual, const Words& words) {
  const auto money = [&](Amount amount) { return Money{amount, accrual.head.unit}; };
  Table table{.key = "fees", .title = words("Fixed fees, not booked yet", "未入账固定费用"),
              .columns = {{"center", words("Center's id", "算力中心编号"), Kind::text, false}, {"center_name", words("Center", "算力中心"), Kind::text},
                          {"period", words("Period", "结算周期"), Kind::text, false}, {"number", words("No.", "期号"), Kind::integer},
                          {"from", words("From", "开始"), Kind::instant}, {"amount", words("Fee so far", "累计费用"), Kind::money},
                          {"tax", words("Tax in it", "其中税额"), Kind::money}}};
  for (const FeeRow& row : accrual.fees) {
    if (row.amount.is_negative() || row.tax.is_negative() || row.tax > row.amount)
      return fail(ErrorCode::integrity, fmt::format("the fee of period {} of {}: the tax isn't part of it", row.number, row.center));
    table.rows.push_back({row.center, row.center_name, row.period, static_cast<std::int64_t>(row.number), row.from, money(row.amount), money(row.tax)});
  }
  TRY(const Amount fees, sum_of(accrual.fees, &FeeRow::amount));
  TRY(const Amount tax, sum_of(accrual.fees, &FeeRow::tax));
  table.totals = {{}, words("Total", "合计"), {}, {}, {}, money(fees), money(tax)};
  return table;
}

}  // namespace

Result<Document> document_of(const UnbilledAccrual& accrual, Language l) {
  const Words words{l};
  const auto money = [&](Amount amount) { return Money{amount, accrual.head.unit}; };
  RevenueSums sums;
  TRY(Table periods, revenue_table(accrual.rows, accrual.head.unit, words, sums));
  Table deferred{.key = "deferred", .title = words("Paid and not earned yet", "递延收入"),
                 .columns = {{"center", words("Center's id", "算力中心编号"), Kind::text, false}, {"what", words("Of", "来源"), Kind::text},
                             {"count", words("Number", "数量"), Kind::integer}, {"until", words("Until", "截止"), Kind::instant},
                             {"paid", words("Paid", "已付"), Kind::money}, {"earned", words("Earned", "已确认"), Kind::money},
                             {"deferred", words("Deferred", "递延"), Kind::money}}};
  for (const DeferredRow& row : accrual.deferred) {
    if (!Sum().add(row.earned).add(row.deferred).is(row.paid) || row.deferred.is_negative())
      return fail(ErrorCode::integrity, "what is deferred is not what was paid less what is earned");
    const std::string what = row.center.empty() ? words("Packages of 度", "度套餐") : words("Reservations at ", "预留：") + row.center_name;
    deferred.rows.push_back({row.center.empty() ? Cell{} : Cell{row.center}, what, static_cast<std::int64_t>(row.count), row.until, money(row.paid), money(row.earned),
                             money(row.deferred)});
  }
  TRY(const Amount paid, sum_of(accrual.deferred, &DeferredRow::paid));
  TRY(const Amount earned, sum_of(accrual.deferred, &DeferredRow::earned));
  TRY(const Amount left, sum_of(accrual.deferred, &DeferredRow::deferred));
  deferred.totals = {{}, words("Total", "合计"), {}, {}, money(paid), money(earned), money(left)};
  Document out = finance_document(accrual.head, l, "unbilled-accrual", words("Booked and not settled; paid and not earned", "未结算应计与递延收入表"));
  summarise(out, sums, accrual.head.unit, words);
  out.summary.push_back({"deferred", words("Deferred revenue", "递延收入"), money(left)});
  out.tables = {std::move(periods), std::move(deferred)};
  if (!accrual.fees.empty()) {
    TRY(Table fees, fee_table(accrual, words));
    out.tables.push_back(std::move(fees));
  }
  CHECK_OK(check(out));
  return out;
}

Result<Document> document_of(const Rounding& rounding, Language l) {
  const Words words{l};
  const auto money = [&](Amount amount) { return Money{amount, rounding.head.unit}; };
  Table table{.key = "accounts", .title = words("Rounding accounts", "尾差科目"),
              .columns = {{"account", words("Ledger account", "科目编号"), Kind::text}, {"debits", words("Debits", "借方发生额"), Kind::money},
                          {"credits", words("Credits", "贷方发生额"), Kind::money}, {"balance", words("Balance", "余额"), Kind::money}}};
  Sum balance;
  for (const RoundingAccount& one : rounding.accounts) {
    if (one.debits.is_negative() || one.credits.is_negative()) return fail(ErrorCode::integrity, one.id + " has turnover below zero");
    balance.add(one.debits).take(one.credits);
    table.rows.push_back({one.id, money(one.debits), money(one.credits), money(one.debits - one.credits)});
  }
  TRY(const Amount left, balance.value());
  TRY(const Amount debits, sum_of(rounding.accounts, &RoundingAccount::debits));
  TRY(const Amount credits, sum_of(rounding.accounts, &RoundingAccount::credits));
  table.totals = {words("Total", "合计"), money(debits), money(credits), money(left)};
  Document out = finance_document(rounding.head, l, "rounding", words("What rounding left", "尾差表"));
  out.summary = {{"rounding", words("Left by rounding", "尾差余额"), money(left)}};
  out.notes.push_back(words("Every amount is rounded once, and what a split leaves goes to the center: this account stays at zero. Another balance is to be explained.",
                            "每笔金额只舍入一次，拆分余数归算力中心：本科目应始终为零。余额不为零时须查明原因。"));
  out.tables = {std::move(table)};
  CHECK_OK(check(out));
  return out;
}

}  // namespace bourse::documents
