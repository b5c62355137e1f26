// The words of a script's directives, and where each stands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "jobscript/directives.h"

namespace bourse::jobscript {

struct Word {
  int line = 0;
  std::string text;
};

struct Found {
  Dialect dialect = Dialect::none;
  std::vector<Word> words;
  std::vector<Note> notes;  // of lines that gave no words: what is wrong with them, or why they don't count
};

// Errors: too_large, invalid_argument (DOS line ends).
Result<Found> find_directives(std::string_view script);

}  // namespace bourse::jobscript
