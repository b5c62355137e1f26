// The gateway put together.
#pragma once

#include "base/result.h"
#include "gateway/daemon/config.h"

namespace bourse::gateway {

// Serves until SIGTERM or SIGINT, then lets requests under way end. Prints "bourse-gateway ready" once it accepts.
Status serve(const Config& config);

}  // namespace bourse::gateway
