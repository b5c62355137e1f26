#include "jobscript/slurm.h"

#include <algorithm>

#include "jobscript/quantities.h"
#include "jobscript/sentences.h"

namespace bourse::jobscript {
namespace {

std::string many(std::int64_t n, std::string_view one) { return std::to_string(n) + " " + std::string(one) + (n == 1 ? "" : "s"); }

// Cards of one model, as "2", "a100", "a100:2" behind "gpu:" or alone.
struct Cards {
  std::int64_t count = 0;
  std::string model;
};

// One sheet's figures, made into totals in sbatch's order: nodes and tasks, cards, cores, memory.
class Totals {
 public:
  Totals(Sheet& sheet, const Given& given, Directives& out) : sheet_(sheet), given_(given), out_(out) {}

  void add() {
    read_counts();
    read_cards();
    count_nodes_and_tasks();
    count_cards();
    count_cores();
    count_memory();
  }

 private:
  void read_counts() {
    tasks_ = sheet_.count("ntasks", "a number of tasks from 1");
    tasks_per_node_ = sheet_.count("ntasks-per-node", "a number of tasks from 1");
    cores_per_task_ = sheet_.count("cpus-per-task", "a number of cores from 1");
    cores_per_card_ = sheet_.count("cpus-per-gpu", "a number of cores from 1");
    Entry* nodes = sheet_.find("nodes");
    if (nodes == nullptr) return;
    const auto range = parse_nodes(nodes->value.value_or(""));
    if (!range || range->least < 1) return Sheet::set(nodes, Fate::refused, "'" + shown(nodes->value.value_or("")) + "' is not a number of nodes, or least-most.");
    nodes_ = range->least;
    Sheet::set(nodes, Fate::used, range->most == range->least ? many(*nodes_, "node") + "." : "The least of that is taken: " + many(*nodes_, "node") + ".");
  }

  // "gpu:a100:2", "gpu:2,gpu:2"; nothing, noted, where it is something else.
  std::optional<Cards> cards_in(std::string_view name, bool named) {
    Entry* entry = sheet_.find(name);
    if (entry == nullptr) return std::nullopt;
    Cards all;
    std::string_view rest = entry->value ? std::string_view(*entry->value) : std::string_view();
    if (named && same_word(rest, "none")) return Sheet::set(entry, Fate::used, "No cards."), all;
    while (true) {
      const std::size_t comma = rest.find(',');
      std::string_view item = rest.substr(0, comma);
      if (named) {
        for (const std::string_view prefix : {"gres:", "gres/"})
          if (item.starts_with(prefix)) item.remove_prefix(prefix.size());
        const std::size_t colon = item.find(':');
        if (item.substr(0, colon) != "gpu")
          return Sheet::set(entry, Fate::refused, "'" + shown(item) + "': of generic resources the market sells cards (gpu) only."), std::nullopt;
        item = colon == std::string_view::npos ? std::string_view("1") : item.substr(colon + 1);
      }
      const std::size_t colon = item.find(':');
      const auto alone = colon == std::string_view::npos ? parse_count(item) : std::nullopt;
      const std::string_view model = alone ? std::string_view() : item.substr(0, colon);
      const auto count = alone ? alone : colon == std::string_view::npos ? std::optional<std::int64_t>(1) : parse_count(item.substr(colon + 1));
      if (!count || item.empty() || (!alone && model.empty()))
        return Sheet::set(entry, Fate::refused, "'" + shown(item) + "' is not a number of cards, or model:number."), std::nullopt;
      if (!all.model.empty() && !model.empty() && all.model != model)
        return Sheet::set(entry, Fate::refused, "A job has cards of one model."), std::nullopt;
      if (!model.empty()) all.model = model;
      all.count = std::min(all.count + *count, kMaxFigure);
      if (comma == std::string_view::npos) return all;
      rest.remove_prefix(comma + 1);
    }
  }

  void read_cards() {
    const auto gres = cards_in("gres", true);
    const auto per_node = cards_in("gpus-per-node", false);
    const auto per_task = cards_in("gpus-per-task", false);
    const auto all = cards_in("gpus", false);
    if (gres && per_node && gres->count != per_node->count)
      sheet_.set("gres", Fate::refused, "--gpus-per-node says another number of cards a node.");
    if (gres || per_node) cards_per_node_ = (per_node ? per_node : gres)->count;
    if (per_task) cards_per_task_ = per_task->count;
    if (all) cards_ = all->count;
    for (const auto& [cards, name] : {std::pair(&gres, "gres"), std::pair(&per_node, "gpus-per-node"), std::pair(&per_task, "gpus-per-task"), std::pair(&all, "gpus")}) {
      if (!*cards || (*cards)->model.empty()) continue;
      if (!model_.empty() && model_ != (*cards)->model) sheet_.set(name, Fate::refused, "A job has cards of one model.");
      model_ = (*cards)->model;
    }
  }

