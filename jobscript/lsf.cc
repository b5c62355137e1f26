#include "jobscript/lsf.h"

#include <algorithm>

#include "jobscript/quantities.h"
#include "jobscript/sentences.h"

namespace bourse::jobscript {
namespace {

constexpr std::int64_t kBareRusageKib = 1024;  // MB, unless a cluster says otherwise (LSF_UNIT_FOR_LIMITS)

// A figure and what it is of: "4000", "4GB/task", "2/host", "16GB/job".
enum class Per : std::uint8_t { host, task, job };
struct Each {
  std::string_view figure;
  Per per = Per::host;
};
std::optional<Each> each_of(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return Each{text, Per::host};
  const std::string_view per = text.substr(slash + 1);
  if (per == "host") return Each{text.substr(0, slash), Per::host};
  if (per == "task") return Each{text.substr(0, slash), Per::task};
  if (per == "job") return Each{text.substr(0, slash), Per::job};
  return std::nullopt;
}

// What -R strings say; `wrong` where they can't be done.
struct Requirement {
  std::optional<std::int64_t> tasks_per_host, hosts, cores_per_task, memory_mib, cards;
  Per memory_per = Per::host, cards_per = Per::host;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string read_span(std::string_view inside, Requirement& out) {
  const std::size_t equals = inside.find('=');
  const std::string_view key = trimmed(inside.substr(0, equals));
  const auto number = equals == std::string_view::npos ? std::nullopt : parse_count(trimmed(inside.substr(equals + 1)));
  if (key == "ptile" && number && *number > 0) return out.tasks_per_host = number, "";
  if (key == "hosts" && number == 1) return out.hosts = 1, "";
  return "Of span the market knows ptile=NUMBER and hosts=1.";
}

std::string read_rusage(std::string_view inside, Requirement& out) {
  if (inside.contains("||") || inside.contains('(')) return "Alternatives in rusage can't be bought.";
  while (!inside.empty()) {
    const std::size_t end = inside.find_first_of(",:");
    const std::string_view item = trimmed(inside.substr(0, end));
    inside.remove_prefix(end == std::string_view::npos ? inside.size() : end + 1);
    const std::size_t equals = item.find('=');
    const std::string_view key = trimmed(item.substr(0, equals));
    const auto each = equals == std::string_view::npos ? std::nullopt : each_of(trimmed(item.substr(equals + 1)));
    if (key == "duration" || key == "decay") continue;  // what is bought is had for all of the run
    if (key == "mem") {
      const auto mib = each ? parse_memory_mib(each->figure, kBareRusageKib) : std::nullopt;
      if (!mib || *mib < 1) return "'" + shown(item) + "' is not a size of memory.";
      out.memory_mib = mib, out.memory_per = each->per;
    } else if (key == "ngpus_physical" || key == "ngpus" || key == "ngpus_excl_p" || key == "ngpus_shared") {
      const auto cards = each ? parse_count(each->figure) : std::nullopt;
      if (!cards) return "'" + shown(item) + "' is not a number of cards.";
      out.cards = cards, out.cards_per = each->per;
    } else {
      return "'" + shown(item) + "': of what a job can reserve the market sells memory and cards.";
    }
  }
  return "";
}

// "mem>8000 && type==any": what rusage buys anyway, and what every center has.
bool says_nothing(std::string_view selection) {
  while (!selection.empty()) {
    const std::size_t also = selection.find("&&");
    const std::string_view term = trimmed(selection.substr(0, also));
    selection.remove_prefix(also == std::string_view::npos ? selection.size() : also + 2);
    const std::size_t above = term.find('>');
    const bool memory = above != std::string_view::npos && trimmed(term.substr(0, above)) == "mem" && term.find_first_of("|<!(") == std::string_view::npos;
    if (term != "type==any" && term != "type == any" && !memory) return false;
  }
  return true;
}

// ":cpubind=core:distribute=pack": to which of its cores a task is bound. Anything else could be a number ("*3" is thrice as many).
bool binds_only(std::string_view rest) {
  rest = trimmed(rest);
  while (!rest.empty()) {
    if (!rest.starts_with(':')) return false;
    rest.remove_prefix(1);
    const std::string_view item = trimmed(rest.substr(0, rest.find(':')));
    rest.remove_prefix(std::min(rest.find(':'), rest.size()));
    if (!item.starts_with("cpubind=") && !item.starts_with("membind=") && !item.starts_with("distribute=")) return false;
    if (item.contains('*')) return false;
  }
  return true;
}

std::string read_affinity(std::string_view inside, Requirement& out) {
  const std::size_t open = inside.find('('), close = inside.find_first_of(",)", open);
  const auto number = open == std::string_view::npos || close == std::string_view::npos ? std::nullopt : parse_count(trimmed(inside.substr(open + 1, close - open - 1)));
  if (trimmed(inside.substr(0, open)) != "core" || !number || *number < 1) return "Of affinity the market knows core(NUMBER).";
  // "core(2,exclusive=(socket,alljobs))" has brackets in brackets.
  std::size_t after = open + 1;
  for (int depth = 1; after < inside.size() && depth > 0; ++after) depth += inside[after] == '(' ? 1 : inside[after] == ')' ? -1 : 0;
  if (inside[after - 1] != ')' || !binds_only(inside.substr(after)))
    return "Of affinity the market knows core(NUMBER), not what follows it in '" + shown(inside) + "'.";
  return out.cores_per_task = number, "";
}

// One -R string: sections like rusage[…], and bare text, which selects.
std::string read_requirement(std::string_view text, Requirement& out) {
  constexpr std::string_view kSelect = "Hosts can't be selected by their features: the market knows cores, memory and cards.";
  while (!(text = trimmed(text)).empty()) {
    const std::size_t open = text.find('[');
    const std::string_view name = trimmed(text.substr(0, open));
    if (open == std::string_view::npos || name.find_first_of(" &|<>=!(){}") != std::string_view::npos) {
      // Up to the next section; its name is the last word before the bracket.
      const std::size_t last = open == std::string_view::npos ? text.size() : text.find_last_of(" \t", open);
      if (last == std::string_view::npos || !says_nothing(trimmed(text.substr(0, last)))) return std::string(kSelect);
      text.remove_prefix(last);
      continue;
    }
    const std::size_t close = text.find(']', open);
    if (close == std::string_view::npos) return "A [ is not closed.";
    const std::string_view inside = trimmed(text.substr(open + 1, close - open - 1));
    std::string wrong;
    if (name == "span") wrong = read_span(inside, out);
    else if (name == "rusage") wrong = read_rusage(inside, out);
    else if (name == "affinity") wrong = read_affinity(inside, out);
    else if (name == "select") wrong = says_nothing(inside) ? "" : std::string(kSelect);
    else if (name != "order" && name != "same") wrong = "'" + shown(name) + "[]' is nothing that the market knows.";
    if (!wrong.empty()) return wrong;
    text.remove_prefix(close + 1);
  }
  return "";
}

// -gpu "num=2/task:mode=shared:gmodel=NVIDIAA100-80G"; "-" is one a host.
std::string read_gpu(std::string_view text, Requirement& out, std::string& model) {
  out.cards = 1, out.cards_per = Per::host;
  if (text == "-") return "";
  while (!text.empty()) {
    const std::size_t end = text.find(':');
    const std::string_view item = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t equals = item.find('=');
    const std::string_view key = item.substr(0, equals), value = equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1);
    if (key == "num") {
      const auto each = each_of(value);
      const auto number = each ? parse_count(each->figure) : std::nullopt;
      if (!number || each->per == Per::job) return "'" + shown(item) + "' is not a number of cards.";
      out.cards = number, out.cards_per = each->per;
    } else if (key == "gmodel") {
      model = value.substr(0, value.rfind('-'));
      if (model.empty()) return "gmodel is empty.";
    } else if ((key == "mps" && value != "no") || key == "mig" || key == "gmem") {
      return "'" + shown(item) + "': cards are sold whole and as they are.";
    } else if (key != "mode" && key != "mps" && key != "j_exclusive" && key != "aff" && key != "block" && key != "gpack" && key != "gtile" && key != "glink" && key != "gvendor") {
      return "'" + shown(item) + "' is nothing that bsub knows of cards.";
    }
  }
  return "";
}

class Needs {
 public:
  Needs(Sheet& sheet, const Given& given, Directives& out) : sheet_(sheet), given_(given), out_(out) {}

