// The opening of a session: challenge, proof, verdicts, welcome.
#include <spdlog/spdlog.h>

#include <optional>

#include "base/hash.h"
#include "base/hex.h"
#include "base/sha256.h"
#include "broker/adapters/link/switchboard.h"
#include "broker/adapters/link/verify.h"
#include "federation-proto/fields.h"

namespace bourse::broker {

namespace wire = federation::v1;

void Switchboard::on_hello(Session& session, wire::Envelope envelope) {
  session.stage = Stage::proving;
  ask_engine<std::optional<Center>>(
      session.number,
      [center = session.peer.center](const Market& market) {
        const Center* found = market.center(center);
        return found == nullptr ? std::nullopt : std::optional(*found);
      },
      [this, envelope = std::move(envelope)](Session& proving, std::optional<Center> center) {
        if (!center) return refuse(proving, {ErrorCode::unauthenticated, "an unknown center"});
        prove(proving, envelope, *center);
      });
}

void Switchboard::prove(Session& session, const wire::Envelope& envelope, const Center& center) {
  if (center.connector != session.peer.connector) return refuse(session, {ErrorCode::unauthenticated, "an unknown connector"});
  if (barred(center.state)) return refuse(session, {ErrorCode::forbidden, "the center is " + std::string(name(center.state))});
  const std::string nonce = std::exchange(session.nonce, {});
  auto hello = verify_hello(envelope, center.identity_key, {options_.audience, session.peer}, nonce);
  if (!hello) return refuse(session, hello.error());
  if (hello->epoch() != center.chain.epoch)
    return refuse(session, {ErrorCode::failed_precondition, "expected epoch " + std::to_string(center.chain.epoch)});
  session.billing_key = center.billing_key;
  session.epoch = hello->epoch();
  session.tree_size = hello->tree_size();
  if (hello->generation() == center.certification.acknowledged) return reconcile(session, std::move(*hello));
  tell_engine(session.number, ShowGeneration{center.id, center.connector, hello->generation()},
              [this, hello = std::move(*hello)](Session& proving, const Result<CommandResult>& done) mutable {
                if (!done) return refuse(proving, done.error());
                reconcile(proving, std::move(hello));
              });
}

// Where the generation showed that there is a copy of the connector, the center is quarantined by now and so refused.
void Switchboard::reconcile(Session& session, wire::Hello hello) {
  std::vector<std::pair<JobId, std::uint32_t>> held;
  for (const wire::HeldRun& run : hello.held())
    held.emplace_back(JobId{federation::uuid_of(run.job(), "held.job").value_or(Uuid{})}, run.fence());
  ask_engine<Welcomed>(
      session.number,
      [id = session.peer.center, held = std::move(held)](const Market& market) {
        Welcomed known;
        if (const Center* now = market.center(id)) known.chain = now->chain, known.state = now->state;
        for (const auto& [job, fence] : held) known.verdicts.push_back(market.verdict(id, job, fence));
        known.outbox = market.outbox(id);
        return known;
      },
      [this, hello = std::move(hello)](Session& proven, Welcomed known) {
        if (barred(known.state)) return refuse(proven, {ErrorCode::forbidden, "the center is " + std::string(name(known.state))});
        welcome(proven, hello, known);
      });
}

void Switchboard::welcome(Session& session, const wire::Hello& hello, const Welcomed& known) {
  if (hello.next_seq() <= known.chain.seq)
    spdlog::error("connector of {} is at report {}, {} are accepted: an old copy?", to_text(session.peer.center), hello.next_seq(), known.chain.seq);
  replace(session);
  session.stage = Stage::open;
  session.beaten = session.pooled = session.repeated = clock_.monotonic();
  std::array<std::uint8_t, 32> token{};
  rng_.fill(std::as_writable_bytes(std::span(token)));
  session.token = to_hex(token);
  {
    const std::scoped_lock lock(mutex_);
    tokens_[sha256(std::string_view(session.token))] = session.peer;
  }

  wire::Welcome welcome;
  welcome.set_version(1);
  welcome.set_center(federation::to_bytes(session.peer.center));
  welcome.set_connector(federation::to_bytes(session.peer.connector));
  welcome.set_nonce(hello.nonce());
  welcome.set_epoch(session.epoch);
  welcome.set_acked_seq(known.chain.seq);
  welcome.set_acked_hash(federation::to_bytes(known.chain.hash));
  for (std::size_t i = 0; i < known.verdicts.size(); ++i) {
    const wire::HeldRun& held = hello.held(static_cast<int>(i));
    wire::RunVerdict& verdict = *welcome.add_verdicts();
    verdict.set_attempt(held.attempt());
    verdict.set_fence(held.fence());
    verdict.set_verdict(known.verdicts[i] == Verdict::keep ? wire::RunVerdict::KEEP : wire::RunVerdict::CANCEL);
  }
  welcome.set_heartbeat_ms(options_.heartbeat.ms);
  welcome.set_session_token(session.token);
  wire::BrokerFrame frame;
  *frame.mutable_welcome() = federation::seal(ack_key_, federation::kWelcomeType, welcome.SerializeAsString());
  if (!send(session, std::move(frame))) return;
  spdlog::info("linked with {} ({}, {})", to_text(session.peer.center), hello.software(), hello.driver());
  set_status(session, true, &hello);

  std::vector<const wire::Pool*> pools;
  for (const wire::Pool& pool : hello.pools()) pools.push_back(&pool);
  observe(session, true, pools);
  session.orders.assign(known.outbox.orders.begin(), known.outbox.orders.end());
  session.cancels = known.outbox.cancels;
  session.pauses = known.outbox.pauses;
  session.unanswered = known.outbox;
  send_checkpoint(session);
  pump(session);
}

// A second stream of a connector takes the first one's place: the first is most likely dead and doesn't know.
void Switchboard::replace(Session& by) {
  if (Session* old = current(by.peer.center); old != nullptr && old != &by)
    refuse(*old, {ErrorCode::conflict, "another stream of this connector took its place"});
  current_[by.peer.center] = by.number;
}

void Switchboard::observe(Session& session, bool online, const std::vector<const wire::Pool*>& pools) {
  auto read = read_pools(pools, session.peer.center, clock_.now());
  if (!read) return refuse(session, read.error());
  Command command{.key = {}, .fingerprint = 0, .now = clock_.now(), .body = ObservePools{session.peer.center, online, std::move(*read)}};
  // Soft state: what is lost here comes again with the next heartbeat.
  if (auto sent = engine_.submit(std::move(command), [](const Result<CommandResult>&) {}); !sent)
    spdlog::warn("pools of {}: {}", to_text(session.peer.center), sent.error().message());
}

}  // namespace bourse::broker
