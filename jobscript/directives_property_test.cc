// Whatever the bytes: an answer, within its bounds; and the order of directives that don't repeat each other is nothing.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "jobscript/directives.h"

namespace bourse::jobscript {
namespace {

bool in_bounds(const Directives& d) {
  const auto fine = [](std::optional<std::int64_t> n, std::int64_t least) { return !n || (*n >= least && *n <= kMaxFigure); };
  return fine(d.nodes, 1) && fine(d.cores, 1) && fine(d.gpus, 0) && fine(d.mem_mib, 1) && (!d.walltime || d.walltime->ms > 0) && d.notes.size() <= kMaxOptions + 40 &&
         std::ranges::all_of(d.notes, [](const Note& note) { return note.option.size() <= 64 && !note.sentence.empty() && note.sentence.size() <= 400; });
}

RC_GTEST_PROP(Directives, any_bytes_have_an_answer, (const std::string& bytes)) {
  const auto got = read(bytes);
  RC_ASSERT(!got || in_bounds(*got));
}

// Of pieces that mean something, in any order and number.
rc::Gen<std::string> pieces() {
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
                          "#SBATCH", "#BSUB", "\n", " ", " ", "-n", "-N", "--mem", "--gres", "gpu:", "=", "4", "999999999999", "0", "-", "--", ":", "'", "\"", "\\", "#", "-c", "-G",
                          "--gpus-per-node", "--ntasks-per-node", "--mem-per-cpu", "1T", "-t", "1-2:3", "-R", "span[ptile=", "rusage[mem=", "]", "/task", "-gpu", "num=", "-W", "-M", "9GB",
                          "a100", ",", "\r", "\t", "hetjob", "--time=", "UNLIMITED")),
                      [](const std::vector<std::string>& all) {
                        std::string script;
                        for (const std::string& one : all) script += one;
                        return script;
                      });
}

RC_GTEST_PROP(Directives, any_pieces_have_an_answer, ()) {
  const std::string head = *rc::gen::element<std::string>("#!/bin/sh\n#SBATCH ", "#BSUB ", "");
  const Given given{.nodes = *rc::gen::element<std::optional<std::int64_t>>(std::nullopt, 1, 1'000'000), .gpus = *rc::gen::element<std::optional<std::int64_t>>(std::nullopt, 0, 3)};
  const auto got = read(head + *pieces(), given);
  RC_ASSERT(!got || in_bounds(*got));
}

RC_GTEST_PROP(Directives, order_is_nothing, ()) {
  std::vector<std::string> options = {"-N 2", "--ntasks-per-node=3", "-c 4", "--mem=3G", "--gres=gpu:a100:2", "-t 1:00:00", "-J x", "--wckey=p", "--mail-type=END", "--array=1-3", "--bogus"};
  const auto keep = *rc::gen::container<std::vector<bool>>(options.size(), rc::gen::arbitrary<bool>());
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < options.size(); ++i)
    if (keep[i]) lines.push_back("#SBATCH " + options[i] + "\n");
  const auto script = [](const std::vector<std::string>& all) {
    std::string text = "#!/bin/sh\n";
    for (const std::string& line : all) text += line;
    return text;
  };
  std::vector<std::size_t> order(lines.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[*rc::gen::inRange<std::size_t>(0, i)]);
  std::vector<std::string> shuffled;
  for (const std::size_t i : order) shuffled.push_back(lines[i]);
  const auto a = read(script(lines)), b = read(script(shuffled));
  RC_ASSERT(a && b);
  RC_ASSERT(a->nodes == b->nodes && a->cores == b->cores && a->mem_mib == b->mem_mib && a->gpus == b->gpus && a->walltime == b->walltime);
  RC_ASSERT(a->name == b->name && a->gpu_model == b->gpu_model && a->project == b->project);
  for (std::size_t i = 0; i < order.size(); ++i) {
    RC_ASSERT(a->notes[order[i]].option == b->notes[i].option);
    RC_ASSERT(a->notes[order[i]].fate == b->notes[i].fate);
    RC_ASSERT(a->notes[order[i]].sentence == b->notes[i].sentence);
  }
}

}  // namespace
}  // namespace bourse::jobscript
