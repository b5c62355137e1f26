// A broker's link server on a Unix socket over an engine in memory, and what is needed to be a center before it.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/rng.h"
#include "base/sha256.h"
#include "base/time.h"
#include "bourse/federation/v1/federation.grpc.pb.h"
#include "broker/adapters/ca/keys.h"
#include "broker/adapters/evidence/notary.h"
#include "broker/adapters/link/link_server.h"
#include "broker/app/engine.h"
#include "broker/app/file_store.h"
#include "broker/app/memory_evidence_log.h"
#include "broker/app/memory_journal.h"
#include "connectors/core/connector.h"
#include "connectors/core/file_link.h"
#include "connectors/core/link_client.h"
#include "federation-proto/envelope.h"
#include "tests/federation/fake_driver.h"

namespace bourse::testing {

namespace wire = federation::v1;

inline constexpr const char* kAudience = "bourse.test";
inline constexpr std::string_view kScript = "#!/bin/sh\necho hello\n";

class MemoryBlobStore final : public broker::BlobStore {
 public:
  Result<Hash256> put(broker::BlobKind kind, std::span<const std::byte> bytes) override;
  Result<std::vector<Hash256>> put_all(broker::BlobKind kind, std::span<const std::span<const std::byte>> blobs) override;
  Result<std::vector<std::byte>> get(broker::BlobKind kind, const Hash256& hash) override;
  void fail_puts(int n) { failing_ = n; }

 private:
  std::mutex mutex_;
  std::map<std::pair<broker::BlobKind, Hash256>, std::vector<std::byte>> blobs_;
  std::atomic<int> failing_ = 0;
};

// The test's n-th thing of a kind; account, tenant and user are number one.
template <class IdType>
IdType id_of(std::uint64_t n) {
  return IdType{Uuid{0x0190'0000'0000'7000ULL, 0x8000'0000'0000'0000ULL | n}};
}

// One center as the broker knows it, with the secrets of its connector.
struct Member {
  CenterId center;
  ConnectorId connector;
  federation::KeyPair identity, billing;
  std::string certificate_header;
};

class LinkWorld : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  Member enrol(const std::string& name);
  // As the edge passes one on.
  std::string certificate(CenterId center, ConnectorId connector, Duration lifetime = hours(1)) const;
  JobId submit(std::int64_t cores = 2, Duration hold_window = {});
  void cancel(JobId job);
  broker::Job job(JobId id);
  broker::Center center(CenterId id);
  // Waits for what other threads bring about; fails the test after ten seconds.
  bool eventually(const std::function<bool()>& condition);
  bool reaches(JobId id, broker::JobState state);
  std::shared_ptr<grpc::Channel> channel() const;
  void stop_server();
  void start_server();

  std::string directory_;
  SystemClock clock_;
  SystemRng rng_;
  broker::BrokerKeys keys_;
  std::optional<broker::CertificateAuthority> authority_;
  MemoryBlobStore blobs_;
  broker::MemoryEvidenceLog evidence_;
  std::unique_ptr<broker::Notary> notary_;
  broker::MemoryJournal journal_;
  std::unique_ptr<broker::Engine> engine_;
  std::unique_ptr<broker::LinkServer> link_;
  std::unique_ptr<grpc::Server> server_;
  std::mutex link_mutex_;
  std::uint64_t serial_ = 1000;
  Duration offline_after_ = seconds(30);  // beyond what a loaded machine makes of any test; before SetUp
  Duration proof_deadline_ = seconds(10);
  Duration checkpoint_every_ = hours(1);
  Duration repeat_after_ = seconds(30);
  broker::FileStore* files_ = nullptr;  // before SetUp
};

// The real connector core before the test's broker.
class TestConnector {
 public:
  TestConnector(const Member& member, const broker::BrokerKeys& keys, std::string directory, FakeDriver& driver,
                std::function<std::shared_ptr<grpc::Channel>()> channel, std::uint64_t generation = 0);
  ~TestConnector();  // stops

  Status ended();    // stops and tells how it ended
  bool ready() const { return ready_; }
  connector::FileLink* files() const { return link_->files(); }

 private:
  SystemClock clock_;
  SystemRng rng_;
  FakeUsers users_;
  std::unique_ptr<connector::Connector> connector_;
  std::unique_ptr<connector::LinkClient> link_;
  std::atomic<bool> ready_ = false;
  Status status_;
  std::jthread thread_;
};

// A market with one center, "north", whose connector is linked before a test begins.
class LinkedWorld : public LinkWorld {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Until the connector is ready and the market sells what it has.
  void connect();
  bool online();

  Member member_;
  FakeDriver driver_;
  std::uint64_t generation_ = 0;  // of the certificate that the connector shows
  std::unique_ptr<TestConnector> connector_;
};

}  // namespace bourse::testing
