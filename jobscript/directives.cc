#include "jobscript/directives.h"

#include <algorithm>

#include "jobscript/lsf.h"
#include "jobscript/sheet.h"
#include "jobscript/slurm.h"
#include "jobscript/words.h"

namespace bourse::jobscript {

std::string_view name(Dialect dialect) {
  switch (dialect) {
    case Dialect::none: return "none";
    case Dialect::slurm: return "slurm";
    case Dialect::lsf: return "lsf";
  }
  return "none";
}

std::string_view name(Fate fate) {
  switch (fate) {
    case Fate::used: return "used";
    case Fate::not_needed: return "not_needed";
    case Fate::refused: return "refused";
    case Fate::unknown: return "unknown";
  }
  return "unknown";
}

Result<Directives> read(std::string_view script, const Given& given, const CommandLine& typed) {
  TRY(Found found, find_directives(script));
  Directives out{.dialect = found.dialect, .notes = std::move(found.notes)};
  if (typed.dialect != Dialect::none && !typed.words.empty()) {
    // Of a script that speaks the other language nothing could be overruled by name.
    if (out.dialect != Dialect::none && out.dialect != typed.dialect)
      return fail(ErrorCode::invalid_argument, "The script's directives are of another scheduler than the command: submit it by 'bourse submit'.");
    out.dialect = typed.dialect;
    for (const std::string& word : typed.words) found.words.push_back({0, word});
  }
  if (out.dialect == Dialect::none) return out;
  Entries entries = entries_of(out.dialect, found.words, false);
  if (entries.all.size() + out.notes.size() > kMaxOptions)
    return fail(ErrorCode::too_large, "A script may have at most " + std::to_string(kMaxOptions) + " directives.");
  Sheet sheet(std::move(entries.all));
  if (out.dialect == Dialect::slurm) read_slurm(sheet, given, out);
  else read_lsf(sheet, given, out);
  std::move(sheet).add(out.notes);
  return out;
}

TypedLine take_apart(Dialect dialect, const std::vector<std::string>& words) {
  std::vector<Word> typed;
  for (const std::string& word : words) typed.push_back({0, word});
  const Entries entries = entries_of(dialect, typed, true);
  TypedLine out;
  for (const Entry& entry : entries.all) {
    TypedOption option{.name = entry.note.option, .value = entry.value, .words = {}};
    if (entry.option == nullptr) {
      option.words = {entry.typed};
    } else if (dialect == Dialect::lsf) {
      option.name = entry.option->name;
      option.words = {"-" + option.name};
      if (entry.value) option.words.push_back(*entry.value);
    } else {
      option.name = entry.option->name;
      option.words = {"--" + option.name + (entry.value ? "=" + *entry.value : "")};
    }
    out.options.push_back(std::move(option));
  }
  out.rest.assign(words.begin() + static_cast<std::ptrdiff_t>(entries.consumed), words.end());
  return out;
}

}  // namespace bourse::jobscript
