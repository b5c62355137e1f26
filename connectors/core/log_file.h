// Reading a job's log that is a file which the job itself can replace: nothing but a regular file of the job's own user
// is ever opened.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "connectors/core/driver.h"

namespace bourse::connector {

// `path` lies in a folder that only its last component's owner can change. Safe from any thread.
// Errors: not_found (absent, or not a regular file with one name owned by `user`), unavailable.
Result<LogPiece> read_log_file(const std::string& path, const LocalUser& user, std::int64_t offset, std::int64_t max_bytes);

}  // namespace bourse::connector
