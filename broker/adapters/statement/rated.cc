// A locked row in the document's form.
#include "broker/adapters/statement/statement.h"

namespace bourse::statement {

Rated rated_of(const pricing::PriceRow& row, const pricing::RatedLine& line) {
  const bool scow = row.strategy != pricing::Strategy::per_meter;
  if (row.meter != line.meter && pricing::includes(row.factor, line.meter))
    return {.row = row.id, .meter = line.meter, .quantity = line.quantity, .amount = line.amount, .included = true};
  return {.row = row.id,
          .meter = line.meter,
          .price = row.price,
          .per = row.per,
          .quantity = line.quantity,
          .amount = line.amount,
          .strategy = row.strategy,
          .places = scow ? row.places : std::uint8_t{0},
          .minimum = row.minimum,
          .mode = row.tiers.steps.empty() ? pricing::TierMode::graduated : row.tiers.mode,
          .tiers = row.tiers.steps,
          .free = row.free.ticks,
          .discount = row.off.id,
          .discount_bps = row.off.bps,
          .windows = row.windows,
          .zone = row.windows.empty() ? std::string() : row.zone,
          .factor = row.factor};
}

pricing::PriceRow row_of(const Rated& rated, Unit unit) {
  pricing::PriceRow row{.id = rated.row,
                        .meter = rated.meter,
                        .price = rated.price,
                        .per = rated.per,
                        .unit = unit,
                        .valid_from = Instant{1},
                        .strategy = rated.strategy,
                        .minimum = rated.minimum};
  if (rated.strategy != pricing::Strategy::per_meter) row.places = rated.places;
  row.tiers = {.mode = rated.mode, .steps = rated.tiers};
  row.free.ticks = rated.free;
  row.factor = rated.factor;
  row.windows = rated.windows;
  row.zone = rated.zone;
  row.off = {.id = rated.discount, .name = {}, .bps = rated.discount_bps};
  return row;
}

}  // namespace bourse::statement
