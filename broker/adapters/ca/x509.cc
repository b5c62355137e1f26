#include "broker/adapters/ca/x509.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

namespace bourse::broker::x509 {
namespace {

using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Serial = std::unique_ptr<BIGNUM, Free<BN_free>>;
using Name = std::unique_ptr<X509_NAME, Free<X509_NAME_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;

constexpr std::size_t kMaxPemBytes = 64 << 10;

std::unexpected<Error> openssl_error(ErrorCode code, const std::string& what) {
  char text[256] = "";
  const unsigned long error = ERR_peek_last_error();
  if (error != 0) ERR_error_string_n(error, text, sizeof text);
  ERR_clear_error();
  return fail(code, text[0] == '\0' ? what : what + ": " + text);
}

Result<Bio> reader(const std::string& pem) {
  if (pem.size() > kMaxPemBytes) return fail(ErrorCode::invalid_argument, "the PEM text is too large");
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// Never asks at the terminal for a password.
int no_password(char*, int, int, void*) { return -1; }

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

bool on_p256(const EVP_PKEY* key) {
  char group[64] = "";
  std::size_t length = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, &length) == 1 &&
         std::string_view(group, length) == "prime256v1";
}

bool set_serial(X509* certificate) {
  unsigned char bytes[16];
  // tidy: allow clock, OpenSSL makes the key of this certificate from the same generator
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] &= 0x7F;
  const Serial number(BN_bin2bn(bytes, sizeof bytes, nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_time(ASN1_TIME* out, Instant t) { return ASN1_TIME_set(out, static_cast<time_t>(t.unix_ms / 1000)) != nullptr; }

}  // namespace

Result<Key> make_p256_key() {
  Key key(EVP_EC_gen("P-256"));
  if (!key) return openssl_error(ErrorCode::internal, "making a P-256 key");
  return key;
}

Result<Key> parse_key(const std::string& pem) {
  TRY(const Bio bio, reader(pem));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!key) return openssl_error(ErrorCode::integrity, "reading a private key");
  return key;
}

Result<Certificate> parse_certificate(const std::string& pem) {
  TRY(const Bio bio, reader(pem));
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr));
  if (!certificate) return openssl_error(ErrorCode::invalid_argument, "reading a certificate");
  return certificate;
}

Result<Request> parse_request(const std::string& pem) {
  TRY(const Bio bio, reader(pem));
  Request request(PEM_read_bio_X509_REQ(bio.get(), nullptr, no_password, nullptr));
  if (!request) return openssl_error(ErrorCode::invalid_argument, "csr: not a certificate request in PEM");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || !on_p256(key)) {
    ERR_clear_error();
    return fail(ErrorCode::invalid_argument, "csr: the key must be ECDSA on P-256");
  }
  if (X509_REQ_verify(request.get(), key) != 1)
    return openssl_error(ErrorCode::invalid_argument, "csr: its signature does not fit its key");
  return request;
}

Result<std::string> to_pem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return openssl_error(ErrorCode::internal, "writing a private key");
  return text_of(bio.get());
}

Result<std::string> to_pem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1)
    return openssl_error(ErrorCode::internal, "writing a certificate");
  return text_of(bio.get());
}

Result<Certificate> issue(const Template& what) {
  Certificate certificate(X509_new());
  const Name name(X509_NAME_new());
  if (!certificate || !name) return openssl_error(ErrorCode::internal, "making a certificate");
  X509* out = certificate.get();
  const auto* cn = reinterpret_cast<const unsigned char*>(what.common_name.data());
  const bool filled =
      X509_set_version(out, X509_VERSION_3) == 1 && set_serial(out) && set_time(X509_getm_notBefore(out), what.from) &&
      set_time(X509_getm_notAfter(out), what.until) && X509_set_pubkey(out, what.subject_key) == 1 &&
      X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_UTF8, cn, static_cast<int>(what.common_name.size()), -1, 0) == 1 &&
      X509_set_subject_name(out, name.get()) == 1 &&
      X509_set_issuer_name(out, what.issuer != nullptr ? X509_get_subject_name(what.issuer) : name.get()) == 1;
  if (!filled) return openssl_error(ErrorCode::internal, "filling a certificate");

  X509V3_CTX context;
  X509V3_set_ctx(&context, what.issuer != nullptr ? what.issuer : out, out, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  for (const Extension& extension : what.extensions) {
    const ExtensionPtr made(X509V3_EXT_nconf_nid(nullptr, &context, extension.nid, extension.value.c_str()));
    if (!made || X509_add_ext(out, made.get(), -1) != 1)
      return openssl_error(ErrorCode::internal, "adding a certificate's extension");
  }
  if (X509_sign(out, what.issuer_key, EVP_sha256()) == 0) return openssl_error(ErrorCode::internal, "signing a certificate");
  return certificate;
}

}  // namespace bourse::broker::x509
