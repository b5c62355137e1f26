// A whole broker in one process, over a real PostgreSQL: what a gateway would talk to, with a center of the test's own
// that reports by hand.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/rng.h"
#include "base/time.h"
#include "bourse/market/v1/market.grpc.pb.h"
#include "broker/adapters/api/market_service.h"
#include "broker/adapters/ca/keys.h"
#include "broker/adapters/evidence/notary.h"
#include "broker/adapters/statement/sealer/sealer.h"
#include "broker/adapters/store/pg_blob_store.h"
#include "broker/adapters/store/pg_evidence_log.h"
#include "broker/adapters/store/pg_journal.h"
#include "broker/adapters/store/projector.h"
#include "broker/app/memory_file_store.h"
#include "federation-proto/bundle.h"
#include "federation-proto/envelope.h"
#include "tests/contract/database.h"

namespace bourse::test {

namespace v1 = market::v1;

// A center and the secrets of its connector.
struct StubCenter {
  CenterId id;
  ConnectorId connector;
  std::string name;
  federation::KeyPair identity, billing;
  std::uint64_t seq = 0;
  Hash256 previous;
};

// What a call came to: OK, or the error table's name from the trailer.
struct Answer {
  grpc::Status status;
  std::string code;    // "" when OK
  std::string detail;
  bool ok() const { return status.ok(); }
};

class MarketWorld : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Stops and starts everything but PostgreSQL, as after a crash of the process between two commands.
  void stop();
  void start();

  v1::Principal sign_in(const std::string& subject, const std::string& tenant, std::vector<std::string> roles);
  void fund(const v1::Principal& who, const std::string& amount);
  // Invited, joined and let in, by two people where that is asked for.
  StubCenter enrol(const std::string& name, const std::string& unit = "CNY");
  // Its steps, as operator_ and a connector take them: the bundle, the connector's use of it, and the request to let it in.
  federation::JoinBundle invite(const std::string& name, const std::string& unit = "CNY", std::int64_t validity_ms = 0);
  Status join(const federation::JoinBundle& bundle, StubCenter& center);
  v1::AdmitCenterRequest admission(const StubCenter& center);
  void open_for_business(const StubCenter& center, const std::string& unit = "CNY");  // prices, a contract, pools online
  v1::JobSpec spec(const std::string& name = "primes") const;
  v1::Job submit(const v1::Principal& who, const v1::JobSpec& spec);
  // The center's word, signed, stored and applied as the link does it.
  broker::CommandResult report(StubCenter& center, const std::string& job, std::vector<broker::ReportRecord> records);
  // Accepts, runs for `ran` and ends the job, with its final usage.
  void run_job(StubCenter& center, const std::string& job, Duration ran);
  broker::Job job(const std::string& id);
  v1::Job see(const v1::Principal& who, const std::string& id);
  // "gross/tax items" in micro-units, of all that invoices of a month (UTC; all without one) are made of.
  std::string earned(const std::string& month = {});
  // The same of what a report says of it, without the items.
  static std::string gross_and_tax(const v1::Report& report);
  std::string key() { return "k" + std::to_string(++keys_made_); }

  template <class Request, class Reply>
  Answer call(grpc::Status (v1::Market::Stub::*rpc)(grpc::ClientContext*, const Request&, Reply*), const Request& request, Reply* reply) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(90));
    const grpc::Status status = (stub_.get()->*rpc)(&context, request, reply);
    return answer(status, context);
  }
  static Answer answer(const grpc::Status& status, const grpc::ClientContext& context);

  Database database_;
  std::string directory_;
  SystemClock clock_;
  SystemRng rng_;
  int keys_made_ = 0;
  bool two_people_ = false;  // as of the next start()
  std::shared_ptr<const factors::FactorTables> factor_tables_ = factors::published_tables();  // too
  broker::MemoryFileStore files_{{}, clock_};
  broker::BrokerKeys broker_keys_;
  std::optional<broker::CertificateAuthority> authority_;
  std::unique_ptr<broker::PgBlobStore> blobs_;
  std::unique_ptr<broker::PgEvidenceLog> evidence_;
  std::unique_ptr<broker::Notary> notary_;
  std::unique_ptr<broker::PgJournal> journal_;
  std::unique_ptr<broker::Projector> projector_;
  std::unique_ptr<broker::Engine> engine_;
  std::unique_ptr<broker::LinkServer> link_;
  std::unique_ptr<broker::Sealer> sealer_;
  std::unique_ptr<broker::MarketService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Market::Stub> stub_;
  v1::Principal operator_, finance_;
};

}  // namespace bourse::test
