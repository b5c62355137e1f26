// From a SubmitRequest to a SubmitJob call. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "connectors/core/driver.h"
#include "connectors/scow/scow_client.h"

namespace bourse::scow {

// Whose habits the adapter has. What it can't be told apart by is the version.
enum class Flavour : std::uint8_t { slurm = 1, crane = 2 };

// Every text in it is of plain characters, since adapters paste them into scripts, command lines and SQL. Errors:
// invalid_argument, naming the field.
Result<wire::SubmitJobRequest> submit_request(const connector::SubmitRequest& request, const std::string& account, Flavour flavour);

// The script that the scheduler gets: ours. It leaves the login environment of the local user behind but for what the scheduler
// itself set, sends the output to the log, becomes the user's script, which lies, byte for byte, in the workdir, and leaves its
// exit code there, which no adapter tells.
std::string batch_script(const connector::SubmitRequest& request);
std::string script_path(const std::string& workdir);
std::string exit_code_path(const std::string& workdir);
// What stands in that file. Nothing: it is no exit code.
std::optional<std::int32_t> parse_exit_code(std::string_view text);

// The answer to SubmitJob. Errors: rejected ones, in the scheduler's words; unavailable (not submitted); unknown_outcome.
Result<std::string> read_submission(const Said& said, std::uint32_t job_id);

}  // namespace bourse::scow
