// OpenSSL's X.509 in owning pointers, with the few operations that the certificate authority needs.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace bourse::broker::x509 {

template <auto free_function>
struct Free {
  template <class T>
  void operator()(T* value) const { free_function(value); }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;

Result<Key> make_p256_key();
Result<Key> parse_key(const std::string& pem);
Result<Certificate> parse_certificate(const std::string& pem);
// A request whose signature fits its key, and whose key is on P-256. Errors: invalid_argument.
Result<Request> parse_request(const std::string& pem);
Result<std::string> to_pem(EVP_PKEY* key);
Result<std::string> to_pem(X509* certificate);

struct Extension {
  int nid;
  std::string value;  // in OpenSSL's configuration syntax
};
struct Template {
  std::string common_name;
  EVP_PKEY* subject_key = nullptr;
  X509* issuer = nullptr;  // null: self-signed
  EVP_PKEY* issuer_key = nullptr;
  Instant from, until;
  std::vector<Extension> extensions;
};
// Errors: internal.
Result<Certificate> issue(const Template& what);

}  // namespace bourse::broker::x509
