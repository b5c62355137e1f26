#include "cli/embedded/postgres.h"

#include <grp.h>
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "base/time.h"
#include "cli/embedded/child.h"

namespace bourse::embedded {
namespace {

namespace fs = std::filesystem;

constexpr Duration kInitTimeout = minutes(2);
constexpr Duration kStartTimeout = minutes(1);
constexpr Duration kRecoveryTimeout = minutes(10);  // once the server answers that it is starting
constexpr Duration kStopTimeout = minutes(1);
constexpr std::size_t kSocketPathLimit = 107;

// Debian keeps the servers of each major version apart and off the PATH.
Result<std::string> server_program(const std::string& name) {
  for (const char* folder : {"/usr/lib/postgresql/15/bin/", "/usr/lib/postgresql/16/bin/", "/usr/lib/postgresql/17/bin/",
                             "/usr/local/bin/", "/usr/bin/"})
    if (access((folder + name).c_str(), X_OK) == 0) return folder + name;
  return fail(ErrorCode::unavailable, "PostgreSQL's '" + name + "' is not installed (package postgresql-15)");
}

std::string data_of(const std::string& directory) { return directory + "/data"; }
std::string log_of(const std::string& directory) { return directory + "/server.log"; }

// A crash in the middle leaves "data.new", which the next start throws away.
Status initialise(const std::string& directory) {
  const std::string fresh = directory + "/data.new";
  std::error_code error;
  fs::remove_all(fresh, error);
  TRY(const std::string initdb, server_program("initdb"));
  TRY(const pid_t pid, spawn({.argv = {initdb, "-D", fresh, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                                       "--locale=C.UTF-8", "--data-checksums"},
                              .user = "postgres",
                              .directory = directory,
                              .log = log_of(directory)}));
  TRY(const int status, wait_status(pid, kInitTimeout));
  if (status != 0) return fail(ErrorCode::unavailable, "initdb failed: " + end_of_log(log_of(directory)));
  fs::rename(fresh, data_of(directory), error);
  if (error) return fail(ErrorCode::unavailable, "can't rename " + fresh + ": " + error.message());
  return {};
}

// The first line of postmaster.pid; −1 without one.
pid_t recorded_pid(const std::string& data) {
  std::ifstream in(data + "/postmaster.pid");
  pid_t pid = -1;
  return in >> pid ? pid : -1;
}

bool serves(pid_t pid, const std::string& data) {
  std::error_code error;
  const fs::path where = fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", error);
  return !error && alive(pid) && where == fs::canonical(data, error);
}

Result<pid_t> launch(const std::string& directory) {
  TRY(const std::string postgres, server_program("postgres"));
  std::vector<std::string> argv = {postgres, "-D", data_of(directory), "-k", directory};
  for (const char* setting :
       {"listen_addresses=", "port=5432", "fsync=on", "full_page_writes=on", "synchronous_commit=on", "wal_level=replica",
        "max_connections=100", "shared_buffers=256MB", "max_wal_size=4GB", "min_wal_size=2GB", "checkpoint_timeout=15min",
        "wal_buffers=32MB", "jit=off", "log_timezone=UTC", "timezone=UTC", "log_checkpoints=off"}) {
    argv.emplace_back("-c");
    argv.emplace_back(setting);
  }
  return spawn({.argv = std::move(argv), .user = "postgres", .directory = data_of(directory), .log = log_of(directory)});
}

std::string conninfo_of(const std::string& directory, const std::string& role, const std::string& database) {
  std::string quoted;
  for (const char c : directory) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return "host='" + quoted + "' port=5432 user=" + role + " dbname=" + database + " connect_timeout=10";
}

// A killed postmaster is a zombie until its parent looks at it, and until then PostgreSQL takes it for running.
void await_reaped(pid_t pid) {
  constexpr int kPauses = 500, kPauseMs = 20;
  for (int i = 0; i < kPauses && ::kill(pid, 0) == 0; ++i) poll(nullptr, 0, kPauseMs);
}

Status await_ready(const std::string& directory, pid_t pid) {
  const SystemClock clock;
  const std::string conninfo = conninfo_of(directory, "postgres", "postgres");
  const std::int64_t started_ms = clock.monotonic().ms;
  Duration patience = kStartTimeout;
  while (true) {
    const PGPing answer = PQping(conninfo.c_str());
    if (answer == PQPING_OK) return {};
    if (answer == PQPING_REJECT) patience = kRecoveryTimeout;
    if (wait_gone(pid, milliseconds(20)))
      return fail(ErrorCode::unavailable, "PostgreSQL ended while starting: " + end_of_log(log_of(directory)));
    if (clock.monotonic().ms - started_ms > patience.ms)
      return fail(ErrorCode::unavailable, "PostgreSQL does not answer: " + end_of_log(log_of(directory)));
  }
}

Status create_database(const std::string& directory) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
      PQconnectdb(conninfo_of(directory, "postgres", "postgres").c_str()), &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK)
    return fail(ErrorCode::unavailable, PQerrorMessage(connection.get()));
  const auto run = [&](const char* sql) {
    return std::unique_ptr<PGresult, decltype(&PQclear)>(PQexec(connection.get(), sql), &PQclear);
  };
  const auto found = run("SELECT 1 FROM pg_database WHERE datname = 'bourse'");
  if (PQresultStatus(found.get()) == PGRES_TUPLES_OK && PQntuples(found.get()) == 1) return {};
  const auto created = run("CREATE DATABASE bourse");
  if (PQresultStatus(created.get()) != PGRES_COMMAND_OK)
    return fail(ErrorCode::unavailable, PQerrorMessage(connection.get()));
  return {};
}

}  // namespace

