// The certificate authority: root → intermediate (pathlen 0) → leaf.
#include "broker/adapters/ca/keys.h"
#include "broker/adapters/ca/x509.h"
#include "federation-proto/key_file.h"

namespace bourse::broker {
namespace {

constexpr Duration kRootLifetime = hours(24 * 365 * 20);
constexpr Duration kIntermediateLifetime = hours(24 * 365 * 10);
constexpr Duration kBackdating = minutes(5);  // for peers whose clocks are a little behind

struct CertificateFiles {
  std::string pem;
  std::string key_pem;
};

std::vector<x509::Extension> ca_extensions(bool root) {
  return {{NID_basic_constraints, root ? "critical,CA:TRUE,pathlen:1" : "critical,CA:TRUE,pathlen:0"},
          {NID_key_usage, "critical,keyCertSign,cRLSign"},
          {NID_subject_key_identifier, "hash"},
          {NID_authority_key_identifier, "keyid"}};
}

std::vector<x509::Extension> leaf_extensions(const char* usage, std::string names) {
  return {{NID_basic_constraints, "critical,CA:FALSE"},
          {NID_key_usage, "critical,digitalSignature"},
          {NID_ext_key_usage, usage},
          {NID_subject_alt_name, std::move(names)},
          {NID_subject_key_identifier, "hash"},
          {NID_authority_key_identifier, "keyid"}};
}

Result<CertificateFiles> make_root(const std::string& root_directory, Instant now) {
  TRY(const x509::Key key, x509::make_p256_key());
  x509::Template what{.common_name = "Bourse root", .subject_key = key.get(), .issuer_key = key.get(),
                      .from = now - kBackdating, .until = now + kRootLifetime, .extensions = ca_extensions(true)};
  TRY(const x509::Certificate certificate, x509::issue(what));
  CertificateFiles files;
  TRY(files.pem, x509::to_pem(certificate.get()));
  TRY(files.key_pem, x509::to_pem(key.get()));
  CHECK_OK(federation::make_private_directory(root_directory));
  CHECK_OK(federation::write_private_file(root_directory + "/root.pem", files.pem));
  CHECK_OK(federation::write_private_file(root_directory + "/root.key", files.key_pem));
  return files;
}

// The root that is there, or a new one. Its certificate lies beside its key, so that a lost intermediate can be replaced.
Result<CertificateFiles> root_of(const std::string& root_directory, Instant now) {
  auto key_pem = federation::read_private_file(root_directory + "/root.key");
  if (!key_pem) {
    if (key_pem.error().code != ErrorCode::not_found) return std::unexpected(key_pem.error());
    return make_root(root_directory, now);
  }
  CertificateFiles files{{}, std::move(*key_pem)};
  TRY(files.pem, federation::read_private_file(root_directory + "/root.pem"));
  return files;
}

Result<CertificateFiles> make_intermediate(const CertificateFiles& root, Instant now) {
  TRY(const x509::Certificate issuer, x509::parse_certificate(root.pem));
  TRY(const x509::Key issuer_key, x509::parse_key(root.key_pem));
  TRY(const x509::Key key, x509::make_p256_key());
  x509::Template what{.common_name = "Bourse intermediate", .subject_key = key.get(), .issuer = issuer.get(),
                      .issuer_key = issuer_key.get(), .from = now - kBackdating, .until = now + kIntermediateLifetime,
                      .extensions = ca_extensions(false)};
  TRY(const x509::Certificate certificate, x509::issue(what));
  CertificateFiles files;
  TRY(files.pem, x509::to_pem(certificate.get()));
  TRY(files.key_pem, x509::to_pem(key.get()));
  return files;
}

// A name goes into OpenSSL's extension syntax, where a comma or a colon would begin another one.
bool plain_name(const std::string& name) {
  if (name.empty() || name.size() > 253) return false;
  for (const char c : name)
    if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '.' && c != '-') return false;
  return true;
}

}  // namespace

