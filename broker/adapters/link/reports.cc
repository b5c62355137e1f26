// Reports: verified, stored as evidence, applied, and only then acknowledged.
#include <spdlog/spdlog.h>

#include <utility>

#include "broker/adapters/link/days.h"
#include "broker/adapters/link/switchboard.h"
#include "broker/adapters/link/verify.h"
#include "federation-proto/fields.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

// Far beyond what is on its way when one is lost. Each is kept as evidence before it is judged, so whoever sends nothing else must dial
// again for more.
constexpr std::size_t kMaxGaps = 64;

}  // namespace

void Switchboard::on_report(Session& session, wire::Envelope envelope) {
  auto command = verify_report(envelope, session.billing_key, {options_.audience, session.peer});
  if (!command) {
    nack(session, 0, command.error());
    return refuse(session, command.error());
  }
  ++session.reports;
  EvidenceItem evidence = evidence_of(session.peer.center, EvidenceKind::report, envelope.payload());
  reported_.push_back({session.number, envelope.SerializeAsString(), std::move(evidence), std::move(*command)});
}

// All that arrived while the last ones were being written goes into one transaction.
void Switchboard::store_reports() {
  if (reported_.empty()) return;
  std::vector<Reported> reported;
  reported.swap(reported_);
  std::vector<std::span<const std::byte>> blobs;
  for (const Reported& each : reported) blobs.push_back(std::as_bytes(std::span(each.envelope)));
  auto stored = blobs_.put_all(BlobKind::report, blobs);
  std::vector<EvidenceItem> evidence;
  for (const Reported& each : reported) evidence.push_back(each.evidence);
  if (stored)
    if (auto appended = notary_.log().append(evidence); !appended) stored = std::unexpected(appended.error());
  for (Reported& each : reported) {
    if (stored) {
      apply(std::move(each));
    } else if (Session* session = find(each.session); session != nullptr && session->stage != Stage::ending) {
      refuse(*session, stored.error());
    }
  }
}

void Switchboard::apply(Reported reported) {
  Session* session = find(reported.session);
  // After one that failed, those behind it can only make gaps.
  if (session == nullptr || session->stage == Stage::ending) return;
  const std::uint64_t seq = reported.command.seq;
  const Hash256 hash = reported.command.hash;
  Command command{.key = {}, .fingerprint = 0, .now = clock_.now(), .body = std::move(reported.command)};
  auto done = [this, door = door_, number = reported.session, seq, hash](Result<CommandResult> result) {
    const std::scoped_lock lock(door->mutex);
    if (door->worker == nullptr) return;
    door->worker->post([this, number, seq, hash, result = std::move(result)]() mutable { on_applied(number, seq, hash, std::move(result)); });
  };
  if (auto taken = engine_.submit(std::move(command), std::move(done)); !taken) refuse(*session, taken.error());
}

