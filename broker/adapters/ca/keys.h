// The broker's own keys and its certificate authority, as files: made at first use, 0600, read at start.
//
//   <directory>/order.key  ack.key           Ed25519 seeds (K_order, K_ack)
//   <directory>/intermediate.{key,pem}       the CA that signs connectors' and the edge's certificates
//   <directory>/root.pem                     the trust anchor that join bundles pin; its key lives in a separate folder,
//   <root directory>/root.key                0700, which the broker does not need to read after the intermediate exists
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"
#include "broker/domain/center.h"

namespace bourse::broker {

// An Ed25519 pair in libsodium's form.
struct SigningKey {
  std::array<std::uint8_t, 64> secret{};
  PublicKey public_key{};
};

struct BrokerKeys {
  SigningKey order;
  SigningKey ack;
};

// Makes the folder's keys when they are absent. Errors: unavailable (I/O), integrity (unreadable or too open files).
Result<BrokerKeys> load_or_create_keys(const std::string& directory, Rng& rng);

class CertificateAuthority {
 public:
  // Makes root and intermediate when absent (root.key in `root_directory`); otherwise reads only the intermediate.
  static Result<CertificateAuthority> open(const std::string& directory, const std::string& root_directory, Instant now);

  // A client certificate for a connector: ECDSA key of the CSR (its signature checked, its names ignored), one URI SAN
  // spiffe://<audience>/center/<id>/connector/<id>, clientAuth only. Chain in PEM, leaf first, intermediate after.
  // Errors: invalid_argument (CSR), internal.
  Result<std::string> issue_connector(const std::string& csr_pem, const std::string& audience, CenterId center,
                                      ConnectorId connector, Instant now, Duration lifetime) const;
  // A server certificate and its new key for the edge: DNS names and 127.0.0.1 / ::1.
  struct ServerCertificate { std::string chain_pem; std::string key_pem; };
  Result<ServerCertificate> issue_server(const std::vector<std::string>& dns_names, Instant now, Duration lifetime) const;

  const std::string& root_pem() const { return root_pem_; }
  const std::string& intermediate_pem() const { return intermediate_pem_; }

 private:
  std::string root_pem_, intermediate_pem_, intermediate_key_pem_;
};

}  // namespace bourse::broker
