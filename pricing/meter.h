// Meters: cumulative integer readings of *allocated* resource × running time (suspension excluded).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"

namespace bourse::pricing {

// The numbers are journaled and on the wire (federation.v1.Meter is one higher): append only.
enum class Meter : std::uint8_t {
  core_ms = 0,    // cores × milliseconds
  gpu_ms = 1,     // accelerator cards × milliseconds
  node_ms = 2,    // whole nodes × milliseconds
  mem_mib_s = 3,  // mebibytes × seconds, rounded down
};
inline constexpr std::size_t kMeterCount = 4;
inline constexpr std::array<Meter, kMeterCount> kMeters = {Meter::core_ms, Meter::gpu_ms, Meter::node_ms, Meter::mem_mib_s};

std::string_view name(Meter meter);  // "core_ms"
std::optional<Meter> meter_named(std::string_view name);

// One reading of each meter, never negative.
struct Readings {
  std::array<std::int64_t, kMeterCount> values{};

  std::int64_t& operator[](Meter m) { return values[static_cast<std::size_t>(m)]; }
  std::int64_t operator[](Meter m) const { return values[static_cast<std::size_t>(m)]; }
  bool operator==(const Readings&) const = default;
};

// What an attempt has while it runs.
struct Allocation {
  std::int64_t cores = 0;    // in all, over its nodes
  std::int64_t gpus = 0;     // in all
  std::int64_t nodes = 0;    // nodes it occupies
  std::int64_t mem_mib = 0;  // in all
  bool operator==(const Allocation&) const = default;
};

// Readings of `allocation` held for `running`. What leaves the range stops at its end, where rating refuses it.
Readings readings_of(const Allocation& allocation, Duration running);

// No honest reading reaches this (a million cores for thirty years); rating refuses anything above, so its 128-bit products can't overflow.
inline constexpr std::int64_t kMaxReading = 1'000'000'000'000'000'000;

}  // namespace bourse::pricing
