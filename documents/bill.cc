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

Table jobs_of(const Bill& bill, Language l) {
  const auto label = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  Table table{.key = "lines", .title = label("Jobs", "作业明细"),
              .columns = {{"job", label("Job", "作业"), Kind::text}, {"project", label("Project", "项目"), Kind::text},
                          {"center", label("Center", "算力中心"), Kind::text}, {"ended", label("Until", "截止"), Kind::instant},
                          {"usage", label("Usage", "用量"), Kind::text},
                          {"core_ms", label("Core ms", "核·毫秒"), Kind::integer, false},
                          {"gpu_ms", label("Card ms", "卡·毫秒"), Kind::integer, false},
                          {"amount", label("Amount", "金额"), Kind::money}}};
  for (const BillLine& line : bill.lines)
    table.rows.push_back({to_text(line.job), line.project, line.center, line.ended, usage_of(line, l), line.core_ms, line.gpu_ms, Money{line.amount, bill.unit}});
  table.totals = {label("Total", "合计"), {}, {}, {}, {}, {}, {}, Money{bill.charges, bill.unit}};
  return table;
}

Table top_ups_of(const Bill& bill, Language l, Amount sum) {
  const auto label = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  Table table{.key = "top_ups", .title = label("Top-ups", "充值明细"),
              .columns = {{"at", label("Booked", "入账时间"), Kind::instant}, {"reference", label("Bank reference", "银行流水号"), Kind::text},
                          {"amount", label("Amount", "金额"), Kind::money}}};
  for (const BillTopUp& top_up : bill.top_ups) table.rows.push_back({top_up.at, top_up.reference, Money{top_up.amount, bill.unit}});
  table.totals = {{}, label("Total", "合计"), Money{sum, bill.unit}};
  return table;
}

}  // namespace

Result<Document> document_of(const Bill& bill, Language l) {
  const auto text = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  const auto money = [&](Amount amount) { return Money{amount, bill.unit}; };
  Amount topped_up;
  for (const BillTopUp& top_up : bill.top_ups) topped_up += top_up.amount;
  if (bill.closing != bill.opening + topped_up - bill.charges)
    return fail(ErrorCode::integrity, "closing says " + to_text(bill.closing) + ", computes to " + to_text(bill.opening + topped_up - bill.charges));
  const std::string month = day_of(bill.from).substr(0, 7);
  Document out{.language = l,
               .kind = "bill",
               .title = text("Monthly bill", "月度账单"),
               .number = to_text(bill.account) + " " + month,
               .issuer = bill.market,
               .from = bill.from,
               .to = bill.to,
               .issued = bill.to,
               .parties = {{"market", text("Issued by the market", "出具方（市场）"), bill.market, {}},
                           {"account", text("For the billing account", "计费账户"), bill.account_name,
                            {{"id", text("Id", "编号"), to_text(bill.account)}, {"tenant", text("Tenant", "租户"), bill.tenant}}}},
               .facts = {{"market", text("Market", "市场"), bill.market, true, false},
                         {"account", text("Billing account", "计费账户"), to_text(bill.account), true, false},
                         {"month", text("Month", "月份"), month, true},
                         {"currency", text("Currency", "币种"), std::string(bill.unit.text()), true},
                         {"position", text("Journal position", "账本位置"), static_cast<std::int64_t>(bill.position)}},
               .summary = {{"opening", text("Balance before", "期初余额"), money(bill.opening)},
                           {"top_ups", text("+ top-ups", "＋ 充值"), money(topped_up)},
                           {"charges", text("− charges, tax included", "－ 消费（含税）"), money(bill.charges)},
                           {"closing", text("Balance after", "期末余额"), money(bill.closing)}},
               .tables = {jobs_of(bill, l), top_ups_of(bill, l, topped_up)},
               .notes = {text("All times are UTC. This is a bill, not a tax invoice.", "时间均为协调世界时（UTC）。本账单不是税务发票。")}};
  CHECK_OK(check(out));
  return out;
}

}  // namespace bourse::documents
