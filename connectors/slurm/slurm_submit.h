// From a SubmitRequest to an sbatch call. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/core/driver.h"

namespace bourse::slurm {

// Every option as "--name=value", so that no value can be read as an option; no value that is not of plain characters.
// All that a job can be given is on the command line, which wins over lines of a script. Errors: invalid_argument, naming
// the field.
Result<std::vector<std::string>> sbatch_arguments(const connector::SubmitRequest& request, const std::string& default_account);

// The script that sbatch reads: ours, without "#SBATCH" lines, since sbatch would take any of the user's before the first
// command for options. It sets the environment and becomes the user's script, which lies, byte for byte, in the workdir.
std::string batch_script(const connector::SubmitRequest& request, std::string_view script_path);

// sbatch's answer. Errors: rejected ones with Slurm's words; unavailable (not sent); unknown_outcome (perhaps sent).
Result<std::string> read_sbatch(int exit_code, std::string_view out, std::string_view err);

}  // namespace bourse::slurm
