// Where the embedded market keeps everything: one folder, never inside a checkout.
#pragma once

#include <string>

#include "base/result.h"

namespace bourse::embedded {

// The local users that the servers drop to when root starts the market. Started by anyone else, all run as that one, and
// owners are left as they are.
inline constexpr const char* kBrokerUser = "bourse-broker";
inline constexpr const char* kGatewayUser = "bourse-gateway";
inline constexpr const char* kEdgeUser = "bourse-edge";
inline constexpr const char* kRedisUser = "redis";       // of Debian's package
inline constexpr const char* kDatabaseGroup = "bourse";  // who may reach PostgreSQL's socket: the broker
bool switches_users();

struct StateDirectory {
  std::string root;  // absolute

  std::string config() const { return root + "/config"; }
  std::string run() const { return root + "/run"; }
  std::string log() const { return root + "/log"; }
  std::string keys() const { return root + "/keys"; }
  std::string files() const { return root + "/files"; }
  std::string root_ca() const { return root + "/root-ca"; }
  std::string edge() const { return root + "/edge"; }
  std::string scratch() const { return root + "/scratch"; }
  std::string postgres() const { return root + "/postgres"; }
  std::string redis() const { return run() + "/redis"; }
  std::string market_socket() const { return run() + "/market/market.sock"; }
  std::string link_socket() const { return run() + "/link/link.sock"; }
  std::string gateway_socket() const { return run() + "/gateway/gateway.sock"; }
  std::string redis_socket() const { return redis() + "/redis.sock"; }
  std::string admin_token() const { return root + "/admin-token"; }
  std::string root_certificate() const { return edge() + "/root.pem"; }
  std::string status_file() const { return run() + "/status.json"; }
  std::string lock_file() const { return run() + "/supervisor.lock"; }
};

// /var/lib/bourse for root, $XDG_STATE_HOME/bourse (~/.local/state/bourse) for others.
std::string default_state_directory();

// Checks the place (absolute, short enough for socket paths, not inside a Git checkout) and makes the folders with their
// owners. Errors: invalid_argument, unavailable.
Status prepare(const StateDirectory& state);

// Run by root: makes the users and the group when they are missing. Errors: unavailable.
Status make_server_users();

// Writes a whole file, atomically, with that mode; run by root, its owner is `owner` (empty: root).
Status write_file(const std::string& path, const std::string& content, unsigned mode, const std::string& owner = {});
// Hands a file or folder to a user and, when given, another user's group. Nothing when not root.
Status hand_over(const std::string& path, const std::string& owner, const std::string& group_of = {});
Result<std::string> read_file(const std::string& path, std::size_t limit = 1 << 20);

}  // namespace bourse::embedded
