#include "documents/settlement.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "base/sha256.h"
#include "broker/adapters/statement/encoding.h"
#include "documents/text.h"

namespace bourse::documents {

using statement::Line;
using statement::Statement;

namespace {

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
                          {"order_sha256", std::string(say(l, "Dispatch order", "派发单")), Kind::text, false}}};
  const auto money = [&](Amount amount) { return Money{amount, s.unit}; };
  using pricing::Meter;
  for (const Line& line : s.lines)
    table.rows.push_back({static_cast<std::int64_t>(table.rows.size() + 1), to_text(line.job), to_text(line.attempt), to_text(line.record),
                          static_cast<std::int64_t>(line.revision), std::string(line.final ? "yes" : "no"), line.start, line.end,
                          line.booked_at, line.charged[Meter::core_ms], line.charged[Meter::gpu_ms], line.charged[Meter::node_ms],
                          line.charged[Meter::mem_mib_s], money(line.added.gross), money(line.added.center), money(line.added.margin),
                          money(line.added.tax), static_cast<std::int64_t>(line.terms.margin_bps),
                          static_cast<std::int64_t>(line.terms.tax_bps), to_hex(line.report), to_hex(line.order)});
  table.totals.assign(table.columns.size(), {});
  table.totals[1] = std::string(say(l, "Total", "合计"));
  table.totals[13] = money(s.totals.gross);
  table.totals[14] = money(s.totals.center);
  table.totals[15] = money(s.totals.margin);
  table.totals[16] = money(s.totals.tax);
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

std::vector<Fact> facts_of(const Statement& s, Language l) {
  const auto integer = [](std::size_t n) { return static_cast<std::int64_t>(n); };
  return {{"market", std::string(say(l, "Market", "市场")), s.market, true, false},
          {"center_id", std::string(say(l, "Center", "算力中心")), to_text(s.center), true, false},
          {"center_name", std::string(say(l, "Name of the center", "中心名称")), s.center_name, true, false},
          {"period", std::string(say(l, "Period", "结算周期")), to_text(s.period), true},
          {"period_number", std::string(say(l, "Period no.", "期号")), static_cast<std::int64_t>(s.number), true},
          {"opened_at", std::string(say(l, "Opened", "开始时间")), s.opened_at},
          {"cut_off", std::string(say(l, "Cut-off (exclusive)", "截止时间（不含）")), s.cut_off},
          {"currency", std::string(say(l, "Currency", "币种")), std::string(s.unit.text()), true},
          {"captures", std::string(say(l, "Captures", "扣款笔数")), integer(s.lines.size())},
          {"reports", std::string(say(l, "Signed reports", "签名报告数")), integer(s.reports.size())}};
}

std::vector<Fact> summary_of(const Statement& s, Language l) {
  const auto line = [&](const char* key, std::string_view label, Amount amount) { return Fact{key, std::string(label), Money{amount, s.unit}}; };
  return {line("gross", say(l, "Sold, tax included", "销售额（含税）"), s.totals.gross),
          line("tax", say(l, "of which tax", "其中：税额"), s.totals.tax),
          line("margin", say(l, "of which the market's margin", "其中：平台服务费"), s.totals.margin),
          line("opening", say(l, "Owed to the center before this period", "期初应付中心"), s.opening),
          line("center_share", say(l, "+ center's share of this period", "＋ 本期中心应得"), s.totals.center),
          line("payout", say(l, "− payout ordered with this statement", "－ 本期付款"), s.payout),
          line("closing", say(l, "Owed to the center after this period", "期末应付中心"), s.closing)};
}

std::string leading_unit(const Line& line) {
  using pricing::Meter;
  if (line.charged[Meter::gpu_ms] > 0) return "GPU-Seconds";
  return line.charged[Meter::core_ms] > 0 ? "Core-Seconds" : "Node-Seconds";
}

