#include "connectors/daemon/enrol.h"

#include "connectors/daemon/tls.h"
#include "federation-proto/key_file.h"

namespace bourse::connector {
namespace {

Status check_name(const std::string& name) {
  bool good = !name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-';
  for (const char c : name) good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-');
  if (!good) return fail(ErrorCode::invalid_argument, "name: 1 to 63 of a-z, 0-9 and '-', not at an end");
  return {};
}

std::string keys_of(const std::string& directory) { return directory + "/keys"; }

}  // namespace

Result<federation::EnrolRequest> initialise(const std::string& directory, const std::string& name, Rng& rng) {
  CHECK_OK(check_name(name));
  CHECK_OK(federation::make_private_directory(directory));
  const std::string keys = keys_of(directory);
  CHECK_OK(federation::make_private_directory(keys));
  TRY(const federation::KeyPair identity, federation::load_or_create_key_pair(keys + "/identity.key", rng));
  TRY(const federation::KeyPair billing, federation::load_or_create_key_pair(keys + "/billing.key", rng));
  auto tls = federation::read_private_file(keys + "/tls.key");
  if (!tls) {
    if (tls.error().code != ErrorCode::not_found) return std::unexpected(tls.error());
    TRY(tls, make_tls_key());
    CHECK_OK(federation::write_private_file(keys + "/tls.key", *tls));
  }
  federation::EnrolRequest request{.name = name, .identity_key = identity.public_key, .billing_key = billing.public_key, .csr_pem = {}};
  TRY(request.csr_pem, make_request(*tls));
  const std::string payload = federation::enrol_payload(request);
  request.identity_proof = federation::sign(identity.secret, federation::kEnrolType, payload);
  request.billing_proof = federation::sign(billing.secret, federation::kEnrolType, payload);
  CHECK_OK(federation::write_private_file(directory + "/request.json", federation::to_json(request)));
  return request;
}

Result<ConnectorKeys> load_keys(const std::string& directory) {
  const std::string keys = keys_of(directory);
  ConnectorKeys loaded;
  TRY(loaded.identity, federation::load_key_pair(keys + "/identity.key"));
  TRY(loaded.billing, federation::load_key_pair(keys + "/billing.key"));
  TRY(loaded.tls_key_pem, federation::read_private_file(keys + "/tls.key"));
  return loaded;
}

Result<federation::JoinBundle> install(const std::string& bundle_json, const std::string& directory, Instant now) {
  TRY(const ConnectorKeys keys, load_keys(directory));
  TRY(federation::JoinBundle bundle, federation::parse_join_bundle(bundle_json));
  CHECK_OK(check_certificate(bundle.certificate_pem, keys.tls_key_pem, bundle.root_pem, now));
  const auto before = load_bundle(directory);
  if (!before && before.error().code != ErrorCode::not_found) return std::unexpected(before.error());
  if (before && (before->center != bundle.center || before->connector != bundle.connector || before->audience != bundle.audience))
    return fail(ErrorCode::conflict, "this folder belongs to center " + before->center_name + "; a new membership needs a new folder");
  CHECK_OK(federation::write_private_file(directory + "/bundle.json", federation::to_json(bundle)));
  return bundle;
}

Result<federation::JoinBundle> load_bundle(const std::string& directory) {
  TRY(const std::string text, federation::read_private_file(directory + "/bundle.json"));
  auto bundle = federation::parse_join_bundle(text);
  if (!bundle) return fail(ErrorCode::integrity, "bundle.json: " + bundle.error().detail);
  return bundle;
}

}  // namespace bourse::connector