  void add() {
    read_tasks();
    for (Entry* entry : sheet_.every("R")) {
      std::string wrong = read_requirement(entry->value.value_or(""), all_);
      if (wrong.empty()) Sheet::set(entry, Fate::used, "What it says of hosts, memory and cards.");
      else Sheet::set(entry, Fate::refused, std::move(wrong));
    }
    if (Entry* entry = sheet_.find("gpu")) {
      std::string wrong = read_gpu(entry->value.value_or(""), all_, model_);
      if (!wrong.empty()) Sheet::set(entry, Fate::refused, std::move(wrong));
    }
    count();
    count_memory();
  }

 private:
  void read_tasks() {
    Entry* entry = sheet_.find("n");
    if (entry == nullptr) return;
    const std::string value = entry->value.value_or("");
    const auto least = parse_count(value.substr(0, value.find(',')));
    if (!least || *least < 1) return Sheet::set(entry, Fate::refused, "'" + shown(value) + "' is not a number of tasks from 1, or least,most.");
    tasks_ = least;
  }

  std::optional<std::int64_t> in_all(std::int64_t each, Per per) const { return per == Per::job ? each : product(each, per == Per::task ? tasks_.value_or(1) : hosts_); }

  void count() {
    const std::int64_t tasks = tasks_.value_or(1);
    hosts_ = given_.nodes ? *given_.nodes : all_.hosts ? 1 : all_.tasks_per_host ? divided_up(tasks, *all_.tasks_per_host) : 1;
    if (!given_.nodes && (all_.hosts || all_.tasks_per_host)) out_.nodes = hosts_;
    const auto cores = product(tasks, all_.cores_per_task.value_or(1));
    if (!cores) return sheet_.set("n", Fate::refused, std::string(kTooMuch));
    if (given_.cores) sheet_.overruled("n");
    else if (tasks_ || all_.cores_per_task) out_.cores = cores;
    if (!given_.cores) sheet_.set("n", Fate::used, std::to_string(*cores) + " cores in all, on " + std::to_string(hosts_) + (hosts_ == 1 ? " node." : " nodes."));
    if (!all_.cards) return;
    const auto cards = in_all(*all_.cards, all_.cards_per);
    if (!cards) return sheet_.set("gpu", Fate::refused, std::string(kTooMuch));
    if (given_.gpus) sheet_.overruled("gpu");
    else out_.gpus = cards, sheet_.set("gpu", Fate::used, std::to_string(*cards) + " cards in all" + (model_.empty() ? "." : ", " + shown(model_) + "."));
    if (!given_.gpu_model && given_.gpus.value_or(*cards) > 0) out_.gpu_model = model_;
  }

