// Second pass, of credit lots and vouchers: rows are only added, what is left of a lot follows from its moves.
#include "broker/adapters/store/projection_state.h"

namespace bourse::broker::store {

void name_lot_tables(ProjectionState& state) {
  state.lots.copy =
      "COPY market.lots (id, account, kind, amount_micros, issued_at, expires_at, reference, reason, journal_seq) "
      "FROM STDIN (FORMAT binary)";
  state.lot_moves.copy =
      "COPY market.lot_moves (lot, journal_seq, idx, kind, amount_micros, attempt, at) FROM STDIN (FORMAT binary)";
  state.voucher_batches.copy =
      "COPY market.voucher_batches (id, unit, amount_micros, count, redeem_by, valid_ms, expires_at, reason, issued_at, "
      "journal_seq) FROM STDIN (FORMAT binary)";
  state.voucher_redemptions.copy =
      "COPY market.voucher_redemptions (lot, batch, \"by\", at) FROM STDIN (FORMAT binary)";
}

void move_lots(ProjectionState& state, const EventPlace& place, LotMove kind, const std::vector<LotPart>& parts,
               AttemptId attempt, Instant at) {
  for (const LotPart& part : parts)
    state.lot_moves.rows.add(part.lot, place.seq, place.idx, kind,
                             kind == LotMove::given_back ? part.amount : Amount{} - part.amount, or_null(attempt), at);
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const LotIssued& e) {
  const Lot& lot = e.lot;
  state.lots.rows.add(lot.id, lot.account, lot.kind, lot.amount, lot.issued_at, lot.expires_at, or_null(lot.reference),
                      lot.reason, place.seq);
  return {};
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const LotExpired& e) {
  move_lots(state, place, LotMove::taken_back, {{e.lot, e.amount}}, {}, e.at);
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

}  // namespace bourse::broker::store
