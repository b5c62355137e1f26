#include "connectors/core/log_stream.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "bourse/federation/v1/federation.grpc.pb.h"
#include "federation-proto/fields.h"

namespace bourse::connector {

namespace wire = federation::v1;

namespace {

constexpr std::int64_t kMaxChunkBytes = 256 << 10;
constexpr Duration kRetry = seconds(1);

wire::FileUp answer(const wire::LogRequest& request, const LogSource& source) {
  wire::FileUp up;
  wire::LogChunk& chunk = *up.mutable_log();
  chunk.set_request(request.request());
  const auto job = federation::id_of<JobId>(request.job(), "job");
  const auto attempt = federation::id_of<AttemptId>(request.attempt(), "attempt");
  if (!job || !attempt) return up;
  auto piece = source(*job, *attempt, request.offset(), std::clamp<std::int64_t>(request.max_bytes(), 0, kMaxChunkBytes));
  if (!piece) return up;
  chunk.set_found(true);
  chunk.set_data(std::move(piece->data));
  chunk.set_offset(piece->offset);
  chunk.set_size(piece->size);
  return up;
}

}  // namespace

struct LogStream::Impl {
  std::shared_ptr<grpc::Channel> channel;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::string token;
  LogSource source;
  std::mutex mutex;
  std::condition_variable wake;
  grpc::ClientContext* context = nullptr;  // of the stream that is open
  bool stopping = false;
  std::thread thread;

  void run();
  grpc::Status serve(grpc::ClientContext& context);
};

// One stream, until it ends.
grpc::Status LogStream::Impl::serve(grpc::ClientContext& stream_context) {
  const auto stub = wire::Link::NewStub(channel);
  const auto stream = stub->Files(&stream_context);
  wire::FileUp up;
  up.set_session_token(token);
  wire::FileDown down;
  bool open = stream->Write(up);
  while (open && stream->Read(&down)) {
    if (down.has_log()) {
      open = stream->Write(answer(down.log(), source));
    } else if (down.has_heartbeat()) {
      *up.mutable_heartbeat() = down.heartbeat();
      open = stream->Write(up);
    }
  }
  return stream->Finish();
}

void LogStream::Impl::run() {
  std::unique_lock lock(mutex);
  while (!stopping) {
    grpc::ClientContext next;
    for (const auto& [key, value] : metadata) next.AddMetadata(key, value);
    context = &next;
    lock.unlock();
    const grpc::Status ended = serve(next);
    lock.lock();
    context = nullptr;
    if (ended.error_code() == grpc::StatusCode::UNAUTHENTICATED) return;  // the session is over, and we with it
    wake.wait_for(lock, std::chrono::milliseconds(kRetry.ms), [&] { return stopping; });
  }
}

LogStream::LogStream(std::shared_ptr<grpc::Channel> channel, std::vector<std::pair<std::string, std::string>> metadata,
                     std::string token, LogSource source)
    : impl_(std::make_unique<Impl>()) {
  impl_->channel = std::move(channel);
  impl_->metadata = std::move(metadata);
  impl_->token = std::move(token);
  impl_->source = std::move(source);
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

LogStream::~LogStream() { stop(); }

void LogStream::stop() {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->stopping = true;
    if (impl_->context != nullptr) impl_->context->TryCancel();
  }
  impl_->wake.notify_all();
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace bourse::connector
