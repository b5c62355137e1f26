// Messages that are lost or spoiled on a stream that lives on: each side says again what was not answered, and a word that nobody signed
// ends nothing for good.
#include <atomic>
#include <mutex>
#include <vector>

#include "tests/federation/link_attack.h"

namespace bourse::testing {
namespace {

// ── the broker, before a connector that has lost something ──

class LinkOrderLost : public LinkAttack {
 protected:
  LinkOrderLost() { repeat_after_ = milliseconds(300); }
  // The next frame of orders or cancels; nothing of either within a while of heartbeats.
  static std::optional<wire::BrokerFrame> told(RawClient& client) { return client.next(); }
  wire::ConnectorFrame accepted(const std::string& order_bytes) {
    wire::DispatchOrder order;
    EXPECT_TRUE(order.ParseFromString(order_bytes));
    wire::Report r = report(1);
    wire::JobEvent& event = *r.mutable_records(0)->mutable_event();
    event.set_job(order.job());
    event.set_attempt(order.attempt());
    event.set_fence(order.fence());
    event.set_order_hash(to_bytes(sha256(order_bytes)));
    return sealed(r.SerializeAsString());
  }
};

TEST_F(LinkOrderLost, AnOrderThatIsNotAnsweredIsSaidAgainOnTheSameStream) {
  auto client = selling();
  const JobId id = submit();
  std::vector<std::string> orders;
  while (orders.size() < 3) {
    const auto frame = told(*client);
    ASSERT_TRUE(frame && frame->has_orders());
    wire::OrderBatch batch;
    ASSERT_TRUE(batch.ParseFromString(frame->orders().batch().payload()));
    ASSERT_EQ(batch.orders_size(), 1);
    EXPECT_EQ(frame->orders().scripts_size(), 1);
    orders.push_back(batch.orders(0));
  }
  EXPECT_EQ(orders[0], orders[1]);
  EXPECT_EQ(orders[1], orders[2]);
  client->send(accepted(orders[0]));
  ASSERT_TRUE(reaches(id, broker::JobState::ordered));
  // Answered, it is not said any more; a cancel that is not answered is.
  cancel(id);
  int cancels = 0;
  while (cancels < 2) {
    const auto frame = told(*client);
    ASSERT_TRUE(frame);
    if (frame->has_cancels()) ++cancels;
    if (cancels > 0) EXPECT_FALSE(frame->has_orders());
  }
}

// ── a connector, before a broker that the test speaks for ──

using Dialogue = grpc::ServerReaderWriter<wire::BrokerFrame, wire::ConnectorFrame>;

class RawBroker final : public wire::Link::Service {
 public:
  using Script = std::function<void(int session, Dialogue& stream)>;
  explicit RawBroker(Script script) : script_(std::move(script)) {}
  grpc::Status Connect(grpc::ServerContext*, Dialogue* stream) override {
    script_(++sessions_, *stream);
    return grpc::Status::OK;
  }
  int sessions() const { return sessions_; }

