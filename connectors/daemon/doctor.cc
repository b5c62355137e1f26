#include "connectors/daemon/doctor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "connectors/core/sell.h"
#include "connectors/daemon/membership_client.h"
#include "connectors/daemon/tls.h"
#include "connectors/daemon/wiring.h"
#include "connectors/host/files.h"

namespace bourse::connector {
namespace {

constexpr std::int64_t kMiB = 1 << 20;
// The spool keeps acknowledged reports up to 256 MiB, and all others; a full one refuses orders.
constexpr std::int64_t kLittleSpace = 1024 * kMiB, kNoSpace = 64 * kMiB;
constexpr std::int64_t kFewFiles = 10'000;
constexpr std::int64_t kMostClockErrorUs = 1'000'000;  // the broker takes what is up to five minutes ahead
constexpr Duration kSlowSync = milliseconds(200);      // every report is on the disk before it is sent


// An old copy of the file would count as a copy of the connector.
const std::string kNewCredentials = "Take credentials.json away, and nothing else. Then let the market's operator quarantine and resume the center, and: bourse-connector join --dir ";

// What was wrong; the table's sentence where nothing more is known.
std::string words(const Error& error) { return error.detail.empty() ? error.message() : error.detail; }

class Doctor {
 public:
  Doctor(const DoctorOptions& options, const Clock& clock) : options_(options), clock_(clock), runner_(clock) {
    std::error_code error;
    directory_ = std::filesystem::absolute(options.directory, error).lexically_normal().string();
  }

  std::vector<Finding> examine() {
    if (folder()) {
      keys();
      configuration();
      spool();
    }
    ::timex state{};
    const int status = ::adjtimex(&state);
    add(check_clock(status >= 0 && status != TIME_ERROR, state.maxerror));
    if (config_) {
      jobs_folder();
      local_users();
      scheduler();
    }
    membership();
    return std::move(findings_);
  }

 private:
  void add(Finding finding) { findings_.push_back(std::move(finding)); }
  void fine(std::string what, std::string says) { add({std::move(what), Verdict::fine, std::move(says), {}}); }
  void wrong(std::string what, std::string says, std::string remedy) { add({std::move(what), Verdict::wrong, std::move(says), std::move(remedy)}); }

