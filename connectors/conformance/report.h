// What came of a suite, for people and for programs.
#pragma once

#include <string>

#include "connectors/conformance/suite.h"

namespace bourse::conformance {

// A line "passed  marker  0.4 s", and below it what is wrong, what to know, and where to look.
std::string to_text(const Finding& finding);
// The last lines: how many of each, what is left behind.
std::string summary(const Report& report);
// One object: scheduler, version, pool, user, holds, stopped, checks [{name, asks, verdict, ms, says, notes, look_at}], left.
std::string to_json(const Report& report);

}  // namespace bourse::conformance
