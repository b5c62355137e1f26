#include "cli/up/configuration.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <sstream>
#include <toml++/toml.h>

#include "broker/adapters/ca/keys.h"
#include "cli/up/nginx_template.h"

namespace bourse::embedded {
namespace {

namespace fs = std::filesystem;

std::string issuers_file_of(const StateDirectory& state) { return state.config() + "/issuers.toml"; }

// A TOML basic string; paths and connection strings contain nothing that needs more than this.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string filled(std::string text, const std::vector<std::pair<std::string, std::string>>& values) {
  for (const auto& [name, value] : values) {
    const std::string token = "@" + name + "@";
    for (std::size_t at = text.find(token); at != std::string::npos; at = text.find(token, at + value.size()))
      text.replace(at, token.size(), value);
  }
  return text;
}

// The tables of 度 factors that the market was last given; it isn't there when it was given none.
std::string factors_of(const StateDirectory& state) { return state.config() + "/factors"; }

std::string broker_toml(const StateDirectory& state, const MarketOptions& options,
                        const std::function<std::string(const std::string&)>& postgres) {
  return fmt::format(
      "# Written by `bourse up` at each start; config/broker.example.toml explains the fields.\n"
      "name = {}\n\n[listen]\nmarket = {}\nlink = {}\n\n"
      "[postgres]\nmigrator = {}\nwriter = {}\nprojector = {}\nreader = {}\n\n"
      "[keys]\ndirectory = {}\nroot_directory = {}\n\n[files]\ndirectory = {}\n\n[edge]\nconnect = \"127.0.0.1:{}\"\nserver_name = {}\njoin_server_name = {}\n\n[connectors]\ncertificate_minutes = {}\nheartbeat_seconds = {}\n\n"
      "[finance]\ntwo_people = {}\n\n[prices]\nfactors = {}\n\n"
      "# No bank has this account: it stands in for yours while you try payouts and statements.\n"
      "[finance.debtor]\nname = \"A market on trial\"\naccount = \"TRIAL-ACCOUNT\"\nbank = \"000000000000\"\n",
      quoted(kBrokerName), quoted("unix:" + state.market_socket()), quoted("unix:" + state.link_socket()),
      quoted(postgres("postgres")), quoted(postgres("bourse_writer")), quoted(postgres("bourse_projector")),
      quoted(postgres("bourse_reader")), quoted(state.keys()), quoted(state.root_ca()), quoted(state.files()), options.port,
      quoted(kLinkServerName), quoted(kJoinServerName), options.certificate_minutes, options.heartbeat_seconds, options.two_people, quoted(fs::exists(factors_of(state)) ? factors_of(state) : ""));
}

std::string gateway_toml(const StateDirectory& state, const MarketOptions& options, const std::string& issuers) {
  return fmt::format(
      "# Written by `bourse up` at each start; config/gateway.example.toml explains the fields.\n"
      "[listen]\nsocket = {}\n\n[broker]\nmarket = {}\n\n[redis]\nsocket = {}\n\n[public]\nurl = {}\n\n{}",
      quoted(state.gateway_socket()), quoted("unix:" + state.market_socket()), quoted(state.redis_socket()),
      quoted(options.public_url()), issuers);
}

std::string nginx_conf(const StateDirectory& state, const MarketOptions& options) {
  const std::string user = switches_users() ? fmt::format("user {0} {0};", kEdgeUser) : "";
  return filled(kNginxTemplate, {{"USER", user},
                                 {"RUN", state.run()},
                                 {"LOG", state.log()},
                                 {"SCRATCH", state.scratch()},
                                 {"EDGE", state.edge()},
                                 {"LISTEN", "127.0.0.1:" + std::to_string(options.port)},
                                 {"LINK_NAME", kLinkServerName},
                                 {"JOIN_NAME", kJoinServerName}});
}

// Moves one issuer's client secret into the gateway's secrets and names the copy in the table.
Status adopt_secret(const StateDirectory& state, const fs::path& beside, toml::table& issuer) {
  const auto name = issuer["name"].value<std::string>();
  if (!name || name->empty() || name->find_first_of("/. \n") != std::string::npos)
    return fail(ErrorCode::invalid_argument, "each [[issuer]] needs a name without spaces, dots and slashes");
  const auto secret_file = issuer["client_secret_file"].value<std::string>();
  if (!secret_file) return fail(ErrorCode::invalid_argument, "issuer " + *name + ": client_secret_file is missing");
  const fs::path path = fs::path(*secret_file).is_absolute() ? fs::path(*secret_file) : beside / *secret_file;
  TRY(const std::string secret, read_file(path, 4096));
  const std::string copy = state.config() + "/secrets/" + *name;
  CHECK_OK(write_file(copy, secret, 0600, kGatewayUser));
  issuer.insert_or_assign("client_secret_file", copy);
  return {};
}

// Young enough, and for these names, which `names` has beside it.
bool certificate_is_fresh(const std::string& path, const std::string& names, Instant now) {
  if (read_file(path + ".names").value_or("") != names) return false;
  struct stat info {};
  constexpr std::int64_t kRenewAfterMs = hours(24 * 60).ms;
  return stat(path.c_str(), &info) == 0 && now.unix_ms - info.st_mtime * 1000 < kRenewAfterMs;
}

}  // namespace

