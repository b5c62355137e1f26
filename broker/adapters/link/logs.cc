// Logs: asked of a center over its files stream, answered or given up in time.
#include <sodium.h>
#include <spdlog/spdlog.h>

#include "broker/adapters/link/switchboard.h"
#include "federation-proto/fields.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

constexpr std::size_t kMaxPending = 10'000;
constexpr Duration kAnswerDeadline = seconds(10);
constexpr std::int64_t kMaxSliceBytes = 256 << 10;
constexpr Duration kTokenDeadline = seconds(10);

}  // namespace

void Switchboard::files_connected(std::shared_ptr<FilesStream> stream, const Peer& peer) {
  {
    const std::scoped_lock lock(mutex_);
    ++streams_;
  }
  auto number = std::make_shared<std::uint64_t>(0);
  worker_->post([this, number, stream, peer] {
    files_[*number = ++next_number_] = {.stream = stream, .peer = peer, .since = clock_.monotonic()};
  });
  stream->open({.frame = [this, number](wire::FileUp frame) {
                  worker_->post([this, number, frame = std::move(frame)]() mutable { on_file(*number, std::move(frame)); });
                },
                .room = [] {},
                .done = [this, number] {
                  worker_->post([this, number] { on_files_done(*number); });
                  const std::scoped_lock lock(mutex_);
                  if (--streams_ == 0) none_left_.notify_all();
                }});
}

void Switchboard::on_file(std::uint64_t number, wire::FileUp frame) {
  const auto found = files_.find(number);
  if (found == files_.end()) return;
  Files& files = found->second;
  if (files.session == 0) {
    Session* session = current(files.peer.center);
    const std::string& token = frame.session_token();
    const bool known = session != nullptr && session->stage == Stage::open && session->peer.connector == files.peer.connector &&
                       token.size() == session->token.size() && sodium_memcmp(token.data(), session->token.data(), token.size()) == 0;
    if (!known) return files.stream->finish(grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "not the token of an open session"));
    if (const auto before = files_.find(session->files); before != files_.end()) before->second.stream->finish(grpc::Status::OK);
    files.session = session->number;
    session->files = number;
    return files.stream->read();
  }
  if (frame.has_heartbeat()) return files.stream->read();
  if (!frame.has_log()) return files.stream->finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "expected a piece of a log"));
  wire::LogChunk& chunk = *frame.mutable_log();
  const auto pending = logs_.find(chunk.request());
  if (pending != logs_.end() && pending->second.files == number) {
    if (!chunk.found()) {
      answer(chunk.request(), fail(ErrorCode::not_found, "there is no log yet"));
    } else if (static_cast<std::int64_t>(chunk.data().size()) > kMaxSliceBytes || chunk.offset() < 0 || chunk.size() < 0) {
      answer(chunk.request(), fail(ErrorCode::unavailable, "the center answered nonsense"));
    } else {
      answer(chunk.request(), LogSlice{std::move(*chunk.mutable_data()), chunk.offset(), chunk.size()});
    }
  }
  files.stream->read();
}

// Nobody may ask for a log for days, and the edge ends what is idle.
void Switchboard::look_after(Files& files, Duration now) {
  if (files.session == 0) {
    if (now - files.since > kTokenDeadline) files.stream->abort();
    return;
  }
  if (now - files.beaten < options_.heartbeat) return;
  files.beaten = now;
  wire::FileDown frame;
  frame.mutable_heartbeat()->set_at_ms(clock_.now().unix_ms);
  if (!files.stream->write(std::move(frame))) files.stream->abort();
}

void Switchboard::on_files_done(std::uint64_t number) {
  files_.erase(number);
  std::vector<std::uint64_t> lost;
  for (const auto& [request, pending] : logs_)
    if (pending.files == number) lost.push_back(request);
  for (const std::uint64_t request : lost) answer(request, fail(ErrorCode::center_unavailable));
}

void Switchboard::read_log(CenterId center, JobId job, AttemptId attempt, std::int64_t offset, std::int64_t max_bytes, LogDone done) {
  {
    const std::scoped_lock lock(mutex_);
    if (down_) return done(fail(ErrorCode::center_unavailable, "the broker stops"));
  }
  // A task that is dropped unrun at the end, or finds nobody to ask, still answers.
  struct Guard {
    LogDone done;
    explicit Guard(LogDone d) : done(std::move(d)) {}
    Guard(Guard&& other) noexcept : done(std::exchange(other.done, nullptr)) {}
    ~Guard() {
      if (done) done(fail(ErrorCode::center_unavailable));
    }
  };
  worker_->post([this, center, job, attempt, offset, max_bytes, guard = Guard(std::move(done))]() mutable {
    Session* session = current(center);
    const auto files = session == nullptr ? files_.end() : files_.find(session->files);
    if (files == files_.end() || logs_.size() >= kMaxPending) return;
    wire::FileDown frame;
    wire::LogRequest& request = *frame.mutable_log();
    request.set_request(++next_request_);
    request.set_job(federation::to_bytes(job));
    request.set_attempt(federation::to_bytes(attempt));
    request.set_offset(offset);
    request.set_max_bytes(std::min(max_bytes, kMaxSliceBytes));
    if (!files->second.stream->write(std::move(frame))) return;
    logs_[next_request_] = {.done = std::exchange(guard.done, nullptr), .files = files->first, .asked = clock_.monotonic()};
  });
}

void Switchboard::answer(std::uint64_t request, Result<LogSlice> slice) {
  const auto found = logs_.find(request);
  LogDone done = std::move(found->second.done);
  logs_.erase(found);
  done(std::move(slice));
}

void Switchboard::expire_logs(Duration now) {
  std::vector<std::uint64_t> late;
  for (const auto& [request, pending] : logs_)
    if (now - pending.asked > kAnswerDeadline) late.push_back(request);
  for (const std::uint64_t request : late) answer(request, fail(ErrorCode::timeout, "the center did not answer"));
}

}  // namespace bourse::broker
