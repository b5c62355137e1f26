#include "broker/adapters/api/directives.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace bourse::broker::api {
namespace {

using jobscript::Fate;
using jobscript::Note;

constexpr std::size_t kMostNamed = 8;  // in an error: the trailer holds a few sentences

bool stops(const Note& note, bool skip_unknown) { return note.fate == Fate::refused || (note.fate == Fate::unknown && !skip_unknown); }

Status check(const std::vector<Note>& notes, bool skip_unknown) {
  std::string detail;
  std::size_t count = 0;
  bool only_unknown = true;
  for (const Note& note : notes) {
    if (!stops(note, skip_unknown)) continue;
    only_unknown = only_unknown && note.fate == Fate::unknown;
    if (++count > kMostNamed) continue;
    detail += note.line == 0 ? fmt::format("option {}: {} ", note.option, note.sentence) : fmt::format("line {}, {}: {} ", note.line, note.option, note.sentence);
  }
  if (count == 0) return {};
  if (count > kMostNamed) detail += fmt::format("And {} more. ", count - kMostNamed);
  detail += only_unknown ? "directives.skip_unknown leaves these out (--skip-unknown)." : "directives.ignore submits the script without reading them (--ignore-directives).";
  return fail(ErrorCode::invalid_argument, "The market can't run this script as it asks: " + detail);
}

jobscript::Given given_by(const v1::JobSpec& in) {
  jobscript::Given given{.name = in.has_name(), .memory = in.has_mem_mib(), .walltime = in.has_walltime_ms(), .gpu_model = !in.gpu_model().empty(),
                         .qos = !in.qos().empty(), .project = !in.project().empty(), .array = !in.array().empty(), .dependency = !in.dependency().empty()};
  // What is out of range is refused with the rest of the spec, and counts for nothing here.
  const auto figure = [](bool has, std::int64_t value, std::int64_t least) -> std::optional<std::int64_t> {
    if (!has || value > jobscript::kMaxFigure) return std::nullopt;
    return std::max(value, least);
  };
  given.nodes = figure(in.has_nodes(), in.nodes(), 1);
  given.cores = figure(in.has_cores(), in.cores(), 1);
  given.gpus = figure(in.has_gpus(), in.gpus(), 0);
  return given;
}

Result<jobscript::Directives> directives_of(const v1::JobSpec& in, const v1::ScriptReading& reading) {
  if (!reading.sbatch_options().empty() && !reading.bsub_options().empty())
    return fail(ErrorCode::invalid_argument, "directives: sbatch_options and bsub_options can't be given together.");
  const bool lsf = !reading.bsub_options().empty();
  const auto& words = lsf ? reading.bsub_options() : reading.sbatch_options();
  jobscript::CommandLine typed{.dialect = words.empty() ? jobscript::Dialect::none : lsf ? jobscript::Dialect::lsf : jobscript::Dialect::slurm,
                               .words = {words.begin(), words.end()}};
  return jobscript::read(reading.ignore() ? std::string_view() : std::string_view(in.script()), given_by(in), typed);
}

void take(const jobscript::Directives& said, v1::JobSpec& spec) {
  if (!said.name.empty()) spec.set_name(said.name);
  if (!said.gpu_model.empty()) spec.set_gpu_model(said.gpu_model);
  if (!said.qos.empty()) spec.set_qos(said.qos);
  if (!said.project.empty()) spec.set_project(said.project);
  if (!said.array.empty()) spec.set_array(said.array);
  if (!said.dependency.empty()) spec.set_dependency(said.dependency);
  if (said.nodes) spec.set_nodes(*said.nodes);
  if (said.cores) spec.set_cores(*said.cores);
  if (said.gpus) spec.set_gpus(*said.gpus);
  if (said.mem_mib) spec.set_mem_mib(*said.mem_mib);
  if (said.walltime) spec.set_walltime_ms(said.walltime->ms);
}

}  // namespace

Result<WholeSpec> whole_spec(const v1::JobSpec& in, const v1::ScriptReading& reading) {
  TRY(jobscript::Directives said, directives_of(in, reading));
  CHECK_OK(check(said.notes, reading.skip_unknown()));
  WholeSpec whole{.spec = in, .from_script = said.dialect != jobscript::Dialect::none};
  v1::JobSpec& spec = whole.spec;
  take(said, spec);
  whole.notes = std::move(said.notes);
  if (!spec.has_name()) spec.set_name(reading.file_name().empty() ? std::string(kDefaultName) : reading.file_name());
  if (!spec.has_nodes()) spec.set_nodes(1);
  if (!spec.has_cores()) spec.set_cores(std::max<std::int64_t>(spec.nodes(), 1));
  if ((whole.memory_by_default = !spec.has_mem_mib())) spec.set_mem_mib(kDefaultMemMib);
  if ((whole.walltime_by_default = !spec.has_walltime_ms())) spec.set_walltime_ms(kDefaultWalltime.ms);
  return whole;
}

void fill(google::protobuf::RepeatedPtrField<v1::DirectiveNote>& out, const WholeSpec& whole) {
  const auto add = [&out](int line, std::string_view directive, std::string_view fate, std::string sentence) {
    v1::DirectiveNote& note = *out.Add();
    note.set_line(line);
    note.set_directive(std::string(directive));
    note.set_fate(std::string(fate));
    note.set_sentence(std::move(sentence));
  };
  for (const Note& note : whole.notes) add(note.line, note.option, name(note.fate), note.sentence);
  if (!whole.from_script) return;
  if (whole.memory_by_default) add(0, "memory", "default", fmt::format("Nothing says how much: {} MiB in all.", kDefaultMemMib));
  if (whole.walltime_by_default) add(0, "time", "default", fmt::format("Nothing says how long: {} minutes at most.", kDefaultWalltime.ms / 60'000));
}

}  // namespace bourse::broker::api
