#include "connectors/kubernetes/kubeconfig.h"

#include <openssl/evp.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "connectors/host/files.h"
#include "connectors/host/text.h"

namespace bourse::kubernetes {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;
constexpr const char* kMounted = "/var/run/secrets/kubernetes.io/serviceaccount";

std::unexpected<Error> wrong(const std::string& what) { return fail(ErrorCode::invalid_argument, "kubernetes: " + what); }

Result<std::string> from_base64(std::string text, const std::string& what) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  if (text.empty() || text.size() % 4 != 0) return wrong(what + " is not base64");
  std::vector<unsigned char> out(text.size() / 4 * 3);
  const int length = EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) return wrong(what + " is not base64");
  const auto padding = std::min<std::ptrdiff_t>(std::ranges::count(text.substr(text.size() - 2), '='), 2);
  return std::string(out.begin(), out.begin() + length - padding);
}

// `name` or `name`-data of a table of the kubeconfig.
Result<std::string> pem_of(const YAML::Node& table, const std::string& name, const std::string& folder) {
  if (const YAML::Node data = table[name + "-data"]; data && data.IsScalar()) return from_base64(data.Scalar(), name + "-data");
  const YAML::Node file = table[name];
  if (!file || !file.IsScalar() || file.Scalar().empty()) return std::string();
  const std::string path = file.Scalar();
  return read_linked_file(path.starts_with('/') ? path : folder + "/" + path);
}

std::string text_of(const YAML::Node& table, const char* name) {
  const YAML::Node value = table[name];
  return value && value.IsScalar() ? value.Scalar() : std::string();
}

// The table `field` of the entry of `list` that is called `name`.
Result<YAML::Node> named(const YAML::Node& root, const char* list, const char* field, const std::string& name) {
  const YAML::Node all = root[list];
  if (all && all.IsSequence())
    for (const YAML::Node& entry : all)
      if (entry.IsMap() && text_of(entry, "name") == name && entry[field] && entry[field].IsMap()) return entry[field];
  return wrong(std::string("the kubeconfig has no ") + field + " named '" + host::shown(name) + "'");
}

Status read_user(const YAML::Node& user, const std::string& folder, Access& access) {
  for (const char* foreign : {"exec", "auth-provider", "username", "password", "as", "as-groups"})
    if (user[foreign]) return wrong(std::string("the kubeconfig's user has '") + foreign + "', which is not supported: use a token or a client certificate");
  access.token = text_of(user, "token");
  if (const std::string file = text_of(user, "tokenFile"); !file.empty()) access.token_file = file.starts_with('/') ? file : folder + "/" + file;
  if (!access.token_file.empty()) access.token.clear();
  TRY(access.certificate_pem, pem_of(user, "client-certificate", folder));
  TRY(access.key_pem, pem_of(user, "client-key", folder));
  if (access.certificate_pem.empty() != access.key_pem.empty()) return wrong("client certificate and key belong together");
  return {};
}

Result<Access> read_tables(const YAML::Node& root, const std::string& folder, const std::string& wanted) {
  if (!root.IsMap()) return wrong("the kubeconfig is not a table");
  const std::string name = wanted.empty() ? text_of(root, "current-context") : wanted;
  if (name.empty()) return wrong("the kubeconfig has no current-context, and none is configured");
  TRY(const YAML::Node context, named(root, "contexts", "context", name));
  TRY(const YAML::Node cluster, named(root, "clusters", "cluster", text_of(context, "cluster")));
  Access access;
  access.name_space = text_of(context, "namespace");
  const std::string skip = text_of(cluster, "insecure-skip-tls-verify");
  if (!skip.empty() && skip != "false") return wrong("insecure-skip-tls-verify is refused: give the certificate-authority");
  if (cluster["proxy-url"]) return wrong("the kubeconfig's proxy-url is not supported");
  CHECK_OK(read_address(text_of(cluster, "server"), access));
  TRY(access.ca_pem, pem_of(cluster, "certificate-authority", folder));
  access.server_name = text_of(cluster, "tls-server-name");
  if (const std::string user = text_of(context, "user"); !user.empty()) {
    TRY(const YAML::Node table, named(root, "users", "user", user));
    CHECK_OK(read_user(table, folder, access));
  }
  return access;
}

