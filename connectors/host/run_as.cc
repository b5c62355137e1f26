#include "connectors/host/run_as.h"

#include <algorithm>
#include <cerrno>

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bourse::host {
namespace {

constexpr std::size_t kMaxUserName = 32;
constexpr std::size_t kLookupBuffer = 64 * 1024;
constexpr int kMaxGroups = 1024;

Result<RunAs> from_entry(const passwd& entry) {
  RunAs user{entry.pw_name, entry.pw_uid, entry.pw_gid, {}, entry.pw_dir ? entry.pw_dir : ""};
  if (user.uid == 0 || user.gid == 0) return fail(ErrorCode::forbidden, "jobs never run as root: " + user.name);
  user.groups.resize(kMaxGroups);
  int count = kMaxGroups;
  if (getgrouplist(entry.pw_name, entry.pw_gid, user.groups.data(), &count) < 0)
    return fail(ErrorCode::forbidden, "too many groups: " + user.name);
  user.groups.resize(static_cast<std::size_t>(count));
  if (std::ranges::find(user.groups, gid_t{0}) != user.groups.end())
    return fail(ErrorCode::forbidden, "jobs never run in root's group: " + user.name);
  return user;
}

template <class Lookup>
Result<RunAs> look_up(const std::string& shown, Lookup lookup) {
  std::vector<char> buffer(kLookupBuffer);
  passwd entry{};
  passwd* found = nullptr;
  const int error = lookup(&entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return from_entry(*found);
  if (error == 0 || error == ENOENT || error == ESRCH) return fail(ErrorCode::not_found, "no local user " + shown);
  return fail(ErrorCode::unavailable, "the user database did not answer for " + shown);
}

// A root that changes its uid loses its capabilities; a user that was given some keeps them, and hands ambient ones on to what it
// executes. There is no call for it in the C library.
int drop_capabilities() noexcept {
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) return errno;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  return syscall(SYS_capset, &header, none) == 0 ? 0 : errno;
}

}  // namespace

bool is_user_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxUserName) return false;
  const auto lower = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return lower(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return lower(c) || digit(c) || c == '.' || c == '-'; });
}

Result<RunAs> find_run_as(std::string_view name) {
  if (!is_user_name(name)) return fail(ErrorCode::invalid_argument, "not a local user's name");
  const std::string text(name);
  return look_up(text, [&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return getpwnam_r(text.c_str(), entry, buffer, size, found);
  });
}

Result<RunAs> find_run_as(uid_t uid) {
  return look_up(std::to_string(uid), [&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return getpwuid_r(uid, entry, buffer, size, found);
  });
}

int become(const RunAs& user) noexcept {
  if (user.uid == 0 || user.gid == 0) return EPERM;
  if (geteuid() == user.uid && getuid() == user.uid) return drop_capabilities();
  if (setgroups(user.groups.size(), user.groups.data()) != 0) return errno;
  if (setresgid(user.gid, user.gid, user.gid) != 0) return errno;
  if (setresuid(user.uid, user.uid, user.uid) != 0) return errno;
  if (const int error = drop_capabilities(); error != 0) return error;
  uid_t real = 0, effective = 0, saved = 0;
  if (getresuid(&real, &effective, &saved) != 0) return errno;
  if (real != user.uid || effective != user.uid || saved != user.uid || setuid(0) == 0) return EPERM;
  return 0;
}

}  // namespace bourse::host
