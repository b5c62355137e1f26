// The broker's end of the federation link: one gRPC service for all connectors, behind the edge on a Unix socket.
//
// Verifies (in the order of the protocol: size, certificate identity, key, signature, parse, addressing, sequence), stores
// the signed bytes as evidence, hands the records to the engine, and signs what goes back after the commit. Orders and
// cancels are derived from the engine's outbox, so what a lost stream swallowed is sent again at the next hello.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "broker/app/blob_store.h"
#include "broker/app/engine.h"

namespace bourse::broker {

struct BrokerKeys;  // broker/adapters/ca/keys.h: K_order, K_ack
class Notary;       // broker/adapters/evidence/notary.h
class FileStore;    // broker/app/file_store.h

struct LinkOptions {
  std::string audience;                 // the broker's name
  Duration heartbeat = seconds(10);
  Duration offline_after = seconds(35); // silence after which a center is offered no new work
  Duration proof_deadline = seconds(10); // from dialling to the welcome
  std::size_t max_connectors = 2'000;
  Duration checkpoint_every = hours(1);  // of a tree that grows
  Duration repeat_after = seconds(30);   // what a connector was told and has not answered is told again
  FileStore* files = nullptr;            // outlives the server; without one, jobs have no files
};

struct ConnectorStatus {
  bool online = false;
  Instant last_seen;
  std::string software;
  std::string driver;
};

struct LogSlice {
  std::string data;
  std::int64_t offset = 0;
  std::int64_t size = 0;
};

// All members are safe from any thread.
class LinkServer {
 public:
  LinkServer(LinkOptions options, Engine& engine, BlobStore& blobs, Notary& notary, const BrokerKeys& keys, const Clock& clock, Rng& rng);
  ~LinkServer();

  grpc::Service& service();  // registered by the daemon

  // To be called from Engine::on_committed: wakes the streams of centers that have something to be sent. Short.
  void committed(const std::vector<Event>& events);

  ConnectorStatus status(CenterId center) const;

  // Asks the center's connector for a piece of an attempt's log. `done` is called once, from a thread of the link's or,
  // when there is nobody to ask, from the caller's; it must not wait.
  // Errors: center_unavailable, not_found, timeout.
  void read_log(CenterId center, JobId job, AttemptId attempt, std::int64_t offset, std::int64_t max_bytes,
                std::move_only_function<void(Result<LogSlice>)> done);

  // Ends all streams; no callback runs after it returns.
  void shutdown();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The bytes of the dispatch order of a job's newest attempt, the same each time: what the center signs the hash of.
std::string order_bytes(const Job& job);

}  // namespace bourse::broker
