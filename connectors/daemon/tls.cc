#include "connectors/daemon/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <vector>

namespace bourse::connector {
namespace {

struct Free {
  void operator()(BIO* p) const { BIO_free_all(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(X509_REQ* p) const { X509_REQ_free(p); }
  void operator()(X509_NAME* p) const { X509_NAME_free(p); }
  void operator()(X509_STORE* p) const { X509_STORE_free(p); }
  void operator()(X509_STORE_CTX* p) const { X509_STORE_CTX_free(p); }
  void operator()(STACK_OF(X509) * p) const { sk_X509_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

int no_password(char*, int, int, void*) { return -1; }

std::unexpected<Error> failed(ErrorCode code, const std::string& what) {
  ERR_clear_error();
  return fail(code, what);
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Owned<BIO> reader(const std::string& text) { return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

Owned<EVP_PKEY> key_of(const std::string& pem) {
  return Owned<EVP_PKEY>(PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, no_password, nullptr));
}

std::vector<Owned<X509>> certificates_of(const std::string& pem) {
  std::vector<Owned<X509>> result;
  const auto bio = reader(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)) result.emplace_back(certificate);
  ERR_clear_error();
  return result;
}

}  // namespace

Result<std::string> make_tls_key() {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  if (!key || !bio || PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return failed(ErrorCode::internal, "making a TLS key");
  return text_of(bio.get());
}

Result<std::string> make_request(const std::string& key_pem) {
  const auto key = key_of(key_pem);
  if (!key) return failed(ErrorCode::integrity, "the TLS key can't be read");
  const Owned<X509_REQ> request(X509_REQ_new());
  const Owned<X509_NAME> name(X509_NAME_new());
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  const auto* cn = reinterpret_cast<const unsigned char*>("bourse connector");
  const bool made = request && name && bio && X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_ASC, cn, -1, -1, 0) == 1 &&
                    X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1 &&
                    X509_REQ_set_subject_name(request.get(), name.get()) == 1 && X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
                    X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0 && PEM_write_bio_X509_REQ(bio.get(), request.get()) == 1;
  if (!made) return failed(ErrorCode::internal, "making a certificate request");
  return text_of(bio.get());
}

Status check_certificate(const std::string& chain_pem, const std::string& key_pem, const std::string& root_pem, Instant now) {
  const auto key = key_of(key_pem);
  const auto chain = certificates_of(chain_pem);
  const auto roots = certificates_of(root_pem);
  if (!key) return failed(ErrorCode::integrity, "the TLS key can't be read");
  if (chain.empty() || roots.size() != 1) return failed(ErrorCode::invalid_argument, "certificate_pem or root_pem holds no certificate");
  if (X509_check_private_key(chain.front().get(), key.get()) != 1)
    return failed(ErrorCode::invalid_argument, "the certificate is for another key: was the bundle made for another folder?");

  const Owned<X509_STORE> store(X509_STORE_new());
  const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new());
  const Owned<STACK_OF(X509)> between(sk_X509_new_null());
  for (std::size_t i = 1; i < chain.size(); ++i) sk_X509_push(between.get(), chain[i].get());
  if (!store || !context || X509_STORE_add_cert(store.get(), roots.front().get()) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), between.get()) != 1)
    return failed(ErrorCode::internal, "preparing the certificate check");
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(param, static_cast<time_t>(now.unix_ms / 1000));
  X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
  if (X509_verify_cert(context.get()) == 1) return {};
  const int error = X509_STORE_CTX_get_error(context.get());
  return failed(ErrorCode::invalid_argument, std::string("the certificate does not verify: ") + X509_verify_cert_error_string(error));
}

}  // namespace bourse::connector
