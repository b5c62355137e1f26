#include "broker/domain/job.h"

#include <gtest/gtest.h>

#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

JobSpec good() {
  JobSpec spec{.name = "primes 1", .need = {.cores = 4, .nodes = 2, .mem_mib = 1024}, .walltime = hours(1)};
  spec.script.bytes.fill(1);
  return spec;
}

std::string why(const JobSpec& spec) {
  const Status status = validate(spec);
  if (status) return "";
  EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
  return status.error().detail;
}

TEST(JobSpec, AGoodOneIsLetIn) {
  EXPECT_EQ(why(good()), "");
  JobSpec spec = good();
  spec.name = "质数 — é";
  spec.need.gpus = 1;
  spec.gpu_model = "a100-80g";
  spec.arch = "x86_64";
  spec.qos = "normal";
  spec.budget = Amount::of_micros(1);
  spec.deadline = Instant{1};
  EXPECT_EQ(why(spec), "");
}

TEST(JobSpec, AProjectIsOneShortLineOrNothing) {
  JobSpec spec = good();
  spec.project = "国家重点 2026-A";
  EXPECT_EQ(why(spec), "");
  for (const std::string& wrong : {std::string("-p"), std::string("a\nb"), std::string(65, 'x')}) {
    spec.project = wrong;
    EXPECT_NE(why(spec), "") << wrong;
  }
}

TEST(JobSpec, NamesThatCouldHarmAreRefused) {
  using namespace std::string_literals;
  for (const std::string& name : {""s,
                                  "-rf"s,
                                  " a"s,
                                  "a "s,
                                  "a\nb"s,
                                  "a\rb"s,
                                  "a\tb"s,
                                  "a\0b"s,
                                  "\x7F"s,
                                  "\xC2\x85"s,
                                  "a\u202Eb"s,
                                  "a\u2066b"s,
                                  "a\u200Fb"s,
                                  "a\u2028b"s,
                                  "\uFEFFa"s,
                                  "a\u061Cb"s,
                                  "\xFF"s,
                                  "\xC0\xAF"s,
                                  "\xED\xA0\x80"s,
                                  "\xF4\x90\x80\x80"s,
                                  "\xE2\x82"s,
                                  "\xF3\xA0\x81\x81"s,
                                  std::string(129, 'a'),
                                  std::string(65'536, 'a')}) {
    JobSpec spec = good();
    spec.name = name;
    EXPECT_TRUE(why(spec).starts_with("name ")) << testing::PrintToString(name);
  }
  // Harmless as data, since nothing passes it through a shell.
  for (const std::string& name : {"$(id)"s, "`id`"s, "a;b"s, "../x"s, std::string(128, 'a')}) {
    JobSpec spec = good();
    spec.name = name;
    EXPECT_EQ(why(spec), "") << name;
  }
}

TEST(JobSpec, WordsForMachinesAreWords) {
  for (std::string JobSpec::* field : {&JobSpec::arch, &JobSpec::qos, &JobSpec::gpu_model})
    for (const char* bad : {"a b", "-x", ".x", "a;b", "$(x)", "a\nb", "é", "a,b", "a=b", "a|b"}) {
      JobSpec spec = good();
      spec.need.gpus = 1;
      spec.*field = bad;
      EXPECT_NE(why(spec), "") << bad;
    }
}

TEST(JobSpec, EveryNumberHasABound) {
  const auto changed = [](auto&& change) {
    JobSpec spec = good();
    change(spec);
    return why(spec);
  };
  for (const std::int64_t n : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{INT64_MIN}, kMaxCores + 1})
    EXPECT_TRUE(changed([&](auto& s) { s.need.cores = n; }).starts_with("cores ")) << n;
  for (const std::int64_t n : {std::int64_t{0}, std::int64_t{-1}, kMaxNodes + 1, std::int64_t{1} << 31})
    EXPECT_TRUE(changed([&](auto& s) { s.need.nodes = n; }).starts_with("nodes ")) << n;
  for (const std::int64_t n : {std::int64_t{0}, std::int64_t{-1}, kMaxMemMib + 1})
    EXPECT_TRUE(changed([&](auto& s) { s.need.mem_mib = n; }).starts_with("mem_mib ")) << n;
  EXPECT_TRUE(changed([](auto& s) { s.need.gpus = -1; }).starts_with("gpus "));
  EXPECT_NE(changed([](auto& s) { s.need.nodes = 5; }), "");
  EXPECT_NE(changed([](auto& s) { s.gpu_model = "a100"; }), "");
  for (const std::int64_t ms :
       {std::int64_t{0}, std::int64_t{-1000}, std::int64_t{1500}, kMaxWalltime.ms + 1000, std::int64_t{INT64_MAX}})
    EXPECT_TRUE(changed([&](auto& s) { s.walltime = {ms}; }).starts_with("walltime ")) << ms;
  EXPECT_NE(changed([](auto& s) { s.expected = {-1}; }), "");
  EXPECT_NE(changed([](auto& s) { s.budget = Amount{}; }), "");
  EXPECT_NE(changed([](auto& s) { s.budget = Amount::of_micros(-5); }), "");
  EXPECT_NE(changed([](auto& s) { s.deadline = Instant{0}; }), "");
  EXPECT_NE(changed([](auto& s) { s.script = {}; }), "");
  EXPECT_NE(changed([](auto& s) { s.kind = static_cast<JobKind>(9); }), "");
  EXPECT_NE(changed([](auto& s) { s.objective = static_cast<Objective>(9); }), "");
  EXPECT_NE(changed([](auto& s) { s.need.mem_mib = kMaxMemMib, s.walltime = kMaxWalltime; }), "");
}

TEST(Shown, MakesWhatACenterSaysHarmless) {
  EXPECT_EQ(shown("node 3 failed: 磁盘"), "node 3 failed: 磁盘");
  EXPECT_EQ(shown("a\x1b[31m\nb"), "a?[31m?b");
  EXPECT_EQ(shown("\xFFz\u202E"), "?z?");
  EXPECT_EQ(shown(std::string(1000, 'x')).size(), kMaxReason);
  std::string wide;
  for (int i = 0; i < 200; ++i) wide += "磁";
  EXPECT_EQ(shown(wide).size(), 510U);  // cut between characters
}

TEST(Slug, NamesACenter) {
  for (const char* good : {"north", "a", "a-1", "0"}) EXPECT_TRUE(is_slug(good)) << good;
  for (const char* bad : {"", "-a", "a-", "A", "a_b", "a.b", "é"}) EXPECT_FALSE(is_slug(bad)) << bad;
}

}  // namespace
}  // namespace bourse::broker
