#include "broker/daemon/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <toml++/toml.h>

namespace bourse::broker {
namespace {

struct Setting {
  const char* key;  // "section.key", or a key at the top
  std::string Config::*member;
  bool required;
  const char* purpose;
};

constexpr Setting kSettings[] = {
    {"name", &Config::name, false, "the broker's name: audience of connectors, issuer of statements"},
    {"listen.market", &Config::listen_market, true, "where gateways call: unix:/absolute/path"},
    {"listen.link", &Config::listen_link, true, "where the edge passes connectors on: unix:/absolute/path"},
    {"listen.group", &Config::listen_group, false, "group that may use both sockets; default the process's own"},
    {"postgres.migrator", &Config::migrator, true, "connection string of the role that owns the schemas"},
    {"postgres.writer", &Config::writer, true, "of bourse_writer: journal, blobs, identities"},
    {"postgres.projector", &Config::projector, true, "of bourse_projector: the projections"},
    {"postgres.reader", &Config::reader, true, "of bourse_reader: queries; owns nothing"},
    {"keys.directory", &Config::keys_directory, true, "K_order, K_ack and the intermediate certificate; made at first use"},
    {"keys.root_directory", &Config::root_directory, true, "the root certificate's key; not read once the intermediate exists"},
    {"edge.connect", &Config::edge_connect, false, "host:port that connectors dial"},
    {"edge.server_name", &Config::edge_server_name, false, "TLS name of the link at the edge"},
    {"log.level", &Config::log_level, false, "trace, debug, info, warn or error"},
};

std::string variable_of(std::string key) {
  for (char& c : key) c = c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "BOURSE_BROKER_" + key;
}

const Setting* setting_named(const std::string& key) {
  const auto* found = std::ranges::find(kSettings, key, [](const Setting& s) { return std::string(s.key); });
  return found == std::end(kSettings) ? nullptr : found;
}

Status take(Config& config, const toml::table& table, const std::string& prefix, const std::string& origin) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    const auto line = node.source().begin.line;
    if (const toml::table* inner = node.as_table(); inner != nullptr && prefix.empty()) {
      CHECK_OK(take(config, *inner, key + ".", origin));
      continue;
    }
    const Setting* setting = setting_named(key);
    if (setting == nullptr)
      return fail(ErrorCode::invalid_argument, fmt::format("{}:{}: there is no setting {}.", origin, line, key));
    const auto text = node.value_exact<std::string>();
    if (!text) return fail(ErrorCode::invalid_argument, fmt::format("{}:{}: {} must be a string.", origin, line, key));
    config.*(setting->member) = *text;
  }
  return {};
}

Status check(const Config& config) {
  for (const Setting& setting : kSettings)
    if (setting.required && (config.*(setting.member)).empty())
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} is missing (or set {}): {}.", setting.key, variable_of(setting.key), setting.purpose));
  for (const auto& [key, address] : {std::pair("listen.market", &config.listen_market), std::pair("listen.link", &config.listen_link)}) {
    if (!address->starts_with("unix:/"))
      return fail(ErrorCode::invalid_argument, fmt::format("{} must be unix:/absolute/path: only the edge listens on a network.", key));
    if (address->size() - 5 > 107)
      return fail(ErrorCode::invalid_argument, fmt::format("{}: a socket's path has at most 107 bytes.", key));
  }
  static const std::set<std::string> kLevels = {"trace", "debug", "info", "warn", "error"};
  if (!kLevels.contains(config.log_level))
    return fail(ErrorCode::invalid_argument, "log.level must be trace, debug, info, warn or error.");
  return {};
}

}  // namespace

Result<Config> parse_config(const std::string& text, const std::string& origin, const Environment& environment) {
  Config config;
  try {
    CHECK_OK(take(config, toml::parse(text, origin), "", origin));
  } catch (const toml::parse_error& e) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}:{}: {}", origin, e.source().begin.line, e.description()));
  }
  for (const Setting& setting : kSettings)
    if (auto value = environment(variable_of(setting.key))) config.*(setting.member) = *value;
  CHECK_OK(check(config));
  return config;
}

Result<Config> load_config(const std::string& path, const Environment& environment) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::not_found, fmt::format("{} can't be read.", path));
  std::ostringstream text;
  text << file.rdbuf();
  return parse_config(text.str(), path, environment);
}

std::string config_help() {
  std::string text = "Settings (TOML; the variable beside each overrides the file):\n";
  for (const Setting& setting : kSettings)
    text += fmt::format("  {:<20} {:<34} {}{}\n", setting.key, variable_of(setting.key), setting.purpose,
                        setting.required ? " (required)" : "");
  text +=
      "\nExample:\n"
      "  name = \"bourse.example.org\"\n"
      "  [listen]\n"
      "  market = \"unix:/run/bourse/market.sock\"\n"
      "  link = \"unix:/run/bourse/link.sock\"\n"
      "  [postgres]\n"
      "  migrator = \"host=/run/postgresql dbname=bourse user=bourse_migrator\"\n"
      "  writer = \"host=/run/postgresql dbname=bourse user=bourse_writer\"\n"
      "  projector = \"host=/run/postgresql dbname=bourse user=bourse_projector\"\n"
      "  reader = \"host=/run/postgresql dbname=bourse user=bourse_reader\"\n"
      "  [keys]\n"
      "  directory = \"/var/lib/bourse/keys\"\n"
      "  root_directory = \"/var/lib/bourse/root-ca\"\n"
      "  [edge]\n"
      "  connect = \"market.example.org:443\"\n"
      "  server_name = \"link.bourse.internal\"\n"
      "\n"
      "It prints \"bourse-broker ready\" when it serves; logs go to stderr. SIGTERM ends it cleanly; after a crash just start it\n"
      "again. Exit codes: 0 ended as asked, 2 bad configuration, 6 a server it needs can't be reached, 8 the journal is\n"
      "damaged, 9 another broker has taken over (don't restart this one at once), 70 a fault.\n";
  return text;
}

}  // namespace bourse::broker
