#include "connectors/local/shim/process_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bourse::local {
namespace {

TEST(ProcessTree, KnowsItself) {
  const auto self = process_info(::getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->parent, ::getppid());
  EXPECT_EQ(self->session, ::getsid(0));
  EXPECT_GT(self->start, 0);
  EXPECT_FALSE(self->zombie);
  EXPECT_GT(private_rss_kib(::getpid()), 0);
  EXPECT_EQ(boot_id().size(), 36U);
  EXPECT_FALSE(process_info(1 << 29));
}

TEST(ProcessTree, FindsDescendantsWhateverTheirNames) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_NAME, ") Z 1 (");  // what /proc/PID/stat shows unescaped
    ::pause();
    ::_exit(0);
  }
  const auto is_child = [&](const ProcessInfo& info) { return info.pid == child; };
  EXPECT_TRUE(std::ranges::any_of(descendants(::getpid()), is_child));
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), nullptr, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(process_info(child)->zombie);
  EXPECT_FALSE(std::ranges::any_of(descendants(::getpid()), is_child));
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
}

}  // namespace
}  // namespace bourse::local
