// Result<T>: a value or an Error. Functions that can fail in ways that a caller handles return it.
#pragma once

#include <expected>
#include <utility>

#include "base/error.h"

namespace bourse {

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string detail = {}) {
  return std::unexpected<Error>(Error{code, std::move(detail)});
}

}  // namespace bourse

#define BOURSE_CONCAT_(a, b) a##b
#define BOURSE_CONCAT(a, b) BOURSE_CONCAT_(a, b)

// TRY(auto value, expression): declares `value` from a Result, or returns its error from the enclosing function.
#define BOURSE_TRY_(temporary, declaration, expression)                            \
  auto temporary = (expression);                                                   \
  if (!temporary) return std::unexpected<::bourse::Error>(std::move(temporary.error())); \
  declaration = std::move(*temporary)
#define TRY(declaration, expression) BOURSE_TRY_(BOURSE_CONCAT(try_, __LINE__), declaration, expression)
// CHECK_OK(expression): returns the error of a Status or Result from the enclosing function.
#define CHECK_OK(expression)                                                                          \
  do {                                                                                                \
    if (auto status_ = (expression); !status_) return std::unexpected<::bourse::Error>(std::move(status_.error())); \
  } while (false)
