// What a killed nginx leaves behind: its workers go on without their master and keep the port.
#pragma once

#include <string>

namespace bourse::embedded {

// Kills the processes that run `program` in the process group of the pid in `pid_file`, and waits for their end. Others
// that got the same number since are left alone. Nothing without the file.
void end_leftovers(const std::string& pid_file, const std::string& program);

}  // namespace bourse::embedded
