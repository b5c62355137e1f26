// BOURSE_ASSERT: a check for programmers' mistakes, on in every build.
//
// A failed assertion means that this program's own state can no longer be trusted, so the process stops before it can
// write anything else. Never use it for input from outside: that is what Result is for.
#pragma once

namespace bourse {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace bourse

#define BOURSE_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::bourse::assertion_failed(#expression, __FILE__, __LINE__))
