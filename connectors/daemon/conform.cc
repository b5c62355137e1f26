#include "connectors/daemon/conform.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/rng.h"
#include "connectors/conformance/report.h"
#include "connectors/daemon/config.h"
#include "connectors/daemon/wiring.h"
#include "connectors/host/process_runner.h"

namespace bourse::connector {
namespace {

constexpr int kStopped = 130;
constexpr const char* kCanary = "BOURSE_CONFORM_CANARY";

volatile sig_atomic_t g_stop = 0;

extern "C" void stop_conforming(int) {
  g_stop = 1;
  constexpr char kWords[] = "\nEnding the jobs of this run; once more to leave them behind.\n";
  (void)!::write(2, kWords, sizeof kWords - 1);
}

void listen_for_signals() {
  struct sigaction action{};
  action.sa_handler = stop_conforming;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
}

// What an administrator's shell may have, and no job may find.
std::vector<std::string> set_strangers() {
  ::setenv(kCanary, "a-secret-of-the-connector", 1);
  ::setenv("SBATCH_COMMENT", "a-stranger", 1);
  return {kCanary, "a-secret-of-the-connector", "SBATCH_COMMENT", "a-stranger"};
}

std::vector<std::string> named_users(const IdentityConfig& identity) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const std::string& name : identity.pool) add(name);
  for (const IdentityConfig::Row& row : identity.table) add(row.local);
  return names;
}

std::optional<LocalUser> another_user(const IdentityConfig& identity, const LocalUser& user, const UserDirectory& users) {
  for (const std::string& name : named_users(identity))
    if (const auto found = users.find(name); found && found->uid != 0 && found->uid != user.uid) return *found;
  return std::nullopt;
}

std::string preamble(const ConformOptions& options, const std::string& kind, const conformance::Setting& setting) {
  std::string text = fmt::format("This runs about fifty short jobs at the {} scheduler: in pool {}, as {}{}, each of one core and 200 MiB for at most a minute "
                                 "or two.\nThey show in the scheduler's own accounting. All are ended and their folders removed at the end.\n",
                                 kind, setting.pool, setting.user.name,
                                 setting.user.scheduler_account.empty() ? "" : fmt::format(" (account {})", setting.user.scheduler_account));
  if (options.fill_pool) text += "--fill-pool: one job takes ALL cores of the pool for some seconds, and waits until they are free.\n";
  return text;
}

bool agreed(const ConformOptions& options) {
  if (options.yes) return true;
  if (::isatty(0) == 0) return fmt::print(stderr, "Say --yes to begin.\n"), false;
  fmt::print(stderr, "Begin? [y/N] ");
  const int answer = std::getchar();
  return answer == 'y' || answer == 'Y';
}

// The local scheduler of a connector that runs is its own; a second one beside it, of the same pools, does for the suite.
struct ScratchScheduler {
  explicit ScratchScheduler(const std::string& directory) : path(directory + "/conform") {}
  ~ScratchScheduler() {
    std::error_code ignored;
    if (!keep) std::filesystem::remove_all(path, ignored);
  }
  ScratchScheduler(const ScratchScheduler&) = delete;
  ScratchScheduler& operator=(const ScratchScheduler&) = delete;
  std::string path;
  bool keep = false;  // jobs are left that need it
};

class Conformity {
 public:
  explicit Conformity(const ConformOptions& options) : options_(options) {}

