#include "broker/daemon/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>
#include <sstream>
#include <toml++/toml.h>
#include <variant>

namespace bourse::broker {
namespace {

struct Setting {
  const char* key;  // "section.key", or a key at the top
  std::variant<std::string Config::*, bool Config::*, int Config::*> member;
  bool required;
  const char* purpose;
  int most = 366;  // of a number
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
    {"edge.join_server_name", &Config::edge_join_server_name, false, "TLS name at the edge by which connectors join and renew"},
    {"connectors.certificate_minutes", &Config::certificate_minutes, false, "a connector's certificate is good for so long; 1 to 366, default 60"},
    {"connectors.heartbeat_seconds", &Config::heartbeat_seconds, false, "links say something that often and are given up after thrice that in silence; 1 to 18, default 10"},
    {"finance.two_people", &Config::two_people, false, "true: what moves or commits money waits for a second person; default true"},
    {"finance.debtor.name", &Config::debtor_name, false, "holder of our account, from which payouts are paid"},
    {"finance.debtor.account", &Config::debtor_account, false, "its IBAN or number; only its statements are imported"},
    {"finance.debtor.bank", &Config::debtor_bank, false, "its bank: BIC, or twelve digits of CNAPS"},
    {"finance.bill_net_days", &Config::bill_net_days, false, "a monthly bill's debt is due so many days after the month; 0 to 366, default 30"},
    {"prices.factors", &Config::factors, false, "folder of tables of 度 factors (*.json); default what this version was published with"},
    {"files.directory", &Config::files_directory, false, "folder of jobs' input and output files; empty = jobs have none"},
    {"files.file_gib", &Config::files_gib, false, "the most a file may have; 1 to 8192, default 10", 8192},
    {"files.account_gib", &Config::files_account_gib, false, "the most a billing account may keep; 1 to 1000000, default 100", 1'000'000},
    {"files.days", &Config::files_days, false, "files and the ends of logs are kept so long after their last use; 1 to 366, default 30"},
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

std::string Config::*text_of(const Setting& setting) {
  const auto* member = std::get_if<std::string Config::*>(&setting.member);
  return member == nullptr ? nullptr : *member;
}

Status set(Config& config, const Setting& setting, const std::string& value, const std::string& where) {
  if (const auto member = text_of(setting); member != nullptr) {
    config.*member = value;
    return {};
  }
  if (const auto* number = std::get_if<int Config::*>(&setting.member); number != nullptr) {
    int parsed = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
    if (error != std::errc() || end != value.data() + value.size() || parsed < 0 || parsed > setting.most)
      return fail(ErrorCode::invalid_argument, fmt::format("{}{} must be a number from 0 to {}.", where, setting.key, setting.most));
    config.*(*number) = parsed;
    return {};
  }
  if (value != "true" && value != "false")
    return fail(ErrorCode::invalid_argument, fmt::format("{}{} must be true or false.", where, setting.key));
  config.*std::get<bool Config::*>(setting.member) = value == "true";
  return {};
}

Status take(Config& config, const toml::table& table, const std::string& prefix, const std::string& origin) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    const auto line = node.source().begin.line;
    if (const toml::table* inner = node.as_table(); inner != nullptr && setting_named(key) == nullptr && std::ranges::count(prefix, '.') < 2) {
      CHECK_OK(take(config, *inner, key + ".", origin));
      continue;
    }
    const Setting* setting = setting_named(key);
    if (setting == nullptr)
      return fail(ErrorCode::invalid_argument, fmt::format("{}:{}: there is no setting {}.", origin, line, key));
    const std::string where = fmt::format("{}:{}: ", origin, line);
    if (const auto number = node.value_exact<std::int64_t>(); number && std::holds_alternative<int Config::*>(setting->member)) {
      CHECK_OK(set(config, *setting, std::to_string(*number), where));
      continue;
    }
    if (const auto flag = node.value_exact<bool>(); flag && std::holds_alternative<bool Config::*>(setting->member)) {
      CHECK_OK(set(config, *setting, *flag ? "true" : "false", where));
      continue;
    }
    const auto text = text_of(*setting) == nullptr ? std::nullopt : node.value_exact<std::string>();
    if (!text)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{}{} must be {}.", where, key, text_of(*setting) != nullptr ? "a string" : std::holds_alternative<bool Config::*>(setting->member) ? "true or false" : "a number"));
    CHECK_OK(set(config, *setting, *text, where));
  }
  return {};
}

Status check(const Config& config) {
  for (const Setting& setting : kSettings)
    if (setting.required && (config.*text_of(setting)).empty())
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} is missing (or set {}): {}.", setting.key, variable_of(setting.key), setting.purpose));
  for (const auto& [key, address] : {std::pair("listen.market", &config.listen_market), std::pair("listen.link", &config.listen_link)}) {
    if (!address->starts_with("unix:/"))
      return fail(ErrorCode::invalid_argument, fmt::format("{} must be unix:/absolute/path: only the edge listens on a network.", key));
    if (address->size() - 5 > 107)
      return fail(ErrorCode::invalid_argument, fmt::format("{}: a socket's path has at most 107 bytes.", key));
  }
  if (config.certificate_minutes < 1) return fail(ErrorCode::invalid_argument, "connectors.certificate_minutes must be a number from 1 to 366.");
  // The edge ends what is silent for a minute: beyond three heartbeats of 18 s the link must still be ours to give up.
  if (config.heartbeat_seconds < 1 || config.heartbeat_seconds > 18)
    return fail(ErrorCode::invalid_argument, "connectors.heartbeat_seconds must be a number from 1 to 18.");
  for (const auto& [key, value] : {std::pair("files.file_gib", config.files_gib), std::pair("files.account_gib", config.files_account_gib), std::pair("files.days", config.files_days)})
    if (value < 1) return fail(ErrorCode::invalid_argument, fmt::format("{} must be at least 1.", key));
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
    if (auto value = environment(variable_of(setting.key))) CHECK_OK(set(config, setting, *value, variable_of(setting.key) + ": "));
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
    text += fmt::format("  {:<22} {:<36} {}{}\n", setting.key, variable_of(setting.key), setting.purpose,
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
