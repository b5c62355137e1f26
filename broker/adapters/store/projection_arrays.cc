// Second pass: arrays of jobs. Their elements are jobs like others.
#include "broker/adapters/store/projection_state.h"
#include "broker/domain/derive.h"

namespace bourse::broker::store {

Uuid first_hold(const ArraySubmitted& event) { return derive_hold(element_id(event.array, nth_index(event.spec.array.ranges, 0))).uuid; }

void name_array_tables(ProjectionState& state) {
  state.arrays.copy =
      "COPY market.arrays (id, account, tenant, \"user\", quote, unit, elements, held_micros, spec, decision, submitted_at, wait_until, "
      "journal_seq) FROM STDIN (FORMAT binary)";
}

Status apply_settlement(ProjectionState& state, const EventPlace& place, const ArraySubmitted& e) {
  const HoldRow* hold = state.holds.find(first_hold(e));
  if (hold == nullptr) return not_projected(place, "hold", first_hold(e));
  const AccountRow* wallet = state.accounts.find(hold->wallet.uuid);
  if (wallet == nullptr) return not_projected(place, "account", hold->wallet.uuid);
  state.arrays.rows.add(e.array, e.account, e.tenant, e.user, or_null(e.quote), wallet->unit.text(),
                        static_cast<std::int32_t>(count_of(e.spec.array.ranges)), e.hold, codec::encoded(e.spec), codec::encoded(e.decision),
                        e.at, e.wait_until, place.seq);
  return {};
}

}  // namespace bourse::broker::store
