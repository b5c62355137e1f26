#include "cli/client/table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bourse::cli {
namespace {

TEST(Table, AlignsTextLeftAndNumbersRight) {
  Table table({"name", "held"});
  table.add({"a", "5.00 CNY"});
  table.add({"a longer one", "12.50 CNY"});
  EXPECT_EQ(table.text(), "name               held\n"
                          "a              5.00 CNY\n"
                          "a longer one  12.50 CNY\n");
}

TEST(Table, CountsWideCharactersTwice) {
  Table table({"pool", "x"});
  table.add({"华东", "y"});
  table.add({"east", "y"});
  EXPECT_EQ(table.text(), "pool  x\n华东  y\neast  y\n");
}

TEST(Table, EndsNoLineWithSpaces) {
  Table table({"a", "b"});
  table.add({"x", ""});
  EXPECT_EQ(table.text(), "a  b\nx\n");
}

TEST(Harmless, LetsNoNameMoveTheCursor) {
  EXPECT_EQ(harmless("a\x1B[2Jb\n\x7F"), "a?[2Jb??");
  EXPECT_EQ(harmless("a\xC2\x9B" "2Jb"), "a?2Jb") << "the one-character form of ESC [";
  EXPECT_EQ(harmless("gnp\xE2\x80\xAE.sh"), "gnp?.sh") << "right-to-left override";
  EXPECT_EQ(harmless("\xE2\x81\xA6x"), "?x");
  EXPECT_EQ(harmless("度 é · …"), "度 é · …");
  EXPECT_EQ(harmless("\xE2\x80"), "\xE2\x80") << "cut short: left to the terminal";
}

TEST(Fields, AreEmptyWhenAbsent) {
  const nlohmann::json job = {{"id", "job_1"}, {"exit_code", 3}, {"held", {{"amount", "1.25"}, {"currency", "CNY"}}},
                              {"submitted_at", "2026-11-21T08:30:00.250Z"}, {"nothing", nullptr}};
  EXPECT_EQ(field(job, "id"), "job_1");
  EXPECT_EQ(field(job, "exit_code"), "3");
  EXPECT_EQ(field(job, "nothing"), "");
  EXPECT_EQ(field(job, "absent"), "");
  EXPECT_EQ(money(job, "held"), "1.25 CNY");
  EXPECT_EQ(money(job, "charged"), "");
  EXPECT_EQ(instant(job, "submitted_at"), "2026-11-21 08:30:00");
  EXPECT_EQ(number(job, "exit_code"), 3);
  EXPECT_EQ(number(job, "id"), 0);
}

TEST(List, LeavesEmptyValuesOut) {
  EXPECT_EQ(list_of({{"job", "job_1"}, {"reason", ""}, {"exit code", "0"}}), "job        job_1\nexit code  0\n");
}

}  // namespace
}  // namespace bourse::cli
