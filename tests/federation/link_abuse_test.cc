// The shapes of the link itself, abused: who may dial, for how long, how much, and what a record may hold.
#include <grpcpp/generic/generic_stub.h>

#include "tests/federation/link_attack.h"

namespace bourse::testing {
namespace {

using Spoil = std::function<void(wire::Report&)>;

class LinkAbuse : public LinkAttack {
 protected:
  // How the broker ends a stream on which one hello for `member_` is said under this certificate.
  grpc::StatusCode refused_under(const std::string& certificate) {
    RawClient client(channel(), {certificate});
    const auto challenge = client.next();
    if (challenge) client.send(signed_hello(hello(challenge->challenge().nonce())));
    return client.end();
  }
  grpc::StatusCode prepared(const std::function<void(grpc::ClientContext&)>& prepare) {
    RawClient client(channel(), {member_.certificate_header}, prepare);
    wire::ConnectorFrame frame;
    frame.mutable_heartbeat();
    client.send(frame);
    return client.end();
  }
  std::string nack_of_report(const Spoil& spoil) {
    wire::Report r = report(1);
    spoil(r);
    return nack_of(sealed(r.SerializeAsString()));
  }
  std::string nack_of_event(const std::function<void(wire::JobEvent&)>& spoil) {
    return nack_of_report([&](wire::Report& r) { spoil(*r.mutable_records(0)->mutable_event()); });
  }
  std::string nack_of_usage(const std::function<void(wire::UsageRecord&)>& spoil) {
    return nack_of_report([&](wire::Report& r) {
      const wire::JobEvent event = r.records(0).event();
      wire::UsageRecord& usage = *r.mutable_records(0)->mutable_usage();
      usage.set_record_id(to_bytes(Uuid{1, 9}));
      usage.set_job(event.job());
      usage.set_attempt(event.attempt());
      usage.set_fence(1);
      usage.set_order_hash(event.order_hash());
      usage.set_raw_sha256(std::string(32, 'r'));
      usage.set_start_ms(clock_.now().unix_ms - 1000);
      usage.set_end_ms(clock_.now().unix_ms);
      usage.set_revision(1);
      spoil(usage);
    });
  }
};

TEST_F(LinkAbuse, ACertificateOfAStrangerGetsNoWelcome) {
  EXPECT_EQ(refused_under(certificate(CenterId{Uuid{9, 9}}, member_.connector)), grpc::StatusCode::UNAUTHENTICATED) << "a center nobody knows";
  EXPECT_EQ(refused_under(certificate(member_.center, ConnectorId{Uuid{9, 9}})), grpc::StatusCode::UNAUTHENTICATED) << "a connector of long ago";
  const Member other = enrol("south");
  EXPECT_EQ(refused_under(other.certificate_header), grpc::StatusCode::UNAUTHENTICATED) << "another center's";
  linked();
}

TEST_F(LinkAbuse, ACertificateThatExpiresEndsItsStream) {
  member_.certificate_header = certificate(member_.center, member_.connector, seconds(3));
  auto client = linked();
  EXPECT_EQ(client->end(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(refused_under(member_.certificate_header), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(LinkAbuse, MetadataIsBounded) {
  const auto refused = prepared([](grpc::ClientContext& context) {
    for (int i = 0; i < 10'000; ++i) context.AddMetadata("x-flood-" + std::to_string(i), "y");
  });
  // The server may hang up while the rest of the flood is still being sent; then the status is lost, not the refusal.
  EXPECT_TRUE(refused == grpc::StatusCode::RESOURCE_EXHAUSTED || refused == grpc::StatusCode::UNAVAILABLE) << refused;
  EXPECT_EQ(RawClient(channel(), {std::string(20'000, 'x')}).end(), grpc::StatusCode::UNAUTHENTICATED);
  linked();
}

TEST_F(LinkAbuse, BinaryMetadataIsNoCertificate) {
  const std::string binary("\x00\xFF\r\n", 4);
  RawClient client(channel(), {}, [&](grpc::ClientContext& context) { context.AddMetadata("x-bourse-client-cert-bin", binary); });
  EXPECT_EQ(client.end(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(LinkAbuse, ACompressedBombIsNotUnpacked) {
  RawClient client(channel(), {member_.certificate_header},
                   [](grpc::ClientContext& context) { context.set_compression_algorithm(GRPC_COMPRESS_GZIP); });
  wire::ConnectorFrame frame;
  frame.mutable_report()->set_payload(std::string(64 << 20, '\0'));
  client.send(frame);
  EXPECT_EQ(client.end(), grpc::StatusCode::UNIMPLEMENTED);
  linked();
}

TEST_F(LinkAbuse, AnUnknownMethodIsUnimplemented) {
  grpc::GenericStub stub(channel());
  for (const char* method : {"/bourse.federation.v1.Link/Settle", "/bourse.market.v1.Market/FundAccount", "/", "/../Connect"}) {
    grpc::ClientContext context;
    context.AddMetadata("x-bourse-client-cert", member_.certificate_header);
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(), &queue);
    grpc::ByteBuffer reply;
    grpc::Status status;
    call->StartCall();
    call->Finish(&reply, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << method;
    queue.Shutdown();
    while (queue.Next(&tag, &ok)) {
    }
  }
}

TEST_F(LinkAbuse, AFrameOfNoKindEndsTheStream) {
  auto client = linked();
  wire::ConnectorFrame frame;
  frame.GetReflection()->MutableUnknownFields(&frame)->AddVarint(99, 1);
  client->send(frame);
  EXPECT_EQ(client->end(), grpc::StatusCode::INVALID_ARGUMENT);
  linked();
}

TEST_F(LinkAbuse, AHelloIsBounded) {
  EXPECT_EQ(refused([](wire::Hello& h) {
              while (h.pools_size() < 1001) *h.add_pools() = h.pools(0);
            }),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](wire::Hello& h) {
              for (int i = 0; i < 50'001; ++i) h.add_held()->set_fence(1);
            }),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](wire::Hello& h) { h.add_held()->set_job("short"); }), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](wire::Hello& h) { h.set_software("1.0\nforged line of a log"); }), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](wire::Hello& h) { h.set_driver(std::string(100'000, 'x')); }), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](wire::Hello& h) { h.mutable_pools(0)->set_nodes(-1); }), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](wire::Hello& h) { *h.add_pools() = h.pools(0); }), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(LinkAbuse, AReportOfAnotherEpochOrWithoutRecordsIsRefused) {
  EXPECT_EQ(nack_of_report([](wire::Report& r) { r.set_epoch(2); }), "failed_precondition");
  EXPECT_EQ(nack_of_report([](wire::Report& r) { r.set_epoch(0); }), "invalid_argument");
  EXPECT_EQ(nack_of_report([](wire::Report& r) { r.set_version(2); }), "invalid_argument");
  EXPECT_EQ(nack_of_report([](wire::Report& r) { r.set_previous("short"); }), "invalid_argument");
  EXPECT_EQ(nack_of_report([](wire::Report& r) { r.clear_records(); }), "too_large");
  EXPECT_EQ(nack_of_report([](wire::Report& r) { r.mutable_records(0)->clear_body(); }), "invalid_argument");
}

TEST_F(LinkAbuse, AReportThatHangsOnAnotherIsEquivocation) {
  EXPECT_EQ(nack_of(sealed(report(1, sha256(std::string_view("another"))).SerializeAsString())), "equivocation");
  EXPECT_EQ(center(member_.center).state, broker::CenterState::quarantined);
}

TEST_F(LinkAbuse, AnEventSaysNothingThatIsNoText) {
  EXPECT_EQ(nack_of_event([](wire::JobEvent& e) { e.set_scheduler_job(std::string("47\0 11", 6)); }), "invalid_argument");
  EXPECT_EQ(nack_of_event([](wire::JobEvent& e) { e.set_scheduler_job("47\n11"); }), "invalid_argument");
  EXPECT_EQ(nack_of_event([](wire::JobEvent& e) { e.set_scheduler_job(std::string(129, '4')); }), "invalid_argument");
  EXPECT_EQ(nack_of_event([](wire::JobEvent& e) { e.set_reason(std::string(513, 'x')); }), "invalid_argument");
  EXPECT_EQ(nack_of_event([](wire::JobEvent& e) { e.set_kind(wire::JobEvent::KIND_UNSPECIFIED); }), "invalid_argument");
  EXPECT_EQ(nack_of_event([](wire::JobEvent& e) { e.set_kind(static_cast<wire::JobEvent::Kind>(99)); }), "invalid_argument");
  EXPECT_EQ(nack_of_event([](wire::JobEvent& e) { e.set_order_hash(std::string(31, 'h')); }), "invalid_argument");
  // protobuf itself doesn't write text that isn't UTF-8 without complaint; the bytes are changed afterwards.
  wire::Report r = report(1);
  r.mutable_records(0)->mutable_event()->set_reason("REASON");
  std::string bytes = r.SerializeAsString();
  bytes.replace(bytes.find("REASON"), 2, "\xC0\xAE");
  EXPECT_EQ(nack_of(sealed(bytes)), "invalid_argument");
}

TEST_F(LinkAbuse, UsageOutsideOfTimeIsRefused) {
  // Such a start would stay within what the market accepts of a run that never began, and break what stores it.
  for (const std::int64_t start : {INT64_MIN, std::int64_t{-1}, INT64_MAX}) {
    EXPECT_EQ(nack_of_usage([&](wire::UsageRecord& u) { u.set_start_ms(start), u.set_final(true); }), "invalid_argument") << start;
    EXPECT_EQ(nack_of_usage([&](wire::UsageRecord& u) { u.set_end_ms(start); }), "invalid_argument") << start;
  }
  EXPECT_EQ(nack_of_usage([](wire::UsageRecord& u) { u.set_raw_sha256(""); }), "invalid_argument");
  EXPECT_EQ(nack_of_usage([](wire::UsageRecord& u) { u.set_record_id("short"); }), "invalid_argument");
  EXPECT_EQ(nack_of_usage([](wire::UsageRecord& u) { u.set_supersedes("short"); }), "invalid_argument");
}

TEST_F(LinkAbuse, AnEventAtTheEndOfTimeIsAcknowledgedAndSetAside) {
  auto client = linked();
  wire::Report r = report(1);
  wire::JobEvent& event = *r.mutable_records(0)->mutable_event();
  event.set_at_ms(INT64_MAX);
  event.set_fence(~0U);
  client->send(sealed(r.SerializeAsString()));
  const auto answer = client->next();
  ASSERT_TRUE(answer && answer->has_ack());
  wire::Ack ack;
  ASSERT_TRUE(ack.ParseFromString(answer->ack().payload()));
  EXPECT_EQ(ack.quarantined(0).name(), "unknown_job");
}

class LinkSlow : public LinkAttack {
 protected:
  LinkSlow() { proof_deadline_ = milliseconds(500); }
};

TEST_F(LinkSlow, AStreamThatProvesNothingIsGivenUp) {
  auto client = dial(member_);
  ASSERT_TRUE(client->next());
  EXPECT_EQ(client->end(), grpc::StatusCode::CANCELLED);
  linked();
}

}  // namespace
}  // namespace bourse::testing
