// What the scow driver needs of connector.toml.
#pragma once

#include "base/result.h"
#include "connectors/daemon/config.h"
#include "connectors/scow/scow_driver.h"

namespace bourse::connector {

// Reads the TLS files. The local users and scheduler accounts that [identity] names are those that the driver looks for jobs of.
// Errors: not_found and others of host::read_file, naming the file.
Result<scow::ScowConfig> scow_config(const DriverConfig& config, const IdentityConfig& identity);

}  // namespace bourse::connector
