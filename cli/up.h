// `bourse up`, `bourse status`, `bourse down`: the whole market on this machine, with no configuration.
#pragma once

namespace CLI {
class App;
}

namespace bourse::cli {

// Adds the three commands to `app`. Their callbacks throw CLI::RuntimeError with the exit code when they fail.
void add_up_commands(CLI::App& app);

}  // namespace bourse::cli
