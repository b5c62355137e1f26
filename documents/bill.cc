#include "documents/bill.h"

#include <fmt/format.h>

#include "documents/text.h"

namespace bourse::documents {
namespace {

// For people, cut to hundredths of an hour; the exact meters stand beside it in every format but paper.
std::string usage_of(const BillLine& line, Language l) {
  const auto hours = [](std::int64_t ms) { return grouped(Amount::of_micros(ms / 36'000 * 10'000), 2); };
  std::string out = hours(line.core_ms) + std::string(say(l, " core-h", " 核时"));
  if (line.gpu_ms > 0) out += (l == Language::zh ? "，" : ", ") + hours(line.gpu_ms) + std::string(say(l, " card-h", " 卡时"));
  return out;
}

std::string kind_of(const std::string& kind, Language l) {
  if (kind == "on_demand") return std::string(say(l, "on demand", "按需"));
  if (kind == "package") return std::string(say(l, "packages of 度", "度套餐"));
  if (kind == "reserved") return std::string(say(l, "reserved", "预留"));
  if (kind == "top_up") return std::string(say(l, "top-up", "充值"));
  if (kind == "top_up_reversed") return std::string(say(l, "top-up taken back", "充值撤销"));
  if (kind == "grant_reversed") return std::string(say(l, "credit taken back", "赠金撤销"));
  if (kind == "correction") return std::string(say(l, "correction", "更正"));
  return kind;
}

std::string due_words(const std::string& state, Language l) {
  if (state == "nothing_due") return std::string(say(l, "nothing due", "无应付款"));
  if (state == "due") return std::string(say(l, "due", "待付款"));
  if (state == "overdue") return std::string(say(l, "OVERDUE", "已逾期"));
  if (state == "paid") return std::string(say(l, "paid", "已付清"));
  return std::string(say(l, "the month is not over", "本月未结"));
}

// What is to be paid and until when; it stands in every row of the CSV.
void add_due(Document& out, const Bill& bill, Language l) {
  const auto text = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  const Cell due = bill.due.unix_ms == 0 ? Cell{} : Cell{bill.due};
  out.facts.push_back({"due_state", text("Payment", "付款状态"), due_words(bill.due_state, l), true});
  out.facts.push_back({"due", text("Due before", "付款期限"), due, true});
  out.facts.push_back({"amount_due", text("Amount due", "应付金额"), Money{bill.amount_due, bill.unit}, true});
  out.facts.push_back({"outstanding", text("Not paid of it", "未付金额"), Money{bill.outstanding, bill.unit}, true});
}

Table charges_of(const Bill& bill, Language l) {
  const auto label = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  Table table{.key = "lines", .title = label("Charges", "消费明细"),
              .columns = {{"kind", label("Kind", "类别"), Kind::text}, {"project", label("Project", "项目"), Kind::text},
                          {"user", label("User", "用户"), Kind::text}, {"center", label("Center", "算力中心"), Kind::text},
                          {"used_in", label("Used in", "使用月份"), Kind::text}, {"jobs", label("Jobs", "作业数"), Kind::integer},
                          {"usage", label("Usage", "用量"), Kind::text},
                          {"core_ms", label("Core ms", "核·毫秒"), Kind::integer, false},
                          {"gpu_ms", label("Card ms", "卡·毫秒"), Kind::integer, false},
                          {"amount", label("Amount", "金额"), Kind::money}}};
  for (const BillLine& line : bill.lines)
    table.rows.push_back({kind_of(line.kind, l), line.project, line.user, line.center, line.used_in.empty() ? bill.month : line.used_in,
                          static_cast<std::int64_t>(line.jobs), usage_of(line, l), line.core_ms, line.gpu_ms, Money{line.amount, bill.unit}});
  table.totals = {label("Total", "合计"), {}, {}, {}, {}, {}, {}, {}, {}, Money{bill.charges, bill.unit}};
  return table;
}

Table items_of(const Bill& bill, Language l, Amount sum) {
  const auto label = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  Table table{.key = "items", .title = label("Money in and corrections", "充值与更正"),
              .columns = {{"at", label("Booked", "入账时间"), Kind::instant}, {"kind", label("Kind", "类别"), Kind::text},
                          {"reference", label("Reference", "业务编号"), Kind::text}, {"reason", label("Reason", "说明"), Kind::text},
                          {"amount", label("Amount", "金额"), Kind::money}}};
  for (const BillItem& item : bill.items)
    table.rows.push_back({item.at, kind_of(item.kind, l), item.reference, item.reason, Money{item.amount, bill.unit}});
  table.totals = {{}, label("Total", "合计"), {}, {}, Money{sum, bill.unit}};
  return table;
}

}  // namespace

Result<Document> document_of(const Bill& bill, Language l) {
  const auto text = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  const auto money = [&](Amount amount) { return Money{amount, bill.unit}; };
  Amount in, corrected;
  for (const BillItem& item : bill.items) (item.kind == "correction" ? corrected : in) += item.amount;
  const Amount closing = bill.opening + in + corrected - bill.charges;
  if (bill.closing != closing) return fail(ErrorCode::integrity, "closing says " + to_text(bill.closing) + ", computes to " + to_text(closing));
  const Amount owed = bill.closed && closing.is_negative() ? Amount{} - closing : Amount{};
  if (bill.amount_due != owed || bill.outstanding.is_negative() || bill.outstanding > owed)
    return fail(ErrorCode::integrity, "amount_due says " + to_text(bill.amount_due) + ", owed at the end are " + to_text(owed));
  Document out{.language = l,
               .kind = "bill",
               .title = text("Monthly bill", "月度账单"),
               .number = to_text(bill.account) + " " + bill.month,
               .issuer = bill.market,
               .from = bill.from,
               .to = bill.to,
               .issued = bill.to,
               .parties = {{"market", text("Issued by the market", "出具方（市场）"), bill.market, {}},
                           {"account", text("For the billing account", "计费账户"), bill.account_name,
                            {{"id", text("Id", "编号"), to_text(bill.account)}, {"tenant", text("Tenant", "租户"), bill.tenant}}}},
               .facts = {{"market", text("Market", "市场"), bill.market, true, false},
                         {"account", text("Billing account", "计费账户"), to_text(bill.account), true, false},
                         {"month", text("Month", "月份"), bill.month, true},
                         {"zone", text("Time zone of the month", "月份所用时区"), bill.zone},
                         {"currency", text("Currency", "币种"), std::string(bill.unit.text()), true}},
               .summary = {{"opening", text("Balance before", "期初余额"), money(bill.opening)},
                           {"money_in", text("+ money in", "＋ 转入"), money(in)},
                           {"charges", text("− charges, tax included", "－ 消费（含税）"), money(bill.charges)},
                           {"corrections", text("+ corrections", "＋ 更正"), money(corrected)},
                           {"closing", text("Balance after", "期末余额"), money(bill.closing)}},
               .tables = {charges_of(bill, l), items_of(bill, l, in + corrected)},
               .notes = {text("All times are UTC. This is a bill, not a tax invoice.", "时间均为协调世界时（UTC）。本账单不是税务发票。")}};
  add_due(out, bill, l);
  if (!bill.closed) out.notes.push_back(text("The month is not over: this bill may still grow.", "本月尚未结束，账单金额可能变化。"));
  CHECK_OK(check(out));
  return out;
}

Result<Document> document_of(const Receipt& receipt, Language l) {
  const auto text = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  const auto money = [&](Amount amount) { return Money{amount, receipt.unit}; };
  Amount sum;
  Table table{.key = "lines", .title = text("Charges", "计费明细"),
              .columns = {{"attempt", text("Attempt", "运行"), Kind::text, false}, {"meter", text("Meter", "计量项"), Kind::text},
                          {"row", text("Price row", "价目编号"), Kind::text, false}, {"price", text("Price", "单价"), Kind::text},
                          {"quantity", text("Quantity", "数量"), Kind::integer}, {"amount", text("Amount", "金额"), Kind::money}}};
  for (const ReceiptLine& line : receipt.lines) {
    sum += line.amount;
    table.rows.push_back({line.attempt, line.meter, line.row, line.price, line.quantity, money(line.amount)});
  }
  table.totals = {{}, text("Total", "合计"), {}, {}, {}, money(receipt.charged)};
  if (sum != receipt.charged) return fail(ErrorCode::integrity, "the lines come to " + to_text(sum) + ", charged were " + to_text(receipt.charged));
  Document out{.language = l,
               .kind = "receipt",
               .title = text("Receipt of a job", "作业收据"),
               .number = receipt.job,
               .issuer = receipt.market,
               .from = receipt.started,
               .to = receipt.ended,
               .issued = receipt.ended,
               .parties = {{"account", text("Billing account", "计费账户"), receipt.account, {}},
                           {"center", text("Center", "算力中心"), receipt.center, {}}},
               .facts = {{"job", text("Job", "作业"), receipt.job, true},
                         {"name", text("Name", "名称"), receipt.name},
                         {"state", text("State", "状态"), receipt.state},
                         {"worth", text("Of packages bought for", "折合套餐金额"), receipt.worth}},
               .summary = {{"held", text("Held", "冻结"), money(receipt.held)},
                           {"released", text("− released", "－ 释放"), money(receipt.released)},
                           {"charged", text("Charged, tax included", "实收（含税）"), money(receipt.charged)}},
               .tables = {std::move(table)},
               .notes = {text("All times are UTC. This is a receipt, not a tax invoice.", "时间均为协调世界时（UTC）。本收据不是税务发票。")},
               .evidence = receipt.evidence};
  CHECK_OK(check(out));
  return out;
}

}  // namespace bourse::documents
