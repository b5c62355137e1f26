#include "broker/adapters/store/account_moves.h"

#include <algorithm>
#include <span>

#include "broker/adapters/store/wire.h"

namespace bourse::broker::store {
namespace {

constexpr std::size_t kMostInRow = 128;  // see sql/126_gathered_moves.sql

void add_rows(CopyRows& out, Uuid account, std::span<const AccountMoves::Place> places) {
  std::vector<std::int64_t> seqs;
  std::vector<std::int32_t> idxs;
  while (!places.empty()) {
    const auto piece = places.first(std::min(kMostInRow, places.size()));
    places = places.subspan(piece.size());
    seqs.clear();
    idxs.clear();
    for (const AccountMoves::Place& place : piece) {
      seqs.push_back(place.seq);
      idxs.push_back(place.idx);
    }
    // The journal's time may step back with the clock, so the ends of a span are looked for.
    const auto [first, last] = std::ranges::minmax(piece, {}, [](const AccountMoves::Place& place) { return place.at.unix_ms; });
    out.add(account, piece.front().seq, first.at, last.at, piece.front().idx, seqs, idxs);
  }
}

}  // namespace

Status AccountMoves::write(Connection& connection, std::int64_t upto) const {
  constexpr Statement kGathered{"cursor_gathered", "UPDATE market.projector_cursor SET gathered = $1 WHERE gathered < $2"};
  TRY(const Rows moved, connection.run(kGathered, Params().int8(upto).int8(first_seq_)));
  if (moved.affected() != 1) return fail(ErrorCode::unavailable, "another projector gathered the same moves");
  std::vector<Uuid> order;
  order.reserve(accounts_.size());
  for (const auto& [account, places] : accounts_) order.push_back(account);
  std::ranges::sort(order);
  CopyRows rows;
  for (const Uuid& account : order) add_rows(rows, account, accounts_.find(account)->second);
  if (!rows.empty())
    CHECK_OK(connection.copy_in("COPY market.account_moves (account, first_seq, first_at, last_at, first_idx, seqs, idxs) "
                                "FROM STDIN (FORMAT binary)", rows.finish()));
  return {};
}

void AccountMoves::clear() {
  accounts_.clear();
  transfers_ = 0;
}

}  // namespace bourse::broker::store
