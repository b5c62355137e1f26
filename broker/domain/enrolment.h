// How a center becomes a member where nobody is asked: in the simulator, in benches and in tests.
#pragma once

#include <array>

#include "base/sha256.h"
#include "broker/domain/commands.h"

namespace bourse::broker {

// Invited, joined, admitted: to be decided in this order.
inline std::array<CommandBody, 3> enrolment(const EnrolCenter& admitted) {
  const Hash256 token = sha256(admitted.name);
  return {InviteCenter{.center = admitted.center, .name = admitted.name, .unit = admitted.unit, .token = token, .by = UserId{admitted.center.uuid}},
          UseInvitation{.center = admitted.center, .token = token, .connector = admitted.connector, .identity_key = admitted.identity_key,
                        .billing_key = admitted.billing_key},
          admitted};
}

}  // namespace bourse::broker
