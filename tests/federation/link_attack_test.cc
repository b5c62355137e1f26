// What a center or a stranger may try on the link, by hand: each is refused, nothing is booked, the broker goes on.
#include "tests/federation/link_attack.h"

namespace bourse::testing {
namespace {

TEST_F(LinkAttack, NoCertificateNoStream) {
  EXPECT_EQ(RawClient(channel(), {}).end(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(RawClient(channel(), {"nonsense"}).end(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(RawClient(channel(), {"%ZZ"}).end(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(RawClient(channel(), {member_.certificate_header, member_.certificate_header}).end(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(LinkAttack, NothingBeforeTheHello) {
  auto client = dial(member_);
  wire::ConnectorFrame frame;
  frame.mutable_pools()->add_pools()->set_name("free-lunch");
  client->send(frame);
  EXPECT_EQ(client->end(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(LinkAttack, AHelloMustBeOursAndFresh) {
  EXPECT_EQ(refused([](wire::Hello& h) { h.set_audience("another.market"); }), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(refused([](wire::Hello& h) { h.set_center(to_bytes(Uuid{1, 1})); }), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(refused([](wire::Hello& h) { h.set_connector(to_bytes(Uuid{1, 1})); }), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(refused([](wire::Hello& h) { h.set_nonce(std::string(32, 'x')); }), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(refused([](wire::Hello& h) { h.set_epoch(0); }), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(refused([](wire::Hello& h) { h.GetReflection()->MutableUnknownFields(&h)->AddVarint(999, 1); }), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(LinkAttack, AHelloByAnotherKeyIsRefused) {
  const Member other = enrol("south");
  auto client = dial(member_);
  wire::ConnectorFrame frame;
  *frame.mutable_hello() = federation::seal(other.identity, federation::kHelloType, hello(client->next()->challenge().nonce()).SerializeAsString());
  client->send(frame);
  EXPECT_EQ(client->end(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(LinkAttack, ASecondHelloIsRefusedAndANewStreamTakesOver) {
  auto first = linked();
  auto second = linked();
  EXPECT_EQ(first->end(), grpc::StatusCode::ALREADY_EXISTS);
  second->send(signed_hello(hello("again")));
  EXPECT_EQ(second->end(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(LinkAttack, AReportIsAcknowledgedAndItsRepeatToo) {
  auto client = linked();
  const std::string payload = report(1).SerializeAsString();
  for (int i = 0; i < 2; ++i) {
    client->send(sealed(payload));
    const auto answer = client->next();
    ASSERT_TRUE(answer && answer->has_ack());
    ASSERT_TRUE(federation::open(answer->ack(), federation::kAckType, keys_.ack.public_key));
    wire::Ack ack;
    ASSERT_TRUE(ack.ParseFromString(answer->ack().payload()));
    EXPECT_EQ(ack.seq(), 1U);
    EXPECT_EQ(ack.report_hash(), to_bytes(sha256(payload)));
    if (i == 0) EXPECT_EQ(ack.quarantined(0).name(), "unknown_job");
  }
  EXPECT_EQ(center(member_.center).chain.seq, 1U);
}

TEST_F(LinkAttack, AGapIsToldWithTheNumberExpected) {
  auto client = linked();
  client->send(sealed(report(5).SerializeAsString()));
  const auto answer = client->next();
  ASSERT_TRUE(answer && answer->has_nack());
  EXPECT_EQ(answer->nack().error(), "sequence_gap");
  EXPECT_EQ(answer->nack().expected_seq(), 1U);
}

TEST_F(LinkAttack, TwoReportsOfOneNumberQuarantineTheCenter) {
  auto client = linked();
  client->send(sealed(report(1).SerializeAsString()));
  ASSERT_TRUE(client->next()->has_ack());
  client->send(sealed(report(1).SerializeAsString()));  // another job in it
  const auto answer = client->next();
  ASSERT_TRUE(answer && answer->has_nack());
  EXPECT_EQ(answer->nack().error(), "equivocation");
  client->end();
  EXPECT_EQ(center(member_.center).state, broker::CenterState::quarantined);
  EXPECT_EQ(refused([](wire::Hello&) {}), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(LinkAttack, AWrongSignatureIsRefused) {
  wire::ConnectorFrame frame = sealed(report(1).SerializeAsString());
  (*frame.mutable_report()->mutable_signature())[7] ^= 1;
  EXPECT_EQ(nack_of(frame), "bad_signature");
  frame = sealed(report(1).SerializeAsString());
  frame.mutable_report()->mutable_signature()->push_back('x');
  EXPECT_EQ(nack_of(frame), "bad_signature");
  frame = sealed(report(1).SerializeAsString());
  frame.mutable_report()->mutable_signature()->pop_back();
  EXPECT_EQ(nack_of(frame), "bad_signature");
  frame = sealed(report(1).SerializeAsString());
  frame.mutable_report()->mutable_payload()->append("x");
  EXPECT_EQ(nack_of(frame), "bad_signature");
  frame = sealed(report(1).SerializeAsString());
  frame.mutable_report()->set_key_hint("otherkey");
  EXPECT_EQ(nack_of(frame), "bad_signature");
}

TEST_F(LinkAttack, ASignatureForAnotherTypeIsRefused) {
  EXPECT_EQ(nack_of(sealed(report(1).SerializeAsString(), federation::kHelloType)), "bad_signature");
  // The type claimed afterwards doesn't help: it is under the signature.
  wire::ConnectorFrame frame = sealed(report(1).SerializeAsString(), federation::kHelloType);
  frame.mutable_report()->set_payload_type(std::string(federation::kReportType));
  EXPECT_EQ(nack_of(frame), "bad_signature");
}

TEST_F(LinkAttack, AddressingMustEqualTheCertificate) {
  wire::Report r = report(1);
  r.set_audience("another.market");
  EXPECT_EQ(nack_of(sealed(r.SerializeAsString())), "forbidden");
  r = report(1);
  r.set_center(to_bytes(Uuid{1, 1}));
  EXPECT_EQ(nack_of(sealed(r.SerializeAsString())), "forbidden");
  r = report(1);
  r.set_key_fingerprint(std::string(32, 'k'));
  EXPECT_EQ(nack_of(sealed(r.SerializeAsString())), "forbidden");
}

TEST_F(LinkAttack, SloppyEncodingsAreRefused) {
  wire::Report r = report(1);
  r.GetReflection()->MutableUnknownFields(&r)->AddLengthDelimited(77, "later");
  EXPECT_EQ(nack_of(sealed(r.SerializeAsString())), "invalid_argument");
  const std::string plain = report(1).SerializeAsString();
  EXPECT_EQ(nack_of(sealed(plain + std::string("\x08\x01", 2))), "invalid_argument");      // a scalar given twice
  EXPECT_EQ(nack_of(sealed(plain + std::string("\x0B\x0C", 2))), "invalid_argument");      // a group
  EXPECT_EQ(nack_of(sealed(plain + "\xFF")), "invalid_argument");                          // cut short
  r = report(1);
  r.mutable_records(0)->mutable_event()->set_job("short");
  EXPECT_EQ(nack_of(sealed(r.SerializeAsString())), "invalid_argument");
  r = report(1);
  r.set_seq(0);
  EXPECT_EQ(nack_of(sealed(r.SerializeAsString())), "invalid_argument");
}

TEST_F(LinkAttack, TooMuchIsRefused) {
  wire::Report r = report(1);
  while (r.records_size() < 1001) *r.add_records() = r.records(0);
  EXPECT_EQ(nack_of(sealed(r.SerializeAsString())), "too_large");
  EXPECT_EQ(nack_of(sealed(std::string((1 << 20) + 1, 'x'))), "too_large");
  auto client = linked();
  client->send(sealed(std::string(5 << 20, 'x')));
  EXPECT_EQ(client->end(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  linked();  // the server goes on
}

TEST_F(LinkAttack, SequenceNumbersAtTheEdgeOfTheirRange) {
  auto client = linked();
  client->send(sealed(report(~0ULL).SerializeAsString()));
  const auto answer = client->next();
  ASSERT_TRUE(answer && answer->has_nack());
  EXPECT_EQ(answer->nack().error(), "sequence_gap");
}

TEST_F(LinkAttack, PoolsWithNonsenseEndTheStream) {
  auto client = linked();
  wire::ConnectorFrame frame;
  wire::Pool& pool = *frame.mutable_pools()->add_pools();
  pool.set_name("batch\nfoo");
  pool.set_speed_milli(1000);
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, std::chrono::milliseconds(1100));  // status is heard once a second
  client->send(frame);
  EXPECT_EQ(client->end(), grpc::StatusCode::INVALID_ARGUMENT);
}

class LinkSilence : public LinkAttack {
 protected:
  LinkSilence() { offline_after_ = milliseconds(600); }
};

TEST_F(LinkSilence, ASilentConnectorIsGivenUpAndItsPoolsAreNoLongerSold) {
  auto client = linked();
  const auto online = [&] {
    bool on = false;
    EXPECT_TRUE(engine_->read_wait([&](const broker::Market& market) { on = market.online(member_.center); }));
    return on;
  };
  ASSERT_TRUE(eventually(online));
  EXPECT_EQ(client->end(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(eventually([&] { return !online(); }));
}

TEST_F(LinkAttack, AFilesStreamNeedsTheSessionsToken) {
  const auto stub = wire::Link::NewStub(channel());
  grpc::ClientContext context;
  context.AddMetadata("x-bourse-client-cert", member_.certificate_header);
  const auto stream = stub->Files(&context);
  wire::FileUp up;
  up.set_session_token(std::string(64, '0'));
  stream->Write(up);
  wire::FileDown down;
  EXPECT_FALSE(stream->Read(&down));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(LinkAttack, AQuarantinedCenterIsCutOff) {
  auto client = linked();
  const auto done = engine_->execute({.now = clock_.now(), .body = broker::ChangeCenterState{member_.center, broker::CenterState::quarantined, "by hand"}});
  ASSERT_TRUE(done);
  EXPECT_EQ(client->end(), grpc::StatusCode::PERMISSION_DENIED);
}

}  // namespace
}  // namespace bourse::testing
