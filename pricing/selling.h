// What a center sells of a pool, beside the pool itself: how much at once, for how long, in which hours, and for how much at least.
// Set in the center's own configuration, through the market, or both; then what both allow is sold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "pricing/price_book.h"

namespace bourse::pricing {

// As it is made, everything is for sale, always. Journaled inside events: fields are only appended.
struct SellingRule {
  bool paused = false;        // takes no new jobs; what it has goes on
  std::int64_t nodes = 0;     // the market's jobs may hold so many of each at once; 0 = all that there are
  std::int64_t cores = 0;
  std::int64_t gpus = 0;
  Duration max_walltime;      // 0 = the pool's own limit
  std::vector<WeeklyWindow> hours;  // jobs run within one of them, from beginning to latest end; empty = always
  std::string zone;           // IANA name, of the hours; empty = UTC
  Instant closes;             // jobs must have ended by then, as before maintenance; unix_ms 0 = never
  std::vector<PriceRow> floor;  // what users pay at least, without tax: one plain row a meter (meter, price, per, unit; the rest unset)

  bool operator==(const SellingRule&) const = default;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.paused, self.nodes, self.cores, self.gpus, self.max_walltime, self.hours, self.zone, self.closes, self.floor);
  }
};

// Errors: invalid_argument, saying what is wrong: figures below zero, windows that are none, an unknown zone, a floor that isn't plain or
// names a meter twice.
Status check_rule(const SellingRule& rule);

// How the hours and the closing of a rule stand at `at`, and until when they stand so.
struct Opening {
  Instant from, until;           // it is so in [from, until)
  std::optional<Instant> ends;   // what begins then must have ended by this; nothing = it is closed
};
// For a rule that passed check_rule; on a machine that doesn't know its zone it is closed.
Opening opening_at(const SellingRule& rule, Instant at);

// "mon-fri 18:00-08:00", "sat,sun" or "22:00-06:00": days, a time of day, or both; an end not after its beginning is on the next day.
// Errors: invalid_argument.
Result<WeeklyWindow> parse_hours(std::string_view text);
// As parse_hours takes it, every day by name: "mon,tue 18:00-08:00".
std::string hours_text(const WeeklyWindow& window);

}  // namespace bourse::pricing
