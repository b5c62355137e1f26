// The REST client of the command line: HTTPS by libcurl, problems as Errors, bounded retries under one idempotency key.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "base/rng.h"

namespace bourse::cli {

struct Endpoint {
  std::string url;      // "https://127.0.0.1:8443"
  std::string ca_file;  // trust anchor in PEM; empty = the system's
  std::string token;    // bearer token; empty = not signed in
};

struct Reply {
  int status = 0;
  std::string body;
  std::string header(const std::string& lower_case_name) const;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
};

// One thread. GETs, and POSTs and PUTs with their idempotency key, are tried up to three times when the market is busy or
// out of reach. Errors: the market's own by their code; unavailable, timeout (then the outcome of a change is unknown).
class Client {
 public:
  Client(Endpoint endpoint, Rng& rng);
  ~Client();

  Result<nlohmann::json> get(const std::string& path);
  Result<Reply> get_raw(const std::string& path);
  // Of what is too large for one answer: what the market gives from `first` on.
  Result<Reply> get_part(const std::string& path, std::int64_t first);
  // `key` empty: a new random one.
  Result<nlohmann::json> post(const std::string& path, const nlohmann::json& body, std::string key = {});
  Result<nlohmann::json> put(const std::string& path, const nlohmann::json& body, std::string key = {});
  // A file's bytes as they are.
  Result<nlohmann::json> post_file(const std::string& path, const std::string& bytes, const char* media_type, std::string key = {});
  // A form, without a token or retries: the OAuth endpoints.
  Result<nlohmann::json> post_form(const std::string& path, const std::vector<std::pair<std::string, std::string>>& fields);
  // The body goes to `sink` as it arrives.
  Status download(const std::string& path, const std::function<bool(std::string_view)>& sink);

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  struct Request;
  Result<Reply> perform(const Request& request);
  Result<Reply> perform_with_retries(const Request& request);
  Result<nlohmann::json> change(const char* method, const std::string& path, std::string body, const char* media_type, std::string key);

  Endpoint endpoint_;
  Rng& rng_;
  struct Curl;
  std::unique_ptr<Curl> curl_;
};

// Percent-encodes everything but unreserved characters.
std::string url_encoded(std::string_view text);
std::string random_hex(Rng& rng, std::size_t bytes);

}  // namespace bourse::cli
