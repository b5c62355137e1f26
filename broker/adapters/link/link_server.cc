#include "broker/adapters/link/link_server.h"

#include <utility>

#include "bourse/federation/v1/federation.grpc.pb.h"
#include "broker/adapters/link/file_desk.h"
#include "broker/adapters/link/switchboard.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

constexpr std::size_t kMaxQueuedFrames = 256;

}  // namespace

// The streams that live are reactors; a transfer of a file, of which there are few, has a thread of gRPC's while it lasts.
using LinkService = wire::Link::WithCallbackMethod_Connect<wire::Link::WithCallbackMethod_Files<wire::Link::Service>>;

struct LinkServer::Impl final : LinkService {
  Impl(LinkOptions options, Engine& engine, BlobStore& blobs, Notary& notary, const BrokerKeys& keys, const Clock& clock, Rng& rng)
      : board(std::move(options), engine, blobs, notary, keys, clock, rng), desk(board) {}

  grpc::ServerBidiReactor<wire::ConnectorFrame, wire::BrokerFrame>* Connect(grpc::CallbackServerContext* context) override {
    return take<LinkStream>(context, [this](std::shared_ptr<LinkStream> stream, const Peer& peer) { board.connected(std::move(stream), peer); });
  }
  grpc::ServerBidiReactor<wire::FileUp, wire::FileDown>* Files(grpc::CallbackServerContext* context) override {
    return take<FilesStream>(context, [this](std::shared_ptr<FilesStream> stream, const Peer& peer) { board.files_connected(std::move(stream), peer); });
  }

  grpc::Status PullFile(grpc::ServerContext* context, const wire::PullRequest* request, grpc::ServerWriter<wire::FilePiece>* pieces) override {
    const auto peer = peer_of(*context);
    return peer ? desk.pull(*context, *peer, *request, *pieces) : grpc::Status(grpc::StatusCode::UNAUTHENTICATED, peer.error().message());
  }
  grpc::Status TellOutputs(grpc::ServerContext* context, const wire::OutputsTold* told, wire::OutputsWanted* wanted) override {
    const auto peer = peer_of(*context);
    return peer ? desk.tell(*context, *peer, *told, *wanted) : grpc::Status(grpc::StatusCode::UNAUTHENTICATED, peer.error().message());
  }
  grpc::Status PushFile(grpc::ServerContext* context, grpc::ServerReader<wire::PushPiece>* pieces, wire::PushReply* reply) override {
    const auto peer = peer_of(*context);
    return peer ? desk.push(*context, *peer, *pieces, *reply) : grpc::Status(grpc::StatusCode::UNAUTHENTICATED, peer.error().message());
  }

  Result<Peer> peer_of(const grpc::ServerContextBase& context) const {
    const auto [first, last] = context.client_metadata().equal_range(kCertificateHeader);
    const std::string_view header = first == last ? std::string_view() : std::string_view(first->second.data(), first->second.size());
    if (first != last && std::next(first) != last) return fail(ErrorCode::unauthenticated, "two client certificates");
    return read_peer(header, board.options().audience, board.clock().now());
  }

  template <class S, class Welcome>
  S* take(grpc::CallbackServerContext* context, Welcome welcome) {
    auto stream = S::make(context, kMaxQueuedFrames);
    auto peer = peer_of(*context);
    if (!peer || board.full()) {
      stream->finish(peer ? grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams")
                          : grpc::Status(grpc::StatusCode::UNAUTHENTICATED, peer.error().message()));
      return stream.get();
    }
    S* raw = stream.get();
    welcome(std::move(stream), *peer);
    return raw;
  }

  Switchboard board;
  FileDesk desk;
};

LinkServer::LinkServer(LinkOptions options, Engine& engine, BlobStore& blobs, Notary& notary, const BrokerKeys& keys, const Clock& clock, Rng& rng)
    : impl_(std::make_unique<Impl>(std::move(options), engine, blobs, notary, keys, clock, rng)) {}
LinkServer::~LinkServer() { shutdown(); }

grpc::Service& LinkServer::service() { return *impl_; }
void LinkServer::committed(const std::vector<Event>& events) { impl_->board.committed(events); }
ConnectorStatus LinkServer::status(CenterId center) const { return impl_->board.status(center); }
void LinkServer::shutdown() {
  impl_->board.shutdown();
  impl_->desk.shutdown();
}

void LinkServer::read_log(CenterId center, JobId job, AttemptId attempt, std::int64_t offset, std::int64_t max_bytes,
                          std::move_only_function<void(Result<LogSlice>)> done) {
  impl_->board.read_log(center, job, attempt, offset, max_bytes, std::move(done));
}

}  // namespace bourse::broker
