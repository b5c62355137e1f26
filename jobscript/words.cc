#include "jobscript/words.h"

#include <algorithm>
#include <optional>

#include "jobscript/quantities.h"

namespace bourse::jobscript {
namespace {

constexpr std::string_view kSlurm = "#SBATCH", kLsf = "#BSUB", kPbs = "#PBS";
constexpr std::size_t kMaxWords = 2 * kMaxOptions;
constexpr std::size_t kMaxAside = 20;  // notes on lines that aren't read

struct Cut {
  std::vector<std::string> words;
  std::string wrong;  // what can't be understood; empty = nothing
};

// A backslash makes the next character an ordinary one, inside quotation marks too. A # ends the line. Slurm's own ways: a # inside a word
// does so too, a backslash doesn't keep a blank outside of quotation marks, and nothing is read behind an empty word.
Cut cut(std::string_view text, bool slurm) {
  Cut out;
  std::size_t i = 0;
  while (true) {
    while (i < text.size() && is_blank(text[i])) ++i;
    if (i == text.size() || text[i] == '#') return out;
    if (slurm && text[i] == ':') return {.words = {}, .wrong = "A ':' separates parts of a heterogeneous job, which the market can't run."};
    std::string word;
    char quote = 0;
    for (; i < text.size(); ++i) {
      const char c = text[i];
      if (c == '\\') {
        if (++i == text.size() || (slurm && quote == 0 && is_blank(text[i]))) break;
        word += text[i];
      } else if (quote != 0) {
        if (c == quote) quote = 0;
        else word += c;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (is_blank(c) || (slurm && c == '#')) {
        break;
      } else {
        word += c;
      }
    }
    if (quote != 0) return {.words = {}, .wrong = "A quotation mark is not closed."};
    if (slurm && word.empty()) return out;
    out.words.push_back(std::move(word));
    if (i < text.size() && text[i] == '#') return out;
  }
}

// "#BSUB" and a blank or the end; Slurm takes what follows at once, as sbatch does.
std::optional<std::string_view> after(std::string_view line, std::string_view magic) {
  if (!line.starts_with(magic)) return std::nullopt;
  line.remove_prefix(magic.size());
  if (magic != kSlurm && !line.empty() && !is_blank(line.front())) return std::nullopt;
  return line;
}

bool is_command(std::string_view line) {
  const auto first = std::ranges::find_if_not(line, is_blank);
  return first != line.end() && *first != '#';
}

struct Lines {
  std::vector<std::pair<int, std::string_view>> slurm, lsf, pbs, late;  // late: #SBATCH behind the first command
};

Lines sort_lines(std::string_view script) {
  Lines out;
  bool commands = false;
  for (int number = 1; !script.empty(); ++number) {
    const std::size_t end = script.find('\n');
    const std::string_view line = script.substr(0, end);
    script.remove_prefix(end == std::string_view::npos ? script.size() : end + 1);
    if (after(line, kSlurm)) (commands ? out.late : out.slurm).emplace_back(number, line);
    else if (after(line, kLsf)) out.lsf.emplace_back(number, line);
    else if (after(line, kPbs) && !commands) out.pbs.emplace_back(number, line);
    else commands = commands || is_command(line);
    if (out.late.size() > kMaxAside) out.late.pop_back();
  }
  return out;
}

Status take(const std::vector<std::pair<int, std::string_view>>& lines, std::string_view magic, Found& out) {
  for (const auto& [number, line] : lines) {
    const std::string_view text = *after(line, magic);
    if (magic == kSlurm && (text.starts_with(" hetjob") || text.starts_with(" packjob"))) {
      out.notes.push_back({number, "hetjob", Fate::refused, "The parts of a heterogeneous job can't be bought together: submit them one by one."});
      continue;
    }
    Cut made = cut(text, magic == kSlurm);
    if (!made.wrong.empty()) out.notes.push_back({number, std::string(magic), Fate::refused, std::move(made.wrong)});
    for (std::string& word : made.words) out.words.push_back({number, std::move(word)});
    if (out.words.size() > kMaxWords || out.notes.size() > kMaxOptions)
      return fail(ErrorCode::too_large, "line " + std::to_string(number) + ": a script may have at most " + std::to_string(kMaxOptions) + " directives.");
  }
  return {};
}

void aside(const std::vector<std::pair<int, std::string_view>>& lines, std::string_view magic, Fate fate, std::string_view sentence, Found& out) {
  for (std::size_t i = 0; i < std::min(lines.size(), kMaxAside); ++i)
    out.notes.push_back({lines[i].first, std::string(magic), fate, std::string(sentence)});
}

}  // namespace

Result<Found> find_directives(std::string_view script) {
  if (script.size() > kMaxScriptBytes)
    return fail(ErrorCode::too_large, "The script is longer than " + std::to_string(kMaxScriptBytes) + " bytes.");
  const Lines lines = sort_lines(script);
  Found out;
  out.dialect = !lines.slurm.empty() ? Dialect::slurm : !lines.lsf.empty() ? Dialect::lsf : Dialect::none;
  if (out.dialect != Dialect::none && script.contains("\r\n"))
    return fail(ErrorCode::invalid_argument, "The script has DOS line ends (\\r\\n), which schedulers refuse: convert it to \\n, by dos2unix.");
  if (out.dialect == Dialect::slurm) {
    CHECK_OK(take(lines.slurm, kSlurm, out));
    aside(lines.lsf, kLsf, Fate::not_needed, "The script has #SBATCH lines too; those are read.", out);
  } else {
    CHECK_OK(take(lines.lsf, kLsf, out));
  }
  aside(lines.late, kSlurm, Fate::not_needed, "It stands behind the first command, where Slurm doesn't read it either.", out);
  if (out.dialect == Dialect::none) aside(lines.pbs, kPbs, Fate::unknown, "PBS directives are not read: say the same in #SBATCH lines or in options.", out);
  else aside(lines.pbs, kPbs, Fate::not_needed, "The script has directives of another scheduler too; those are read.", out);
  return out;
}

}  // namespace bourse::jobscript
