// Unix sockets of a server: free of what a crash left, and open to their group only.
#pragma once

#include <string>

#include "base/result.h"

namespace bourse::broker {

// Removes a socket file that nobody serves. Errors: failed_precondition (somebody does, or it is no socket), unavailable.
Status clear_stale_socket(const std::string& path);
// Mode 0660 and, if `group` isn't empty, that group. Errors: invalid_argument (no such group), unavailable.
Status protect_socket(const std::string& path, const std::string& group);

}  // namespace bourse::broker
