#include "connectors/core/log_stream.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <thread>

#include "bourse/federation/v1/federation.grpc.pb.h"
#include "federation-proto/fields.h"

namespace bourse::connector {

namespace wire = federation::v1;

namespace {

constexpr std::int64_t kMaxChunkBytes = 256 << 10;

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
  grpc::ClientContext context;
  std::thread thread;

  void run(const std::string& token, const LogSource& source) {
    const auto stub = wire::Link::NewStub(channel);
    const auto stream = stub->Files(&context);
    wire::FileUp hello;
    hello.set_session_token(token);
    wire::FileDown down;
    bool up = stream->Write(hello);
    while (up && stream->Read(&down))
      if (down.has_log()) up = stream->Write(answer(down.log(), source));
    context.TryCancel();
    stream->Finish();
  }
};

LogStream::LogStream(std::shared_ptr<grpc::Channel> channel, const std::vector<std::pair<std::string, std::string>>& metadata,
                     const std::string& token, LogSource source)
    : impl_(std::make_unique<Impl>()) {
  impl_->channel = std::move(channel);
  for (const auto& [key, value] : metadata) impl_->context.AddMetadata(key, value);
  impl_->thread = std::thread([impl = impl_.get(), token, source = std::move(source)] { impl->run(token, source); });
}

LogStream::~LogStream() { stop(); }

void LogStream::stop() {
  impl_->context.TryCancel();
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace bourse::connector
