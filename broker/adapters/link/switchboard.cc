// Sessions: how they come, live and end.
#include "broker/adapters/link/switchboard.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/assert.h"
#include "base/sha256.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

constexpr Duration kTick = milliseconds(200);
constexpr Duration kPatience = seconds(5);        // for a stream that is to end
constexpr std::size_t kMaxReportsTaken = 16;      // of one stream, unanswered
constexpr std::size_t kMaxIdleFrames = 20;        // a tick, of a stream; whoever says more isn't listened to until the next

federation::KeyPair pair_of(const SigningKey& key) { return {key.secret, key.public_key}; }

std::string random_bytes(Rng& rng, std::size_t size) {
  std::string bytes(size, '\0');
  rng.fill(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

}  // namespace

Switchboard::Switchboard(LinkOptions options, Engine& engine, BlobStore& blobs, Notary& notary, const BrokerKeys& keys, const Clock& clock,
                         Rng& rng)
    : options_(std::move(options)), engine_(engine), blobs_(blobs), notary_(notary), order_key_(pair_of(keys.order)), ack_key_(pair_of(keys.ack)),
      clock_(clock), rng_(rng) {
  worker_ = std::make_unique<Worker>([this] { store_reports(), send_acks(); }, [this] { tick(); }, kTick, clock_);
  const std::scoped_lock lock(door_->mutex);
  door_->worker = worker_.get();
}

Switchboard::~Switchboard() { shutdown(); }

bool Switchboard::full() const {
  const std::scoped_lock lock(mutex_);
  return down_ || streams_ >= 2 * options_.max_connectors;
}

void Switchboard::connected(std::shared_ptr<LinkStream> stream, const Peer& peer) {
  {
    const std::scoped_lock lock(mutex_);
    ++streams_;
  }
  // The number is given on the worker, where a stream's first call back can only come later.
  auto number = std::make_shared<std::uint64_t>(0);
  worker_->post([this, number, stream, peer] {
    const Duration now = clock_.monotonic();
    Session& session = sessions_[*number = ++next_number_];
    session.number = *number;
    session.stream = stream;
    session.peer = peer;
    session.nonce = random_bytes(rng_, 32);
    session.since = session.heard = now;
    wire::BrokerFrame frame;
    frame.mutable_challenge()->set_nonce(session.nonce);
    send(session, std::move(frame));
  });
  stream->open({.frame = [this, number](wire::ConnectorFrame frame) {
                  worker_->post([this, number, frame = std::move(frame)]() mutable { on_frame(*number, std::move(frame)); });
                },
                .room = [this, number] {
                  worker_->post([this, number] {
                    if (Session* session = find(*number)) pump(*session);
                  });
                },
                .done = [this, number] {
                  worker_->post([this, number] { on_done(*number); });
                  const std::scoped_lock lock(mutex_);
                  if (--streams_ == 0) none_left_.notify_all();
                }});
}

Switchboard::Session* Switchboard::find(std::uint64_t number) {
  const auto found = sessions_.find(number);
  return found == sessions_.end() ? nullptr : &found->second;
}

Switchboard::Session* Switchboard::current(CenterId center) {
  const auto found = current_.find(center);
  return found == current_.end() ? nullptr : find(found->second);
}

bool Switchboard::send(Session& session, wire::BrokerFrame frame) {
  if (session.stream->write(std::move(frame))) return true;
  // It doesn't read what it is sent: whatever mattered is sent again to the next stream.
  session.stage = Stage::ending;
  session.stream->abort();
  return false;
}

void Switchboard::refuse(Session& session, const Error& error) {
  spdlog::warn("link of {}: {}", to_text(session.peer.center), error.message());
  session.stage = Stage::ending;
  session.since = clock_.monotonic();
  const auto code = static_cast<grpc::StatusCode>(info(error.code).grpc_status);
  session.stream->finish(grpc::Status(code, error.message()));
}

void Switchboard::tell_engine(std::uint64_t number, CommandBody body, std::function<void(Session&, const Result<CommandResult>&)> then) {
  auto done = [this, number, door = door_, then = std::move(then)](Result<CommandResult> result) {
    const std::scoped_lock lock(door->mutex);
    if (door->worker == nullptr) return;
    door->worker->post([this, number, then, result = std::move(result)] {
      if (Session* session = find(number); session != nullptr && session->stage != Stage::ending) then(*session, result);
    });
  };
  Command command{.key = {}, .fingerprint = 0, .now = clock_.now(), .body = std::move(body)};
  if (auto taken = engine_.submit(std::move(command), std::move(done)); !taken)
    if (Session* session = find(number)) refuse(*session, taken.error());
}

void Switchboard::read_on(Session& session) {
  if (session.reading || session.stage == Stage::ending || session.reports >= kMaxReportsTaken || session.idle_frames > kMaxIdleFrames) return;
  session.reading = true;
  session.stream->read();
}

void Switchboard::on_frame(std::uint64_t number, wire::ConnectorFrame frame) {
  Session* session = find(number);
  if (session == nullptr || session->stage == Stage::ending) return;
  session->reading = false;
  session->heard = clock_.monotonic();
  if (frame.has_hello()) {
    if (session->stage != Stage::challenged) return refuse(*session, {ErrorCode::failed_precondition, "one hello is enough"});
    on_hello(*session, std::move(*frame.mutable_hello()));
  } else if (session->stage != Stage::open) {
    return refuse(*session, {ErrorCode::unauthenticated, "the hello goes first"});
  } else if (frame.has_report()) {
    on_report(*session, std::move(*frame.mutable_report()));
  } else if (frame.has_pools()) {
    ++session->idle_frames;
    // A connector that talks of nothing but its pools is heard once a second.
    if (session->heard - session->pooled >= seconds(1)) {
      session->pooled = session->heard;
      std::vector<const wire::Pool*> pools;
      for (const wire::Pool& pool : frame.pools().pools()) pools.push_back(&pool);
      observe(*session, true, pools);
    }
  } else if (frame.has_heartbeat()) {
    ++session->idle_frames;
  } else {
    return refuse(*session, {ErrorCode::invalid_argument, "a frame of an unknown kind"});
  }
  read_on(*session);
}

void Switchboard::on_done(std::uint64_t number) {
  Session* session = find(number);
  if (session == nullptr) return;
  if (const auto files = files_.find(session->files); files != files_.end()) files->second.stream->finish(grpc::Status::OK);
  const CenterId center = session->peer.center;
  const bool was_current = current_.contains(center) && current_[center] == number;
  if (was_current) {
    spdlog::info("link of {} ended", to_text(center));
    observe(*session, false, {});
    set_status(*session, false, nullptr);
    current_.erase(center);
  }
  {
    const std::scoped_lock lock(mutex_);
    tokens_.erase(sha256(std::string_view(session->token)));
  }
  sessions_.erase(number);
}

std::optional<Peer> Switchboard::peer_of(const std::string& token) const {
  const std::scoped_lock lock(mutex_);
  const auto found = tokens_.find(sha256(std::string_view(token)));
  return found == tokens_.end() ? std::nullopt : std::optional(found->second);
}

void Switchboard::set_status(const Session& session, bool online, const wire::Hello* hello) {
  const std::scoped_lock lock(mutex_);
  ConnectorStatus& status = status_[session.peer.center];
  status.online = online;
  status.last_seen = clock_.now();
  if (hello == nullptr) return;
  status.software = hello->software();
  status.driver = hello->driver();
}

ConnectorStatus Switchboard::status(CenterId center) const {
  const std::scoped_lock lock(mutex_);
  const auto found = status_.find(center);
  return found == status_.end() ? ConnectorStatus{} : found->second;
}

void Switchboard::tick() {
  const Duration now = clock_.monotonic();
  for (auto& [number, session] : sessions_) look_after(session, now);
  for (auto& [number, files] : files_) look_after(files, now);
  expire_logs(now);
  send_checkpoints(now);
}

void Switchboard::look_after(Session& session, Duration now) {
  if (session.stage == Stage::ending) {
    if (now - session.since > kPatience) session.stream->abort();
    return;
  }
  if (session.stage != Stage::open) {
    if (now - session.since > options_.proof_deadline) session.stream->abort();
    return;
  }
  if (clock_.now() >= session.peer.until) return refuse(session, {ErrorCode::unauthenticated, "the client certificate has expired"});
  if (now - session.heard > options_.offline_after) {
    spdlog::warn("link of {} is silent", to_text(session.peer.center));
    session.stage = Stage::ending;
    session.stream->abort();
    return;
  }
  if (std::exchange(session.idle_frames, 0) > kMaxIdleFrames) read_on(session);
  repeat_unanswered(session, now);
  if (now - session.beaten < options_.heartbeat) return;
  session.beaten = now;
  {
    const std::scoped_lock lock(mutex_);
    status_[session.peer.center].last_seen = Instant{clock_.now().unix_ms - (now - session.heard).ms};
  }
  wire::BrokerFrame frame;
  frame.mutable_heartbeat()->set_at_ms(clock_.now().unix_ms);
  send(session, std::move(frame));
}

void Switchboard::shutdown() {
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(down_, true)) return;
  }
  worker_->post([this] {
    for (auto& [number, session] : sessions_) session.stream->finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the broker stops"));
    for (auto& [number, session] : sessions_) session.stream->abort();
    for (auto& [number, files] : files_) files.stream->abort();
  });
  {
    std::unique_lock lock(mutex_);
    none_left_.wait(lock, [this] { return streams_ == 0; });
  }
  {
    const std::scoped_lock lock(door_->mutex);
    door_->worker = nullptr;
  }
  worker_->stop();
  for (auto& [request, pending] : logs_) pending.done(fail(ErrorCode::center_unavailable, "the broker stops"));
  logs_.clear();
}

}  // namespace bourse::broker
