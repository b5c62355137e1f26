// What a job finds in its environment, whatever scheduler runs it. Nothing else of the connector's or the scheduler's users reaches it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bourse/federation/v1/federation.pb.h"
#include "connectors/core/driver.h"

namespace bourse::connector {

// Names and values, in the order in which they are set. Leased accounts have the working directory for a home.
std::vector<std::pair<std::string, std::string>> job_environment(const SubmitRequest& request);

// SubmitRequest::variables of an order: which element of its array it is, as jobs written for Slurm and LSF look for it.
std::vector<std::pair<std::string, std::string>> variables_of(const federation::v1::DispatchOrder& order);

}  // namespace bourse::connector