  void count_nodes_and_tasks() {
    // sbatch takes tasks out of cards where only the cards of one and of all are said.
    if (!tasks_ && cards_ && cards_per_task_ && *cards_per_task_ > 0 && *cards_ % *cards_per_task_ == 0 && *cards_ > 0) tasks_ = *cards_ / *cards_per_task_;
    const std::optional<std::int64_t> said = given_.nodes ? given_.nodes : nodes_;
    if (given_.nodes) sheet_.overruled("nodes");
    if (tasks_ && tasks_per_node_ && said && product(*said, *tasks_per_node_).value_or(kMaxFigure) < *tasks_)
      sheet_.set("ntasks", Fate::refused, many(*said, "node") + " of " + many(*tasks_per_node_, "task") + " have no room for " + std::to_string(*tasks_) + ".");
    std::int64_t nodes = said.value_or(1);
    if (!said && tasks_ && tasks_per_node_) nodes = divided_up(*tasks_, *tasks_per_node_);
    if (!said && !tasks_ && cards_ && cards_per_node_.value_or(0) > 0) nodes = divided_up(*cards_, *cards_per_node_);
    if (!given_.nodes && tasks_ && nodes > *tasks_) {
      nodes = *tasks_;
      sheet_.set("nodes", Fate::used, many(nodes, "node") + ": there is no task for more.");
    }
    const auto every = product(nodes, tasks_per_node_.value_or(1));
    if (!tasks_ && !every) sheet_.set("ntasks-per-node", Fate::refused, std::string(kTooMuch));
    all_tasks_ = tasks_.value_or(every.value_or(1));
    all_nodes_ = nodes;
    if (!given_.nodes && (nodes_ || nodes > 1)) out_.nodes = nodes;
  }

  void count_cards() {
    std::optional<std::int64_t> all = cards_;
    const auto also = [&](const char* name, std::optional<std::int64_t> each, std::int64_t of) {
      if (!each) return;
      const auto total = product(*each, of);
      if (!total) return sheet_.set(name, Fate::refused, std::string(kTooMuch));
      if (all && *all != *total) return sheet_.set(name, Fate::refused, "That is " + many(*total, "card") + " in all; another directive says " + std::to_string(*all) + ".");
      all = total;
    };
    also(sheet_.find("gpus-per-node") != nullptr ? "gpus-per-node" : "gres", cards_per_node_, all_nodes_);
    also("gpus-per-task", cards_per_task_, all_tasks_);
    all_cards_ = given_.gpus ? given_.gpus : all;
    for (const char* name : {"gres", "gpus-per-node", "gpus-per-task", "gpus"}) {
      if (Entry* entry = sheet_.find(name); entry != nullptr && entry->note.sentence.empty())
        Sheet::set(entry, Fate::used, many(all_cards_.value_or(0), "card") + " in all" + (model_.empty() ? "." : ", " + shown(model_) + "."));
      if (given_.gpus) sheet_.overruled(name);
    }
    if (!given_.gpus) out_.gpus = all;
    if (!given_.gpu_model && all_cards_.value_or(0) > 0) out_.gpu_model = model_;
  }

  void count_cores() {
    const bool says = tasks_ || tasks_per_node_ || cores_per_task_ || cores_per_card_ || nodes_ || given_.nodes;
    auto all = product(all_tasks_, cores_per_task_.value_or(1));
    if (cores_per_card_ && cores_per_task_) {
      sheet_.set("cpus-per-gpu", Fate::refused, "Say --cpus-per-task or --cpus-per-gpu, not both.");
    } else if (cores_per_card_) {
      const auto by_card = product(all_cards_.value_or(0), *cores_per_card_);
      if (by_card == 0) sheet_.set("cpus-per-gpu", Fate::refused, "There are no cards to have cores.");
      all = all && by_card ? std::optional(std::max(*all, *by_card)) : std::nullopt;
    }
    if (!all || *all > kMaxFigure) {
      for (const char* name : {"cpus-per-task", "cpus-per-gpu", "ntasks"}) sheet_.set(name, Fate::refused, std::string(kTooMuch));
      return;
    }
    all_cores_ = given_.cores.value_or(*all);
    // The order has no tasks, so a driver lays all of a node's cores under one: docs/adr/0022.
    std::string sentence = many(*all, "core") + " in all.";
    if (all_tasks_ > all_nodes_) sentence += " The job starts as one task a node: name the number to srun or mpirun in the script (-n " + std::to_string(all_tasks_) + ").";
    for (const char* name : {"ntasks", "ntasks-per-node", "cpus-per-task", "cpus-per-gpu"}) {
      if (given_.cores) sheet_.overruled(name);
      else sheet_.set(name, Fate::used, sentence);
    }
    if (!given_.cores && says) out_.cores = *all;
  }

