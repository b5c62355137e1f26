#include "broker/adapters/link/file_desk.h"

#include <algorithm>
#include <utility>

#include "base/sha256.h"
#include "broker/adapters/link/switchboard.h"
#include "federation-proto/fields.h"
#include "federation-proto/staging.h"

namespace bourse::broker {

namespace wire = federation::v1;

namespace {

constexpr std::size_t kMostCalls = 64;
constexpr std::size_t kMostCallsOfOne = 8;
constexpr std::size_t kKnownManifests = 32;
constexpr Duration kEnginePatience = seconds(10);
constexpr std::size_t kMaxProblem = 512;

grpc::Status said(const Status& status) {
  if (status) return grpc::Status::OK;
  const Error& error = status.error();
  const grpc::StatusCode code = error.code == ErrorCode::integrity ? grpc::StatusCode::DATA_LOSS
                                : error.code == ErrorCode::overloaded ? grpc::StatusCode::RESOURCE_EXHAUSTED
                                : error.outcome() == Outcome::rejected && error.code != ErrorCode::conflict
                                    ? static_cast<grpc::StatusCode>(info(error.code).grpc_status)
                                    : grpc::StatusCode::UNAVAILABLE;
  return {code, error.detail.empty() ? std::string(info(error.code).sentence) : error.detail};
}

Status check_output(const wire::OutputFile& file) {
  if (!file.log()) CHECK_OK(federation::check_file_path(file.path()));
  if (file.log() && (!file.path().empty() || file.log_offset() < 0)) return fail(ErrorCode::invalid_argument, "a log has no path");
  if (file.reason().size() > kMaxProblem || file.size() < 0) return fail(ErrorCode::invalid_argument, "an output's size or reason");
  if (file.reason().empty() && file.sha256().size() != 32) return fail(ErrorCode::invalid_argument, "an output's SHA-256");
  return {};
}

Status check_told(const wire::OutputsTold& told) {
  if (static_cast<std::size_t>(told.files_size()) > federation::kMaxJobFiles + 1 || told.problem().size() > kMaxProblem)
    return fail(ErrorCode::too_large, "too much is told of outputs");
  int logs = 0;
  for (const wire::OutputFile& file : told.files()) {
    CHECK_OK(check_output(file));
    logs += file.log() ? 1 : 0;
  }
  return logs <= 1 ? Status{} : fail(ErrorCode::invalid_argument, "two logs");
}

}  // namespace

// One of the calls that run at once, of which a center may have a share.
class FileDesk::Turn {
 public:
  Turn(FileDesk* desk, grpc::ServerContext* context, CenterId center) : desk_(desk), context_(context), center_(center) {}
  Turn(Turn&& other) noexcept : desk_(std::exchange(other.desk_, nullptr)), context_(other.context_), center_(other.center_) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (desk_ == nullptr) return;
    const std::scoped_lock lock(desk_->mutex_);
    if (--desk_->calls_of_[center_] == 0) desk_->calls_of_.erase(center_);
    desk_->calls_.erase(context_);
    if (desk_->calls_.empty()) desk_->none_left_.notify_all();
  }

 private:
  FileDesk* desk_;
  grpc::ServerContext* context_;
  CenterId center_;
};

Result<FileDesk::Turn> FileDesk::turn_of(grpc::ServerContext& context, CenterId center) {
  const std::scoped_lock lock(mutex_);
  if (down_) return fail(ErrorCode::unavailable, "the broker stops");
  if (calls_.size() >= kMostCalls || calls_of_[center] >= kMostCallsOfOne) return fail(ErrorCode::overloaded, "too many files are on their way");
  calls_.insert(&context);
  ++calls_of_[center];
  return Turn(this, &context, center);
}

void FileDesk::shutdown() {
  std::unique_lock lock(mutex_);
  down_ = true;
  for (grpc::ServerContext* context : calls_) context->TryCancel();  // one may wait for a connector's next piece
  none_left_.wait(lock, [this] { return calls_.empty(); });
}

Status FileDesk::check_session(const Peer& peer, const std::string& token) const {
  const auto session = board_.peer_of(token);
  // The token of a session that ended comes from a connector that doesn't know it yet: it will be told.
  if (!session || session->center != peer.center || session->connector != peer.connector)
    return fail(ErrorCode::unavailable, "not the token of an open session");
  if (board_.options().files == nullptr) return fail(ErrorCode::failed_precondition, "this market keeps no files");
  return {};
}

