// Who is at the other end, by the client certificate that the edge verified and passed on.
#pragma once

#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace bourse::broker {

inline constexpr const char* kCertificateHeader = "x-bourse-client-cert";

struct Peer {
  CenterId center;
  ConnectorId connector;
  Instant until;  // the certificate's end; a stream lives no longer
};

// `header`: the leaf in PEM, URL-escaped. The chain was checked by the edge; here: one URI name, ours, for clients, in time.
// Errors: unauthenticated.
Result<Peer> read_peer(std::string_view header, const std::string& audience, Instant now);

}  // namespace bourse::broker
