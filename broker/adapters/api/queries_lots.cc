// Credit lots as the projections have them: what paid a charge, and what became of vouchers.
#include "broker/adapters/api/columns.h"
#include "broker/adapters/api/queries.h"

namespace bourse::broker::api {

Result<std::vector<StoredLotUse>> Queries::lots_of(AttemptId attempt) {
  using Uses = std::vector<StoredLotUse>;
  return database_.read<Uses>([&](pqxx::transaction_base& work) -> Result<Uses> {
    Uses out;
    for (const auto& row : work.exec_params(
             "SELECT l.id, l.kind, " BOURSE_MS("l.expires_at") " AS expires_ms, (-sum(m.amount_micros))::bigint AS paid, (-sum(m.money_micros))::bigint AS worth "
             "FROM market.lot_moves m JOIN market.lots l ON l.id = m.lot WHERE m.attempt = $1 AND m.kind = 1 "
             "GROUP BY l.id ORDER BY l.expires_at, l.id",
             sql(attempt)))
      out.push_back({.part = {id_column<LotIdKind>(row["id"]), amount_column(row["paid"]), amount_column(row["worth"])},
                     .kind = enum_column<LotKind>(row["kind"]),
                     .expires_at = instant_column(row["expires_ms"])});
    return out;
  });
}

Result<std::vector<StoredVouchers>> Queries::vouchers(std::optional<VoucherBatchId> older_than, int limit) {
  using Batches = std::vector<StoredVouchers>;
  return database_.read<Batches>([&](pqxx::transaction_base& work) -> Result<Batches> {
    const auto older = older_than ? std::make_unique<std::string>(sql(*older_than)) : nullptr;
    Batches out;
    for (const auto& row : work.exec_params(
             "SELECT b.id, b.unit, b.amount_micros, b.count, " BOURSE_MS("b.redeem_by") " AS redeem_ms, b.valid_ms, "
             BOURSE_MS("b.expires_at") " AS expires_ms, b.reason, " BOURSE_MS("b.issued_at") " AS issued_ms, "
             "(SELECT count(*) FROM market.voucher_redemptions r WHERE r.batch = b.id)::integer AS redeemed "
             "FROM market.voucher_batches b WHERE $1::uuid IS NULL OR (b.journal_seq, b.id) < "
             "(SELECT o.journal_seq, o.id FROM market.voucher_batches o WHERE o.id = $1::uuid) "
             "ORDER BY b.journal_seq DESC, b.id DESC LIMIT $2",
             older, limit))
      out.push_back({.batch = {.id = id_column<VoucherBatchIdKind>(row["id"]),
                               .unit = unit_column(row["unit"]),
                               .amount = amount_column(row["amount_micros"]),
                               .redeem_by = instant_column(row["redeem_ms"]),
                               .valid_for = Duration{int64_column(row["valid_ms"])},
                               .expires_at = instant_column(row["expires_ms"]),
                               .codes = {},
                               .reason = row["reason"].c_str(),
                               .issued_at = instant_column(row["issued_ms"])},
                     .count = row["count"].as<int>(),
                     .redeemed = row["redeemed"].as<int>()});
    return out;
  });
}

}  // namespace bourse::broker::api