Result<Access> access_of_pod() {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || port == nullptr) return wrong("neither kubeconfig nor address is configured, and this is no pod of a cluster");
  Access access;
  const std::string_view name(host);
  const std::string address = name.contains(':') ? "[" + std::string(name) + "]" : std::string(name);
  CHECK_OK(read_address("https://" + address + ":" + port, access));
  TRY(access.ca_pem, read_linked_file(std::string(kMounted) + "/ca.crt"));
  access.token_file = std::string(kMounted) + "/token";
  if (auto name_space = read_linked_file(std::string(kMounted) + "/namespace")) access.name_space = std::move(*name_space);
  return access;
}

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

}  // namespace

Result<std::string> read_linked_file(const std::string& path) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  if (error) return fail(ErrorCode::not_found, path + ": " + error.message());
  auto text = host::read_file(real.string(), kMaxFile);
  if (!text) return fail(text.error().code, path + ": " + text.error().detail);
  return text;
}

Status read_address(const std::string& address, Access& access) {
  std::string_view rest = address;
  if (rest.starts_with("https://")) access.tls = true, rest.remove_prefix(8);
  else if (rest.starts_with("http://")) access.tls = false, rest.remove_prefix(7);
  else return wrong("the address must start with https://, not '" + host::shown(address) + "'");
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view place = rest.substr(0, slash);
  std::string_view prefix = rest.substr(slash);
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  const std::size_t end = place.starts_with('[') ? place.find(']') : place.rfind(':');
  const bool v6 = place.starts_with('[') && end != std::string_view::npos;
  access.host = std::string(v6 ? place.substr(1, end - 1) : place.substr(0, end));
  std::string_view port = v6 ? place.substr(end + 1) : end == std::string_view::npos ? std::string_view() : place.substr(end);
  if (port.starts_with(':')) port.remove_prefix(1);
  access.port = port.empty() ? (access.tls ? "443" : "80") : std::string(port);
  access.prefix = std::string(prefix);
  const auto plain = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || std::string_view("._-/:~").contains(c); };
  const bool numbers = host::parse_count(access.port, 65535).value_or(0) > 0;
  if (access.host.empty() || !numbers || !std::ranges::all_of(access.host + access.prefix, plain))
    return wrong("the address can't be read: '" + host::shown(address) + "'");
  if (!access.tls && !is_loopback(access.host)) return wrong("http:// is for this machine only; use https://");
  return {};
}

Result<Access> read_kubeconfig(const std::string& text, const std::string& folder, const std::string& context) {
  try {
    return read_tables(YAML::Load(text), folder, context);
  } catch (const YAML::Exception& error) {
    return wrong("the kubeconfig can't be read, line " + std::to_string(error.mark.line + 1) + ": " + host::shown(error.msg));
  }
}

Result<Access> open_access(const AccessConfig& config) {
  if (!config.kubeconfig.empty()) {
    TRY(const std::string text, read_linked_file(config.kubeconfig));
    return read_kubeconfig(text, std::filesystem::path(config.kubeconfig).parent_path().string(), config.context);
  }
  if (config.address.empty()) return access_of_pod();
  Access access;
  CHECK_OK(read_address(config.address, access));
  if (!config.ca.empty()) {
    TRY(access.ca_pem, read_linked_file(config.ca));
  }
  access.server_name = config.server_name;
  access.token_file = config.token_file;
  if (config.certificate.empty() != config.key.empty()) return wrong("certificate and key belong together");
  if (!config.certificate.empty()) {
    TRY(access.certificate_pem, read_linked_file(config.certificate));
    TRY(access.key_pem, read_linked_file(config.key));
  }
  return access;
}

}  // namespace bourse::kubernetes
