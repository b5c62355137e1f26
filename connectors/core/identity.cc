#include "connectors/core/identity.h"

#include <pwd.h>

#include <algorithm>
#include <vector>

#include "federation-proto/key_file.h"

namespace bourse::connector {
namespace {

// The part of an id that tells it from others: text ids share their prefix and, when made close together, their time.
std::string tail_of(const std::string& id) {
  std::string tail = id.substr(id.size() > 8 ? id.size() - 8 : 0);
  std::ranges::transform(tail, tail.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return tail;
}

void replace_all(std::string& text, std::string_view what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

bool fits(const std::string& wanted, const std::string& actual) { return wanted.empty() || wanted == actual; }

bool plain_user_name(const std::string& name) {
  if (name.empty() || name.size() > 32 || name[0] == '-') return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace

Result<LocalUser> SystemUserDirectory::find(const std::string& name) const {
  std::vector<char> buffer(64 << 10);
  passwd entry{};
  passwd* found = nullptr;
  const int error = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (error != 0) return fail(ErrorCode::unavailable, "the user database can't be read");
  if (found == nullptr) return fail(ErrorCode::not_found, "there is no local user '" + name + "'");
  return LocalUser{.name = entry.pw_name, .uid = entry.pw_uid, .gid = entry.pw_gid, .home = entry.pw_dir, .scheduler_account = {}};
}

Result<IdentityMap> IdentityMap::open(IdentityConfig config, std::string lease_path, const UserDirectory& users) {
  IdentityMap map;
  for (const auto& row : config.table)
    if (!plain_user_name(row.local)) return fail(ErrorCode::invalid_argument, "identity.map: '" + row.local + "' is not a user name");
  for (const std::string& local : config.pool)
    if (!plain_user_name(local)) return fail(ErrorCode::invalid_argument, "identity.pool: '" + local + "' is not a user name");
  map.config_ = std::move(config);
  map.lease_path_ = std::move(lease_path);
  map.users_ = &users;
  const auto text = federation::read_private_file(map.lease_path_);
  if (!text) {
    if (text.error().code == ErrorCode::not_found) return map;
    return std::unexpected(text.error());
  }
  // One lease a line: the local user, a space, the tenant.
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = text->find('\n', at);
    const std::size_t space = text->find(' ', at);
    if (end == std::string::npos || space == std::string::npos || space > end)
      return fail(ErrorCode::integrity, map.lease_path_ + ": malformed line");
    map.tenant_by_local_[text->substr(at, space - at)] = text->substr(space + 1, end - space - 1);
    at = end + 1;
  }
  return map;
}

Result<IdentityMap::Mapping> IdentityMap::map(const Requester& requester, const std::set<std::string>& busy) {
  for (const auto& row : config_.table) {
    if (!fits(row.tenant, requester.tenant) || !fits(row.billing_account, requester.billing_account) || !fits(row.user, requester.user)) continue;
    TRY(LocalUser user, local_user(row.local, row.scheduler_account));
    return Mapping{.user = std::move(user), .passed_on = {}};
  }
  if (!config_.pattern.empty()) {
    std::string name = config_.pattern;
    replace_all(name, "{tenant}", tail_of(requester.tenant));
    replace_all(name, "{account}", tail_of(requester.billing_account));
    replace_all(name, "{user}", tail_of(requester.user));
    TRY(LocalUser user, local_user(name, config_.scheduler_account));
    return Mapping{.user = std::move(user), .passed_on = {}};
  }
  if (!config_.pool.empty()) return lease(requester, busy);
  return fail(ErrorCode::forbidden, "this center maps no local user to the requester");
}

Result<IdentityMap::Mapping> IdentityMap::lease(const Requester& requester, const std::set<std::string>& busy) {
  const std::string* free = nullptr;
  const std::string* idle = nullptr;
  for (const std::string& local : config_.pool) {
    const auto held = tenant_by_local_.find(local);
    if (held == tenant_by_local_.end()) {
      if (free == nullptr) free = &local;
    } else if (held->second == requester.tenant) {
      TRY(LocalUser user, local_user(local, config_.scheduler_account));
      return Mapping{.user = std::move(user), .leased = true, .passed_on = {}};
    } else if (idle == nullptr && !busy.contains(held->second)) {
      idle = &local;
    }
  }
  const std::string* chosen = free != nullptr ? free : idle;
  if (chosen == nullptr) return fail(ErrorCode::overloaded, "every local account is leased to another tenant that has runs");
  Mapping mapping{.leased = true, .passed_on = {}};
  TRY(mapping.user, local_user(*chosen, config_.scheduler_account));
  const auto before = tenant_by_local_.find(*chosen);
  if (before != tenant_by_local_.end()) mapping.passed_on = before->second;
  tenant_by_local_[*chosen] = requester.tenant;
  if (auto saved = save(); !saved) {
    // The file says what counts after a restart, so memory goes back to it.
    if (mapping.passed_on.empty()) tenant_by_local_.erase(*chosen);
    else tenant_by_local_[*chosen] = mapping.passed_on;
    return std::unexpected(saved.error());
  }
  return mapping;
}

Result<LocalUser> IdentityMap::local_user(const std::string& name, const std::string& scheduler_account) const {
  if (!plain_user_name(name)) return fail(ErrorCode::forbidden, "the mapping leads to no user name");
  TRY(LocalUser user, users_->find(name));
  if (user.uid == 0 || user.gid == 0) return fail(ErrorCode::forbidden, "the mapping leads to root, which runs no jobs");
  user.scheduler_account = scheduler_account;
  return user;
}

Status IdentityMap::save() const {
  std::string text;
  for (const auto& [local, tenant] : tenant_by_local_) text.append(local).append(" ").append(tenant).append("\n");
  return federation::write_private_file(lease_path_, text);
}

}  // namespace bourse::connector
