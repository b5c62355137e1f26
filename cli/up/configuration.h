// The configuration files of the embedded market, written anew at each start from what `bourse up` was asked.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"
#include "cli/up/state_directory.h"

namespace bourse::embedded {

struct MarketOptions {
  std::string state_directory;
  int port = 8443;                 // of the edge, on loopback
  std::string issuers_file;        // TOML with [[issuer]] tables; empty = keep those of the last start
  std::string factors;             // folder of tables of 度 factors; empty = keep those of the last start, or the published one
  bool two_people = false;         // whether finance needs a second person; one person alone can try the market without
  int certificate_minutes = 60;    // a connector's certificate is good for so long
  int heartbeat_seconds = 10;      // links of connectors say something that often
  std::string programs;            // folder of bourse-broker and bourse-gateway
  std::string public_url() const { return "https://127.0.0.1:" + std::to_string(port); }
};

inline constexpr const char* kBrokerName = "bourse.local";
inline constexpr const char* kLinkServerName = "link.bourse.internal";
inline constexpr const char* kJoinServerName = "join.bourse.internal";

// Copies the identity providers into the state directory, each client secret into a file of the gateway's own.
// Errors: invalid_argument (not TOML, a secret is missing), unavailable.
Status adopt_issuers(const StateDirectory& state, const std::string& file);
// Copies a folder's tables of 度 factors, in place of those of the last start; nothing for an empty name. The broker checks them.
Status adopt_factors(const StateDirectory& state, const std::string& directory);

// broker.toml, gateway.toml, nginx.conf. `postgres` gives the connection string of a role.
Status write_configuration(const StateDirectory& state, const MarketOptions& options,
                           const std::function<std::string(const std::string& role)>& postgres);

// The broker's keys and certificate authority, and a server certificate for the edge (renewed when less than a third of
// its life is left). Run by root, only the intermediate goes to the broker; the root stays root's.
Status make_certificates(const StateDirectory& state, const Clock& clock, Rng& rng);

}  // namespace bourse::embedded