Result<CertificateAuthority> CertificateAuthority::open(const std::string& directory, const std::string& root_directory,
                                                        Instant now) {
  CHECK_OK(federation::make_private_directory(directory));
  CertificateAuthority authority;
  auto key_pem = federation::read_private_file(directory + "/intermediate.key");
  if (!key_pem && key_pem.error().code != ErrorCode::not_found) return std::unexpected(key_pem.error());
  if (!key_pem) {
    TRY(const CertificateFiles root, root_of(root_directory, now));
    TRY(const CertificateFiles intermediate, make_intermediate(root, now));
    CHECK_OK(federation::write_private_file(directory + "/root.pem", root.pem));
    CHECK_OK(federation::write_private_file(directory + "/intermediate.pem", intermediate.pem));
    // The key goes last: its presence says that the folder is complete.
    CHECK_OK(federation::write_private_file(directory + "/intermediate.key", intermediate.key_pem));
    key_pem = intermediate.key_pem;
  }
  authority.intermediate_key_pem_ = std::move(*key_pem);
  TRY(authority.root_pem_, federation::read_private_file(directory + "/root.pem"));
  TRY(authority.intermediate_pem_, federation::read_private_file(directory + "/intermediate.pem"));
  CHECK_OK(x509::parse_certificate(authority.root_pem_));
  CHECK_OK(x509::parse_certificate(authority.intermediate_pem_));
  CHECK_OK(x509::parse_key(authority.intermediate_key_pem_));
  return authority;
}

Result<std::string> CertificateAuthority::issue_connector(const std::string& csr_pem, const std::string& audience,
                                                          CenterId center, ConnectorId connector, Instant now,
                                                          Duration lifetime) const {
  if (!plain_name(audience)) return fail(ErrorCode::invalid_argument, "audience: not a plain name");
  TRY(const x509::Request request, x509::parse_request(csr_pem));
  TRY(const x509::Certificate issuer, x509::parse_certificate(intermediate_pem_));
  TRY(const x509::Key issuer_key, x509::parse_key(intermediate_key_pem_));
  std::string name = "URI:spiffe://" + audience + "/center/" + to_text(center) + "/connector/" + to_text(connector);
  x509::Template what{.common_name = to_text(connector), .subject_key = X509_REQ_get0_pubkey(request.get()),
                      .issuer = issuer.get(), .issuer_key = issuer_key.get(), .from = now - kBackdating,
                      .until = now + lifetime, .extensions = leaf_extensions("clientAuth", std::move(name))};
  TRY(const x509::Certificate certificate, x509::issue(what));
  TRY(const std::string leaf, x509::to_pem(certificate.get()));
  return leaf + intermediate_pem_;
}

Result<CertificateAuthority::ServerCertificate> CertificateAuthority::issue_server(const std::vector<std::string>& dns_names,
                                                                                   Instant now, Duration lifetime) const {
  std::string names = "IP:127.0.0.1,IP:::1";
  for (const std::string& name : dns_names) {
    if (!plain_name(name)) return fail(ErrorCode::invalid_argument, "not a plain DNS name");
    names.append(",DNS:").append(name);
  }
  TRY(const x509::Certificate issuer, x509::parse_certificate(intermediate_pem_));
  TRY(const x509::Key issuer_key, x509::parse_key(intermediate_key_pem_));
  TRY(const x509::Key key, x509::make_p256_key());
  x509::Template what{.common_name = dns_names.empty() ? "localhost" : dns_names.front().substr(0, 64), .subject_key = key.get(),
                      .issuer = issuer.get(), .issuer_key = issuer_key.get(), .from = now - kBackdating,
                      .until = now + lifetime, .extensions = leaf_extensions("serverAuth", std::move(names))};
  TRY(const x509::Certificate certificate, x509::issue(what));
  ServerCertificate server;
  TRY(const std::string leaf, x509::to_pem(certificate.get()));
  server.chain_pem = leaf + intermediate_pem_;
  TRY(server.key_pem, x509::to_pem(key.get()));
  return server;
}

}  // namespace bourse::broker
