// gateway.toml: what it says, checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "gateway/sso/provider.h"

namespace bourse::gateway {

struct Config {
  std::string listen_socket;
  std::size_t threads = 2;
  std::string market;        // "unix:/…"
  std::string redis_socket;  // empty: no Redis; sign-ins and limits are this gateway's own
  std::string public_origin;
  std::string issuer_ca_file;
  std::int64_t requests_per_second = 200, burst = 400;
  std::vector<sso::ProviderSettings> issuers;
};

// Reads the file, the secrets it names, and BOURSE_GATEWAY_PUBLIC_URL from the environment, which wins over the file.
// Errors: invalid_argument, naming the key and what it should be; not_found (a file).
Result<Config> read_config(const std::string& path);

}  // namespace bourse::gateway
