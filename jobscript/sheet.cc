#include "jobscript/sheet.h"

#include <algorithm>

#include "base/index_ranges.h"
#include "jobscript/quantities.h"

namespace bourse::jobscript {
namespace {

Note note_of(const Word& word, std::string option, Fate fate, std::string_view sentence) {
  return {.line = word.line, .option = std::move(option), .fate = fate, .sentence = std::string(sentence)};
}

Entry known(const Option& option, const Word& word, std::string_view dashes) {
  return {.option = &option, .value = {}, .words = 1, .typed = {}, .note = note_of(word, std::string(dashes) + std::string(option.name), option.fate, option.sentence)};
}

Entry strange(const Word& word, Fate fate, std::string sentence) {
  return {.option = nullptr, .value = {}, .words = 1, .typed = word.text, .note = note_of(word, shown(word.text), fate, sentence)};
}

// Takes the value from the next word, where there is one.
void take_next(Entry& entry, const std::vector<Word>& words, std::size_t at) {
  if (at + 1 < words.size()) {
    entry.value = words[at + 1].text;
    entry.words = 2;
  } else {
    Sheet::set(&entry, Fate::refused, "It needs a value.");
  }
}

// All options that a beginning may stand for; one where it is a name in full.
std::vector<const Option*> meant(std::string_view typed) {
  const std::string_view full = slurm_name(typed);
  std::vector<const Option*> out;
  for (const Option& option : slurm_options()) {
    if (option.name == full) return {&option};
    if (!typed.empty() && option.name.starts_with(typed)) out.push_back(&option);
  }
  return out;
}

Entry long_option(const std::vector<Word>& words, std::size_t at) {
  const Word& word = words[at];
  const std::string_view text = std::string_view(word.text).substr(2);
  const std::size_t equals = text.find('=');
  const auto options = meant(text.substr(0, equals));
  if (options.size() != 1) {
    std::string sentence = "sbatch has no such option.";
    if (options.size() > 1) sentence = "It is short for several: --" + std::string(options[0]->name) + ", --" + std::string(options[1]->name) + ".";
    Entry entry = strange(word, Fate::unknown, std::move(sentence));
    // Its value, most likely; alone it would look like a second mistake. At a command line it may as well be the script.
    if (word.line > 0 && equals == std::string_view::npos && at + 1 < words.size() && !words[at + 1].text.starts_with('-') && words[at + 1].line == word.line) ++entry.words;
    return entry;
  }
  Entry entry = known(*options[0], word, "--");
  if (equals != std::string_view::npos) {
    entry.value = text.substr(equals + 1);
    if (options[0]->takes == Takes::nothing) Sheet::set(&entry, Fate::refused, "It takes no value.");
  } else if (options[0]->takes == Takes::value) {
    take_next(entry, words, at);
  }
  return entry;
}

// "-N2", "-HN2", "-H": each letter an option, the first that takes a value taking the rest.
void short_options(const std::vector<Word>& words, std::size_t& at, std::vector<Entry>& out) {
  const Word& word = words[at];
  for (std::size_t i = 1; i < word.text.size() && out.size() <= kMaxOptions; ++i) {
    const auto options = slurm_options();
    const auto option = std::ranges::find(options, word.text[i], &Option::letter);
    if (word.text[i] == 0 || option == options.end()) {
      out.push_back(strange(word, Fate::unknown, "sbatch has no such option."));
      return;
    }
    Entry entry = known(*option, word, "--");
    const std::string_view rest = std::string_view(word.text).substr(i + 1);
    if (option->takes != Takes::nothing && !rest.empty()) entry.value = rest;
    else if (option->takes == Takes::value) take_next(entry, words, at);
    at += entry.words - 1;
    const bool ends = option->takes != Takes::nothing;
    out.push_back(std::move(entry));
    if (ends) return;
  }
}

Entries slurm_entries(const std::vector<Word>& words, bool stop) {
  std::vector<Entry> out;
  bool options = true;
  std::size_t at = 0;
  for (; at < words.size() && out.size() <= kMaxOptions; ++at) {
    const std::string& text = words[at].text;
    const bool is_option = options && text.size() > 1 && text.starts_with('-');
    if (is_option && text == "--") {
      options = false;
    } else if (!is_option) {
      if (stop) break;
      out.push_back(strange(words[at], Fate::refused, "It is no option, and sbatch takes nothing else here."));
    } else if (text.starts_with("--")) {
      out.push_back(long_option(words, at));
      at += out.back().words - 1;
    } else {
      short_options(words, at, out);
    }
  }
  return {std::move(out), std::min(at, words.size())};
}

Entries lsf_entries(const std::vector<Word>& words, bool stop) {
  std::vector<Entry> out;
  std::size_t at = 0;
  for (; at < words.size() && out.size() <= kMaxOptions; ++at) {
    const Word& word = words[at];
    if (word.text.size() < 2 || !word.text.starts_with('-')) {
      if (stop) break;
      out.push_back(strange(word, Fate::refused, "It is no option, and a #BSUB line may have nothing else."));
      continue;
    }
    const auto options = lsf_options();
    const auto option = std::ranges::find(options, std::string_view(word.text).substr(1), &Option::name);
    if (option == options.end()) {
      out.push_back(strange(word, Fate::unknown, "bsub has no such option."));
      if (at + 1 < words.size() && !words[at + 1].text.starts_with('-') && words[at + 1].line == word.line && word.line > 0) ++at;
      continue;
    }
    out.push_back(known(*option, word, "-"));
    if (option->takes == Takes::value) take_next(out.back(), words, at);
    at += out.back().words - 1;
  }
  return {std::move(out), std::min(at, words.size())};
}

}  // namespace

Entries entries_of(Dialect dialect, const std::vector<Word>& words, bool stop) {
  return dialect == Dialect::lsf ? lsf_entries(words, stop) : slurm_entries(words, stop);
}

Sheet::Sheet(std::vector<Entry> entries) : entries_(std::move(entries)) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (entry.option == nullptr || entry.option->every) continue;
    const auto later = std::find_if(entries_.begin() + static_cast<std::ptrdiff_t>(i) + 1, entries_.end(),
                                    [&](const Entry& other) { return other.option == entry.option; });
    if (later == entries_.end()) continue;
    entry.option = nullptr;
    set(&entry, Fate::not_needed, later->note.line == 0 ? "The command line says it again." : "Line " + std::to_string(later->note.line) + " says it again.");
  }
}

