#include "federation-proto/checkpoint.h"

#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/fields.h"

namespace bourse::federation {

v1::Envelope seal_checkpoint(const KeyPair& ack_key, const Checkpoint& checkpoint) {
  v1::Checkpoint out;
  out.set_version(1);
  out.set_market(checkpoint.market);
  out.set_center(to_bytes(checkpoint.center));
  out.set_tree_size(checkpoint.size);
  out.set_root(to_bytes(checkpoint.root));
  out.set_at_ms(checkpoint.at.unix_ms);
  return seal(ack_key, kCheckpointType, out.SerializeAsString());
}

Result<Checkpoint> open_checkpoint(const v1::Envelope& envelope, const PublicKey& ack_key) {
  CHECK_OK(open(envelope, kCheckpointType, ack_key));
  v1::Checkpoint in;
  CHECK_OK(parse_strict(envelope.payload(), in));
  if (in.version() != 1) return fail(ErrorCode::invalid_argument, "unknown version");
  Checkpoint out;
  out.market = in.market();
  TRY(out.center, id_of<CenterId>(in.center(), "center"));
  TRY(out.root, hash_of(in.root(), "root"));
  out.size = in.tree_size();
  out.at = {in.at_ms()};
  return out;
}

}  // namespace bourse::federation
