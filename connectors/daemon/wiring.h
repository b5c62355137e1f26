// What follows from the configuration and the bundle, for `run` and for `doctor`.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "connectors/core/driver.h"
#include "connectors/daemon/config.h"
#include "connectors/daemon/credentials.h"
#include "connectors/host/process_runner.h"

namespace bourse::connector {

// `look`: a driver whose probe would change something at the scheduler leaves that be, and runs no jobs.
enum class Purpose : std::uint8_t { work = 1, look = 2 };
// Errors: the driver's own.
Result<std::unique_ptr<Driver>> open_driver(const DaemonConfig& all, const std::string& directory, const Clock& clock, host::ProcessRunner& runner,
                                            Purpose purpose = Purpose::work);

// Fresh channels to the edge, whose certificate must lead to the bundle's root. The link's has our certificate as it is then: a renewed
// one is used without a restart. The one for joining and renewing has none.
std::shared_ptr<grpc::Channel> dial_link(const std::string& directory, const federation::JoinBundle& bundle, const Credentials& first);
std::shared_ptr<grpc::Channel> dial_membership(const federation::JoinBundle& bundle);

std::string jobs_directory(const DaemonConfig& config, const std::string& directory);
// Of the folders above `path` the lowest that jobs' users can't pass; nothing where they reach it, or where nobody else runs jobs.
std::optional<std::string> closed_to_others(const std::string& path);

}  // namespace bourse::connector
