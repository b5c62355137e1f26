// The scenarios; checks.cc says what each is for.
#pragma once

#include "connectors/conformance/bench.h"

namespace bourse::conformance {

Status check_pools(Bench& bench);
Status check_refusals(Bench& bench);
Status check_environment(Bench& bench);
Status check_exit_codes(Bench& bench);
Status check_script_bytes(Bench& bench);
Status check_log_in_pieces(Bench& bench);
Status check_files_apart(Bench& bench);
Status check_many_at_once(Bench& bench);
Status check_marker(Bench& bench);
Status check_strangers(Bench& bench);
Status check_restart(Bench& bench);
Status check_usage(Bench& bench);
Status check_cancel_running(Bench& bench);
Status check_cancel_at_once(Bench& bench);
Status check_queue(Bench& bench);
Status check_pause(Bench& bench);
Status check_walltime(Bench& bench);

}  // namespace bourse::conformance