  bool folder() {
    struct stat info{};
    if (::stat(directory_.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return wrong("folder", directory_ + " is not there", fmt::format("mkdir -m 0700 {}, as the connector's own user; 'bourse-connector join' makes it too", directory_)), false;
    if (info.st_uid != ::geteuid())
      return wrong("folder", fmt::format("{} belongs to user {}, and this runs as {}", directory_, info.st_uid, ::geteuid()), "Run it as the connector's own user."), false;
    if ((info.st_mode & 0077) != 0) wrong("folder", fmt::format("others can look into {} (mode {:04o})", directory_, info.st_mode & 07777), "chmod 0700 " + directory_);
    else fine("folder", directory_);
    return true;
  }

  void keys() {
    auto loaded = load_keys(directory_);
    if (!loaded && loaded.error().code == ErrorCode::not_found) return;  // joining makes them
    if (!loaded) return wrong("keys", words(loaded.error()), "Bring the folder back from a backup; without its keys the center joins anew.");
    fine("keys", "identity " + to_hex(federation::fingerprint(loaded->identity.public_key)).substr(0, 16) + "…");
  }

  void configuration() {
    const std::string path = options_.config_path.empty() ? directory_ + "/connector.toml" : options_.config_path;
    auto read = read_config(path);
    if (!read) return wrong("configuration", words(read.error()), "connector.example.toml explains every key.");
    fine("configuration", path);
    config_ = std::move(*read);
  }

  void spool() {
    struct statvfs disk{};
    if (::statvfs(directory_.c_str(), &disk) == 0)
      add(check_space("spool", static_cast<std::int64_t>(disk.f_bavail * disk.f_frsize), disk.f_files == 0 ? kFewFiles : static_cast<std::int64_t>(disk.f_favail)));
    const std::string probe = directory_ + "/.doctor";
    const Instant before = clock_.now();
    const Status written = host::write_durably(probe, "x");
    const Duration took = clock_.now() - before;
    ::unlink(probe.c_str());
    if (!written) return wrong("spool's disk", words(written.error()), "Make room, or mount the folder for writing.");
    if (took > kSlowSync)
      add({"spool's disk", Verdict::warning, fmt::format("a small write took {} ms to be safe", took.ms), "Put the folder on a local disk; each report waits for it."});
  }

  void jobs_folder() {
    const std::string path = jobs_directory(*config_, directory_);
    std::filesystem::path at = path;
    while (!std::filesystem::exists(at) && at != at.parent_path()) at = at.parent_path();
    if (::access(at.c_str(), W_OK | X_OK) != 0) return wrong("jobs' folder", path + " can't be made", "Give the connector's user the right to write in " + at.string());
    if (const auto closed = closed_to_others(path)) return wrong("jobs' folder", *closed + " is closed to other users, so jobs can't reach their folders", "chmod o+x " + *closed);
    fine("jobs' folder", path);
  }

  void local_users() {
    const IdentityConfig& identity = config_->identity;
    std::vector<std::string> names = identity.pool;
    for (const IdentityConfig::Row& row : identity.table) names.push_back(row.local);
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    SystemUserDirectory users;
    std::string missing;
    for (const std::string& local : names)
      if (const auto found = users.find(local); !found || found->uid == 0) missing += (missing.empty() ? "" : ", ") + local;
    if (!missing.empty()) return wrong("local users", missing + ": no such user, or root", "useradd them, or correct [identity].");
    fine("local users", names.empty() ? "by the pattern " + identity.pattern : fmt::format("{} of them are there", names.size()));
  }

  void scheduler() {
    const std::string kind = config_->driver.kind;
    if (kind == "local" && in_use()) return fine("scheduler", "local; the connector runs, and has it");
    auto driver = open_driver(*config_, directory_, clock_, runner_, Purpose::look);
    if (!driver) return wrong("scheduler", kind + ": " + words(driver.error()), "Check [driver] in connector.toml, and that this user may ask the scheduler.");
    const Capabilities can = (*driver)->capabilities();
    const auto pools = (*driver)->probe({});
    if (!pools) return wrong("scheduler", kind + ": " + words(pools.error()), "Check that the scheduler's own commands answer this user.");
    fine("scheduler", fmt::format("{} {}, {} ms of grace beyond a job's walltime", can.kind, can.version, can.grace.ms));
    selling(*pools);
  }

  // By a connector that runs.
  bool in_use() const {
    const int lock = ::open((directory_ + "/lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (lock < 0) return false;
    const bool held = ::flock(lock, LOCK_SH | LOCK_NB) != 0;
    ::close(lock);
    return held;
  }

  void selling(const std::vector<PoolInfo>& pools) {
    for (const auto& [pool, terms] : config_->sell.pools)
      if (std::ranges::find(pools, pool, &PoolInfo::name) == pools.end()) wrong("pools", "[sell] names " + pool + ", which the scheduler hasn't", "Correct its name or leave it out.");
    const auto sold = offered(pools, config_->sell);
    if (sold.empty()) return wrong("pools", fmt::format("the scheduler has {} pools and none is for sale", pools.size()), "See [sell] in connector.toml.");
    for (const auto& [pool, offer] : sold)
      add({"pool " + pool, offer.info.accepting ? Verdict::fine : Verdict::warning,
           fmt::format("{} nodes of {} cores, {} MiB, {} cards{}", offer.info.nodes, offer.info.cores_per_node, offer.info.mem_mib_per_node, offer.info.gpus_per_node,
                       offer.info.accepting ? "" : "; it takes no jobs now"),
           offer.info.accepting ? "" : "Set the partition up, or leave it out of [sell]."});
  }

  void membership() {
    const auto bundle = load_bundle(directory_);
    if (!bundle && bundle.error().code == ErrorCode::not_found)
      return add({"membership", Verdict::warning, "this center hasn't joined a market yet", fmt::format("Ask the market's operator for a bundle, then: bourse-connector join BUNDLE --dir {}", directory_)});
    if (!bundle) return wrong("membership", words(bundle.error()), "Bring the folder back from a backup.");
    const auto credentials = load_credentials(directory_);
    if (!credentials && credentials.error().code == ErrorCode::not_found) {
      add({"membership", Verdict::warning, bundle->center_name + " isn't admitted yet", fmt::format("bourse-connector join --dir {}", directory_)});
      return market(*dial_membership(*bundle), bundle->connect);
    }
    if (!credentials) return wrong("membership", words(credentials.error()), kNewCredentials + directory_);
    if (const Status good = check_certificate(credentials->certificate_pem, credentials->tls_key_pem, bundle->root_pem, clock_.now()); !good) {
      const bool over = credentials->until <= clock_.now();
      return add({"membership", over ? Verdict::warning : Verdict::wrong, "certificate: " + words(good.error()),
                  over ? "'bourse-connector run' recovers it; after three times the market's operator has to resume the center." : kNewCredentials + directory_});
    }
    fine("membership", fmt::format("{} ({}) of {}; its certificate {} is good until {}", bundle->center_name, to_text(bundle->center), bundle->audience,
                                   credentials->generation, to_text(credentials->until)));
    market(*dial_link(directory_, *bundle, *credentials), bundle->connect);
  }

  void market(grpc::Channel& channel, const std::string& where) {
    if (channel.WaitForConnected(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(options_.patience.ms, GPR_TIMESPAN)))) return fine("market", where + " answers");
    wrong("market", fmt::format("{} doesn't answer within {} s, or not with the certificate that the bundle names", where, options_.patience.ms / 1000),
          "Let TCP connections out to it; no proxy may end the TLS.");
  }

  const DoctorOptions& options_;
  const Clock& clock_;
  host::SystemProcessRunner runner_;
  std::string directory_;
  std::optional<DaemonConfig> config_;
  std::vector<Finding> findings_;
};

}  // namespace

std::string_view name(Verdict verdict) {
  return verdict == Verdict::fine ? "fine" : verdict == Verdict::warning ? "warning" : "wrong";
}

Finding check_space(const std::string& what, std::int64_t free_bytes, std::int64_t free_files) {
  Finding finding{what, Verdict::fine, fmt::format("{} MiB free", free_bytes / kMiB), {}};
  if (free_files < kFewFiles) finding.says += fmt::format(", room for {} files", free_files);
  if (free_bytes >= kLittleSpace && free_files >= kFewFiles) return finding;
  finding.verdict = free_bytes < kNoSpace || free_files < 100 ? Verdict::wrong : Verdict::warning;
  finding.remedy = "Make room: a full spool takes no new jobs.";
  return finding;
}

Finding check_clock(bool synchronised, std::int64_t most_error_us) {
  if (!synchronised) return {"clock", Verdict::warning, "nothing keeps this machine's clock right", "Install chrony or systemd-timesyncd: reports from the future are refused."};
  if (most_error_us > kMostClockErrorUs) return {"clock", Verdict::warning, fmt::format("it may be wrong by {} ms", most_error_us / 1000), "See chronyc tracking."};
  return {"clock", Verdict::fine, fmt::format("right to {} ms", most_error_us / 1000), {}};
}

std::vector<Finding> examine(const DoctorOptions& options, const Clock& clock) { return Doctor(options, clock).examine(); }

}  // namespace bourse::connector
