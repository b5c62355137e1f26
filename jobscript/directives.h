// What a job script says of itself in #SBATCH or #BSUB lines: bytes in, figures and notes out. Pure; any thread.
//
// Sources: sbatch(1) of Slurm 22.05 and what that program itself does with a script, IBM's reference of bsub (LSF 10.1).
//
// Slurm's lines are read as sbatch reads them: from the first line on, until one that is neither blank nor a comment; the
// words of all of them are one command line, on which the last of two wins. LSF's lines may stand anywhere. Of a script
// with both, Slurm's are read. What is typed at the command line wins over the script.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace bourse::jobscript {

inline constexpr std::size_t kMaxScriptBytes = 1 << 20;
inline constexpr std::size_t kMaxOptions = 200;              // of a script and its command line
inline constexpr std::int64_t kMaxFigure = 1'000'000'000'000;  // nodes, cores, cards, MiB, seconds: beyond it is a slip

enum class Dialect : std::uint8_t { none = 0, slurm = 1, lsf = 2 };
std::string_view name(Dialect dialect);  // "slurm"

// What became of a directive.
enum class Fate : std::uint8_t {
  used = 0,
  not_needed = 1,  // leaving it out changes neither what runs nor its result
  refused = 2,     // it would change that, and the market can't do it; or it says nothing that can be understood
  unknown = 3,     // no option of that scheduler
};
std::string_view name(Fate fate);  // "not_needed"

struct Note {
  int line = 0;          // of the script, from 1; 0 = typed at the command line
  std::string option;    // "--array": printable ASCII, at most 64 bytes
  Fate fate = Fate::used;
  std::string sentence;  // for a person; printable ASCII
  bool operator==(const Note&) const = default;
};

// What the request itself says. It wins over directives, and what they say a node, core or card is multiplied by its figures.
struct Given {
  bool name = false, memory = false, walltime = false, gpu_model = false, qos = false, project = false, array = false, dependency = false;
  std::optional<std::int64_t> nodes, cores, gpus;
};

// Options as typed at sbatch or bsub, in the words that the shell made of them.
struct CommandLine {
  Dialect dialect = Dialect::none;
  std::vector<std::string> words;
};

// Empty and nothing: the directives don't say, or the request does. Figures are in all, over all nodes, and above zero (cards
// may be none).
struct Directives {
  Dialect dialect = Dialect::none;
  std::string name, gpu_model, qos, project;
  std::string array;       // "0-99:2%10" (base/index_ranges.h)
  std::string dependency;  // "afterok:job_…,afterany:job_…", "singleton": its ids are not looked at here
  std::optional<std::int64_t> nodes, cores, gpus, mem_mib;
  std::optional<Duration> walltime;  // whole minutes
  std::vector<Note> notes;           // one a directive, by line
};

// Errors: too_large (script, number of options), invalid_argument (DOS line ends in a script with directives). All that is
// wrong with single directives is in the notes: `refused` and `unknown` ones are for the caller to stop at.
Result<Directives> read(std::string_view script, const Given& given = {}, const CommandLine& typed = {});

// A command line taken apart as sbatch or bsub would: their options, up to the first word that is none.
struct TypedOption {
  std::string name;                  // in full: "job-name", "gpu"; as typed where nobody knows it
  std::optional<std::string> value;
  std::vector<std::string> words;    // that say the same by themselves
};
struct TypedLine {
  std::vector<TypedOption> options;
  std::vector<std::string> rest;  // the script and its arguments, or bsub's command
};
TypedLine take_apart(Dialect dialect, const std::vector<std::string>& words);

}  // namespace bourse::jobscript
