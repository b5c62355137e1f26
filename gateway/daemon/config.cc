#include "gateway/daemon/config.h"

#include <sys/stat.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "gateway/http/text.h"
#include "gateway/sso/fetcher.h"
#include "gateway/sso/id_token.h"

namespace bourse::gateway {
namespace {

std::unexpected<Error> wrong(std::string what) {
  return fail(ErrorCode::invalid_argument, std::move(what));
}

// A table whose keys are all known; a misspelt key must not pass for a default.
Status check_keys(const toml::table& table, std::string_view where, const std::set<std::string_view>& known) {
  for (const auto& [key, value] : table)
    if (!known.contains(key.str()))
      return wrong(std::string(where).append(": there is no setting '").append(key.str()).append("'"));
  return {};
}

const toml::table& section(const toml::table& root, std::string_view name) {
  static const toml::table kEmpty;
  const auto* table = root.get_as<toml::table>(name);
  return table == nullptr ? kEmpty : *table;
}

Result<std::string> text(const toml::table& table, std::string_view where, std::string_view key,
                         std::optional<std::string> otherwise = std::nullopt) {
  const auto* node = table.get(key);
  if (node == nullptr && otherwise) return *otherwise;
  const auto value = node == nullptr ? std::nullopt : node->value_exact<std::string>();
  if (!value || (value->empty() && !otherwise))
    return wrong(std::string(where).append(".").append(key).append(": expected text"));
  if (!http::is_free_of_controls(*value))
    return wrong(std::string(where).append(".").append(key).append(" has a control character"));
  return *value;
}

Result<std::int64_t> number(const toml::table& table, std::string_view where, std::string_view key,
                            std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  const auto* node = table.get(key);
  if (node == nullptr) return otherwise;
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < least || *value > most)
    return wrong(std::string(where).append(".").append(key).append(": expected a whole number from ") +
                 std::to_string(least) + " to " + std::to_string(most));
  return *value;
}

Result<std::string> secret_of(const std::string& path) {
  std::ifstream file(path);
  std::string secret;
  if (!file || !std::getline(file, secret) || secret.empty() || secret.size() > 1024)
    return fail(ErrorCode::not_found, "issuer.client_secret_file: no secret can be read from " + path);
  return secret;
}

Result<sso::ProviderSettings> read_issuer(const toml::table& table) {
  CHECK_OK(check_keys(
      table, "issuer",
      {"name", "url", "client_id", "client_secret_file", "tenant", "algorithm", "groups_claim", "scope", "roles"}));
  sso::ProviderSettings out;
  TRY(out.name, text(table, "issuer", "name"));
  if (out.name.size() > 63 || out.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
    return wrong("issuer.name: expected letters a to z, digits and '-'");
  TRY(out.url, text(table, "issuer", "url"));
  if (!sso::may_be_fetched(out.url) || out.url.find('?') != std::string::npos)
    return wrong("issuer.url: expected an https address (http only for 127.0.0.1, [::1] and localhost)");
  TRY(out.client_id, text(table, "issuer", "client_id"));
  TRY(const std::string secret_file, text(table, "issuer", "client_secret_file", ""));
  if (!secret_file.empty()) {
    TRY(out.client_secret, secret_of(secret_file));
  }
  TRY(out.tenant, text(table, "issuer", "tenant"));
  TRY(out.algorithm, text(table, "issuer", "algorithm", "RS256"));
  if (!sso::is_known_algorithm(out.algorithm))
    return wrong("issuer.algorithm: expected RS256, PS256, ES256 or their 384 and 512 kin");
  TRY(out.groups_claim, text(table, "issuer", "groups_claim", "groups"));
  TRY(out.scope, text(table, "issuer", "scope", "openid profile groups"));
  if ((" " + out.scope + " ").find(" openid ") == std::string::npos)
    return wrong("issuer.scope: 'openid' must be in it");
  static const std::set<std::string_view> kRoles{"user", "center-admin", "operator", "finance"};
  for (const auto& [group, role] : section(table, "roles")) {
    const auto value = role.value_exact<std::string>();
    if (!value || !kRoles.contains(*value))
      return wrong(std::string("issuer.roles.")
                       .append(group.str())
                       .append(": expected user, center-admin, operator or finance"));
    out.roles.emplace(group.str(), *value);
  }
  return out;
}

Result<std::string> read_origin(const toml::table& root) {
  TRY(std::string url, text(section(root, "public"), "public", "url"));
  if (const char* environment = std::getenv("BOURSE_GATEWAY_PUBLIC_URL");
      environment != nullptr && *environment != '\0')
    url = environment;
  if (url.ends_with('/')) url.pop_back();
  // Session cookies are Secure, so nothing but https works.
  if (!url.starts_with("https://") || !sso::may_be_fetched(url) || url.find_first_of("/?", 8) != std::string::npos)
    return wrong("public.url: expected https://host or https://host:port without a path");
  return url;
}

Result<std::vector<sso::ProviderSettings>> read_issuers(const toml::table& root) {
  std::vector<sso::ProviderSettings> out;
  const auto* node_of_list = root.get("issuer");
  if (node_of_list == nullptr) return out;  // nobody can sign in; tokens that exist still work
  const auto* list = node_of_list->as_array();
  if (list == nullptr) return wrong("issuer: expected [[issuer]] tables");
  for (const auto& node : *list) {
    if (!node.is_table()) return wrong("issuer: expected [[issuer]] tables");
    TRY(sso::ProviderSettings one, read_issuer(*node.as_table()));
    for (const auto& other : out)
      if (other.name == one.name || other.url == one.url)
        return wrong("issuer: two have the name or the url of " + one.name);
    out.push_back(std::move(one));
  }
  return out;
}

Result<Config> read(const toml::table& root) {
  CHECK_OK(check_keys(root, "gateway.toml", {"listen", "broker", "redis", "public", "limits", "issuers", "issuer"}));
  const toml::table& listen = section(root, "listen");
  const toml::table& limits = section(root, "limits");
  const toml::table& issuers = section(root, "issuers");
  CHECK_OK(check_keys(listen, "listen", {"socket", "threads"}));
  CHECK_OK(check_keys(section(root, "broker"), "broker", {"market"}));
  CHECK_OK(check_keys(section(root, "redis"), "redis", {"socket"}));
  CHECK_OK(check_keys(section(root, "public"), "public", {"url"}));
  CHECK_OK(check_keys(limits, "limits", {"requests_per_second", "burst"}));
  CHECK_OK(check_keys(issuers, "issuers", {"ca_file"}));
  Config out;
  TRY(out.listen_socket, text(listen, "listen", "socket"));
  TRY(const std::int64_t threads, number(listen, "listen", "threads", 2, 1, 64));
  out.threads = static_cast<std::size_t>(threads);
  TRY(out.market, text(section(root, "broker"), "broker", "market"));
  TRY(out.redis_socket, text(section(root, "redis"), "redis", "socket", ""));
  TRY(out.issuer_ca_file, text(issuers, "issuers", "ca_file", ""));
  TRY(out.public_origin, read_origin(root));
  TRY(out.requests_per_second, number(limits, "limits", "requests_per_second", out.requests_per_second, 1, 1'000'000));
  TRY(out.burst, number(limits, "limits", "burst", out.burst, 1, 1'000'000));
  TRY(out.issuers, read_issuers(root));
  return out;
}

}  // namespace

Result<Config> read_config(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::not_found, "no configuration can be read from " + path);
  std::ostringstream content;
  content << file.rdbuf();
  try {
    return read(toml::parse(content.str(), path));
  } catch (const toml::parse_error& error) {
    std::ostringstream place;
    place << path << ", line " << error.source().begin.line << ": " << error.description();
    return wrong(place.str());
  }
}

}  // namespace bourse::gateway
