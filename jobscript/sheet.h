// The options that words come to, one entry each, and what becomes of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobscript/options.h"
#include "jobscript/words.h"

namespace bourse::jobscript {

struct Entry {
  const Option* option = nullptr;  // null: unknown, or no option at all
  std::optional<std::string> value;
  std::size_t words = 1;  // that it took
  std::string typed;      // the word of an unknown one
  Note note;
};

// As getopt does for sbatch (unique beginnings of long names, letters in a row, values behind "=" or in the next word), or as
// bsub reads its own. `stop`: at the first word that is no option, which a command line has and a script must not.
struct Entries {
  std::vector<Entry> all;     // one more than kMaxOptions at most: then there are too many
  std::size_t consumed = 0;   // words
};
Entries entries_of(Dialect dialect, const std::vector<Word>& words, bool stop);

// What one script and command line ask for, the last of each option counting.
class Sheet {
 public:
  explicit Sheet(std::vector<Entry> entries);

  // The entry that counts; null where there is none, or its value was refused.
  Entry* find(std::string_view name);
  std::vector<Entry*> every(std::string_view name);

  // Figures: the value, or nothing, noted as refused with what was expected.
  std::optional<std::int64_t> count(std::string_view name, std::string_view expected, std::int64_t least = 1);
  // An array's indices, as they are written; refused where they are none.
  void array(std::string_view name, const std::string& indices, bool given, std::string& to);
  // Text that is kept: refused where it is empty or has control characters.
  std::optional<std::string> text(std::string_view name);

  static void set(Entry* entry, Fate fate, std::string sentence);  // of an entry that there may not be
  void set(std::string_view name, Fate fate, const std::string& sentence) { set(find(name), fate, sentence); }
  void overruled(std::string_view name) { set(name, Fate::not_needed, "The request itself says it."); }

  void add(std::vector<Note>& notes) &&;

 private:
  std::vector<Entry> entries_;
};

}  // namespace bourse::jobscript