 private:
  Script script_;
  std::atomic<int> sessions_ = 0;
};

class LinkAnswerLost : public LinkWorld {
 protected:
  void SetUp() override {
    LinkWorld::SetUp();
    member_ = enrol("north");
  }
  void TearDown() override {
    connector_.reset();
    if (raw_server_) raw_server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    LinkWorld::TearDown();
  }
  void serve(RawBroker::Script script) {
    broker_ = std::make_unique<RawBroker>(std::move(script));
    const std::string address = "unix:" + directory_ + "/raw.sock";
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(broker_.get());
    raw_server_ = builder.BuildAndStart();
    connector_ = std::make_unique<TestConnector>(member_, keys_, directory_ + "/north", driver_, [address] {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    });
  }
  // Challenge, hello, and a welcome that has heard no report yet.
  bool welcome(Dialogue& stream) {
    wire::BrokerFrame frame;
    frame.mutable_challenge()->set_nonce(std::string(32, 'n'));
    stream.Write(frame);
    wire::ConnectorFrame in;
    wire::Hello hello;
    if (!stream.Read(&in) || !hello.ParseFromString(in.hello().payload())) return false;
    wire::Welcome welcome;
    welcome.set_version(1);
    welcome.set_center(to_bytes(member_.center));
    welcome.set_connector(to_bytes(member_.connector));
    welcome.set_nonce(hello.nonce());
    welcome.set_epoch(1);
    welcome.set_acked_hash(std::string(32, '\0'));
    welcome.set_heartbeat_ms(100);
    frame.Clear();
    *frame.mutable_welcome() = federation::seal({keys_.ack.secret, keys_.ack.public_key}, federation::kWelcomeType, welcome.SerializeAsString());
    return stream.Write(frame);
  }
  // One that the connector refuses, so that it has something to report.
  void order(Dialogue& stream) {
    wire::DispatchOrder order;
    order.set_version(1);
    order.set_job(to_bytes(Uuid{1, ++serial_}));
    order.set_attempt(to_bytes(Uuid{2, ++serial_}));
    order.set_fence(1);
    order.set_center(to_bytes(member_.center));
    order.set_script_sha256(std::string(32, 's'));
    for (std::string* id : {order.mutable_tenant(), order.mutable_billing_account(), order.mutable_user()}) *id = to_bytes(Uuid{3, 3});
    wire::OrderBatch batch;
    batch.set_version(1);
    batch.set_audience(to_text(member_.center));
    batch.set_center(to_bytes(member_.center));
    batch.add_orders(order.SerializeAsString());
    wire::BrokerFrame frame;
    *frame.mutable_orders()->mutable_batch() = federation::seal({keys_.order.secret, keys_.order.public_key}, federation::kOrderBatchType, batch.SerializeAsString());
    stream.Write(frame);
  }
  // The number of the next report, all else passed over, with a heartbeat for each frame so that the stream lives; 0 at its end.
  static std::uint64_t next_report(Dialogue& stream) {
    wire::ConnectorFrame in;
    while (stream.Read(&in)) {
      wire::BrokerFrame beat;
      beat.mutable_heartbeat()->set_at_ms(1);
      stream.Write(beat);
      wire::Report report;
      if (in.has_report() && report.ParseFromString(in.report().payload())) return report.seq();
    }
    return 0;
  }
  static void gap(Dialogue& stream, std::uint64_t expected) {
    wire::BrokerFrame frame;
    frame.mutable_nack()->set_expected_seq(expected);
    frame.mutable_nack()->set_error("sequence_gap");
    stream.Write(frame);
  }
  static void drain(Dialogue& stream) {
    while (next_report(stream) != 0) {
    }
  }

  Member member_;
  FakeDriver driver_;
  std::unique_ptr<RawBroker> broker_;
  std::unique_ptr<grpc::Server> raw_server_;
  std::unique_ptr<TestConnector> connector_;
};

TEST_F(LinkAnswerLost, AReportThatIsNotAcknowledgedIsSaidAgainOnTheSameStream) {
  std::atomic<int> heard = 0;
  serve([&](int session, Dialogue& stream) {
    if (session > 1 || !welcome(stream)) return;
    order(stream);
    for (std::uint64_t seq = 1; heard < 3 && seq == 1;) {
      seq = next_report(stream);
      if (seq == 1) ++heard;
    }
    drain(stream);
  });
  EXPECT_TRUE(eventually([&] { return heard == 3; }));
  EXPECT_EQ(broker_->sessions(), 1);
}

TEST_F(LinkAnswerLost, AGapIsFilledOnceHoweverOftenItIsTold) {
  std::atomic<int> after = 0;
  std::atomic<bool> told = false;
  serve([&](int session, Dialogue& stream) {
    if (session > 1 || !welcome(stream)) return;
    order(stream);
    if (next_report(stream) != 1) return;
    for (int i = 0; i < 15; ++i) gap(stream, 1);
    told = true;
    while (next_report(stream) == 1) ++after;
  });
  EXPECT_TRUE(eventually([&] { return told.load() && after >= 3; }));
  EXPECT_EQ(broker_->sessions(), 1) << "the others behind a lost report are no reason to hang up";
}

TEST_F(LinkAnswerLost, AWordThatNobodySignedEndsNothingForGood) {
  serve([&](int session, Dialogue& stream) {
    if (!welcome(stream)) return;
    if (session == 1) gap(stream, 77);
    if (session == 2) {
      order(stream);
      if (next_report(stream) == 0) return;
      wire::BrokerFrame spoiled;
      spoiled.mutable_ack()->set_payload("spoiled");
      stream.Write(spoiled);
    }
    drain(stream);
  });
  // It comes again after each, and soon: nobody waits a minute for what one bit did.
  EXPECT_TRUE(eventually([&] { return broker_->sessions() == 3; }));
  EXPECT_TRUE(connector_->ended()) << "and it had not given up";
}

}  // namespace
}  // namespace bourse::testing
