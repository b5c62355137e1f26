// A connector spoken by hand, for what a center or a stranger may try.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "federation-proto/fields.h"
#include "tests/federation/link_world.h"

namespace bourse::testing {

using federation::to_bytes;

// A connector that does what the test says.
class RawClient {
 public:
  // `prepare` may spoil the call before it begins.
  RawClient(std::shared_ptr<grpc::Channel> channel, const std::vector<std::string>& certificates,
            const std::function<void(grpc::ClientContext&)>& prepare = {})
      : stub_(wire::Link::NewStub(std::move(channel))) {
    for (const std::string& certificate : certificates) context_.AddMetadata("x-bourse-client-cert", certificate);
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(15));
    if (prepare) prepare(context_);
    stream_ = stub_->Connect(&context_);
  }
  ~RawClient() {
    context_.TryCancel();
    end();
  }
  bool send(const wire::ConnectorFrame& frame) { return stream_->Write(frame); }
  // The next frame that isn't a heartbeat; nothing when the stream ended.
  std::optional<wire::BrokerFrame> next() {
    wire::BrokerFrame frame;
    while (stream_->Read(&frame))
      if (!frame.has_heartbeat() && !frame.has_checkpoint()) return frame;
    return std::nullopt;
  }
  grpc::StatusCode end() {
    if (status_) return status_->error_code();
    wire::BrokerFrame frame;
    while (stream_->Read(&frame)) {
    }
    status_ = stream_->Finish();
    return status_->error_code();
  }

 private:
  std::unique_ptr<wire::Link::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<wire::ConnectorFrame, wire::BrokerFrame>> stream_;
  std::optional<grpc::Status> status_;
};

class LinkAttack : public LinkWorld {
 protected:
  void SetUp() override {
    LinkWorld::SetUp();
    member_ = enrol("north");
  }
  std::unique_ptr<RawClient> dial(const Member& member) { return std::make_unique<RawClient>(channel(), std::vector{member.certificate_header}); }

  wire::Hello hello(const std::string& nonce) const {
    wire::Hello h;
    h.set_version(1);
    h.set_audience(kAudience);
    h.set_center(to_bytes(member_.center));
    h.set_connector(to_bytes(member_.connector));
    h.set_nonce(nonce);
    h.set_epoch(1);
    h.set_next_seq(1);
    h.set_software("raw");
    wire::Pool& pool = *h.add_pools();
    pool.set_name("batch");
    pool.set_arch("x86_64");
    pool.set_nodes(4);
    pool.set_cores_per_node(16);
    pool.set_mem_mib_per_node(65'536);
    pool.set_speed_milli(1000);
    pool.set_accepting(true);
    pool.set_free_cores(64);
    return h;
  }
  wire::ConnectorFrame signed_hello(const wire::Hello& h) const {
    wire::ConnectorFrame frame;
    *frame.mutable_hello() = federation::seal(member_.identity, federation::kHelloType, h.SerializeAsString());
    return frame;
  }
  // Dialled, proved and welcomed.
  std::unique_ptr<RawClient> linked() {
    auto client = dial(member_);
    const auto challenge = client->next();
    EXPECT_TRUE(challenge && challenge->has_challenge());
    client->send(signed_hello(hello(challenge->challenge().nonce())));
    const auto welcome = client->next();
    EXPECT_TRUE(welcome && welcome->has_welcome());
    return client;
  }
  // The same, and the market sells what it has.
  std::unique_ptr<RawClient> selling() {
    auto client = linked();
    EXPECT_TRUE(eventually([&] {
      bool on = false;
      EXPECT_TRUE(engine_->read_wait([&](const broker::Market& market) { on = market.online(member_.center); }));
      return on;
    }));
    return client;
  }
  // How the broker ends a stream whose hello was changed by `spoil`.
  grpc::StatusCode refused(const std::function<void(wire::Hello&)>& spoil) {
    auto client = dial(member_);
    wire::Hello h = hello(client->next()->challenge().nonce());
    spoil(h);
    client->send(signed_hello(h));
    return client->end();
  }

  wire::Report report(std::uint64_t seq, const Hash256& previous = {}) {
    wire::Report r;
    r.set_version(1);
    r.set_audience(kAudience);
    r.set_center(to_bytes(member_.center));
    r.set_connector(to_bytes(member_.connector));
    r.set_key_fingerprint(to_bytes(federation::fingerprint(member_.billing.public_key)));
    r.set_epoch(1);
    r.set_seq(seq);
    r.set_previous(to_bytes(previous));
    r.set_created_ms(clock_.now().unix_ms);
    wire::JobEvent& event = *r.add_records()->mutable_event();
    event.set_job(to_bytes(Uuid{1, ++serial_}));
    event.set_attempt(to_bytes(Uuid{1, 2}));
    event.set_fence(1);
    event.set_order_hash(std::string(32, 'h'));
    event.set_kind(wire::JobEvent::ACCEPTED);
    event.set_at_ms(clock_.now().unix_ms);
    return r;
  }
  wire::ConnectorFrame sealed(const std::string& payload, std::string_view type = federation::kReportType) const {
    wire::ConnectorFrame frame;
    *frame.mutable_report() = federation::seal(member_.billing, type, payload);
    return frame;
  }
  // The error by which the broker refuses this frame on a welcomed stream.
  std::string nack_of(const wire::ConnectorFrame& frame) {
    auto client = linked();
    client->send(frame);
    const auto answer = client->next();
    if (!answer || !answer->has_nack()) return "no nack";
    EXPECT_EQ(center(member_.center).chain.seq, 0U);
    return answer->nack().error();
  }

  Member member_;
};

}  // namespace bourse::testing