Status adopt_issuers(const StateDirectory& state, const std::string& file) {
  if (file.empty()) return {};
  toml::table document;
  try {
    document = toml::parse_file(file);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::invalid_argument, file + ": " + std::string(error.description()));
  }
  toml::array* issuers = document["issuer"].as_array();
  if (issuers == nullptr) return fail(ErrorCode::invalid_argument, file + " has no [[issuer]] table");
  for (toml::node& node : *issuers) {
    if (!node.is_table()) return fail(ErrorCode::invalid_argument, file + ": [[issuer]] must be a table");
    CHECK_OK(adopt_secret(state, fs::path(file).parent_path(), *node.as_table()));
  }
  std::ostringstream text;
  text << document << "\n";
  return write_file(issuers_file_of(state), text.str(), 0640, kGatewayUser);
}

Status adopt_factors(const StateDirectory& state, const std::string& directory) {
  if (directory.empty()) return {};
  // All of them are read before any is replaced: they may be the same files.
  std::map<std::string, std::string> texts;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".json") continue;
    TRY(texts[entry.path().filename().string()], read_file(entry.path()));
  }
  if (error) return fail(ErrorCode::not_found, directory + ": " + error.message());
  const std::string own = factors_of(state);
  fs::remove_all(own, error);
  fs::create_directories(own, error);
  fs::permissions(own, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read | fs::perms::others_exec, error);
  if (error) return fail(ErrorCode::unavailable, own + ": " + error.message());
  for (const auto& [name, text] : texts) CHECK_OK(write_file(own + "/" + name, text, 0644));
  return {};
}

Status write_configuration(const StateDirectory& state, const MarketOptions& options,
                           const std::function<std::string(const std::string& role)>& postgres) {
  const std::string issuers = read_file(issuers_file_of(state)).value_or("");
  CHECK_OK(write_file(state.config() + "/broker.toml", broker_toml(state, options, postgres), 0640, kBrokerUser));
  CHECK_OK(write_file(state.config() + "/gateway.toml", gateway_toml(state, options, issuers), 0640, kGatewayUser));
  return write_file(state.config() + "/nginx.conf", nginx_conf(state, options), 0644);
}

Status make_certificates(const StateDirectory& state, const Clock& clock, Rng& rng) {
  TRY(const auto authority, broker::CertificateAuthority::open(state.keys(), state.root_ca(), clock.now()));
  CHECK_OK(broker::load_or_create_keys(state.keys(), rng));
  for (const auto& entry : fs::directory_iterator(state.keys())) CHECK_OK(hand_over(entry.path(), kBrokerUser));
  CHECK_OK(write_file(state.root_certificate(), authority.root_pem(), 0644));
  CHECK_OK(write_file(state.edge() + "/client-ca.pem", authority.intermediate_pem() + authority.root_pem(), 0644));
  const std::vector<std::string> names = {"localhost", kLinkServerName, kJoinServerName};
  const std::string listed = fmt::format("{}\n", fmt::join(names, "\n"));
  const std::string path = state.edge() + "/server.pem";
  if (certificate_is_fresh(path, listed, clock.now())) return {};
  TRY(const auto server, authority.issue_server(names, clock.now(), hours(24 * 90)));
  CHECK_OK(write_file(state.edge() + "/server.key", server.key_pem, 0600));
  CHECK_OK(write_file(path, server.chain_pem, 0644));
  return write_file(path + ".names", listed, 0644);
}

}  // namespace bourse::embedded
