#include "documents/settlement.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "base/sha256.h"
#include "broker/adapters/statement/encoding.h"
#include "documents/settlement_tables.h"

namespace bourse::documents {

using statement::Statement;

namespace {

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
          {"adjustments", std::string(say(l, "Corrections", "更正笔数")), integer(s.adjustments.size())},
          {"payouts", std::string(say(l, "Payouts", "付款笔数")), integer(s.payouts.size())},
          {"accruals", std::string(say(l, "Bookings of reservations", "预留确认笔数")), integer(s.accruals.size())},
          {"reports", std::string(say(l, "Signed reports", "签名报告数")), integer(s.reports.size())}};
}

std::vector<Fact> summary_of(const Statement& s, Language l) {
  const auto line = [&](const char* key, std::string_view label, Amount amount) { return Fact{key, std::string(label), Money{amount, s.unit}}; };
  return {line("gross", say(l, "Sold, tax included", "销售额（含税）"), s.totals.gross),
          line("tax", say(l, "of which tax", "其中：税额"), s.totals.tax),
          line("margin", say(l, "of which the market's margin", "其中：平台服务费"), s.totals.margin),
          line("opening", say(l, "Owed to the center before this period", "期初应付中心"), s.opening),
          line("center_share", say(l, "+ center's share of this period", "＋ 本期中心应得"), s.totals.center),
          line("reserved", say(l, "+ center's share of what reservations earned", "＋ 预留资源本期确认的中心应得"), s.accrued.center),
          line("adjusted", say(l, "+ corrections, the center's part", "＋ 更正（中心部分）"), s.adjusted.center_share),
          line("fee", say(l, "− the contract's fixed fee, tax included", "－ 合同固定费用（含税）"), s.fee),
          line("payout", say(l, "− paid out, less what came back", "－ 本期付款（已扣退回）"), s.payout),
          line("closing", say(l, "Owed to the center after this period", "期末应付中心"), s.closing)};
}

std::vector<std::string> notes_of(const Statement& s, Language l) {
  const auto text = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  std::vector<std::string> out;
  if (std::ranges::any_of(s.lines, [](const statement::Line& line) { return !line.adjusts.is_nil(); }))
    out.push_back(text("Captures marked \"earlier period\" charge usage that ended in a period which was closed before its report came.",
                       "备注为“往期用量”的扣款，其用量在某个已关闭的周期内结束，报告在该周期关闭之后才到达。"));
  if (!s.accruals.empty())
    out.push_back(text("Reservations are paid beforehand; of their price each day that is over is earned, in equal parts, and of an early end the agreed "
                       "fee. Jobs that a reservation carried are charged nothing.",
                       "预留资源预付费；每满一日按日均额确认收入，提前终止时另确认约定的违约金。由预留资源承载的作业不另收费。"));
  if (!s.fees.empty())
    out.push_back(text("The contract's fixed fee counts by the day, in a straight line within a month, and is taken off what the center is owed when the "
                       "period closes.",
                       "合同固定费用按日计算，月内日均分摊，于周期关闭时从应付中心款项中扣除。"));
  if (!s.adjustments.empty())
    out.push_back(text("Corrections are booked in this period whenever the charge was. What is above zero goes to that side, what is below "
                       "zero comes from it; each correction's parts sum to zero. A disputed charge's share of the center is in escrow "
                       "until the dispute is resolved.",
                       "更正均计入本期，无论原扣款属于哪一期。正数为该方收入，负数为该方支出，每笔更正各部分之和为零。有争议扣款的"
                       "中心部分在裁定之前存于争议托管账户。"));
  out.push_back(text("Made from a statement file that verifies: signatures, evidence and every sum were recomputed. All times are "
                     "UTC. Amounts are exact to 0.000001.",
                     "本文件由已通过校验的结算单生成：签名、证据与各项合计均已重新计算。时间均为协调世界时（UTC），金额精确到 0.000001。"));
  out.push_back(text("Anybody can check the statement file offline with \"bourse verify\"; what counts is that file, not this print.",
                     "任何人均可用“bourse verify”离线校验结算单文件；以该文件为准，本打印件仅供参考。"));
  return out;
}

}  // namespace

Status check_covered(const Statement& s) {
  // Verified sums were made in 128 bits; what documents derive from their terms must fit into 64.
  constexpr std::int64_t kMost = std::int64_t{1} << 60;
  const auto fits = [](std::initializer_list<Amount> amounts) {
    return std::ranges::all_of(amounts, [](Amount a) { return a.micros >= -kMost && a.micros <= kMost; });
  };
  bool all_fit = fits({s.totals.gross, s.totals.center, s.totals.margin, s.totals.tax, s.adjusted.user, s.adjusted.center_share,
                       s.adjusted.margin, s.adjusted.tax, s.adjusted.escrow, s.payout, s.accrued.gross, s.accrued.center, s.accrued.margin,
                       s.accrued.tax, s.fee});
  for (const statement::Line& line : s.lines)
    all_fit = all_fit && fits({line.added.gross, line.added.center, line.added.margin, line.added.tax});
  for (const statement::Adjustment& one : s.adjustments)
    all_fit = all_fit && fits({one.parts.user, one.parts.center_share, one.parts.margin, one.parts.tax, one.parts.escrow});
  for (const statement::PayoutLine& one : s.payouts) all_fit = all_fit && fits({one.amount});
  for (const statement::Accrual& one : s.accruals)
    all_fit = all_fit && fits({one.price, one.added.gross, one.added.center, one.added.margin, one.added.tax});
  for (const broker::ChargedFee& one : s.fees) all_fit = all_fit && fits({one.amount, one.tax});
  const auto negates = [](Amount a) { return a.micros != std::numeric_limits<std::int64_t>::min(); };
  if (!all_fit || !negates(s.opening) || !negates(s.closing))
    return fail(ErrorCode::failed_precondition, "the statement has amounts that are too large for documents");
  __int128 adjusted = 0, paid = 0, earned = 0, fee = 0;
  for (const broker::ChargedFee& one : s.fees) fee += one.amount.micros;
  for (const statement::Accrual& one : s.accruals) earned += one.added.center.micros;
  for (const statement::Adjustment& one : s.adjustments) adjusted += one.parts.center_share.micros;
  for (const statement::PayoutLine& one : s.payouts) paid += one.amount.micros;
  const __int128 explained = static_cast<__int128>(s.opening.micros) + s.totals.center.micros + earned + adjusted - fee - paid;
  if (fee == s.fee.micros && earned == s.accrued.center.micros && adjusted == s.adjusted.center_share.micros && paid == s.payout.micros && explained == s.closing.micros) return {};
  return fail(ErrorCode::failed_precondition, fmt::format("the statement's closing is {}, which its captures, corrections, fees and payouts "
                                                          "don't explain", to_text(s.closing)));
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
          .tables = settlement_tables(s, l),
          .notes = notes_of(s, l),
          .evidence = {{"file_sha256", text("SHA-256 of the statement file", "结算单文件 SHA-256"), to_hex(verified.file_sha256), true},
                       {"body_sha256", text("SHA-256 of the signed body", "签名正文 SHA-256"), to_hex(verified.body_sha256)},
                       {"ack_key", text("Signed by the market's key (Ed25519)", "市场签名公钥（Ed25519）"), to_hex(verified.ack_key), true},
                       {"billing_key", text("The center's billing key (Ed25519)", "中心计费公钥（Ed25519）"), to_hex(s.billing_key)}},
          .signatures = {text("For the market", "市场（签章）"), text("For the center", "算力中心（签章）")}};
}

}  // namespace bourse::documents
