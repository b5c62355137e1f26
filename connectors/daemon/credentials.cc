#include "connectors/daemon/credentials.h"

#include <nlohmann/json.hpp>

#include "federation-proto/key_file.h"

namespace bourse::connector {
namespace {

using Json = nlohmann::ordered_json;

std::string keys_of(const std::string& directory) { return directory + "/keys"; }

}  // namespace

Result<ConnectorKeys> make_keys(const std::string& directory, Rng& rng) {
  CHECK_OK(federation::make_private_directory(directory));
  CHECK_OK(federation::make_private_directory(keys_of(directory)));
  ConnectorKeys keys;
  TRY(keys.identity, federation::load_or_create_key_pair(keys_of(directory) + "/identity.key", rng));
  TRY(keys.billing, federation::load_or_create_key_pair(keys_of(directory) + "/billing.key", rng));
  return keys;
}

Result<ConnectorKeys> load_keys(const std::string& directory) {
  ConnectorKeys keys;
  TRY(keys.identity, federation::load_key_pair(keys_of(directory) + "/identity.key"));
  TRY(keys.billing, federation::load_key_pair(keys_of(directory) + "/billing.key"));
  return keys;
}

Result<federation::JoinBundle> adopt_bundle(const std::string& bundle_json, const std::string& directory) {
  TRY(federation::JoinBundle bundle, federation::parse_join_bundle(bundle_json));
  const auto before = load_bundle(directory);
  if (!before && before.error().code != ErrorCode::not_found) return std::unexpected(before.error());
  const auto member = load_credentials(directory);
  const bool ours = member || member.error().code != ErrorCode::not_found;  // also when they can't be read
  if (before && (before->center != bundle.center || before->audience != bundle.audience) && ours)
    return fail(ErrorCode::conflict, "this folder belongs to center " + before->center_name + " of " + before->audience + "; a new membership needs a new folder");
  CHECK_OK(federation::write_private_file(directory + "/bundle.json", federation::to_json(bundle)));
  return bundle;
}

Result<federation::JoinBundle> load_bundle(const std::string& directory) {
  TRY(const std::string text, federation::read_private_file(directory + "/bundle.json"));
  auto bundle = federation::parse_join_bundle(text);
  if (!bundle) return fail(ErrorCode::integrity, "bundle.json: " + bundle.error().detail);
  return bundle;
}

Status save(const Credentials& credentials, const std::string& directory) {
  const Json json = {{"version", 1},
                     {"connector", to_text(credentials.connector)},
                     {"epoch", credentials.epoch},
                     {"generation", credentials.generation},
                     {"since_ms", credentials.since.unix_ms},
                     {"until_ms", credentials.until.unix_ms},
                     {"tls_key_pem", credentials.tls_key_pem},
                     {"certificate_pem", credentials.certificate_pem}};
  return federation::write_private_file(directory + "/credentials.json", json.dump(2) + "\n");
}

Result<Credentials> load_credentials(const std::string& directory) {
  TRY(const std::string text, federation::read_private_file(directory + "/credentials.json"));
  const Json json = Json::parse(text, nullptr, false);
  const auto damaged = [](const char* what) { return fail(ErrorCode::integrity, std::string("credentials.json: ") + what); };
  if (!json.is_object() || json.value("version", Json()) != 1) return damaged("not one of ours");
  for (const char* field : {"connector", "tls_key_pem", "certificate_pem"})
    if (!json.contains(field) || !json[field].is_string()) return damaged(field);
  for (const char* field : {"epoch", "generation", "since_ms", "until_ms"})
    if (!json.contains(field) || !json[field].is_number_unsigned()) return damaged(field);
  Credentials out;
  const auto connector = parse_id<ConnectorIdKind>(json["connector"].get<std::string>());
  if (!connector) return damaged("connector");
  out.connector = *connector;
  out.epoch = json["epoch"];
  out.generation = json["generation"];
  out.since = {json["since_ms"]};
  out.until = {json["until_ms"]};
  out.tls_key_pem = json["tls_key_pem"];
  out.certificate_pem = json["certificate_pem"];
  return out;
}

}  // namespace bourse::connector
