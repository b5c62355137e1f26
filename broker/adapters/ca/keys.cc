#include "broker/adapters/ca/keys.h"

#include "federation-proto/envelope.h"
#include "federation-proto/key_file.h"

namespace bourse::broker {
namespace {

SigningKey signing_key(const federation::KeyPair& pair) { return {pair.secret, pair.public_key}; }

}  // namespace

Result<BrokerKeys> load_or_create_keys(const std::string& directory, Rng& rng) {
  CHECK_OK(federation::make_private_directory(directory));
  TRY(const federation::KeyPair order, federation::load_or_create_key_pair(directory + "/order.key", rng));
  TRY(const federation::KeyPair ack, federation::load_or_create_key_pair(directory + "/ack.key", rng));
  return BrokerKeys{signing_key(order), signing_key(ack)};
}

}  // namespace bourse::broker
