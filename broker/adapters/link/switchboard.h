// All sessions of connectors and what passes through them. Its state belongs to one thread, its worker's.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/ca/keys.h"
#include "broker/adapters/evidence/notary.h"
#include "broker/adapters/link/link_server.h"
#include "broker/adapters/link/peer.h"
#include "broker/adapters/link/stream.h"
#include "broker/adapters/link/worker.h"
#include "federation-proto/envelope.h"

namespace bourse::broker {

using LinkStream = Stream<federation::v1::ConnectorFrame, federation::v1::BrokerFrame>;
using FilesStream = Stream<federation::v1::FileUp, federation::v1::FileDown>;
using LogDone = std::move_only_function<void(Result<LogSlice>)>;

class Switchboard {
 public:
  Switchboard(LinkOptions options, Engine& engine, BlobStore& blobs, Notary& notary, const BrokerKeys& keys, const Clock& clock, Rng& rng);
  ~Switchboard();

  // From gRPC threads: a new stream, its peer already read from the certificate.
  void connected(std::shared_ptr<LinkStream> stream, const Peer& peer);
  void files_connected(std::shared_ptr<FilesStream> stream, const Peer& peer);
  bool full() const;

  void committed(const std::vector<Event>& events);
  ConnectorStatus status(CenterId center) const;
  void read_log(CenterId center, JobId job, AttemptId attempt, std::int64_t offset, std::int64_t max_bytes, LogDone done);
  void shutdown();

  // Whose session has this token, if one has. Safe from any thread.
  std::optional<Peer> peer_of(const std::string& token) const;
  Engine& engine() { return engine_; }
  BlobStore& blobs() { return blobs_; }

  const LinkOptions& options() const { return options_; }
  const Clock& clock() const { return clock_; }

 private:
  enum class Stage { challenged, proving, open, ending };
  struct Session {
    std::uint64_t number = 0;
    std::shared_ptr<LinkStream> stream;
    Peer peer;
    Stage stage = Stage::challenged;
    std::string nonce;          // spent with the first hello
    Duration since, heard, beaten, pooled;
    PublicKey billing_key{};
    std::uint64_t epoch = 0;
    std::string token;
    std::uint64_t files = 0;    // its files stream, 0 = none
    std::size_t reports = 0;    // taken and not answered
    std::size_t gaps = 0;       // reports that didn't follow, since the last that did
    std::size_t idle_frames = 0;  // heartbeats and pools since the last tick
    bool reading = true;        // a frame is awaited
    std::deque<JobId> orders;   // to be sent
    bool fetching = false;      // the engine is being asked about some of them
    std::uint64_t tree_size = 0;  // of the checkpoint that the connector keeps
    std::vector<JobId> cancels, pauses;
    Duration repeated;            // when what is below was looked at
    std::size_t looks = 0;
    Market::Outbox unanswered;    // as it was then
  };
  struct Files {
    std::shared_ptr<FilesStream> stream;
    Peer peer;
    std::uint64_t session = 0;  // 0 = not identified yet
    Duration since, beaten;
  };
  struct Reported {  // verified, to be stored as evidence and applied
    std::uint64_t session = 0;
    std::string envelope;
    EvidenceItem evidence;
    ApplyReport command;
  };
  struct DueAck {  // of a report that was applied
    std::uint64_t session = 0;
    Hash256 report;
    std::string envelope, payload;
  };
  struct DueOrder {
    JobId job;
    std::string bytes;
    Hash256 script;
  };
  struct DueControl {  // to be cancelled or paused: the newest attempt, and how it is wanted
    JobId job;
    AttemptId attempt;
    std::uint32_t fence = 0;
    std::string reason;
    bool paused = false;
  };
  using ControlFrame = federation::v1::BrokerFrame (Switchboard::*)(CenterId, std::span<const DueControl>) const;
  struct Welcomed {  // what the engine knows when a session opens
    ReportChain chain;
    CenterState state{};
    std::vector<Verdict> verdicts;
    Market::Outbox outbox;
  };
  struct PendingLog {
    LogDone done;
    std::uint64_t files = 0;
    Duration asked;
  };

  // switchboard.cc: sessions
  Session* find(std::uint64_t number);
  Session* current(CenterId center);
  void on_frame(std::uint64_t number, federation::v1::ConnectorFrame frame);
  void on_done(std::uint64_t number);
  void refuse(Session& session, const Error& error);
  void read_on(Session& session);
  void tick();
  void look_after(Session& session, Duration now);
  void set_status(const Session& session, bool online, const federation::v1::Hello* hello);
  template <class T>
  void ask_engine(std::uint64_t session, std::move_only_function<T(const Market&)> question, std::function<void(Session&, T)> then);

