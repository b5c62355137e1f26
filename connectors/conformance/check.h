// A check of the conformance suite, and what came of it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace bourse::conformance {

class Bench;

enum class Verdict : std::uint8_t {
  passed = 1,
  failed = 2,
  not_supported = 3,  // the scheduler can't, and said so as it must
  skipped = 4,        // not asked for, or stopped before its turn
};
std::string_view name(Verdict verdict);  // "not supported"

struct Check {
  std::string_view name;     // "cancel-running"
  std::string_view asks;     // what it asks of the driver, for people
  std::string_view look_at;  // where to look when it fails
  // Tells the bench what is wrong; an error ends the check and counts as wrong too.
  Status (*run)(Bench&);
};
// In the order in which they are run.
std::span<const Check> checks();
// Nothing if there is none.
const Check* find_check(std::string_view name);

struct Finding {
  std::string check;
  std::string asks;
  Verdict verdict = Verdict::skipped;
  Duration took;
  std::vector<std::string> says;   // what is wrong, or why it is not supported or skipped
  std::vector<std::string> notes;  // what is allowed, and the administrator should know
  std::string look_at;             // empty unless it failed
};

}  // namespace bourse::conformance