std::int64_t leading_ms(const Line& line, const std::string& unit) {
  using pricing::Meter;
  return line.charged[unit == "GPU-Seconds" ? Meter::gpu_ms : unit == "Core-Seconds" ? Meter::core_ms : Meter::node_ms];
}

Decimal seconds_of(std::int64_t ms) {
  Decimal out{ms, 3};
  for (; out.scale > 0 && out.coefficient % 10 == 0; --out.scale) out.coefficient /= 10;
  return out;
}

FocusCharge charge_of(const Statement& s, const Line& line, const Line* before) {
  FocusCharge out{.description = fmt::format("Compute of {} at {}: the center's share", to_text(line.job), clean(s.center_name)),
                  .start = before != nullptr ? before->end : line.start, .end = line.end, .billed = line.added.center,
                  .effective = line.added.center, .contracted = line.added.center, .list = line.added.gross - line.added.tax,
                  .pricing_unit = "Captures", .contracted_unit_price = line.added.center,
                  .list_unit_price = line.added.gross - line.added.tax, .resource_id = to_text(line.job),
                  .resource_name = to_text(line.job), .resource_type = "Job", .sku_id = "capture:" + to_text(s.center),
                  .service_name = "Batch computing"};
  // A record may change nothing; its interval is then empty and still lies where the record says.
  out.start = std::min(out.start, out.end);
  const std::string unit = leading_unit(line);
  if (before != nullptr || line.previous == statement::Parts{}) {
    out.consumed_quantity = seconds_of(leading_ms(line, unit) - (before != nullptr ? leading_ms(*before, unit) : 0));
    out.consumed_unit = unit;
  }
  for (const statement::Rated& rated : line.rated) out.sku_price_id += (out.sku_price_id.empty() ? "" : " ") + to_text(rated.row);
  out.extra = {to_text(line.attempt), to_text(line.record), to_text(line.added.gross), to_text(line.added.margin),
               to_text(line.added.tax), to_text(line.booked_at), to_hex(line.report)};
  return out;
}

}  // namespace

Status check_covered(const Statement& s) {
  const Amount explained = s.opening + s.totals.center - s.payout;
  if (explained == s.closing) return {};
  return fail(ErrorCode::failed_precondition, fmt::format("the statement's closing is {}, its captures and payout explain {}; documents don't "
                                                          "show other movements yet", to_text(s.closing), to_text(explained)));
}

Result<VerifiedStatement> open_verified(std::string_view file, const statement::Verification& verdict) {
  if (!verdict.ok || sha256(file) != verdict.file_sha256) return fail(ErrorCode::verification_failed, "the statement does not verify");
  const auto outer = nlohmann::json::parse(file, nullptr, false);
  const auto payload = outer.is_object() ? outer.find("payload") : outer.end();
  if (!outer.is_object() || payload == outer.end() || !payload->is_string()) return fail(ErrorCode::verification_failed, "there is no payload");
  const auto body = statement::unbase64(payload->get<std::string>());
  if (!body) return fail(ErrorCode::verification_failed, "the payload is not base64");
  TRY(Statement parsed, statement::parse_body(*body));
  CHECK_OK(check_covered(parsed));
  return VerifiedStatement{std::move(parsed), verdict.file_sha256, sha256(*body), verdict.ack_key};
}

