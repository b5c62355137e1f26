#include "connectors/core/file_client.h"

#include <grpcpp/grpcpp.h>

#include "bourse/federation/v1/federation.grpc.pb.h"
#include "federation-proto/fields.h"

namespace bourse::connector {

namespace wire = federation::v1;

namespace {

// What the broker refuses is refused for good; what else goes wrong lies on the way.
Error error_of(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::DATA_LOSS: return {ErrorCode::integrity, status.error_message()};
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return {ErrorCode::overloaded, status.error_message()};
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::PERMISSION_DENIED: return {ErrorCode::failed_precondition, status.error_message()};
    default: return {ErrorCode::unavailable, status.error_message()};
  }
}

}  // namespace

// One call of the session that is on; taken back when the session ends.
class FileClient::Call {
 public:
  explicit Call(FileClient& client) : client_(client) {
    const std::scoped_lock lock(client.mutex_);
    if (!client.channel_) return;
    for (const auto& [key, value] : client.metadata_) context.AddMetadata(key, value);
    token = client.token_;
    stub = wire::Link::NewStub(client.channel_);
    client.calls_.insert(&context);
  }
  ~Call() {
    const std::scoped_lock lock(client_.mutex_);
    client_.calls_.erase(&context);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  grpc::ClientContext context;
  std::string token;
  std::unique_ptr<wire::Link::Stub> stub;  // none: there is no session

 private:
  FileClient& client_;
};

void FileClient::begin(std::shared_ptr<grpc::Channel> channel, Metadata metadata, std::string token) {
  const std::scoped_lock lock(mutex_);
  channel_ = std::move(channel);
  metadata_ = std::move(metadata);
  token_ = std::move(token);
}

void FileClient::end() {
  const std::scoped_lock lock(mutex_);
  channel_.reset();
  for (grpc::ClientContext* context : calls_) context->TryCancel();
}

Result<std::int64_t> FileClient::pull(JobId job, AttemptId attempt, const Hash256& hash, std::int64_t offset,
                                      const std::function<Status(std::string_view)>& sink) {
  Call call(*this);
  if (!call.stub) return fail(ErrorCode::unavailable, "there is no link to the broker");
  wire::PullRequest request;
  request.set_session_token(call.token);
  request.set_job(federation::to_bytes(job));
  request.set_attempt(federation::to_bytes(attempt));
  request.set_sha256(federation::to_bytes(hash));
  request.set_offset(offset);
  const auto stream = call.stub->PullFile(&call.context, request);
  wire::FilePiece piece;
  std::int64_t size = -1;
  Status taken;
  while (stream->Read(&piece)) {
    if (size < 0) size = piece.size();
    taken = sink(piece.data());
    if (taken) continue;
    call.context.TryCancel();
    break;
  }
  const grpc::Status ended = stream->Finish();
  if (!taken) return std::unexpected(taken.error());
  if (!ended.ok()) return std::unexpected(error_of(ended));
  if (size < 0) return fail(ErrorCode::unavailable, "the broker sent nothing");
  return size;
}

Result<wire::OutputsWanted> FileClient::tell(wire::OutputsTold told) {
  Call call(*this);
  if (!call.stub) return fail(ErrorCode::unavailable, "there is no link to the broker");
  told.set_session_token(call.token);
  wire::OutputsWanted wanted;
  const grpc::Status ended = call.stub->TellOutputs(&call.context, told, &wanted);
  if (!ended.ok()) return std::unexpected(error_of(ended));
  return wanted;
}

Result<wire::PushReply> FileClient::push(wire::PushPiece first, const std::function<Result<std::string>()>& next) {
  Call call(*this);
  if (!call.stub) return fail(ErrorCode::unavailable, "there is no link to the broker");
  first.set_session_token(call.token);
  wire::PushReply reply;
  const auto stream = call.stub->PushFile(&call.context, &reply);
  bool open = true;
  for (wire::PushPiece piece = std::move(first); open; piece.Clear()) {
    const auto data = next();
    if (!data) {
      call.context.TryCancel();
      stream->Finish();
      return std::unexpected(data.error());
    }
    const bool last = data->empty() && piece.sha256().empty();
    if (last) break;
    piece.set_data(*data);
    open = stream->Write(piece);
  }
  if (open) stream->WritesDone();
  const grpc::Status ended = stream->Finish();
  if (!ended.ok()) return std::unexpected(error_of(ended));
  return reply;
}

}  // namespace bourse::connector
