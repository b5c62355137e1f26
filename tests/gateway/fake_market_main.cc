// The fake market as a process, for tests that start everything: bourse-fake-market unix:/PATH. Prints "ready".
#include <csignal>
#include <cstdio>

#include "tests/gateway/fake_market.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const bourse::testing::FakeMarket market(argv[1]);
  std::puts("ready");
  std::fflush(stdout);
  int number = 0;
  sigwait(&signals, &number);
  return 0;
}