Document document_of(const VerifiedStatement& verified, Language l) {
  const Statement& s = verified.statement;
  const auto text = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  return {.language = l,
          .kind = "settlement-statement",
          .title = text("Settlement statement", "结算单"),
          .number = fmt::format("{}-{}", to_text(s.period), s.number),
          .issuer = s.market,
          .from = s.opened_at,
          .to = s.cut_off,
          .issued = s.cut_off,
          .parties = {{"market", text("Issued by the market", "出具方（市场）"), s.market, {}},
                      {"center", text("For the center", "收款方（算力中心）"), s.center_name, {{"id", text("Id", "编号"), to_text(s.center)}}}},
          .facts = facts_of(s, l),
          .summary = summary_of(s, l),
          .tables = {lines_of(s, l), reports_of(s, l)},
          .notes = {text("Made from a statement file that verifies: signatures, evidence and every sum were recomputed. All times are "
                         "UTC. Amounts are exact to 0.000001.",
                         "本文件由已通过校验的结算单生成：签名、证据与各项合计均已重新计算。时间均为协调世界时（UTC），金额精确到 0.000001。"),
                    text("Anybody can check the statement file offline with \"bourse verify\"; what counts is that file, not this print.",
                         "任何人均可用“bourse verify”离线校验结算单文件；以该文件为准，本打印件仅供参考。")},
          .evidence = {{"file_sha256", text("SHA-256 of the statement file", "结算单文件 SHA-256"), to_hex(verified.file_sha256), true},
                       {"body_sha256", text("SHA-256 of the signed body", "签名正文 SHA-256"), to_hex(verified.body_sha256)},
                       {"ack_key", text("Signed by the market's key (Ed25519)", "市场签名公钥（Ed25519）"), to_hex(verified.ack_key), true},
                       {"billing_key", text("The center's billing key (Ed25519)", "中心计费公钥（Ed25519）"), to_hex(s.billing_key)}},
          .signatures = {text("For the market", "市场（签章）"), text("For the center", "算力中心（签章）")}};
}

FocusDataset focus_of(const VerifiedStatement& verified) {
  const Statement& s = verified.statement;
  FocusDataset out{.billing_account_id = s.market, .billing_account_name = s.market, .invoice_id = to_text(s.period), .invoice_issuer = s.market,
                   .provider = s.center_name, .publisher = s.center_name, .currency = s.unit, .from = s.opened_at, .to = s.cut_off,
                   .extra_columns = {"x_Attempt", "x_UsageRecord", "x_Gross", "x_Margin", "x_Tax", "x_BookedAt", "x_ReportSha256"}};
  std::map<AttemptId, const Line*> newest;
  for (const Line& line : s.lines) {
    const Line*& before = newest[line.attempt];
    out.charges.push_back(charge_of(s, line, before));
    before = &line;
  }
  return out;
}

Journal journal_of(const VerifiedStatement& verified) {
  const Statement& s = verified.statement;
  const std::string unit(s.unit.text()), center = to_text(s.center);
  const auto minus = [](Amount amount) { return Amount{} - amount; };
  enum : std::size_t { kWallets, kPayable, kRevenue, kTax, kTransit, kBefore };
  Journal out{.title = fmt::format("Settlement of {} with {}, period {}: {}", clean(s.market), clean(s.center_name), s.number, to_text(s.period)),
              .unit = s.unit, .from = s.opened_at, .to = s.cut_off,
              .accounts = {{AccountType::liabilities, {"Wallet", unit}, "all wallets that paid", s.totals.gross},
                           {AccountType::liabilities, {"Center payable", unit, center}, s.center_name, minus(s.closing)},
                           {AccountType::income, {"Platform", unit}, "", minus(s.totals.margin)},
                           {AccountType::liabilities, {"Tax payable", unit}, "", minus(s.totals.tax)},
                           {AccountType::liabilities, {"Payout in transit", unit, center}, "", minus(s.payout)},
                           {AccountType::equity, {"Earlier periods", unit}, "", s.opening}}};
  out.entries.push_back({s.opened_at, "opening", "", {{kBefore, s.opening}, {kPayable, minus(s.opening)}}});
  for (const Line& line : s.lines)
    out.entries.push_back({line.booked_at, "capture", to_text(line.job) + " " + to_text(line.record),
                           {{kWallets, line.added.gross}, {kPayable, minus(line.added.center)}, {kRevenue, minus(line.added.margin)},
                            {kTax, minus(line.added.tax)}}});
  out.entries.push_back({s.cut_off, "payout", to_text(s.period), {{kPayable, s.payout}, {kTransit, minus(s.payout)}}});
  return out;
}

}  // namespace bourse::documents