void Switchboard::on_applied(std::uint64_t number, std::uint64_t seq, const Hash256& hash, Result<CommandResult> result) {
  Session* session = find(number);
  if (session == nullptr || session->stage == Stage::ending) return;
  --session->reports;
  if (!result) {
    if (result.error().code == ErrorCode::sequence_gap) {
      if (++session->gaps > kMaxGaps) return refuse(*session, result.error());
      ask_engine<std::uint64_t>(
          number, [center = session->peer.center](const Market& market) { return market.center(center)->chain.seq; },
          [this, error = result.error()](Session& gapped, std::uint64_t accepted) { nack(gapped, accepted + 1, error); });
      return read_on(*session);
    }
    // What is transient or unknown is not an answer: the connector comes again and repeats the report.
    if (result.error().outcome() == Outcome::rejected) nack(*session, 0, result.error());
    return refuse(*session, result.error());
  }
  session->gaps = 0;
  wire::Ack ack;
  ack.set_version(1);
  ack.set_center(federation::to_bytes(session->peer.center));
  ack.set_connector(federation::to_bytes(session->peer.connector));
  ack.set_epoch(session->epoch);
  ack.set_seq(seq);
  ack.set_report_hash(federation::to_bytes(hash));
  for (const auto& [index, code] : result->quarantined) {
    wire::Quarantine& quarantine = *ack.add_quarantined();
    quarantine.set_index(index);
    quarantine.set_code(static_cast<std::uint32_t>(code));
    quarantine.set_name(std::string(name(code)));
    spdlog::warn("record {} of report {} of {} is quarantined: {}", index, seq, to_text(session->peer.center), name(code));
  }
  for (const DayAnswered& day : result->days) {
    fill(*ack.add_days(), day);
    if (!day.agreed)
      spdlog::warn("{} and we don't agree on {}: {} attempts there, {} here, {} differences named", to_text(session->peer.center),
                   evidence::to_text(day.day), day.said.attempts, day.booked.attempts, day.differences.size());
  }
  const wire::Envelope envelope = federation::seal(ack_key_, federation::kAckType, ack.SerializeAsString());
  DueAck due{number, hash, envelope.SerializeAsString(), envelope.payload()};
  if (result->repeated) return repeat_ack(*session, hash, std::move(due));
  acks_.push_back(std::move(due));
}

// What was answered once is answered so again, with what was set aside then.
void Switchboard::repeat_ack(Session& session, const Hash256& report, DueAck made) {
  // Both came within one round: the first answer is made and not stored yet.
  if (const auto same = std::ranges::find(acks_, report, &DueAck::report); same != acks_.end()) {
    made.envelope = same->envelope;
    made.payload = same->payload;
    acks_.push_back(std::move(made));
    return;
  }
  const auto places = notary_.log().find(session.peer.center, EvidenceKind::acknowledgement, {&report, 1});
  if (!places) return refuse(session, places.error());
  if (const auto& place = places->front()) {
    const auto bytes = blobs_.get(BlobKind::acknowledgement, place->name);
    if (!bytes) return refuse(session, bytes.error());
    made.envelope.assign(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    wire::Envelope envelope;
    if (envelope.ParseFromString(made.envelope)) made.payload = envelope.payload();
  }
  acks_.push_back(std::move(made));
}

// All that was applied since the last time, stored in one transaction and then sent: nothing is signed without a trace.
void Switchboard::send_acks() {
  if (acks_.empty()) return;
  const std::vector<DueAck> due = std::exchange(acks_, {});
  std::vector<std::span<const std::byte>> blobs;
  std::vector<EvidenceItem> evidence;
  for (const DueAck& ack : due) {
    const Session* session = find(ack.session);
    if (session == nullptr || session->stage == Stage::ending) continue;
    blobs.push_back(std::as_bytes(std::span(ack.envelope)));
    evidence.push_back(evidence_of(session->peer.center, EvidenceKind::acknowledgement, ack.payload, ack.report));
  }
  Status stored;
  if (auto put = blobs_.put_all(BlobKind::acknowledgement, blobs); !put) stored = std::unexpected(put.error());
  if (stored) stored = notary_.log().append(evidence);
  for (const DueAck& ack : due) {
    Session* session = find(ack.session);
    if (session == nullptr || session->stage == Stage::ending) continue;
    if (!stored) {
      refuse(*session, stored.error());
      continue;
    }
    wire::BrokerFrame frame;
    if (frame.mutable_ack()->ParseFromString(ack.envelope) && send(*session, std::move(frame))) read_on(*session);
  }
}

void Switchboard::nack(Session& session, std::uint64_t expected, const Error& error) {
  wire::BrokerFrame frame;
  wire::Nack& nack = *frame.mutable_nack();
  nack.set_expected_seq(expected);
  nack.set_error(std::string(info(error.code).name));
  nack.set_detail(error.detail);
  send(session, std::move(frame));
}

}  // namespace bourse::broker
