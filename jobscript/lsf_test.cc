#include <gtest/gtest.h>

#include <string>

#include "jobscript/directives.h"

namespace bourse::jobscript {
namespace {

Directives lsf(const std::string& options, const Given& given = {}) {
  const auto got = read("#!/bin/sh\n#BSUB " + options + "\nhostname\n", given);
  EXPECT_TRUE(got) << options;
  return got.value_or(Directives{});
}

std::string lsf_faults(const Directives& got) {
  std::string out;
  for (const Note& note : got.notes)
    if (note.fate == Fate::refused || note.fate == Fate::unknown) out += note.option + " " + std::string(name(note.fate)) + ": " + note.sentence + "\n";
  return out;
}

std::string lsf_figures(const Directives& d) {
  const auto text = [](std::optional<std::int64_t> n) { return n ? std::to_string(*n) : std::string("-"); };
  return text(d.nodes) + " " + text(d.cores) + " " + text(d.mem_mib) + " " + text(d.gpus) + " " + (d.gpu_model.empty() ? "-" : d.gpu_model) + " " +
         (d.walltime ? std::to_string(d.walltime->ms / 60'000) : "-");
}

TEST(Lsf, totals_are_what_its_reference_says) {
  const struct {
    const char* options;
    const char* expected;  // nodes, cores, MiB, cards, model, minutes
  } kCases[] = {
      {"-n 4", "- 4 - - - -"},
      {"-n 4,8", "- 4 - - - -"},
      {"-W 1:30", "- - - - - 90"},
      {"-W 210", "- - - - - 210"},
      {"-n 8 -R \"span[ptile=2] rusage[mem=4000]\"", "4 8 16000 - - -"},
      {"-n 8 -R 'span[hosts=1]' -R 'rusage[mem=4GB]'", "1 8 4096 - - -"},
      {"-n 8 -R rusage[mem=1GB/task]", "- 8 8192 - - -"},
      {"-n 8 -R rusage[mem=16G/job:duration=10]", "- 8 16384 - - -"},
      {"-R \"select[mem>8000] rusage[mem=8000] order[ut]\"", "- - 8000 - - -"},
      {"-R \"select[type==any]\"", "- - - - - -"},
      {"-R \"mem > 500 && type==any rusage[mem=9]\"", "- - 9 - - -"},
      {"-n 4 -R \"affinity[core(4)] span[ptile=1]\"", "4 16 - - - -"},
      {"-n 4 -R \"affinity[core(2,exclusive=(socket,alljobs)):cpubind=core:distribute=pack(socket=1)]\"", "- 8 - - - -"},
      {"-R rusage[ngpus_physical=2]", "- - - 2 - -"},
      {"-M 4GB", "- - 4096 - - -"},
      {"-M 4GB!", "- - 4096 - - -"},
      {"-M 123 -R rusage[mem=7]", "- - 7 - - -"},
      {"-gpu -", "- - - 1 - -"},
      {"-n 4 -R span[ptile=2] -gpu \"num=2:mode=exclusive_process:gmodel=NVIDIAA100-80G\"", "2 4 - 4 NVIDIAA100 -"},
      {"-n 4 -gpu num=1/task:j_exclusive=yes", "- 4 - 4 - -"},
      {"-q long -o out.%J -u me@x -N # -n 7", "- - - - - -"},
  };
  for (const auto& one : kCases) {
    const Directives got = lsf(one.options);
    EXPECT_EQ(lsf_figures(got), one.expected) << one.options;
    EXPECT_EQ(lsf_faults(got), "") << one.options;
  }
}

TEST(Lsf, lines_may_stand_anywhere) {
  const auto got = read("#!/bin/sh\n#BSUB -n 2\nmyjob\n#BSUB -P 'my proj' -J a#b\n#BSUBX -n 9\n");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->dialect, Dialect::lsf);
  EXPECT_EQ(got->cores, 2);
  EXPECT_EQ(got->project, "my proj");
  EXPECT_EQ(got->name, "a#b");
}

TEST(Lsf, what_would_change_the_run_is_refused) {
  for (const char* options : {"-J \"name[1-10\"", "-J \"name[10-1]\"", "-J \"name[]\"", "-J \"name[1-10]x\"", "-w done(12)", "-V", "-h", "-x", "-w done(12)", "-H", "-Is", "-m host1", "-b 12:00", "-R select[hname!=x]", "-R hasgpu", "-R span[hosts=-1]", "-R span[ptile=0]",
                              "-R rusage[lic=1]", "-R affinity[core(2)*3]", "-R affinity[core(2)x]", "-R affinity[core(2):cpubind=core*3]", "-R affinity[core(2,same=numa]",
                              "-R 'rusage[mem=1||mem=2]'", "-R cu[type=rack]", "-R span[ptile=2", "-n 0", "-n x", "-W 0", "-W 1:2:3", "-W 10/host", "-M 4000",
                              "-M x", "-gpu num=x", "-gpu num=1:mig=2", "-gpu num=1:what=2", "-n 1000000000 -R affinity[core(1000000000)]", "-cwd /x", "-i in", "-n", "command", "-E prep",
                              "-n 999999999999 -R rusage[mem=999999999999/task]"})
    EXPECT_NE(lsf_faults(lsf(options)).find(" refused: "), std::string::npos) << options;
  EXPECT_NE(lsf_faults(lsf("-bogus 3")).find("-bogus unknown"), std::string::npos);
}

TEST(Lsf, the_request_wins) {
  const Directives got = lsf("-J a -P p -n 4 -W 10 -gpu num=2 -M 4G", {.name = true, .memory = true, .walltime = true, .project = true, .nodes = 2, .cores = 8, .gpus = 0});
  EXPECT_EQ(lsf_figures(got), "- - - - - -");
  EXPECT_EQ(got.name + got.project, "");
  EXPECT_EQ(lsf_faults(got), "");
}

TEST(Lsf, names_may_have_indices) {
  const auto got = read("#BSUB -J \"wave[1-100:2]%10\"\n");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->name, "wave");
  EXPECT_EQ(got->array, "1-100:2%10");
  EXPECT_EQ(got->notes.at(0).fate, Fate::used);
  EXPECT_EQ(read("#BSUB -J \"[1-3]\"\n")->array, "1-3");
  EXPECT_EQ(read("#BSUB -J \"[1-3]\"\n")->name, "");
}

}  // namespace
}  // namespace bourse::jobscript
