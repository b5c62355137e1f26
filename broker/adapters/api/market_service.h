// The market API: the gRPC service that gateways call, behind a Unix socket. The gateway authenticates, this authorises
// on the principal it passes; every refusal carries the error table's code in the trailer "bourse-problem-bin".
//
// Commands go through the engine and are answered after their commit. What a user has just done (single objects, wallets)
// is read from the engine, lists and history from the projections. Handlers block, so they run on bounded pools of their
// own; a full pool answers `overloaded`.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>

#include <functional>
#include <memory>
#include <string>

#include "base/rng.h"
#include "base/time.h"
#include "broker/adapters/ca/keys.h"
#include "broker/adapters/factors/factor_table.h"
#include "broker/adapters/link/link_server.h"
#include "broker/app/blob_store.h"
#include "broker/app/engine.h"

namespace bourse::broker {

class FileStore;  // broker/app/file_store.h
class Sealer;  // broker/adapters/statement/sealer/sealer.h

struct MarketServiceOptions {
  std::string name;               // the broker's: audience of connectors, issuer of statements
  std::string edge_connect;       // host:port that connectors dial
  std::string edge_server_name;   // and the TLS name they expect there
  std::string edge_join_server_name = "join.bourse.internal";  // the same where they join and renew
  std::string writer_conninfo;    // may write the schema `identity`
  std::string reader_conninfo;    // may read projections
  Payee debtor;                   // our account at the bank; empty = no payment files, no imports
  bool two_people = true;         // acts that move or commit money wait for a second person
  int bill_net_days = 30;         // what a closed month owes is due so long after its end
  // The tables of 度 factors that prices are checked by; never nil. The default: what this version was published with.
  std::shared_ptr<const factors::FactorTables> factor_tables = factors::published_tables();
  Duration quote_validity = minutes(15);
  Duration position_wait = seconds(2);      // how long a list waits for the caller's own writes
  Duration settle_wait = seconds(60);       // how long Settle waits for the seal
  std::size_t command_threads = 32;
  std::size_t query_threads = 8;            // also the most connections of the reader
  std::size_t max_waiting = 2'000;          // in each pool
};

// References outlive the service.
struct MarketServiceParts {
  Engine& engine;
  BlobStore& blobs;
  Notary& notary;
  LinkServer& link;
  const CertificateAuthority& authority;
  const BrokerKeys& keys;
  Sealer& sealer;
  const Clock& clock;
  Rng& rng;                       // fit for secrets, thread-safe
  // Waits until projections have passed a journal position. Errors: timeout.
  std::function<Status(std::uint64_t position, Duration timeout)> wait_projected;
  FileStore* files = nullptr;     // without one, jobs have no files
};

class MarketService {
 public:
  MarketService(MarketServiceOptions options, MarketServiceParts parts);
  ~MarketService();

  grpc::Service& service();  // registered by the daemon
  // Finishes what has begun and refuses the rest; call before the engine stops and after the server's Shutdown began.
  void shutdown();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::broker
