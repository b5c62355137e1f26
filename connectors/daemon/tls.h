// The few OpenSSL operations of joining: a P-256 key, a certificate request, and the check of what came back.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"

namespace bourse::connector {

Result<std::string> make_tls_key();  // PEM. Errors: internal.
// A request that proves possession of the key; the broker ignores its names. Errors: integrity (key), internal.
Result<std::string> make_request(const std::string& key_pem);
// That the first certificate of `chain_pem` is for the key, leads to `root_pem` by what follows it, is for clients and in
// time. Errors: invalid_argument, saying which.
Status check_certificate(const std::string& chain_pem, const std::string& key_pem, const std::string& root_pem, Instant now);

}  // namespace bourse::connector
