// Where connectors fetch jobs' inputs and leave outputs: each call checked against the session, the job and its manifest, so that
// a center reaches the files of its own jobs and no others.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "bourse/federation/v1/federation.grpc.pb.h"
#include "broker/adapters/link/peer.h"
#include "broker/app/file_store.h"

namespace bourse::broker {

class Switchboard;

// Safe from any thread; calls block. What can be tried again is UNAVAILABLE or RESOURCE_EXHAUSTED, bytes with another hash are
// DATA_LOSS, and the rest is refused for good.
class FileDesk {
 public:
  explicit FileDesk(Switchboard& board) : board_(board) {}

  grpc::Status pull(grpc::ServerContext& context, const Peer& peer, const federation::v1::PullRequest& request, grpc::ServerWriter<federation::v1::FilePiece>& pieces);
  grpc::Status tell(grpc::ServerContext& context, const Peer& peer, const federation::v1::OutputsTold& told, federation::v1::OutputsWanted& wanted);
  grpc::Status push(grpc::ServerContext& context, const Peer& peer, grpc::ServerReader<federation::v1::PushPiece>& pieces, federation::v1::PushReply& reply);

  // No call begins after it, and those under way have ended when it returns. After this the board may go.
  void shutdown();

 private:
  struct Place {  // of an attempt
    BillingAccountId account;
    JobId job;
    Hash256 manifest;
    bool live = false;  // ordered, and not known to have ended
  };
  struct Files {  // of a manifest
    std::map<Hash256, std::int64_t> inputs;  // sizes
    std::vector<std::string> outputs;        // patterns
  };
  class Turn;

  Status check_session(const Peer& peer, const std::string& token) const;
  Result<Place> place_of(const Peer& peer, const std::string& job, const std::string& attempt) const;
  Result<std::shared_ptr<const Files>> files_of(const Hash256& manifest);
  Result<Turn> turn_of(grpc::ServerContext& context, CenterId center);
  Status send_file(const FileName& file, std::int64_t offset, grpc::ServerWriter<federation::v1::FilePiece>& pieces);
  Status do_pull(const Peer& peer, const federation::v1::PullRequest& request, grpc::ServerWriter<federation::v1::FilePiece>& pieces);
  Status do_tell(const Peer& peer, const federation::v1::OutputsTold& told, federation::v1::OutputsWanted& wanted);
  Status do_push(const Peer& peer, grpc::ServerReader<federation::v1::PushPiece>& pieces, federation::v1::PushReply& reply);

  Switchboard& board_;
  mutable std::mutex mutex_;
  std::condition_variable none_left_;
  bool down_ = false;
  std::set<grpc::ServerContext*> calls_;
  std::map<CenterId, std::size_t> calls_of_;
  std::map<Hash256, std::shared_ptr<const Files>> known_;
  std::deque<Hash256> known_by_age_;
};

}  // namespace bourse::broker