  void tell_engine(std::uint64_t session, CommandBody body, std::function<void(Session&, const Result<CommandResult>&)> then);

  // hello.cc
  void on_hello(Session& session, federation::v1::Envelope envelope);
  void prove(Session& session, const federation::v1::Envelope& envelope, const Center& center);
  void reconcile(Session& session, federation::v1::Hello hello);
  void welcome(Session& session, const federation::v1::Hello& hello, const Welcomed& known);
  void observe(Session& session, bool online, const std::vector<const federation::v1::Pool*>& pools);
  void replace(Session& by);

  // reports.cc
  void on_report(Session& session, federation::v1::Envelope envelope);
  void store_reports();
  void apply(Reported reported);
  void on_applied(std::uint64_t session, std::uint64_t seq, const Hash256& hash, Result<CommandResult> result);
  void repeat_ack(Session& session, const Hash256& report, DueAck made);
  void send_acks();
  void nack(Session& session, std::uint64_t expected, const Error& error);

  // checkpoints.cc
  void send_checkpoint(Session& session);
  void send_checkpoints(Duration now);

  // dispatch.cc
  void on_changed(std::vector<JobId> jobs, std::vector<CenterId> centers);
  void pump(Session& session);
  void send_orders(Session& session, std::vector<DueOrder> orders);
  std::shared_ptr<const std::string> script(const Hash256& hash);

  // repeats.cc
  void repeat_unanswered(Session& session, Duration now);

  // controls.cc
  static bool pause_due(const Job& job, CenterId center);
  void send_cancels(Session& session);
  void send_pauses(Session& session);
  void send_controls(Session& session, std::vector<JobId> jobs, bool (*is_due)(const Job&, CenterId), ControlFrame frame);
  federation::v1::BrokerFrame cancel_frame(CenterId center, std::span<const DueControl> due) const;
  federation::v1::BrokerFrame pause_frame(CenterId center, std::span<const DueControl> due) const;

  // logs.cc
  void on_file(std::uint64_t number, federation::v1::FileUp frame);
  void on_files_done(std::uint64_t number);
  void answer(std::uint64_t request, Result<LogSlice> slice);
  void look_after(Files& files, Duration now);
  void expire_logs(Duration now);

  bool send(Session& session, federation::v1::BrokerFrame frame);

  const LinkOptions options_;
  Engine& engine_;
  BlobStore& blobs_;
  Notary& notary_;
  const federation::KeyPair order_key_, ack_key_;
  const Clock& clock_;
  Rng& rng_;

  std::uint64_t next_number_ = 0;
  std::map<std::uint64_t, Session> sessions_;
  std::map<CenterId, std::uint64_t> current_;
  std::map<std::uint64_t, Files> files_;
  std::vector<Reported> reported_;
  std::vector<DueAck> acks_;
  std::optional<Duration> checkpoints_looked_at_;
  std::map<Hash256, std::shared_ptr<const std::string>> scripts_;
  std::deque<Hash256> scripts_by_age_;
  std::size_t scripts_bytes_ = 0;
  std::uint64_t next_request_ = 0;
  std::map<std::uint64_t, PendingLog> logs_;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable none_left_;
  std::size_t streams_ = 0;
  bool down_ = false;
  bool checkpoint_made_ = false;  // for a period: to be sent soon
  std::map<CenterId, ConnectorStatus> status_;
  std::map<Hash256, Peer> tokens_;  // of open sessions, by their hash: a look-up tells nothing of a guess
  std::vector<JobId> changed_jobs_;
  std::vector<CenterId> changed_centers_;

  // What callbacks from the engine hold: they find nobody here after the end.
  struct Door {
    std::mutex mutex;
    Worker* worker = nullptr;
  };
  std::shared_ptr<Door> door_ = std::make_shared<Door>();
  std::unique_ptr<Worker> worker_;
};

// Asks on the engine's thread, goes on upon the worker's, unless the session is gone by then. An engine that takes no
// question ends the session: the connector comes again.
template <class T>
void Switchboard::ask_engine(std::uint64_t number, std::move_only_function<T(const Market&)> question,
                             std::function<void(Session&, T)> then) {
  auto ask = [this, number, door = door_, question = std::move(question), then = std::move(then)](const Market& market) mutable {
    T answer = question(market);
    const std::scoped_lock lock(door->mutex);
    if (door->worker == nullptr) return;
    door->worker->post([this, number, answer = std::move(answer), then = std::move(then)]() mutable {
      if (Session* session = find(number)) then(*session, std::move(answer));
    });
  };
  if (auto asked = engine_.read(std::move(ask)); !asked)
    if (Session* session = find(number)) refuse(*session, asked.error());
}

}  // namespace bourse::broker
