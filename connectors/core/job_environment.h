// What a job finds in its environment, whatever scheduler runs it. Nothing else of the connector's or the scheduler's users reaches it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "connectors/core/driver.h"

namespace bourse::connector {

// Names and values, in the order in which they are set. Leased accounts have the working directory for a home.
std::vector<std::pair<std::string, std::string>> job_environment(const SubmitRequest& request);

}  // namespace bourse::connector
