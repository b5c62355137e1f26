// What the kubernetes driver needs of connector.toml.
#pragma once

#include "base/result.h"
#include "connectors/daemon/config.h"
#include "connectors/kubernetes/kubernetes_driver.h"

namespace bourse::connector {

// Errors: invalid_argument (a toleration).
Result<kubernetes::KubernetesConfig> kubernetes_config(const DriverConfig& config);

}  // namespace bourse::connector
