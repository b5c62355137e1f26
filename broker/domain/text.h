// Text that comes from outside and ends up in other programs: what is let in, and how the rest is made harmless.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bourse::broker {

inline constexpr std::size_t kMaxLabel = 128;   // bytes of a name for people
inline constexpr std::size_t kMaxToken = 64;    // bytes of a name for machines: a pool, an architecture, a QoS
inline constexpr std::size_t kMaxReason = 512;  // bytes of an explanation for people

// A name for people: 1 to kMaxLabel bytes of UTF-8, printable, no control or bidirectional control characters, no line
// or paragraph separators, no leading '-' and no blank at either end.
bool is_label(std::string_view text);

// A name for machines: 1 to kMaxToken of A-Z a-z 0-9 . _ + : @ -, not beginning with '-' or '.'.
bool is_token(std::string_view text);

// 1 to 63 of a-z 0-9 -, beginning and ending with a letter or digit.
bool is_slug(std::string_view text);

// What a center says, fit to be shown: at most kMaxReason bytes, cut between characters; whatever is_label would refuse
// inside a text becomes '?'.
std::string shown(std::string_view text);

}  // namespace bourse::broker
