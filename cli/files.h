// A job's files on this side: what is uploaded before a submission, and what is fetched after it.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/context.h"

namespace bourse::cli {

// A file here and its path in the job's folder.
struct LocalInput {
  std::string local, path;
};
// "data.csv" lies there as data.csv, "params/" with all below it as params/…, and "local=path/in/job" under the name given. A file
// whose own name has a '=' is taken as it is. Errors: invalid_argument, not_found, too_large.
Result<std::vector<LocalInput>> expand_inputs(const std::vector<std::string>& typed);

// Uploads what the market doesn't have of them, and gives the spec's `inputs`. Goes on where an earlier try stopped. Ends the
// program when it can't.
nlohmann::json upload_inputs(Context& context, const std::vector<LocalInput>& inputs, const std::string& account);

// Writes one of a job's files to `to`, going on where an earlier try stopped; under its name only once its SHA-256 is right.
// Errors: integrity, unavailable, and the market's own.
Status fetch_file(Context& context, const std::string& job, const nlohmann::json& file, const std::string& to, bool replace);

}  // namespace bourse::cli
