#include "broker/adapters/store/projected_rows.h"

namespace bourse::broker::store {
namespace {

Unit unit_of(std::string_view text) {
  Unit unit;
  for (std::size_t i = 0; i < text.size() && i < unit.code.size(); ++i) unit.code[i] = text[i];
  return unit;
}


PublicKey key_of(std::span<const std::byte> bytes) {
  PublicKey key{};
  for (std::size_t i = 0; i < key.size() && i < bytes.size(); ++i) key[i] = static_cast<std::uint8_t>(bytes[i]);
  return key;
}

}  // namespace

// ---------------------------------------------------------------- ledger accounts

const char* const AccountRow::kStageName = "stage_accounts";
const char* const AccountRow::kStage = "id uuid, credit_limit bigint, dpe bigint, dpo bigint, cpe bigint, cpo bigint";
const char* const AccountRow::kLoad =
    "SELECT id, unit, code, limited, credit_limit_micros, owner, debits_pending_micros, debits_posted_micros, "
    "credits_pending_micros, credits_posted_micros, opened_seq, opened_idx FROM market.ledger_accounts WHERE id = ANY ($1)";
const char* const AccountRow::kCopyNew =
    "COPY market.ledger_accounts (id, unit, code, limited, credit_limit_micros, owner, debits_pending_micros, "
    "debits_posted_micros, credits_pending_micros, credits_posted_micros, opened_seq, opened_idx) FROM STDIN (FORMAT binary)";
const char* const AccountRow::kMerge =
    "UPDATE market.ledger_accounts AS t SET credit_limit_micros = s.credit_limit, debits_pending_micros = s.dpe, debits_posted_micros = s.dpo, "
    "credits_pending_micros = s.cpe, credits_posted_micros = s.cpo FROM stage_accounts AS s WHERE t.id = s.id";

AccountRow AccountRow::read(const Rows& r, int i) {
  AccountRow row;
  row.id = {r.uuid(i, 0)};
  row.unit = unit_of(r.text(i, 1));
  row.code = static_cast<ledger::AccountCode>(r.int2(i, 2));
  row.limit = static_cast<ledger::Limit>(r.int2(i, 3));
  row.credit_limit = {r.int8(i, 4)};
  row.owner = r.uuid(i, 5);
  row.debits_pending = {r.int8(i, 6)};
  row.debits_posted = {r.int8(i, 7)};
  row.credits_pending = {r.int8(i, 8)};
  row.credits_posted = {r.int8(i, 9)};
  row.opened_seq = r.int8(i, 10);
  row.opened_idx = r.int4(i, 11);
  return row;
}
void AccountRow::write_new(CopyRows& out) const {
  out.add(id, unit.text(), code, limit, credit_limit, or_null(owner), debits_pending, debits_posted, credits_pending,
          credits_posted, opened_seq, opened_idx);
}
void AccountRow::write_change(CopyRows& out) const {
  out.add(id, credit_limit, debits_pending, debits_posted, credits_pending, credits_posted);
}

// ---------------------------------------------------------------- holds

const char* const HoldRow::kStageName = "stage_holds";
const char* const HoldRow::kStage =
    "id uuid, amount bigint, captured bigint, released bigint, expires_at timestamptz, ended smallint";
const char* const HoldRow::kLoad =
    "SELECT id, wallet, holds, amount_micros, captured_micros, released_micros, expires_at, reference, ended, placed_at "
    "FROM market.holds WHERE id = ANY ($1)";
const char* const HoldRow::kCopyNew =
    "COPY market.holds (id, wallet, holds, amount_micros, captured_micros, released_micros, expires_at, reference, ended, "
    "placed_at) FROM STDIN (FORMAT binary)";
const char* const HoldRow::kMerge =
    "UPDATE market.holds AS t SET amount_micros = s.amount, captured_micros = s.captured, released_micros = s.released, "
    "expires_at = s.expires_at, ended = s.ended FROM stage_holds AS s WHERE t.id = s.id";

HoldRow HoldRow::read(const Rows& r, int i) {
  HoldRow row;
  row.id = {r.uuid(i, 0)};
  row.wallet = {r.uuid(i, 1)};
  row.holds = {r.uuid(i, 2)};
  row.amount = {r.int8(i, 3)};
  row.captured = {r.int8(i, 4)};
  row.released = {r.int8(i, 5)};
  row.expires_at = r.instant(i, 6);
  row.reference = r.uuid(i, 7);
  row.ended = r.int2(i, 8);
  row.placed_at = r.instant(i, 9);
  return row;
}
void HoldRow::write_new(CopyRows& out) const {
  out.add(id, wallet, holds, amount, captured, released, or_null(expires_at), or_null(reference), ended, placed_at);
}
void HoldRow::write_change(CopyRows& out) const { out.add(id, amount, captured, released, or_null(expires_at), ended); }

// ---------------------------------------------------------------- centers

const char* const CenterRow::kStageName = "stage_centers";
const char* const CenterRow::kStage =
    "id uuid, state smallint, state_reason text, report_epoch bigint, report_seq bigint, report_hash bytea, reports bigint, "
    "quarantined bigint";
const char* const CenterRow::kLoad =
    "SELECT id, name, state, state_reason, connector, identity_key, billing_key, enrolled_at, report_epoch, report_seq, "
    "report_hash, reports, quarantined_records FROM market.centers WHERE id = ANY ($1)";
const char* const CenterRow::kCopyNew =
    "COPY market.centers (id, name, state, state_reason, connector, identity_key, billing_key, enrolled_at, report_epoch, "
    "report_seq, report_hash, reports, quarantined_records) FROM STDIN (FORMAT binary)";
const char* const CenterRow::kMerge =
    "UPDATE market.centers AS t SET state = s.state, state_reason = s.state_reason, report_epoch = s.report_epoch, "
    "report_seq = s.report_seq, report_hash = s.report_hash, reports = s.reports, quarantined_records = s.quarantined "
    "FROM stage_centers AS s WHERE t.id = s.id";

CenterRow CenterRow::read(const Rows& r, int i) {
  CenterRow row;
  row.id = {r.uuid(i, 0)};
  row.name = r.text(i, 1);
  row.state = static_cast<CenterState>(r.int2(i, 2));
  row.state_reason = r.text(i, 3);
  row.connector = {r.uuid(i, 4)};
  row.identity_key = key_of(r.bytes(i, 5));
  row.billing_key = key_of(r.bytes(i, 6));
  row.enrolled_at = r.instant(i, 7);
  row.report_epoch = r.int8(i, 8);
  row.report_seq = r.int8(i, 9);
  row.report_hash = r.hash(i, 10);
  row.reports = r.int8(i, 11);
  row.quarantined = r.int8(i, 12);
  return row;
}
void CenterRow::write_new(CopyRows& out) const {
  out.add(id, name, state, state_reason, connector, identity_key, billing_key, enrolled_at, report_epoch, report_seq,
          report_hash, reports, quarantined);
}
void CenterRow::write_change(CopyRows& out) const {
  out.add(id, state, state_reason, report_epoch, report_seq, report_hash, reports, quarantined);
}

// ---------------------------------------------------------------- quotes

const char* const QuoteRow::kStageName = "stage_quotes";
const char* const QuoteRow::kStage = "id uuid, dropped boolean";
const char* const QuoteRow::kLoad =
    "SELECT id, account, \"user\", issued_at, valid_until, dropped FROM market.quotes WHERE id = ANY ($1)";
const char* const QuoteRow::kCopyNew =
    "COPY market.quotes (id, account, \"user\", spec, decision, issued_at, valid_until, dropped) FROM STDIN (FORMAT binary)";
const char* const QuoteRow::kMerge =
    "UPDATE market.quotes AS t SET dropped = s.dropped FROM stage_quotes AS s WHERE t.id = s.id";

QuoteRow QuoteRow::read(const Rows& r, int i) {
  QuoteRow row;
  row.id = {r.uuid(i, 0)};
  row.account = {r.uuid(i, 1)};
  row.user = {r.uuid(i, 2)};
  row.issued_at = r.instant(i, 3);
  row.valid_until = r.instant(i, 4);
  row.dropped = r.boolean(i, 5);
  return row;
}
void QuoteRow::write_new(CopyRows& out) const {
  out.add(id, account, user, spec, decision, issued_at, valid_until, dropped);
}
void QuoteRow::write_change(CopyRows& out) const { out.add(id, dropped); }

// ---------------------------------------------------------------- periods

const char* const PeriodRow::kStageName = "stage_periods";
const char* const PeriodRow::kStage =
    "id uuid, state smallint, cut_off timestamptz, captures bigint, gross bigint, center_share bigint, margin bigint, "
    "tax bigint, statement bytea, payout bigint, sealed_at timestamptz, adjustments bigint, adj_user bigint, "
    "adj_center bigint, adj_margin bigint, adj_tax bigint, adj_escrow bigint, paid_out bigint";
const char* const PeriodRow::kLoad =
    "SELECT id, center, unit, number, state, opened_at, cut_off, captures, gross_micros, center_share_micros, "
    "margin_micros, tax_micros, statement, payout_micros, sealed_at, opening_micros, adjustments, adj_user_micros, "
    "adj_center_micros, adj_margin_micros, adj_tax_micros, adj_escrow_micros, paid_out_micros "
    "FROM market.periods WHERE id = ANY ($1)";
const char* const PeriodRow::kCopyNew =
    "COPY market.periods (id, center, unit, number, state, opened_at, cut_off, captures, gross_micros, "
    "center_share_micros, margin_micros, tax_micros, statement, payout_micros, sealed_at, opening_micros, adjustments, "
    "adj_user_micros, adj_center_micros, adj_margin_micros, adj_tax_micros, adj_escrow_micros, paid_out_micros) "
    "FROM STDIN (FORMAT binary)";
const char* const PeriodRow::kMerge =
    "UPDATE market.periods AS t SET state = s.state, cut_off = s.cut_off, captures = s.captures, gross_micros = s.gross, "
    "center_share_micros = s.center_share, margin_micros = s.margin, tax_micros = s.tax, statement = s.statement, "
    "payout_micros = s.payout, sealed_at = s.sealed_at, adjustments = s.adjustments, adj_user_micros = s.adj_user, "
    "adj_center_micros = s.adj_center, adj_margin_micros = s.adj_margin, adj_tax_micros = s.adj_tax, "
    "adj_escrow_micros = s.adj_escrow, paid_out_micros = s.paid_out FROM stage_periods AS s WHERE t.id = s.id";

PeriodRow PeriodRow::read(const Rows& r, int i) {
  PeriodRow row;
  row.id = {r.uuid(i, 0)};
  row.center = {r.uuid(i, 1)};
  row.unit = unit_of(r.text(i, 2));
  row.number = static_cast<std::uint32_t>(r.int4(i, 3));
  row.state = static_cast<PeriodState>(r.int2(i, 4));
  row.opened_at = r.instant(i, 5);
  row.cut_off = r.instant(i, 6);
  row.captures = r.int8(i, 7);
  row.gross = {r.int8(i, 8)};
  row.center_share = {r.int8(i, 9)};
  row.margin = {r.int8(i, 10)};
  row.tax = {r.int8(i, 11)};
  row.statement = r.hash(i, 12);
  row.payout = {r.int8(i, 13)};
  row.sealed_at = r.instant(i, 14);
  row.opening = {r.int8(i, 15)};
  row.adjustments = r.int8(i, 16);
  row.adjusted = {.user = {r.int8(i, 17)},
                  .center_share = {r.int8(i, 18)},
                  .margin = {r.int8(i, 19)},
                  .tax = {r.int8(i, 20)},
                  .escrow = {r.int8(i, 21)}};
  row.paid_out = {r.int8(i, 22)};
  return row;
}
void PeriodRow::write_new(CopyRows& out) const {
  out.add(id, center, unit.text(), static_cast<std::int32_t>(number), state, opened_at, or_null(cut_off), captures, gross,
          center_share, margin, tax, or_null(statement), payout, or_null(sealed_at), opening, adjustments, adjusted.user,
          adjusted.center_share, adjusted.margin, adjusted.tax, adjusted.escrow, paid_out);
}
void PeriodRow::write_change(CopyRows& out) const {
  out.add(id, state, or_null(cut_off), captures, gross, center_share, margin, tax, or_null(statement), payout,
          or_null(sealed_at), adjustments, adjusted.user, adjusted.center_share, adjusted.margin, adjusted.tax,
          adjusted.escrow, paid_out);
}

}  // namespace bourse::broker::store
