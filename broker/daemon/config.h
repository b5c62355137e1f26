// What the broker is told: a TOML file, each setting of which an environment variable may override.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace bourse::broker {

struct Config {
  std::string name = "bourse.local";  // audience of connectors, issuer of statements
  std::string listen_market, listen_link;  // "unix:/path"
  std::string listen_group;                // group of both sockets; empty = the process's
  std::string migrator, writer, projector, reader;  // libpq connection strings, one a role
  std::string keys_directory, root_directory;
  std::string edge_connect = "127.0.0.1:8443";
  std::string edge_server_name = "link.bourse.internal", edge_join_server_name = "join.bourse.internal";
  int certificate_minutes = 60;  // a connector's certificate is good for so long
  int heartbeat_seconds = 10;    // both ends of a link say something that often
  std::string log_level = "info";
  std::string files_directory;  // of jobs' inputs and outputs; empty = jobs have none
  int files_gib = 10, files_account_gib = 100;  // the most of a file, of a billing account
  int files_days = 30;                          // kept so long after the last use
  std::string factors;     // folder of tables of 度 factors; empty = what this version was published with
  int bill_net_days = 30;  // what a closed month owes is due so many days after its end
  bool two_people = true;  // acts that move or commit money wait for a second person's approval
  // Our account at the bank: payouts are paid from it, and only its statements are imported. Empty = neither is done.
  std::string debtor_name, debtor_account, debtor_bank;
};

// nullopt = not set; the process environment in the program, a map in tests.
using Environment = std::function<std::optional<std::string>(const std::string& variable)>;

// `toml` is the file's text, `origin` its name for messages. An unknown key is an error: a misspelled setting must not be
// silently absent. Errors: invalid_argument, naming the key and the line where there is one.
Result<Config> parse_config(const std::string& toml, const std::string& origin, const Environment& environment);
// Reads the file. Errors also: not_found.
Result<Config> load_config(const std::string& path, const Environment& environment);

// Every setting with its variable and what it is for, and a whole example: the end of --help.
std::string config_help();

}  // namespace bourse::broker
