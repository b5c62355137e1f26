// Words and numbers that come from outside: of a scheduler, of an order. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bourse::host {

inline constexpr std::int64_t kMaxCount = 1'000'000'000;  // cores, cards, nodes, MiB: beyond is nonsense
// A whole number from 0 to `most`.
std::optional<std::int64_t> parse_count(std::string_view text, std::int64_t most = kMaxCount);

// What a command or a server complained of, on one line and not too long.
std::string shown(std::string_view text);

// Names of partitions, accounts, QoS, GPU models: [A-Za-z0-9._-], 1 to 64, not starting with '-'.
bool is_plain_name(std::string_view text);
// An absolute path of [A-Za-z0-9/._-] without "..", at most 4095 bytes.
bool is_plain_path(std::string_view text);

}  // namespace bourse::host