Entry* Sheet::find(std::string_view name) {
  const auto all = every(name);
  return all.empty() ? nullptr : all.front();
}

std::vector<Entry*> Sheet::every(std::string_view name) {
  std::vector<Entry*> out;
  for (Entry& entry : entries_)
    if (entry.option != nullptr && entry.option->name == name && entry.note.fate != Fate::refused) out.push_back(&entry);
  return out;
}

std::optional<std::int64_t> Sheet::count(std::string_view name, std::string_view expected, std::int64_t least) {
  Entry* entry = find(name);
  if (entry == nullptr) return std::nullopt;
  const auto number = parse_count(entry->value.value_or(""));
  if (number && *number >= least) return number;
  set(entry, Fate::refused, "'" + shown(entry->value.value_or("")) + "' is not " + std::string(expected) + ".");
  return std::nullopt;
}

std::optional<std::string> Sheet::text(std::string_view name) {
  Entry* entry = find(name);
  if (entry == nullptr) return std::nullopt;
  const std::string value = entry->value.value_or("");
  const bool controls = std::ranges::any_of(value, [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
  if (!value.empty() && !controls) return value;
  set(entry, Fate::refused, value.empty() ? "Its value is empty." : "It has control characters.");
  return std::nullopt;
}

void Sheet::set(Entry* entry, Fate fate, std::string sentence) {
  if (entry == nullptr) return;
  entry->note.fate = fate;
  entry->note.sentence = std::move(sentence);
}

void Sheet::add(std::vector<Note>& notes) && {
  std::vector<Note> all;
  const auto insert = [&](Note& note) { all.insert(std::ranges::upper_bound(all, note.line, {}, &Note::line), std::move(note)); };
  std::ranges::for_each(notes, insert);
  for (Entry& entry : entries_) insert(entry.note);
  notes = std::move(all);
}

void Sheet::array(std::string_view name, const std::string& indices, bool given, std::string& to) {
  const auto array = parse_array(indices);
  if (!array) return set(name, Fate::refused, array.error().detail);
  if (given) return overruled(name);
  to = indices;
  const std::size_t count = count_of(array->ranges);
  set(name, Fate::used, std::to_string(count) + (count == 1 ? " job" : " jobs, each with its own hold and bill") +
                            (array->at_once > 0 ? ", at most " + std::to_string(array->at_once) + " at once." : "."));
}

}  // namespace bourse::jobscript
