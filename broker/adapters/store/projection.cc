#include "broker/adapters/store/projection.h"

#include "broker/adapters/store/projection_state.h"

namespace bourse::broker::store {
namespace {

struct DecodedRow {
  const JournalRow* row = nullptr;
  std::vector<Event> events;
};

constexpr Duration kGatherTimeout = minutes(10);

constexpr const char* kClear =
    "TRUNCATE market.ledger_accounts, market.transfers, market.account_moves, market.transfer_refusals, market.holds, market.billing_accounts, "
    "market.account_members, market.centers, market.contracts, market.settlement_rows, market.price_rows, market.discounts, market.quotes, market.jobs, "
    "market.reserved_prices, market.reservations, market.reservation_accruals, market.period_fees, market.reservation_ends, market.reservation_renewals, "
    "market.attempts, market.attempt_events, market.usage_captures, market.rated_lines, market.reports, "
    "market.quarantined_records, market.periods, market.commands, market.account_policies, market.credit_rules, market.member_limits, market.renewals, market.proposals, market.proposal_ends, market.payees, "
    "market.payouts, market.payout_periods, market.payout_settlements, market.adjustments, market.disputes, "
    "market.dispute_resolutions, market.dispute_evidence, market.payment_files, market.payment_file_payouts, market.payment_file_withdrawals, market.invoices, market.invoice_lines, "
    "market.invoice_moves, market.lots, market.lot_moves, market.money_in_reversals, market.voucher_batches, market.voucher_redemptions, market.products";

}  // namespace

struct Projection::Impl {
  explicit Impl(std::size_t gather_every) : state(gather_every) {}

  ProjectionState state;

  Status fold(Connection& connection, std::span<const JournalRow> rows) {
    std::vector<DecodedRow> decoded;
    for (const JournalRow& row : rows) {
      TRY(auto events, decode(row.body));
      decoded.push_back({&row, std::move(events)});
    }
    for (const DecodedRow& row : decoded)
      for (const Event& event : row.events) want(state, event);
    CHECK_OK(state.holds.load(connection));
    for (const DecodedRow& row : decoded)
      for (const Event& event : row.events) want_through_holds(state, event);
    Status loaded;
    state.each_cache([&](auto& cache) {
      if (loaded) loaded = cache.load(connection);
    });
    CHECK_OK(loaded);
    for (const DecodedRow& row : decoded) {
      EventPlace place{.seq = static_cast<std::int64_t>(row.row->seq), .at = row.row->at};
      for (const Event& event : row.events) CHECK_OK(apply(state, place, event));
    }
    return {};
  }

  static Status add(Connection& connection, AddedRows& added) {
    const auto data = added.rows.finish();
    if (added.direct != nullptr) {
      CHECK_OK(connection.script("SAVEPOINT direct"));
      Status done = connection.copy_in(added.direct, data);
      if (done) return connection.script("RELEASE direct");
      if (done.error().code != ErrorCode::conflict) return done;
      CHECK_OK(connection.script("ROLLBACK TO direct"));
    }
    CHECK_OK(connection.copy_in(added.copy, data));
    return added.merge != nullptr ? connection.script(added.merge) : Status{};
  }

  Status write(Connection& connection, const JournalHead& head) {
    Status written;
    state.each_cache([&](auto& cache) {
      if (written) written = cache.write(connection);
    });
    CHECK_OK(written);
    state.each_added([&](AddedRows& added) {
      if (written && !added.rows.empty()) written = add(connection, added);
    });
    CHECK_OK(written);
    if (state.moves.due()) CHECK_OK(state.moves.write(connection, static_cast<std::int64_t>(head.seq)));
    constexpr Statement kMove{"cursor_move", "UPDATE market.projector_cursor SET seq = $1, hash = $2"};
    CHECK_OK(connection.run(kMove, Params().int8(static_cast<std::int64_t>(head.seq)).hash(head.hash)));
    return connection.script("COMMIT");
  }

  void settle() {
    if (state.moves.due()) state.moves.clear();
    state.each_cache([](auto& cache) { cache.committed(); });
    state.each_added([](AddedRows& added) { added.rows.clear(); });
  }
  void forget() {
    state.moves.clear();
    state.each_cache([](auto& cache) { cache.forget(); });
    state.each_added([](AddedRows& added) { added.rows.clear(); });
  }
};

Projection::Projection(std::size_t gather_every) : impl_(std::make_unique<Impl>(gather_every)) {}
Projection::~Projection() = default;

Status Projection::prepare(Connection& connection) {
  impl_->forget();
  // Nothing is lost with an unflushed commit: the cursor goes back with the rows. The stages are small beside the tables,
  // so the merges must go by index, whatever the planner believes of tables it has not analysed yet.
  CHECK_OK(connection.script("SET synchronous_commit = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
                             "SET client_min_messages = warning"));
  std::string stages;
  impl_->state.each_cache([&](auto& cache) { stages += cache.stage_sql(); });
  impl_->state.each_added([&](AddedRows& added) {
    if (added.stage != nullptr) stages.append(added.stage).append(";");
  });
  CHECK_OK(connection.script(stages));
  // At most what is not gathered between two times, but for a database that another program wrote.
  return connection.script("SELECT market.gather_moves()", kGatherTimeout);
}

Result<JournalHead> Projection::cursor(Connection& connection) {
  TRY(const Rows rows, connection.run("SELECT seq, hash FROM market.projector_cursor"));
  if (rows.size() != 1) return fail(ErrorCode::integrity, "market.projector_cursor must have exactly one row");
  return JournalHead{static_cast<std::uint64_t>(rows.int8(0, 0)), rows.hash(0, 1)};
}

Status Projection::project(Connection& connection, std::span<const JournalRow> rows) {
  if (rows.empty()) return {};
  CHECK_OK(connection.script("BEGIN"));
  Status done = impl_->fold(connection, rows);
  if (done) done = impl_->write(connection, {rows.back().seq, rows.back().hash});
  if (done) {
    impl_->settle();
    return {};
  }
  impl_->forget();
  if (connection.usable()) static_cast<void>(connection.script("ROLLBACK"));
  return done;
}

Status Projection::clear(Connection& connection) {
  impl_->forget();
  CHECK_OK(connection.script("BEGIN"));
  // The guards of booked rows do not fire for TRUNCATE.
  Status done = connection.script(std::string(kClear) +
                                  "; UPDATE market.projector_cursor SET seq = 0, gathered = 0, hash = decode(repeat('00', 32), 'hex')");
  if (done) done = connection.script("COMMIT");
  if (!done && connection.usable()) static_cast<void>(connection.script("ROLLBACK"));
  return done;
}

}  // namespace bourse::broker::store
