// Second pass, of credit lots and vouchers: rows are only added, what is left of a lot follows from its moves.
#include "broker/adapters/store/projection_state.h"

namespace bourse::broker::store {

void name_lot_tables(ProjectionState& state) {
  state.lots.copy =
      "COPY market.lots (id, account, kind, amount_micros, issued_at, expires_at, reference, reason, journal_seq, "
      "unit, price_micros, buyer) "
      "FROM STDIN (FORMAT binary)";
  state.lot_moves.copy =
      "COPY market.lot_moves (lot, journal_seq, idx, kind, amount_micros, attempt, at, money_micros) FROM STDIN (FORMAT binary)";
  state.voucher_batches.copy =
      "COPY market.voucher_batches (id, unit, amount_micros, count, redeem_by, valid_ms, expires_at, reason, issued_at, "
      "journal_seq) FROM STDIN (FORMAT binary)";
  state.money_in_reversals.copy =
      "COPY market.money_in_reversals (what, kind, account, amount_micros, unit, money_micros, reference, reason, at, journal_seq) "
      "FROM STDIN (FORMAT binary)";
  state.products.copy = "COPY stage_products FROM STDIN (FORMAT binary)";
  state.products.stage =
      "CREATE TEMP TABLE IF NOT EXISTS stage_products (LIKE market.products) ON COMMIT DELETE ROWS";
  state.products.merge = "INSERT INTO market.products SELECT * FROM stage_products ON CONFLICT DO NOTHING";
  state.voucher_redemptions.copy =
      "COPY market.voucher_redemptions (lot, batch, \"by\", at) FROM STDIN (FORMAT binary)";
}

void move_lots(ProjectionState& state, const EventPlace& place, LotMove kind, const std::vector<LotPart>& parts,
               AttemptId attempt, Instant at) {
  const auto signed_as = [kind](Amount amount) { return kind == LotMove::given_back ? amount : Amount{} - amount; };
  for (const LotPart& part : parts)
    state.lot_moves.rows.add(part.lot, place.seq, place.idx, kind, signed_as(part.amount), or_null(attempt), at,
                             signed_as(part.money));
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const LotIssued& e) {
  const Lot& lot = e.lot;
  state.lots.rows.add(lot.id, lot.account, lot.kind, lot.amount, lot.issued_at, lot.expires_at, or_null(lot.reference),
                      lot.reason, place.seq, lot.unit.text(), lot.price, or_null(lot.buyer));
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const LotExpired& e) {
  move_lots(state, place, LotMove::taken_back, {{e.lot, e.amount, e.money}}, {}, e.at);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const MoneyInReversed& e) {
  const MoneyInReversal& r = e.reversal;
  state.money_in_reversals.rows.add(r.what, r.kind, r.account, r.amount, r.unit.text(), r.money, r.reference, r.reason, r.at, place.seq);
  if (r.kind != MoneyInKind::top_up) move_lots(state, place, LotMove::reversed, {{LotId{r.what}, r.amount, r.money}}, {}, r.at);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const VouchersIssued& e) {
  const VoucherBatch& batch = e.batch;
  state.voucher_batches.rows.add(batch.id, batch.unit.text(), batch.amount, static_cast<std::int32_t>(batch.codes.size()),
                                 batch.redeem_by, batch.valid_for.ms, or_null(batch.expires_at), batch.reason, batch.issued_at,
                                 place.seq);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace&, const VoucherRedeemed& e) {
  state.voucher_redemptions.rows.add(e.lot, e.batch, e.by, e.at);
  return {};
}

Status apply_settlement(ProjectionState&, const EventPlace&, const VouchersExpired&) { return {}; }

// The same product may be published again, and stays as it was.
Status apply_settlement(ProjectionState& state, const EventPlace&, const ProductsPublished& e) {
  for (const Product& p : e.products)
    state.products.rows.add(p.id, p.name, p.du, p.price, p.currency.text(), p.valid_for.ms, or_null(p.until), e.at);
  return {};
}

}  // namespace bourse::broker::store