Result<Postgres> Postgres::start(const std::string& directory) {
  if (directory.empty() || directory[0] != '/' || directory.size() + sizeof "/.s.PGSQL.5432" > kSocketPathLimit)
    return fail(ErrorCode::invalid_argument, "the folder's path must be absolute and short: " + directory);
  // The folder guards the socket: it lets in the server's user, root, and the broker's group where there is one.
  CHECK_OK(make_directory(directory, 0700, "postgres"));
  if (const group* group = geteuid() == 0 ? getgrnam("bourse-broker") : nullptr; group != nullptr)
    if (chown(directory.c_str(), static_cast<uid_t>(-1), group->gr_gid) != 0 || chmod(directory.c_str(), 0710) != 0)
      return fail(ErrorCode::unavailable, "can't open " + directory + " to the group bourse-broker");

  const std::string data = data_of(directory);
  if (!fs::exists(data + "/PG_VERSION")) CHECK_OK(initialise(directory));

  Postgres server;
  server.directory_ = directory;
  if (const pid_t recorded = recorded_pid(data); recorded > 0) {
    if (serves(recorded, data)) {
      server.pid_ = recorded;  // left running by an earlier one of us: taken back
    } else if (!alive(recorded)) {
      await_reaped(recorded);
    } else {
      fs::remove(data + "/postmaster.pid");  // a crash's, and the number now belongs to another program
    }
  }
  if (server.pid_ < 0) {
    TRY(server.pid_, launch(directory));
  }
  CHECK_OK(await_ready(directory, server.pid_));
  CHECK_OK(create_database(directory));
  return server;
}

Postgres::Postgres(Postgres&& other) noexcept
    : directory_(std::move(other.directory_)), pid_(std::exchange(other.pid_, -1)) {}

Postgres& Postgres::operator=(Postgres&& other) noexcept {
  if (this != &other) {
    static_cast<void>(stop());
    directory_ = std::move(other.directory_);
    pid_ = std::exchange(other.pid_, -1);
  }
  return *this;
}

Postgres::~Postgres() { static_cast<void>(stop()); }

std::string Postgres::conninfo(const std::string& role) const { return conninfo_of(directory_, role, "bourse"); }

bool Postgres::running() const { return alive(pid_); }

Status Postgres::stop() {
  const pid_t pid = std::exchange(pid_, -1);
  if (pid <= 0 || !alive(pid)) return {};
  ::kill(pid, SIGINT);  // fast: ends sessions, writes a checkpoint
  if (wait_gone(pid, kStopTimeout)) return {};
  ::kill(pid, SIGQUIT);
  if (wait_gone(pid, seconds(10))) return {};
  pid_ = pid;
  kill();
  return fail(ErrorCode::timeout, "PostgreSQL had to be killed; it recovers at its next start");
}

void Postgres::kill() {
  const pid_t pid = std::exchange(pid_, -1);
  if (pid <= 0 || !alive(pid)) return;
  ::kill(pid, SIGSTOP);  // so that no child is born while we look
  const std::vector<pid_t> children = children_of(pid);
  for (const pid_t child : children) ::kill(child, SIGKILL);
  ::kill(pid, SIGKILL);
  wait_gone(pid, seconds(10));
  for (const pid_t child : children) wait_gone(child, seconds(10));
}

void Postgres::release() { pid_ = -1; }

}  // namespace bourse::embedded
