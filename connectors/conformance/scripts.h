// The job scripts of the suite. They need a POSIX shell, awk, id, env, ls, grep and sleep where they run, and end by themselves,
// within half a minute or at their walltime, should everybody forget them.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace bourse::conformance::scripts {

inline constexpr std::string_view kBegun = "begun", kDone = "done";

inline std::string tells_environment() {
  return "#!/bin/sh\necho \"user:$(id -un)\"; echo \"groups:$(id -Gn)\"; pwd; umask; env; echo err >&2; echo \"args:$#\"; ls -ld .\n"
         "grep -s '^Cap' /proc/self/status; exit 0\n";
}
inline std::string exits(int code) { return fmt::format("#!/bin/sh\nexit {}\n", code); }
inline std::string kills_itself() { return "#!/bin/sh\nkill -9 $$\n"; }

// Another interpreter than a shell, and lines that batch systems would take for options.
inline std::string calculates(std::string_view workdir) {
  return fmt::format("#!/usr/bin/awk -f\n#SBATCH --job-name=evil\n#SBATCH --output={}/evil\n#PBS -N evil\n#BSUB -J evil\n"
                     "BEGIN {{ print \"sum\", 6 * 7; system(\"ls -A\") }}\n", workdir);
}
// Prints itself: what a shell, a batch system or a text file on its way likes to change is in it, and no newline at its end.
inline std::string prints_itself() {
  return "#!/bin/sh\n#SBATCH --hold\n# $(id) `id` %j \\n \\\\ ' \" {{x}} ${y}\t\x7f é 价  \n\n\ncat \"$0\"\nexit 0 # the end";
}
inline std::string prints_digits() { return "#!/bin/sh\nprintf 0123456789\n"; }
inline std::string numbered(int number) { return fmt::format("#!/bin/sh\necho number {}\nexit {}\n", number, number); }

// Begins, and is done when the file "go" is there or twenty seconds are over.
inline std::string holds() {
  return "#!/bin/sh\necho begun\ni=0; while [ ! -e go ] && [ $i -lt 200 ]; do sleep 0.1; i=$((i+1)); done\necho done\n";
}
inline std::string lasts(int seconds) { return fmt::format("#!/bin/sh\necho begun; sleep {}; echo done\n", seconds); }
inline std::string ticks() { return "#!/bin/bash\nfor i in $(seq 1 400); do echo tick; sleep 0.1; done\n"; }
// Hears no SIGTERM.
inline std::string stubborn() { return "#!/bin/sh\ntrap '' TERM\necho begun\nwhile :; do sleep 1; done\n"; }
// With a grandchild in a session of its own, which has `token` in its command line, and hears none either.
inline std::string stubborn_tree(std::string_view token) {
  return fmt::format("#!/bin/bash\ntrap '' TERM\nsetsid bash -c 'trap \"\" TERM; echo child; while :; do sleep 1; done # {}' &\n"
                     "echo begun; while :; do sleep 1; done\n", token);
}
// Waits until no process that it can see has `token` in its command line; its own has it not.
inline std::string looks_for(std::string_view token) {
  return fmt::format("#!/bin/sh\ni=0; while grep -qs '[{}]{}' /proc/[0-9]*/cmdline; do\n"
                     "  i=$((i+1)); [ $i -gt 100 ] && echo there && exit 1; sleep 0.1\ndone\necho gone\n", token.substr(0, 1), token.substr(1));
}
// Tries to see and to change what is not its own.
inline std::string pries(std::string_view closed_folder) {
  return fmt::format("#!/bin/sh\ncat '{0}/secret' && echo read; ls '{0}' && echo listed; true >'{0}/x' && echo wrote\n"
                     "ls .. && echo listed-above; true >../x && echo wrote-above; ls -ld .; echo done\n", closed_folder);
}

}  // namespace bourse::conformance::scripts