Result<FileDesk::Place> FileDesk::place_of(const Peer& peer, const std::string& job_bytes, const std::string& attempt_bytes) const {
  TRY(const JobId id, federation::id_of<JobId>(job_bytes, "job"));
  TRY(const AttemptId attempt, federation::id_of<AttemptId>(attempt_bytes, "attempt"));
  auto found = std::make_shared<std::optional<Place>>();
  const Status asked = board_.engine().read_wait(
      [=, center = peer.center](const Market& market) {
        const Job* job = market.job(id);
        if (job == nullptr || job->attempt().id != attempt || job->attempt().center != center) return;
        *found = Place{.account = job->account, .job = id, .manifest = job->spec.manifest, .live = !is_final(job->state) && !job->attempt().closed};
      },
      kEnginePatience);
  if (!asked) return fail(ErrorCode::unavailable, asked.error().detail);
  // Also of a job that is there, at another center: nobody is told of others' jobs.
  if (!*found) return fail(ErrorCode::not_found, "it is no job of this center's, or not its newest attempt");
  return **found;
}

Result<std::shared_ptr<const FileDesk::Files>> FileDesk::files_of(const Hash256& manifest) {
  {
    const std::scoped_lock lock(mutex_);
    if (const auto known = known_.find(manifest); known != known_.end()) return known->second;
  }
  TRY(const std::vector<std::byte> bytes, board_.blobs().get(BlobKind::manifest, manifest));
  TRY(const wire::Manifest read, federation::read_manifest({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  auto files = std::make_shared<Files>();
  for (const wire::InputFile& file : read.inputs()) files->inputs[*federation::hash_of(file.sha256(), "sha256")] = file.size();
  files->outputs.assign(read.outputs().begin(), read.outputs().end());
  const std::scoped_lock lock(mutex_);
  if (known_.emplace(manifest, files).second) known_by_age_.push_back(manifest);
  if (known_by_age_.size() > kKnownManifests) {
    known_.erase(known_by_age_.front());
    known_by_age_.pop_front();
  }
  return files;
}

grpc::Status FileDesk::pull(grpc::ServerContext& context, const Peer& peer, const wire::PullRequest& request, grpc::ServerWriter<wire::FilePiece>& pieces) {
  const auto turn = turn_of(context, peer.center);
  return turn ? said(do_pull(peer, request, pieces)) : said(std::unexpected(turn.error()));
}

Status FileDesk::do_pull(const Peer& peer, const wire::PullRequest& request, grpc::ServerWriter<wire::FilePiece>& pieces) {
  CHECK_OK(check_session(peer, request.session_token()));
  TRY(const Place place, place_of(peer, request.job(), request.attempt()));
  if (!place.live || place.manifest.is_zero()) return fail(ErrorCode::failed_precondition, "the job wants no files any more");
  TRY(const Hash256 wanted, federation::hash_of(request.sha256(), "sha256"));
  if (wanted == place.manifest) {
    TRY(const std::vector<std::byte> bytes, board_.blobs().get(BlobKind::manifest, wanted));
    wire::FilePiece piece;
    piece.set_size(static_cast<std::int64_t>(bytes.size()));
    const auto from = std::min(static_cast<std::size_t>(std::max<std::int64_t>(request.offset(), 0)), bytes.size());
    for (std::size_t at = from; at < bytes.size() || at == from; at += federation::kPieceBytes) {
      piece.set_data(bytes.data() + at, std::min(federation::kPieceBytes, bytes.size() - at));
      if (!pieces.Write(piece)) return fail(ErrorCode::unavailable);
    }
    return {};
  }
  TRY(const auto files, files_of(place.manifest));
  const auto input = files->inputs.find(wanted);
  if (input == files->inputs.end()) return fail(ErrorCode::not_found, "the job has no such input");
  return send_file({place.account, wanted, input->second}, request.offset(), pieces);
}

Status FileDesk::send_file(const FileName& file, std::int64_t offset, grpc::ServerWriter<wire::FilePiece>& pieces) {
  FileStore& store = *board_.options().files;
  TRY(const bool there, store.use(file));
  if (!there) return fail(ErrorCode::failed_precondition, "the market no longer has the file: its time was over");
  wire::FilePiece piece;
  piece.set_size(file.size);
  for (std::int64_t at = std::clamp<std::int64_t>(offset, 0, file.size);;) {
    TRY(const std::vector<std::byte> bytes, store.read(file, at, federation::kPieceBytes));
    piece.set_data(bytes.data(), bytes.size());
    if (!pieces.Write(piece)) return fail(ErrorCode::unavailable);
    at += static_cast<std::int64_t>(bytes.size());
    if (bytes.empty() || at >= file.size) return {};
    const std::scoped_lock lock(mutex_);
    if (down_) return fail(ErrorCode::unavailable, "the broker stops");
  }
}

grpc::Status FileDesk::tell(grpc::ServerContext& context, const Peer& peer, const wire::OutputsTold& told, wire::OutputsWanted& wanted) {
  const auto turn = turn_of(context, peer.center);
  return turn ? said(do_tell(peer, told, wanted)) : said(std::unexpected(turn.error()));
}

Status FileDesk::do_tell(const Peer& peer, const wire::OutputsTold& told, wire::OutputsWanted& wanted) {
  CHECK_OK(check_session(peer, told.session_token()));
  TRY(const Place place, place_of(peer, told.job(), told.attempt()));
  CHECK_OK(check_told(told));
  // What the user asked to keep, and nothing else: these names become files on the user's machine.
  auto asked = std::make_shared<const Files>();
  if (!place.manifest.is_zero()) {
    TRY(asked, files_of(place.manifest));
  }
  for (const wire::OutputFile& file : told.files())
    if (!file.log() && std::ranges::none_of(asked->outputs, [&](const std::string& pattern) { return federation::matches(pattern, file.path()); }))
      return fail(ErrorCode::invalid_argument, "an output that no pattern of the job names");
  FileStore& store = *board_.options().files;
  for (const wire::OutputFile& file : told.files()) {
    wire::OutputWanted& answer = *wanted.add_files();
    if (!file.reason().empty()) {
      answer.set_arrived(true);
      continue;
    }
    const FileName name{place.account, *federation::hash_of(file.sha256(), "sha256"), file.size()};
    if (file.size() > store.limits().file_bytes) {
      answer.set_refused("it is larger than the market's files may be");
      continue;
    }
    TRY(Received have, store.received(name));
    if (have.complete) {
      TRY(have.complete, store.use(name));
    }
    answer.set_offset(have.bytes);
    answer.set_arrived(have.complete);
  }
  wire::OutputsTold kept = told;
  kept.clear_session_token();
  return store.put_listing(place.account, place.job, kept.SerializeAsString());
}

grpc::Status FileDesk::push(grpc::ServerContext& context, const Peer& peer, grpc::ServerReader<wire::PushPiece>& pieces, wire::PushReply& reply) {
  const auto turn = turn_of(context, peer.center);
  return turn ? said(do_push(peer, pieces, reply)) : said(std::unexpected(turn.error()));
}

// Only what was told before is taken: so a center can't fill an account with what no job of its own left.
Status FileDesk::do_push(const Peer& peer, grpc::ServerReader<wire::PushPiece>& pieces, wire::PushReply& reply) {
  wire::PushPiece piece;
  if (!pieces.Read(&piece)) return fail(ErrorCode::invalid_argument, "nothing was pushed");
  CHECK_OK(check_session(peer, piece.session_token()));
  TRY(const Place place, place_of(peer, piece.job(), piece.attempt()));
  TRY(const Hash256 hash, federation::hash_of(piece.sha256(), "sha256"));
  const FileName file{place.account, hash, piece.size()};
  FileStore& store = *board_.options().files;
  TRY(const std::string listing, store.listing(place.account, place.job));
  wire::OutputsTold told;
  const bool good = told.ParseFromString(listing) && told.attempt() == piece.attempt() &&
                    std::ranges::any_of(told.files(), [&](const wire::OutputFile& of) { return of.sha256() == piece.sha256() && of.size() == file.size; });
  if (!good) return fail(ErrorCode::failed_precondition, "it was not told of");
  std::int64_t at = piece.offset();
  Received have;
  do {
    TRY(have, store.write(file, at, std::as_bytes(std::span(piece.data()))));
    at += static_cast<std::int64_t>(piece.data().size());
    reply.set_offset(have.bytes);
    reply.set_arrived(have.complete);
    const std::scoped_lock lock(mutex_);
    if (down_) return fail(ErrorCode::unavailable, "the broker stops");
  } while (!have.complete && pieces.Read(&piece));
  return {};
}

}  // namespace bourse::broker
