#include "pricing/meter.h"

#include <gtest/gtest.h>

#include <limits>

namespace bourse::pricing {
namespace {

TEST(Meter, NamesAreFoundAgain) {
  for (const Meter meter : kMeters) EXPECT_EQ(meter_named(name(meter)), meter);
  EXPECT_EQ(name(Meter::mem_mib_s), "mem_mib_s");
  EXPECT_EQ(meter_named("cpu_ms"), std::nullopt);
  EXPECT_EQ(meter_named(""), std::nullopt);
}

TEST(Meter, ReadingsAreAllocationTimesTime) {
  const Readings readings = readings_of({.cores = 8, .gpus = 2, .nodes = 1, .mem_mib = 1024}, Duration{2'500});
  EXPECT_EQ(readings[Meter::core_ms], 20'000);
  EXPECT_EQ(readings[Meter::gpu_ms], 5'000);
  EXPECT_EQ(readings[Meter::node_ms], 2'500);
  EXPECT_EQ(readings[Meter::mem_mib_s], 2'560);
  EXPECT_EQ(readings_of({.mem_mib = 1}, Duration{1'999})[Meter::mem_mib_s], 1);
}

TEST(Meter, ReadingsBeyondTheRangeStopAtItsEnd) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const Readings readings = readings_of({.cores = kMost, .gpus = 0, .nodes = 1, .mem_mib = kMost}, Duration{kMost});
  EXPECT_EQ(readings[Meter::core_ms], kMost);
  EXPECT_EQ(readings[Meter::gpu_ms], 0);
  EXPECT_EQ(readings[Meter::node_ms], kMost);
  EXPECT_EQ(readings[Meter::mem_mib_s], kMost);
}

}  // namespace
}  // namespace bourse::pricing
