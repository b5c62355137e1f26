// Errors as values: one table of codes from which every edge (HTTP, gRPC, exit codes) takes its own.
//
// A code exists only if a caller can react to it. Its name is the documentation and goes over the wire as text
// (`insufficient_funds`); numbers are journaled, so a code keeps its number for ever and new ones go to the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bourse {

// What the caller knows after the error: `rejected` (nothing happened, the same request will be refused again),
// `transient` (nothing happened, a retry may succeed), `unknown` (it may have happened: retry only with the same key).
enum class Outcome : std::uint8_t { rejected, transient, unknown };

enum class ErrorCode : std::uint16_t {
#define BOURSE_ERROR(number, name, outcome, http, grpc, exit, sentence, remedy) name = number,
#include "base/error_table.inc"
#undef BOURSE_ERROR
};

struct ErrorInfo {
  ErrorCode code;
  std::string_view name;      // snake_case, stable
  Outcome outcome;
  int http_status;            // RFC 9110
  int grpc_status;            // grpc::StatusCode as a number
  int exit_code;              // of the command line
  std::string_view sentence;  // what is wrong, for a person
  std::string_view remedy;    // what to do about it
};

// The table's row of `code`; every enumerator has one.
const ErrorInfo& info(ErrorCode code);
// The code with that name, or nothing.
std::optional<ErrorCode> error_code_named(std::string_view name);

// An expected failure. `detail` says where and what in this case; it may be shown to the user, so it carries no secrets.
struct Error {
  ErrorCode code{};
  std::string detail;

  Outcome outcome() const { return info(code).outcome; }
  // "insufficient_funds: The wallet can't cover the hold. (…detail…) Remedy."
  std::string message() const;
  bool operator==(const Error&) const = default;
};

}  // namespace bourse
