#include "documents/settlement_tables.h"

#include <algorithm>

#include "base/hex.h"

namespace bourse::documents {

using statement::Adjustment;
using statement::Line;
using statement::Statement;

namespace {

bool has_marks(const Statement& s) {
  return std::ranges::any_of(s.lines, [](const Line& line) { return !line.adjusts.is_nil() || !line.reservation.is_nil(); });
}

Cell mark_of(const Line& line, Language l) {
  if (!line.reservation.is_nil()) return std::string(say(l, "covered by ", "由预留承载：")) + to_text(line.reservation);
  return line.adjusts.is_nil() ? Cell{} : Cell{std::string(say(l, "earlier period", "往期用量"))};
}

template <class Kind>
Cell id_cell(Id<Kind> id) {
  return id.is_nil() ? Cell{} : Cell{to_text(id)};
}

Table lines_of(const Statement& s, Language l) {
  Table table{.key = "lines", .title = std::string(say(l, "Captures", "扣款明细")),
              .columns = {{"no", std::string(say(l, "No.", "序号")), Kind::integer},
                          {"job", std::string(say(l, "Job", "作业")), Kind::text},
                          {"attempt", std::string(say(l, "Attempt", "调度")), Kind::text, false},
                          {"record", std::string(say(l, "Usage record", "用量记录")), Kind::text, false},
                          {"revision", std::string(say(l, "Revision", "修订")), Kind::integer, false},
                          {"final", std::string(say(l, "Final", "末次")), Kind::text, false},
                          {"start", std::string(say(l, "Usage from", "用量开始")), Kind::instant, false},
                          {"end", std::string(say(l, "Usage until", "用量截止")), Kind::instant},
                          {"booked_at", std::string(say(l, "Booked", "入账时间")), Kind::instant, false},
                          {"core_ms", std::string(say(l, "Core ms, cumulative", "核·毫秒（累计）")), Kind::integer, false},
                          {"gpu_ms", std::string(say(l, "Card ms, cumulative", "卡·毫秒（累计）")), Kind::integer, false},
                          {"node_ms", std::string(say(l, "Node ms, cumulative", "节点·毫秒（累计）")), Kind::integer, false},
                          {"mem_mib_s", std::string(say(l, "Memory MiB·s, cumulative", "内存 MiB·秒（累计）")), Kind::integer, false},
                          {"gross", std::string(say(l, "Sold", "销售额")), Kind::money},
                          {"center_share", std::string(say(l, "Center", "中心应得")), Kind::money},
                          {"margin", std::string(say(l, "Margin", "平台服务费")), Kind::money},
                          {"tax", std::string(say(l, "Tax", "税额")), Kind::money},
                          {"margin_bps", std::string(say(l, "Margin, 1/10000", "服务费率（万分之）")), Kind::integer, false},
                          {"tax_bps", std::string(say(l, "Tax, 1/10000", "税率（万分之）")), Kind::integer, false},
                          {"report_sha256", std::string(say(l, "Signed report", "签名报告")), Kind::text, false},
                          {"order_sha256", std::string(say(l, "Dispatch order", "派发单")), Kind::text, false},
                          {"adjusts", std::string(say(l, "Usage of period", "用量所属往期")), Kind::text, false},
                          {"mark", std::string(say(l, "Mark", "备注")), Kind::text, has_marks(s)}}};
  const auto money = [&](Amount amount) { return Money{amount, s.unit}; };
  using pricing::Meter;
  for (const Line& line : s.lines)
    table.rows.push_back({static_cast<std::int64_t>(table.rows.size() + 1), to_text(line.job), to_text(line.attempt), to_text(line.record),
                          static_cast<std::int64_t>(line.revision), std::string(line.final ? "yes" : "no"), line.start, line.end,
                          line.booked_at, line.charged[Meter::core_ms], line.charged[Meter::gpu_ms], line.charged[Meter::node_ms],
                          line.charged[Meter::mem_mib_s], money(line.added.gross), money(line.added.center), money(line.added.margin),
                          money(line.added.tax), static_cast<std::int64_t>(line.terms.margin_bps),
                          static_cast<std::int64_t>(line.terms.tax_bps), to_hex(line.report), to_hex(line.order), id_cell(line.adjusts),
                          mark_of(line, l)});
  table.totals.assign(table.columns.size(), {});
  table.totals[1] = std::string(say(l, "Total", "合计"));
  table.totals[13] = money(s.totals.gross);
  table.totals[14] = money(s.totals.center);
  table.totals[15] = money(s.totals.margin);
  table.totals[16] = money(s.totals.tax);
  return table;
}

std::string words_of(broker::AdjustmentKind kind, Language l) {
  switch (kind) {
    case broker::AdjustmentKind::refund: return std::string(say(l, "refund", "退款"));
    case broker::AdjustmentKind::dispute_opened: return std::string(say(l, "dispute opened", "争议冻结"));
    case broker::AdjustmentKind::dispute_resolved: return std::string(say(l, "dispute resolved", "争议裁定"));
  }
  return std::string(name(kind));
}

Table adjustments_of(const Statement& s, Language l) {
  const auto column = [&](const char* key, std::string_view english, std::string_view chinese, Kind kind) {
    return Column{key, std::string(say(l, english, chinese)), kind};
  };
  const auto money = [&](Amount amount) { return Money{amount, s.unit}; };
  Table table{.key = "adjustments", .title = std::string(say(l, "Corrections", "更正明细")),
              .columns = {column("no", "No.", "序号", Kind::integer),
                          column("at", "Booked", "入账时间", Kind::instant),
                          column("kind", "Kind (key)", "类型（代码）", Kind::text),
                          column("what", "Kind", "类型", Kind::text),
                          column("job", "Job", "作业", Kind::text),
                          column("attempt", "Attempt", "调度", Kind::text),
                          column("adjusts", "Corrects period", "更正的周期", Kind::text),
                          column("adjustment", "Correction", "更正编号", Kind::text),
                          column("dispute", "Dispute", "争议编号", Kind::text),
                          column("charge_gross", "Charged in all", "原扣款总额", Kind::money),
                          column("base", "Of it not given back or disputed before", "此前未退未争议部分", Kind::money),
                          column("amount", "Given back, disputed or resolved", "退款、争议或裁定金额", Kind::money),
                          column("user", "To the user", "退用户", Kind::money),
                          column("center_share", "To the center", "计中心", Kind::money),
                          column("margin", "To the margin", "计平台服务费", Kind::money),
                          column("tax", "To tax", "计税额", Kind::money),
                          column("escrow", "To escrow", "计争议托管", Kind::money),
                          column("reason", "Reason", "原因", Kind::text)},
              .printed = false};
  for (const Adjustment& one : s.adjustments)
    table.rows.push_back({static_cast<std::int64_t>(table.rows.size() + 1), one.at, std::string(name(one.kind)), words_of(one.kind, l),
                          to_text(one.job), to_text(one.attempt), to_text(one.adjusts), to_text(one.id), id_cell(one.dispute),
                          money(one.charge.gross), money(one.base), money(one.amount), money(one.parts.user), money(one.parts.center_share),
                          money(one.parts.margin), money(one.parts.tax), money(one.parts.escrow), one.reason});
  table.totals.assign(table.columns.size(), {});
  table.totals[3] = std::string(say(l, "Total", "合计"));
  table.totals[12] = money(s.adjusted.user);
  table.totals[13] = money(s.adjusted.center_share);
  table.totals[14] = money(s.adjusted.margin);
  table.totals[15] = money(s.adjusted.tax);
  table.totals[16] = money(s.adjusted.escrow);
  return table;
}

Table accruals_of(const Statement& s, Language l) {
  const auto column = [&](const char* key, std::string_view english, std::string_view chinese, Kind kind, bool printed = true) {
    return Column{key, std::string(say(l, english, chinese)), kind, printed};
  };
  const auto money = [&](Amount amount) { return Money{amount, s.unit}; };
  Table table{.key = "accruals", .title = std::string(say(l, "What reservations earned", "预留资源确认明细")),
              .columns = {column("no", "No.", "序号", Kind::integer),
                          column("at", "Booked", "入账时间", Kind::instant, false),
                          column("reservation", "Reservation", "预留编号", Kind::text),
                          column("account", "Billing account", "计费账户", Kind::text, false),
                          column("pool", "Pool", "资源池", Kind::text),
                          column("what", "What", "类型", Kind::text),
                          column("quantity", "Quantity", "数量", Kind::integer),
                          column("price", "Price of all", "总价", Kind::money),
                          column("days", "Days", "天数", Kind::integer),
                          column("days_over", "Days over", "已满天数", Kind::integer),
                          column("fee_bps", "Early end's fee, 1/10000", "提前终止费率（万分之）", Kind::integer, false),
                          column("price_row", "Price row", "价目", Kind::text, false),
                          column("gross", "Earned", "本次确认", Kind::money),
                          column("center_share", "Center", "中心应得", Kind::money),
                          column("margin", "Margin", "平台服务费", Kind::money),
                          column("tax", "Tax", "税额", Kind::money)},
              .printed = true};
  for (const statement::Accrual& one : s.accruals) {
    const bool card = one.what == broker::Reserved::card;
    table.rows.push_back({static_cast<std::int64_t>(table.rows.size() + 1), one.at, to_text(one.reservation), to_text(one.account), one.pool,
                          std::string(card ? say(l, "card", "卡") : say(l, "node", "节点")), one.quantity, money(one.price),
                          static_cast<std::int64_t>(one.days), one.fee ? Cell{} : Cell{static_cast<std::int64_t>(one.days_over)},
                          one.fee ? Cell{static_cast<std::int64_t>(one.fee_bps)} : Cell{}, to_text(one.price_row), money(one.added.gross),
                          money(one.added.center), money(one.added.margin), money(one.added.tax)});
  }
  table.totals.assign(table.columns.size(), {});
  table.totals[2] = std::string(say(l, "Total", "合计"));
  table.totals[12] = money(s.accrued.gross);
  table.totals[13] = money(s.accrued.center);
  table.totals[14] = money(s.accrued.margin);
  table.totals[15] = money(s.accrued.tax);
  return table;
}

Table fees_of(const Statement& s, Language l) {
  const auto text = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  const auto money = [&](Amount amount) { return Money{amount, s.unit}; };
  Table table{.key = "fees", .title = text("Fixed fees", "固定费用明细"),
              .columns = {{"no", text("No.", "序号"), Kind::integer},
                          {"contract", text("Contract", "合同"), Kind::text},
                          {"monthly_fee", text("A month", "月费"), Kind::money},
                          {"zone", text("Calendar of", "日历时区"), Kind::text, false},
                          {"from", text("From", "开始"), Kind::instant},
                          {"until", text("Until", "截止"), Kind::instant},
                          {"tax_bps", text("Tax, 1/10000", "税率（万分之）"), Kind::integer, false},
                          {"amount", text("Fee", "费用"), Kind::money},
                          {"tax", text("of which tax", "其中：税额"), Kind::money}},
              .printed = true};
  Amount tax;
  for (const broker::ChargedFee& one : s.fees) {
    tax += one.tax;
    table.rows.push_back({static_cast<std::int64_t>(table.rows.size() + 1), to_text(one.contract), money(one.monthly_fee), std::string(one.zone.empty() ? "UTC" : one.zone), one.from,
                          one.until, static_cast<std::int64_t>(one.tax_bps), money(one.amount), money(one.tax)});
  }
  table.totals = {{}, text("Total", "合计"), {}, {}, {}, {}, {}, money(s.fee), money(tax)};
  return table;
}

Table payouts_of(const Statement& s, Language l) {
  const auto text = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  Table table{.key = "payouts", .title = text("Payouts", "付款明细"),
              .columns = {{"no", text("No.", "序号"), Kind::integer},
                          {"payout", text("Payout", "付款编号"), Kind::text},
                          {"at", text("Booked", "入账时间"), Kind::instant},
                          {"kind", text("Kind (key)", "类型（代码）"), Kind::text, false},
                          {"what", text("Kind", "类型"), Kind::text},
                          {"amount", text("Amount", "金额"), Kind::money}},
              .printed = !s.payouts.empty()};
  for (const statement::PayoutLine& one : s.payouts) {
    const bool returned = one.amount.is_negative();
    table.rows.push_back({static_cast<std::int64_t>(table.rows.size() + 1), to_text(one.id), one.at, std::string(returned ? "returned" : "ordered"),
                          returned ? text("returned by the bank", "银行退回") : text("ordered", "已发起"), Money{one.amount, s.unit}});
  }
  table.totals = {{}, text("Total", "合计"), {}, {}, {}, Money{s.payout, s.unit}};
  return table;
}

Table reports_of(const Statement& s, Language l) {
  Table table{.key = "reports", .title = std::string(say(l, "Signed usage reports", "签名用量报告")),
              .columns = {{"no", std::string(say(l, "No.", "序号")), Kind::integer},
                          {"sha256", std::string(say(l, "SHA-256 of the report", "报告 SHA-256")), Kind::text}},
              .printed = false};
  for (const statement::Report& report : s.reports)
    table.rows.push_back({static_cast<std::int64_t>(table.rows.size() + 1), to_hex(report.sha256)});
  return table;
}

}  // namespace

std::vector<Table> settlement_tables(const Statement& s, Language l) {
  const Table adjustments = adjustments_of(s, l);
  std::vector<Table> tables = {
          lines_of(s, l),
          adjustments,
          paper_view(adjustments, adjustments.title, {"no", "what", "job", "adjusts", "reason"}, false),
          paper_view(adjustments, std::string(say(l, "What the corrections move", "更正的资金去向")),
                     {"no", "at", "what", "amount", "user", "center_share", "margin", "tax", "escrow"}, true),
          payouts_of(s, l)};
  if (!s.accruals.empty()) tables.push_back(accruals_of(s, l));
  if (!s.fees.empty()) tables.push_back(fees_of(s, l));
  tables.push_back(prices_of(s, l));
  tables.push_back(reports_of(s, l));
  return tables;
}

}  // namespace bourse::documents
