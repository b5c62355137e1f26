// Scripts and what they come to. Where Slurm is said to do a thing, sbatch 22.05 was asked.
#include "jobscript/directives.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace bourse::jobscript {
namespace {

std::string slurm(const std::string& options) { return "#!/bin/sh\n#SBATCH " + options + "\nhostname\n"; }

Directives must(const std::string& script, const Given& given = {}, const CommandLine& typed = {}) {
  const auto read_in = read(script, given, typed);
  EXPECT_TRUE(read_in) << script << ": " << read_in.error().message();
  return read_in ? *read_in : Directives{};
}

std::string faults(const Directives& got) {
  std::string out;
  for (const Note& note : got.notes)
    if (note.fate == Fate::refused || note.fate == Fate::unknown) out += std::to_string(note.line) + " " + note.option + " " + std::string(name(note.fate)) + ": " + note.sentence + "\n";
  return out;
}

std::optional<Fate> fate_of(const Directives& got, const std::string& option) {
  for (const Note& note : got.notes)
    if (note.option == option) return note.fate;
  return std::nullopt;
}

std::string figures(const Directives& d) {
  const auto text = [](std::optional<std::int64_t> n) { return n ? std::to_string(*n) : std::string("-"); };
  return text(d.nodes) + " " + text(d.cores) + " " + text(d.mem_mib) + " " + text(d.gpus) + " " + (d.gpu_model.empty() ? "-" : d.gpu_model) + " " +
         (d.walltime ? std::to_string(d.walltime->ms / 60'000) : "-");
}

TEST(Slurm, totals_are_what_slurm_would_give) {
  const struct {
    const char* options;
    const char* expected;  // nodes, cores, MiB, cards, model, minutes
  } kCases[] = {
      {"--job-name=x", "- - - - - -"},
      {"--ntasks=4", "- 4 - - - -"},
      {"-N2", "2 2 - - - -"},
      {"-N 2 --ntasks-per-node=8 -c 4", "2 64 - - - -"},
      {"-N2 -n5 -c2", "2 10 - - - -"},
      {"--ntasks=10 --ntasks-per-node=4", "3 10 - - - -"},
      {"-N 4 -n 2", "2 2 - - - -"},
      {"--nodes=2-4", "2 2 - - - -"},
      {"--nodes=1k", "1024 1024 - - - -"},
      {"-c 6", "- 6 - - - -"},
      {"--mem=4G", "- - 4096 - - -"},
      {"--mem=4GB -N 3", "3 3 12288 - - -"},
      {"--mem=5k", "- - 1 - - -"},
      {"--mem=500", "- - 500 - - -"},
      {"--mem=1T", "- - 1048576 - - -"},
      {"-n 4 -c 2 --mem-per-cpu=2g", "- 8 16384 - - -"},
      {"-G 4 --mem-per-gpu=10G", "- - 40960 4 - -"},
      {"--gres=gpu:a100:2 -N 3", "3 3 - 6 a100 -"},
      {"--gres=gpu", "- - - 1 - -"},
      {"--gres=gpu:v100", "- - - 1 v100 -"},
      {"--gres=gpu:1,gpu:2", "- - - 3 - -"},
      {"--gres=none", "- - - 0 - -"},
      {"--gpus=a100:8 --gpus-per-node=4", "2 - - 8 a100 -"},
      {"--gpus-per-task=2 -n 3", "- 3 - 6 - -"},
      {"--gpus=6 --gpus-per-task=2", "- 3 - 6 - -"},
      {"--gpus=2 --cpus-per-gpu=8", "- 16 - 2 - -"},
      {"-t 90", "- - - - - 90"},
      {"-t 0:30", "- - - - - 1"},
      {"-t 10:01", "- - - - - 11"},
      {"--time=90:30:10", "- - - - - 5431"},
      {"--time=1-2", "- - - - - 1560"},
      {"--time=1-2:3", "- - - - - 1563"},
      {"--time=1-2:3:4", "- - - - - 1564"},
      {"--time=1-", "- - - - - 1440"},
      {"--ntasks=+3", "- 3 - - - -"},
      {"-n 2 -n 4", "- 4 - - - -"},
      {"--tasks-per-node=3", "- 3 - - - -"},
  };
  for (const auto& one : kCases) {
    const Directives got = must(slurm(one.options));
    EXPECT_EQ(figures(got), one.expected) << one.options;
    EXPECT_EQ(faults(got), "") << one.options;
  }
}

TEST(Slurm, text_is_kept) {
  const Directives got = must(slurm("-J 'a \"b\" #1' --qos=high --wckey fusion"));
  EXPECT_EQ(got.name, "a \"b\" #1");
  EXPECT_EQ(got.qos, "high");
  EXPECT_EQ(got.project, "fusion");
  EXPECT_EQ(got.dialect, Dialect::slurm);
}

TEST(Slurm, lines_end_where_slurm_ends_them) {
  const Directives got = must(
      "#!/bin/sh\n"
      "\n"
      "# comment\n"
      "  \t\n"
      "\t# another\n"
      "#SBATCH--ntasks=3\n"
      " #SBATCH --ntasks=7\n"  // a comment: not at the line's beginning
      "#SBATCH # nothing\n"
      "#SBATCH\n"
      "##SBATCH -n 9\n"
      "#SBATCH -c 2 # -n 8\n"
      "date\n"
      "#SBATCH --ntasks=5 --array=1-9\n");
  EXPECT_EQ(got.cores, 6);
  EXPECT_EQ(faults(got), "");
  ASSERT_EQ(got.notes.size(), 3U);
  EXPECT_EQ(got.notes[2].line, 13);
  EXPECT_EQ(got.notes[2].fate, Fate::not_needed);
  EXPECT_EQ(must("#!/bin/sh\ncat <<E\n#SBATCH --nodes=3\nE\n").dialect, Dialect::none);
  EXPECT_EQ(must("#SBATCH -n 2").cores, 2);  // no line end
}

TEST(Slurm, words_are_quoted_as_slurm_does) {
  EXPECT_EQ(must(slurm("-J 'a'\\''b'")).name, "a'b");
  EXPECT_EQ(must(slurm("-J \"a\\\"b\\\\c\"")).name, "a\"b\\c");
  EXPECT_EQ(must(slurm("-J 'a\\ b'")).name, "a b");
  EXPECT_NE(faults(must(slurm("-J a\\ b"))).find("b refused"), std::string::npos);
  EXPECT_EQ(must(slurm("-n 3 '' -n 4")).cores, 3);
  EXPECT_EQ(must(slurm("-J a#b -n 3")).name, "a");
  EXPECT_EQ(must(slurm("-J a#b -n 3")).cores, std::nullopt);
  EXPECT_EQ(must(slurm("-n 3 \\")).cores, 3);
  EXPECT_EQ(must(slurm("--job-name\n#SBATCH split")).name, "split");
  EXPECT_NE(faults(must(slurm("-J 'open"))).find("not closed"), std::string::npos);
}

TEST(Slurm, every_directive_has_a_note_with_its_line) {
  const Directives got = must(
      "#!/bin/bash\n"
      "#SBATCH --mail-type=ALL --nice\n"
      "#SBATCH -o out.%j -p gpu,long -A proj1\n"
      "#SBATCH --licenses=a:1\n"
      "#SBATCH --ntasks=2\n"
      "#SBATCH --bogus=7 --bogus2 8\n"
      "#SBATCH --ntasks=3\n");
  const std::vector<std::pair<int, std::string>> expected = {{2, "--mail-type"}, {2, "--nice"}, {3, "--output"}, {3, "--partition"}, {3, "--account"},
                                                             {4, "--licenses"},  {5, "--ntasks"}, {6, "--bogus=7"}, {6, "--bogus2"}, {7, "--ntasks"}};
  ASSERT_EQ(got.notes.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(got.notes[i].line, expected[i].first);
    EXPECT_EQ(got.notes[i].option, expected[i].second);
    EXPECT_FALSE(got.notes[i].sentence.empty()) << got.notes[i].option;
  }
  EXPECT_EQ(got.notes[0].fate, Fate::not_needed);
  EXPECT_EQ(got.notes[5].fate, Fate::refused);
  EXPECT_EQ(got.notes[6].fate, Fate::not_needed);
  EXPECT_EQ(got.notes[6].sentence, "Line 7 says it again.");
  EXPECT_EQ(got.notes[7].fate, Fate::unknown);
  EXPECT_EQ(got.cores, 3);
}

TEST(Slurm, what_would_change_the_run_is_refused) {
  for (const char* option : {"--array=1-1000000", "--array=", "-a 5-3", "-a x", "-d afterok:12", "-d afterok", "-d expand:12", "-d afterok:job_1,after:7", "--exclusive", "--exclusive=user", "-L matlab:1", "-C haswell", "-w n1", "-x n[1-3]", "-H",
                             "--begin=now+1hour", "--deadline=2030-01-01", "--signal=B:USR1@60", "--reservation=r", "-D /scratch", "--export=ALL,A=1", "-i in.txt", "--tmp=1G",
                             "--gres=craynetwork:1", "--gres=gpu:a:1,gpu:b:1", "--gpus=a100:1 --gpus-per-node=v100:1", "--time=0", "--time=UNLIMITED", "--time=infinite",
                             "--mem=0", "--mem=4G --mem-per-cpu=1G", "--overcommit", "--test-only", "--help", "--usage", "-V", "--uid=0", "hetjob", "packjob", ": -n 2", "foo", "-n2 -- -c3", "--ntasks-per-gpu=1"})
    EXPECT_NE(faults(must(slurm(option))).find(" refused: "), std::string::npos) << option;
}

TEST(Slurm, arrays_and_dependencies_are_taken_as_they_are_written) {
  const Directives got = must(slurm("--array=0-99:2%10 -d afterok:job_06A:job_06B_7,singleton"));
  EXPECT_EQ(faults(got), "");
  EXPECT_EQ(got.array, "0-99:2%10");
  EXPECT_EQ(got.dependency, "afterok:job_06A:job_06B_7,singleton");
  EXPECT_NE(got.notes[0].sentence.find("50 jobs"), std::string::npos) << got.notes[0].sentence;
  EXPECT_NE(got.notes[0].sentence.find("at most 10 at once"), std::string::npos) << got.notes[0].sentence;
  EXPECT_EQ(must(slurm("-a 3,7")).array, "3,7");
  const auto given = read(slurm("-a 1-3 -d singleton"), {.array = true, .dependency = true});
  ASSERT_TRUE(given);
  EXPECT_EQ(given->array + given->dependency, "");
}

TEST(Slurm, figures_that_are_none_are_refused) {
  for (const char* option : {"--nodes=0", "--nodes=-1", "--nodes=4-2", "--nodes=2,4", "-n0", "-n -1", "-n=3", "-n1k", "-c0", "--ntasks=99999999999999999999", "--ntasks",
                             "--mem=4MiB", "--mem=1.5G", "--mem=-1", "--mem=G", "--mem=99999999999T", "--time=1:2:3:4", "--time=-5", "--time=5x", "--time=:30", "--time=10:",
                             "--time=", "--gpus=x:y", "--gpus=", "--gpus=a:b:c", "--gres=gpu:", "--job-name=", "--qos=", "--mem-per-gpu=1G", "--cpus-per-gpu=2",
                             "-N 2 -n 9 --ntasks-per-node=2", "-G 3 --gpus-per-node=2", "-n 1000000000 -c 1000000000", "-N 1000000 --mem=1000000T", "--hold=1",
                             "-N 1000000000 --ntasks-per-node=1000000000", "-N2 --gpus-per-node=999999999999"})
    EXPECT_NE(faults(must(slurm(option))), "") << option;
}

TEST(Slurm, beginnings_of_names_are_enough_if_unique) {
  EXPECT_EQ(must(slurm("--part=x --job=5")).name, "5");
  EXPECT_NE(faults(must(slurm("--tim=5"))).find("--time, --time-min"), std::string::npos);
  EXPECT_EQ(must(slurm("-HN3")).nodes, 3);
  EXPECT_NE(faults(must(slurm("-Z3"))).find("-Z3 unknown"), std::string::npos);
}

TEST(Slurm, the_request_wins_and_multiplies) {
  const std::string script = slurm("-J a -N 2 --ntasks-per-node=4 --mem=8G --gpus-per-node=a100:2 -t 60 -q high");
  const Directives nodes = must(script, {.nodes = 5});
  EXPECT_EQ(figures(nodes), "- 20 40960 10 a100 60");
  EXPECT_EQ(fate_of(nodes, "--nodes"), Fate::not_needed);
  const Directives all = must(script, {.name = true, .memory = true, .walltime = true, .gpu_model = true, .qos = true, .nodes = 1, .cores = 3, .gpus = 0});
  EXPECT_EQ(figures(all), "- - - - - -");
  EXPECT_EQ(all.name + all.qos, "");
  EXPECT_EQ(faults(all), "");
  EXPECT_EQ(must(slurm("--mem-per-cpu=1G"), {.cores = 7}).mem_mib, 7 * 1024);
}

TEST(Slurm, the_command_line_wins_over_the_script) {
  const Directives got = must(slurm("-n 2 --mem=1G"), {}, {Dialect::slurm, {"-n", "8", "--time=5"}});
  EXPECT_EQ(figures(got), "- 8 1024 - - 5");
  EXPECT_EQ(got.notes.front().line, 0);
  EXPECT_FALSE(read("#!/bin/sh\n#BSUB -n 2\n", {}, {Dialect::slurm, {"-n2"}}));
}

TEST(Scripts, bounds_are_kept) {
  EXPECT_EQ(read(std::string(kMaxScriptBytes + 1, '\n')).error().code, ErrorCode::too_large);
  EXPECT_TRUE(read(std::string(kMaxScriptBytes, '\n')));
  std::string many = "#!/bin/sh\n";
  for (std::size_t i = 0; i <= kMaxOptions; ++i) many += "#SBATCH -v\n";
  EXPECT_EQ(read(many).error().code, ErrorCode::too_large);
  EXPECT_EQ(read("#SBATCH -" + std::string(100'000, 'H') + "\n").error().code, ErrorCode::too_large);
  EXPECT_EQ(read("#!/bin/sh\r\n#SBATCH -n 2\r\n").error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(read("#!/bin/sh\r\nhostname\r\n"));  // no directives: the script is nobody's business here
}

TEST(Scripts, hostile_text_comes_back_harmless) {
  for (const std::string& nasty : {std::string("$(reboot)"), std::string("`id`"), std::string("a;b"), std::string("\xE2\x80\xAE" "drow"), std::string(64 << 10, 'x'), std::string("\x1b[2J"),
                                   std::string("a\0b", 3)}) {
    for (const std::string& script : {slurm("--" + nasty), slurm("-J x --gres=" + nasty), slurm(nasty), "#BSUB -R " + nasty + "\n"})
      for (const Note& note : must(script).notes) {
        const std::string all = note.option + note.sentence;
        EXPECT_LE(note.option.size(), 64U);
        EXPECT_LE(note.sentence.size(), 400U);
        EXPECT_TRUE(std::ranges::all_of(all, [](char c) { return c >= ' ' && c <= '~'; })) << all;
      }
  }
  EXPECT_NE(faults(must(slurm(std::string("-J 'a\0b'", 8)))).find("control"), std::string::npos);
  EXPECT_NE(faults(must(slurm("-J 'a\x1b[2J'"))).find("control"), std::string::npos);
}

TEST(Scripts, other_languages_are_named) {
  EXPECT_NE(faults(must("#!/bin/sh\n#PBS -l nodes=2\nx\n")).find("#PBS unknown"), std::string::npos);
  const Directives both = must("#!/bin/sh\n#BSUB -n 9\n#SBATCH -n 2\n#PBS -l nodes=2\nx\n");
  EXPECT_EQ(both.cores, 2);
  EXPECT_EQ(faults(both), "");
  EXPECT_EQ(both.notes.size(), 3U);
  EXPECT_TRUE(must("#!/bin/sh\nhostname\n").notes.empty());
}

TEST(CommandLines, are_taken_apart) {
  const TypedLine line = take_apart(Dialect::slurm, {"-N2", "-HJ", "name", "--wrap", "a b", "--mem=1G", "--bogus", "job.sh", "-n", "4"});
  ASSERT_EQ(line.options.size(), 6U);
  EXPECT_EQ(line.options[0].words, std::vector<std::string>{"--nodes=2"});
  EXPECT_EQ(line.options[1].words, std::vector<std::string>{"--hold"});
  EXPECT_EQ(line.options[2].words, std::vector<std::string>{"--job-name=name"});
  EXPECT_EQ(line.options[3].name, "wrap");
  EXPECT_EQ(line.options[3].value, "a b");
  EXPECT_EQ(line.options[5].words, std::vector<std::string>{"--bogus"});
  EXPECT_EQ(line.rest, (std::vector<std::string>{"job.sh", "-n", "4"}));
  EXPECT_EQ(take_apart(Dialect::slurm, {"-n", "4", "--", "-odd"}).rest, std::vector<std::string>{"-odd"});
  EXPECT_TRUE(take_apart(Dialect::slurm, {"-n"}).rest.empty());
  const TypedLine bsub = take_apart(Dialect::lsf, {"-n", "4", "-x", "sleep", "-1"});
  EXPECT_EQ(bsub.options[0].words, (std::vector<std::string>{"-n", "4"}));
  EXPECT_EQ(bsub.rest, (std::vector<std::string>{"sleep", "-1"}));
}

}  // namespace
}  // namespace bourse::jobscript
