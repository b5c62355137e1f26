// Meters: cumulative integer readings. The first four are of *allocated* resource × running time (suspension excluded); the
// others are counted by whoever renders the service.
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
  storage_mib_s = 4,  // mebibytes kept × seconds
  egress_bytes = 5,   // that left the center
  tokens_in = 6,      // of a model service: read, without those in its cache
  tokens_out = 7,     // written
  tokens_cached = 8,  // read from its cache
  session_ms = 9,     // an interactive session's time
};
inline constexpr std::size_t kMeterCount = 10;
inline constexpr std::array<Meter, kMeterCount> kMeters = {
    Meter::core_ms,      Meter::gpu_ms,    Meter::node_ms,    Meter::mem_mib_s,     Meter::storage_mib_s,
    Meter::egress_bytes, Meter::tokens_in, Meter::tokens_out, Meter::tokens_cached, Meter::session_ms};

// Those that an allocation moves by being held: what connectors report, orders cap, statements show and the market sells by.
// The others are in price books and in what is rated by them (docs/adr/0019).
inline constexpr std::size_t kHeldMeterCount = 4;
inline constexpr std::array<Meter, kHeldMeterCount> kHeldMeters = {Meter::core_ms, Meter::gpu_ms, Meter::node_ms, Meter::mem_mib_s};
constexpr bool is_held(Meter meter) { return static_cast<std::size_t>(meter) < kHeldMeterCount; }

std::string_view name(Meter meter);  // "core_ms"
std::optional<Meter> meter_named(std::string_view name);

// One reading of each of the first `N` meters, never negative.
template <std::size_t N>
struct ReadingsOf {
  std::array<std::int64_t, N> values{};

  std::int64_t& operator[](Meter m) { return values[static_cast<std::size_t>(m)]; }
  std::int64_t operator[](Meter m) const { return values[static_cast<std::size_t>(m)]; }
  bool operator==(const ReadingsOf&) const = default;
};
using Readings = ReadingsOf<kHeldMeterCount>;
using AllReadings = ReadingsOf<kMeterCount>;

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
