// The options of sbatch and bsub, and what the market makes of each.
#pragma once

#include <span>
#include <string_view>

#include "jobscript/directives.h"

namespace bourse::jobscript {

enum class Takes : std::uint8_t { nothing, value, maybe };  // maybe: only with "=" or behind its letter

// `fate` is what becomes of it whatever its value; `used` ones are looked at by slurm.cc and lsf.cc, which have the last word.
struct Option {
  std::string_view name;
  char letter = 0;  // Slurm's short form
  Takes takes = Takes::nothing;
  Fate fate = Fate::used;
  std::string_view sentence = {};
  bool every = false;  // each of several counts, not the last only
};

std::span<const Option> slurm_options();
std::span<const Option> lsf_options();

// Slurm's other names for an option; the name itself where it has none.
std::string_view slurm_name(std::string_view name);

}  // namespace bourse::jobscript