  Result<int> run() {
    std::error_code error;
    const std::string directory = std::filesystem::absolute(options_.directory, error).lexically_normal().string();
    struct stat info{};
    if (::stat(directory.c_str(), &info) == 0 && info.st_uid != ::geteuid())
      return fail(ErrorCode::forbidden, directory + " belongs to another user: run this as the connector's own (bourse-connector-as-service does)");
    TRY(const DaemonConfig config, read_config(options_.config_path.empty() ? directory + "/connector.toml" : options_.config_path));
    ScratchScheduler scratch(directory);
    conformance::Setting setting;
    setting.strangers = set_strangers();
    setting.patience = seconds(options_.timeout_s);
    setting.fill_pool = options_.fill_pool;
    if (config.driver.kind == "local") setting.shortest_walltime = seconds(2);
    TRY(setting.user, choose_user(config.identity, options_.user, users_));
    setting.other = another_user(config.identity, setting.user, users_);
    const auto open = [&] { return open_driver(config, scratch.path, clock_, runner_); };
    {
      TRY(const auto driver, open());
      TRY(const auto pools, driver->probe({}));
      TRY(setting.pool, choose_pool(pools, config.sell, options_.pool));
    }
    fmt::print(stderr, "{}", preamble(options_, config.driver.kind, setting));
    if (!agreed(options_)) return info_of(ErrorCode::invalid_argument);
    listen_for_signals();
    conformance::SystemFolders folders(jobs_directory(config, directory));
    conformance::Bench bench(std::move(setting), {.open = open, .folders = folders, .clock = clock_, .rng = rng_,
                                                  .wait = [](Duration time) { ::poll(nullptr, 0, static_cast<int>(time.ms)); },
                                                  .stopped = [] { return g_stop != 0; }});
    TRY(const conformance::Report report, conformance::run_suite(bench, options_.only, progress(), [] { return g_stop != 0; }));
    scratch.keep = !report.left.empty();
    fmt::print(options_.json ? stderr : stdout, "{}", summary(report));
    if (options_.json) fmt::print("{}", to_json(report));
    return report.stopped ? kStopped : report.holds() ? 0 : info_of(ErrorCode::verification_failed);
  }

 private:
  static int info_of(ErrorCode code) { return info(code).exit_code; }

  conformance::Progress progress() const {
    const bool watched = ::isatty(2) == 1;
    std::FILE* const out = options_.json ? stderr : stdout;
    return {.began = [watched](const conformance::Check& check) {
              if (watched) fmt::print(stderr, "\r… {:<40}\r", check.name), std::fflush(stderr);
            },
            .ended = [out](const conformance::Finding& finding) { fmt::print(out, "{}", to_text(finding)), std::fflush(out); }};
  }

  const ConformOptions& options_;
  SystemClock clock_;
  SystemRng rng_;
  SystemUserDirectory users_;
  host::SystemProcessRunner runner_{clock_};
};

}  // namespace

Result<LocalUser> choose_user(const IdentityConfig& identity, const std::string& wanted, const UserDirectory& users) {
  const std::vector<std::string> names = named_users(identity);
  std::string name = wanted;
  if (name.empty() && names.empty()) return fail(ErrorCode::invalid_argument, "[identity] has a pattern only: say --user, a local user that it leads to");
  if (name.empty()) name = names.front();
  else if (identity.pattern.empty() && std::ranges::find(names, name) == names.end())
    return fail(ErrorCode::invalid_argument, "no line of [identity] leads to " + name);
  TRY(LocalUser user, users.find(name));
  if (user.uid == 0) return fail(ErrorCode::forbidden, "jobs never run as root");
  if (std::ranges::find(identity.pool, name) != identity.pool.end()) user.home.clear();  // leased accounts have none of their own
  user.scheduler_account = identity.scheduler_account;
  const auto row = std::ranges::find(identity.table, name, &IdentityConfig::Row::local);
  if (row != identity.table.end()) user.scheduler_account = row->scheduler_account;
  return user;
}

Result<std::string> choose_pool(const std::vector<PoolInfo>& pools, const SellConfig& sell, const std::string& wanted) {
  if (!wanted.empty()) {
    if (std::ranges::find(pools, wanted, &PoolInfo::name) == pools.end()) return fail(ErrorCode::not_found, "the scheduler has no pool " + wanted);
    return wanted;
  }
  const auto sold = offered(pools, sell);
  if (sold.empty()) return fail(ErrorCode::failed_precondition, "no pool of the scheduler is for sale; see [sell], or say --pool");
  return sold.begin()->first;
}

int conform(const ConformOptions& options) {
  const auto code = Conformity(options).run();
  if (code) return *code;
  fmt::print(stderr, "bourse-connector: {}\n", code.error().message());
  return info(code.error().code).exit_code;
}

}  // namespace bourse::connector
