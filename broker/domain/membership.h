// How a center becomes a member and stays one: invitation, join, admission, and the generations of its certificates.
//
//   an operator invites a name ─► a connector joins with the invitation's token and its keys ─► people compare fingerprints
//   and admit it (EnrolCenter) ─► certificates, each with a generation, until it is revoked
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/id.h"
#include "base/time.h"
#include "base/unit.h"

namespace bourse::broker {

using PublicKey = std::array<std::uint8_t, 32>;  // Ed25519

inline constexpr std::size_t kMaxInvitations = 1'000;  // open at once
inline constexpr Duration kInvitationValidity = minutes(10);
inline constexpr Duration kMaxInvitationValidity = hours(24 * 7);
inline constexpr Duration kAdmissionPatience = hours(24 * 30);  // for people to admit who has joined
inline constexpr std::uint32_t kRecoveries = 3;  // after a certificate has run out; then an operator has to resume the center

// Names the center that it is for, and lives until that is enrolled or it ends otherwise.
struct Invitation {
  CenterId center;
  std::string name;   // the center's
  Unit unit = kCny;   // what it will be settled in, for good
  Hash256 token;      // SHA-256 of the whole token
  UserId by;
  Instant at;
  Instant expires_at;  // nobody joins later; of one that was joined, nobody admits later
  // Who used the token; nil and zero while nobody has.
  ConnectorId connector;
  PublicKey identity_key{}, billing_key{};
  Instant joined_at;

  bool joined() const { return !connector.is_nil(); }
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.center, self.name, self.unit, self.token, self.by, self.at, self.expires_at, self.connector, self.identity_key,
          self.billing_key, self.joined_at);
  }
};

enum class InvitationEnd : std::uint8_t { withdrawn = 1, expired = 2 };
std::string_view name(InvitationEnd end);  // "withdrawn"

// Where a connector is with its certificates. Each renewal makes the next generation; the one before stays good until the
// connector has shown that it has the new one. Who shows an older one is a copy of it.
struct Certification {
  std::uint64_t issued = 0;
  std::uint64_t acknowledged = 0;  // 0: the one that is shown next
  Instant until;                   // of the newest
  std::uint32_t recoveries = 0;    // since an operator last said that all is well
  static constexpr void fields(auto& self, auto&& visit) { visit(self.issued, self.acknowledged, self.until, self.recoveries); }
};

// ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────────

struct CenterInvited {
  Invitation invitation;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.invitation); }
};
struct InvitationUsed {
  CenterId center;
  ConnectorId connector;
  PublicKey identity_key{}, billing_key{};
  Instant at;
  Instant expires_at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.center, self.connector, self.identity_key, self.billing_key, self.at, self.expires_at);
  }
};
struct InvitationEnded {
  CenterId center;
  InvitationEnd end{};
  UserId by;  // nil when it expired
  std::string reason;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.center, self.end, self.by, self.reason, self.at); }
};
struct CertificateIssued {
  CenterId center;
  std::uint64_t generation = 0;
  Instant until;
  bool recovered = false;  // the one before had run out
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.center, self.generation, self.until, self.recovered, self.at); }
};
struct GenerationAcknowledged {
  CenterId center;
  std::uint64_t generation = 0;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.center, self.generation, self.at); }
};

}  // namespace bourse::broker
