#include "broker/adapters/link/peer.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>
#include <optional>

namespace bourse::broker {
namespace {

constexpr std::size_t kMaxHeaderBytes = 16 << 10;

struct Free {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::unexpected<Error> refuse(std::string why) { return fail(ErrorCode::unauthenticated, std::move(why)); }

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
    out.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
    i += 2;
  }
  return out;
}

std::optional<Instant> instant_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return Instant{static_cast<std::int64_t>(::timegm(&parts)) * 1000};
}

// The certificate's URI name, if there is exactly one.
std::optional<std::string> uri_name(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, Free> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) return std::nullopt;
  std::optional<std::string> found;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI || found) return std::nullopt;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    found.emplace(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)), static_cast<std::size_t>(ASN1_STRING_length(uri)));
  }
  return found;
}

}  // namespace

Result<Peer> read_peer(std::string_view header, const std::string& audience, Instant now) {
  if (header.empty() || header.size() > kMaxHeaderBytes) return refuse("no client certificate");
  const auto pem = unescape(header);
  if (!pem) return refuse("the client certificate is not escaped as it should be");
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
  const std::unique_ptr<X509, Free> certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  ERR_clear_error();
  if (!certificate) return refuse("the client certificate can't be read");

  const auto from = instant_of(X509_get0_notBefore(certificate.get()));
  const auto until = instant_of(X509_get0_notAfter(certificate.get()));
  if (!from || !until || now < *from || now >= *until) return refuse("the client certificate is not valid now");
  if (X509_get_extended_key_usage(certificate.get()) != XKU_SSL_CLIENT) return refuse("the certificate is not one for clients only");
  const auto uri = uri_name(certificate.get());
  if (!uri) return refuse("the certificate must have exactly one name, a URI");

  std::string_view rest = *uri;
  const std::string before_center = "spiffe://" + audience + "/center/";
  constexpr std::string_view kBetween = "/connector/";
  const std::size_t between = rest.find(kBetween, std::min(before_center.size(), rest.size()));
  if (!rest.starts_with(before_center) || between == std::string_view::npos) return refuse("the certificate names something else");
  const auto center = parse_id<CenterIdKind>(rest.substr(before_center.size(), between - before_center.size()));
  const auto connector = parse_id<ConnectorIdKind>(rest.substr(between + kBetween.size()));
  if (!center || !connector) return refuse("the certificate names something else");
  return Peer{*center, *connector, *until};
}

}  // namespace bourse::broker