  void count_memory() {
    Entry* limit = sheet_.find("M");
    const std::string value = limit == nullptr ? "" : limit->value.value_or("");
    std::optional<std::int64_t> all;
    if (all_.memory_mib) {
      all = in_all(*all_.memory_mib, all_.memory_per);
      Sheet::set(limit, Fate::not_needed, "The memory that rusage reserves is bought, and is the limit.");
      if (!all)
        for (Entry* entry : sheet_.every("R")) Sheet::set(entry, Fate::refused, std::string(kTooMuch));
    } else if (limit != nullptr) {
      const std::string_view number = std::string_view(value).substr(0, value.find('!'));
      const auto mib = parse_memory_mib(trimmed(number), 1);
      const bool bare = mib && number.find_first_not_of("0123456789 ") == std::string_view::npos;
      // KB by the reference; most clusters set another unit, and a thousandth of the memory would end the job.
      if (bare) return Sheet::set(limit, Fate::refused, "Its unit is each cluster's own: write it with one, like -M 4GB, or reserve memory by -R \"rusage[mem=4GB]\".");
      all = mib && *mib > 0 ? product(*mib, hosts_) : std::nullopt;
      if (!all) return Sheet::set(limit, Fate::refused, "'" + shown(value) + "' is not a size of memory.");
      if (!given_.memory) Sheet::set(limit, Fate::used, std::to_string(*all) + " MiB in all.");
      else sheet_.overruled("M");
    }
    if (!given_.memory) out_.mem_mib = all;
  }

  Sheet& sheet_;
  const Given& given_;
  Directives& out_;
  Requirement all_;
  std::optional<std::int64_t> tasks_;
  std::string model_;
  std::int64_t hosts_ = 1;
};

void read_lsf_time(Sheet& sheet, const Given& given, Directives& out) {
  Entry* entry = sheet.find("W");
  if (entry == nullptr) return;
  const std::string value = entry->value.value_or("");
  if (value.contains('/')) return Sheet::set(entry, Fate::refused, "Time is counted as it passes, not by a host's speed: leave out what follows the '/'.");
  const auto time = parse_lsf_time(value);
  if (!time || time->ms == 0) return Sheet::set(entry, Fate::refused, "'" + shown(value) + "' is not a time: minutes, or hours:minutes.");
  if (given.walltime) return sheet.overruled("W");
  out.walltime = time;
  Sheet::set(entry, Fate::used, std::to_string(time->ms / 60'000) + " minutes at most.");
}

void read_name(Sheet& sheet, const Given& given, Directives& out) {
  const auto text = sheet.text("J");
  if (!text) return;
  const std::size_t open = text->find('[');
  if (open != std::string::npos) {  // "name[1-100:2]%10"
    const std::size_t close = text->find(']', open);
    if (close == std::string::npos) return sheet.set("J", Fate::refused, "'" + shown(*text) + "' has a [ and no ].");
    sheet.array("J", text->substr(open + 1, close - open - 1) + text->substr(close + 1), given.array, out.array);
  } else {
    sheet.set("J", Fate::used, "The job's name.");
  }
  if (!given.name) out.name = text->substr(0, open);
  else if (open == std::string::npos) sheet.overruled("J");
}

}  // namespace

void read_lsf(Sheet& sheet, const Given& given, Directives& out) {
  read_name(sheet, given, out);
  if (const auto project = sheet.text("P")) {
    if (given.project) sheet.overruled("P");
    else out.project = *project, sheet.set("P", Fate::used, "The project in the account's own books.");
  }
  read_lsf_time(sheet, given, out);
  for (const char* name : {"i", "is"})
    if (Entry* entry = sheet.find(name))
      Sheet::set(entry, entry->value == "/dev/null" ? Fate::not_needed : Fate::refused, std::string(kNoInput));
  if (Entry* entry = sheet.find("env")) {
    const bool nothing = entry->value == "none" || entry->value == "all";
    Sheet::set(entry, nothing ? Fate::not_needed : Fate::refused, std::string(nothing ? kOwnEnvironment : kSetting));
  }
  Needs(sheet, given, out).add();
}

}  // namespace bourse::jobscript
