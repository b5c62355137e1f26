// What the commands share that submit a job.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/context.h"

namespace bourse::cli {

// What a job is called after the file that its script was read from.
std::string base_name(const std::string& path);
// A script, "-" for standard input. Ends the program when it can't be read, is too large or has no "#!" line.
std::string read_script(const std::string& path);
// Until the job is over; its state goes to standard error whenever it changes.
nlohmann::json wait_for_end(Context& context, const std::string& id);

}  // namespace bourse::cli
