#include "cli/up/state_directory.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/time.h"
#include "cli/embedded/child.h"

namespace bourse::embedded {
namespace {

namespace fs = std::filesystem;

Result<passwd> user_named(const std::string& name) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return fail(ErrorCode::not_found, "there is no user '" + name + "' on this machine");
  return entry;  // only its numbers are used after the buffer is gone
}

Status make_folder(const std::string& path, mode_t mode, const std::string& owner = {}, const std::string& group_owner = {}) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return fail(ErrorCode::unavailable, path + ": " + error.message());
  CHECK_OK(hand_over(path, owner, group_owner));
  if (chmod(path.c_str(), mode) != 0) return fail(ErrorCode::unavailable, path + ": " + std::strerror(errno));
  return {};
}

Status run(std::vector<std::string> argv) {
  Program program;
  program.argv = std::move(argv);
  program.log = "/dev/null";
  program.bare_environment = true;
  TRY(const pid_t pid, spawn(program));
  TRY(const int status, wait_status(pid, seconds(30)));
  if (status != 0) return fail(ErrorCode::unavailable, program.argv[0] + " failed");
  return {};
}

// A private clone (a home folder of mode 0700) would lock the servers' users out of their own data.
bool inside_checkout(fs::path path) {
  for (; path.has_relative_path(); path = path.parent_path())
    if (fs::exists(path / ".git")) return true;
  return false;
}

Status check_place(const std::string& root) {
  constexpr std::size_t kLongestRoot = 60;  // leaves room for the longest socket below it (107 bytes in all)
  if (root.empty() || root.front() != '/') return fail(ErrorCode::invalid_argument, "the state directory must be absolute: " + root);
  if (root.size() > kLongestRoot)
    return fail(ErrorCode::invalid_argument, "the state directory's path is longer than 60 bytes, too long for sockets: " + root);
  if (inside_checkout(root)) return fail(ErrorCode::invalid_argument, "the state directory lies inside a Git checkout: " + root);
  return {};
}

}  // namespace

std::string default_state_directory() {
  if (geteuid() == 0) return "/var/lib/bourse";
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') return std::string(state) + "/bourse";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "/tmp") + "/.local/state/bourse";
}

bool switches_users() { return geteuid() == 0; }

Status make_server_users() {
  if (!switches_users()) return {};
  if (getgrnam(kDatabaseGroup) == nullptr) CHECK_OK(run({"/usr/sbin/groupadd", "--system", kDatabaseGroup}));
  for (const char* name : {kBrokerUser, kGatewayUser, kEdgeUser}) {
    if (user_named(name)) continue;
    CHECK_OK(run({"/usr/sbin/useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell",
                  "/usr/sbin/nologin", name}));
  }
  return run({"/usr/sbin/usermod", "--append", "--groups", kDatabaseGroup, kBrokerUser});
}

Status hand_over(const std::string& path, const std::string& owner, const std::string& group_of) {
  if (!switches_users()) return {};
  uid_t uid = 0;
  gid_t gid = 0;
  if (!owner.empty()) {
    TRY(const passwd user, user_named(owner));
    uid = user.pw_uid;
    gid = user.pw_gid;
  }
  if (!group_of.empty()) {
    TRY(const passwd user, user_named(group_of));
    gid = user.pw_gid;
  }
  if (chown(path.c_str(), uid, gid) != 0) return fail(ErrorCode::unavailable, path + ": " + std::strerror(errno));
  return {};
}

Status prepare(const StateDirectory& state) {
  CHECK_OK(check_place(state.root));
  CHECK_OK(make_server_users());
  CHECK_OK(make_folder(state.root, 0755));
  CHECK_OK(make_folder(state.config(), 0755));
  CHECK_OK(make_folder(state.config() + "/secrets", 0700, kGatewayUser));
  CHECK_OK(make_folder(state.run(), 0755));
  CHECK_OK(make_folder(state.log(), 0755));
  CHECK_OK(make_folder(state.keys(), 0700, kBrokerUser));
  CHECK_OK(make_folder(state.files(), 0700, kBrokerUser));
  CHECK_OK(make_folder(state.root_ca(), 0700));
  CHECK_OK(make_folder(state.edge(), 0755));
  CHECK_OK(make_folder(state.scratch(), 0700, kEdgeUser));
  // A socket's folder belongs to who listens and is open to the one who may connect; setgid hands its group to the socket.
  CHECK_OK(make_folder(state.run() + "/market", 02750, kBrokerUser, kGatewayUser));
  CHECK_OK(make_folder(state.run() + "/link", 02750, kBrokerUser, kEdgeUser));
  CHECK_OK(make_folder(state.run() + "/gateway", 02750, kGatewayUser, kEdgeUser));
  return make_folder(state.redis(), 02750, kRedisUser, kGatewayUser);
}

Status write_file(const std::string& path, const std::string& content, unsigned mode, const std::string& owner) {
  const std::string temporary = path + ".new";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return fail(ErrorCode::unavailable, temporary + ": " + std::strerror(errno));
  bool written = write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  written = written && fchmod(fd, mode) == 0;
  written = fsync(fd) == 0 && written;
  close(fd);
  if (written) CHECK_OK(hand_over(temporary, owner));
  if (!written || rename(temporary.c_str(), path.c_str()) != 0)
    return fail(ErrorCode::unavailable, path + ": " + std::strerror(errno));
  return {};
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(ErrorCode::not_found, path);
  std::string content(limit + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(in.gcount()));
  if (content.size() > limit) return fail(ErrorCode::too_large, path);
  return content;
}

}  // namespace bourse::embedded