  void count_memory() {
    struct Way {
      const char* name;
      std::int64_t times;
      const char* of;
    };
    const Way ways[] = {{"mem", all_nodes_, "node"}, {"mem-per-cpu", all_cores_, "core"}, {"mem-per-gpu", all_cards_.value_or(0), "card"}};
    const Entry* before = nullptr;
    for (const Way& way : ways) {
      Entry* entry = sheet_.find(way.name);
      if (entry == nullptr) continue;
      const auto each = parse_memory_mib(entry->value.value_or(""), 1024);
      const auto all = each ? product(*each, way.times) : std::nullopt;
      if (!each) Sheet::set(entry, Fate::refused, "'" + shown(entry->value.value_or("")) + "' is not a size of memory: a whole number and K, M, G or T.");
      else if (*each == 0) Sheet::set(entry, Fate::refused, "It asks for all the memory that a node has, which differs: name a size.");
      else if (way.times == 0) Sheet::set(entry, Fate::refused, "There are no cards to have memory.");
      else if (!all) Sheet::set(entry, Fate::refused, std::string(kTooMuch));
      else if (before != nullptr) Sheet::set(entry, Fate::refused, "Say one of --mem, --mem-per-cpu and --mem-per-gpu.");
      else if (given_.memory) sheet_.overruled(way.name);
      else Sheet::set(entry, Fate::used, std::to_string(*all) + " MiB in all, of " + many(way.times, way.of) + "."), out_.mem_mib = *all;
      before = entry;
    }
  }

  Sheet& sheet_;
  const Given& given_;
  Directives& out_;
  std::optional<std::int64_t> nodes_, tasks_, tasks_per_node_, cores_per_task_, cores_per_card_, cards_, cards_per_node_, cards_per_task_, all_cards_;
  std::string model_;
  std::int64_t all_nodes_ = 1, all_tasks_ = 1, all_cores_ = 1;
};

void read_slurm_time(Sheet& sheet, const Given& given, Directives& out) {
  Entry* entry = sheet.find("time");
  if (entry == nullptr) return;
  const std::string value = entry->value.value_or("");
  const auto time = parse_slurm_time(value);
  if (!time) return Sheet::set(entry, Fate::refused, "'" + shown(value) + "' is not a time: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes or days-hours:minutes:seconds.");
  if (time->ms == 0) return Sheet::set(entry, Fate::refused, "Money is held for all of the time, so there must be an end: name a time.");
  if (given.walltime) return sheet.overruled("time");
  out.walltime = time;
  Sheet::set(entry, Fate::used, many(time->ms / 60'000, "minute") + " at most.");
}

void read_text(Sheet& sheet, std::string_view name, bool given, std::string_view sentence, std::string& to) {
  const auto text = sheet.text(name);
  if (!text) return;
  if (given) return sheet.overruled(name);
  to = *text;
  sheet.set(name, Fate::used, std::string(sentence));
}

void read_order(Sheet& sheet, const Given& given, Directives& out) {
  if (const Entry* entry = sheet.find("array")) sheet.array("array", entry->value.value_or(""), given.array, out.array);
  const auto after = sheet.text("dependency");
  if (!after) return;
  // A number of a cluster's own would never be met.
  for (std::string_view rest = *after; !rest.empty();) {
    const std::size_t end = rest.find_first_of(",?");
    std::string_view one = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (one == "singleton") continue;
    const std::size_t colon = one.find(':');
    if (colon == std::string_view::npos || !one.substr(colon + 1).starts_with("job_")) return sheet.set("dependency", Fate::refused, std::string(kDependency));
  }
  if (given.dependency) return sheet.overruled("dependency");
  out.dependency = *after;
  sheet.set("dependency", Fate::used, "It is dispatched once that holds; its money is held from now on.");
}

void read_environment(Sheet& sheet) {
  if (Entry* entry = sheet.find("export")) {
    const std::string value = entry->value.value_or("ALL");
    if (value == "ALL" || value == "NONE" || value == "NIL") Sheet::set(entry, Fate::not_needed, std::string(kOwnEnvironment));
    else Sheet::set(entry, Fate::refused, std::string(kSetting));
  }
  if (Entry* entry = sheet.find("input")) {
    if (entry->value == "/dev/null" || entry->value == "none") Sheet::set(entry, Fate::not_needed, std::string(kNoInput));
    else Sheet::set(entry, Fate::refused, std::string(kNoInput));
  }
}

}  // namespace

void read_slurm(Sheet& sheet, const Given& given, Directives& out) {
  read_text(sheet, "job-name", given.name, "The job's name.", out.name);
  read_text(sheet, "qos", given.qos, "The quality of service; a center that has none of that name may refuse the job.", out.qos);
  read_text(sheet, "wckey", given.project, "The project in the account's own books.", out.project);
  read_slurm_time(sheet, given, out);
  read_order(sheet, given, out);
  read_environment(sheet);
  Totals(sheet, given, out).add();
}

}  // namespace bourse::jobscript
