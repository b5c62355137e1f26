// A center that was admitted and cheats: what it can take, how it shows, and what the others feel of it.
#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/federation/link_attack.h"

namespace bourse::testing {
namespace {

using broker::JobState;

constexpr std::int64_t kRanMs = 60'000;

// One center's side of a chain of reports, whatever they say.
class Chain {
 public:
  Chain(const Member& member, RawClient& client) : member_(member), client_(client) {}

  wire::ConnectorFrame next(const std::vector<wire::Record>& records, Instant now) {
    wire::Report report;
    report.set_version(1);
    report.set_audience(kAudience);
    report.set_center(to_bytes(member_.center));
    report.set_connector(to_bytes(member_.connector));
    report.set_key_fingerprint(to_bytes(federation::fingerprint(member_.billing.public_key)));
    report.set_epoch(1);
    report.set_seq(++seq_);
    report.set_previous(to_bytes(previous_));
    report.set_created_ms(now.unix_ms);
    for (const wire::Record& record : records) *report.add_records() = record;
    const std::string payload = report.SerializeAsString();
    previous_ = sha256(payload);
    wire::ConnectorFrame frame;
    *frame.mutable_report() = federation::seal(member_.billing, federation::kReportType, payload);
    return frame;
  }
  // Says it and hears the acknowledgement; nothing when there was none.
  std::optional<wire::Ack> say(const std::vector<wire::Record>& records, Instant now) {
    client_.send(next(records, now));
    while (const auto answer = client_.next()) {
      if (answer->has_nack()) return std::nullopt;
      wire::Ack ack;
      if (answer->has_ack() && ack.ParseFromString(answer->ack().payload())) return ack;
    }
    return std::nullopt;
  }

 private:
  const Member& member_;
  RawClient& client_;
  std::uint64_t seq_ = 0;
  Hash256 previous_{};
};

class LinkHostile : public LinkAttack {
 protected:
  struct Order {
    wire::DispatchOrder order;
    Hash256 hash;
  };
  static std::optional<Order> order_of(RawClient& client) {
    while (const auto frame = client.next()) {
      wire::OrderBatch batch;
      if (!frame->has_orders() || !batch.ParseFromString(frame->orders().batch().payload())) continue;
      Order got;
      if (!got.order.ParseFromString(batch.orders(0))) return std::nullopt;
      got.hash = sha256(batch.orders(0));
      return got;
    }
    return std::nullopt;
  }
  wire::Record happened(const Order& to, wire::JobEvent::Kind kind, Instant at) const {
    wire::Record record;
    wire::JobEvent& event = *record.mutable_event();
    event.set_job(to.order.job());
    event.set_attempt(to.order.attempt());
    event.set_fence(to.order.fence());
    event.set_order_hash(to_bytes(to.hash));
    event.set_kind(kind);
    event.set_at_ms(at.unix_ms);
    event.set_scheduler_job("4711");
    return record;
  }
  // What the job really used, as the last word.
  wire::Record used(const Order& to, Instant end) {
    wire::Record record;
    wire::UsageRecord& usage = *record.mutable_usage();
    usage.set_record_id(to_bytes(Uuid{5, ++serial_}));
    usage.set_job(to.order.job());
    usage.set_attempt(to.order.attempt());
    usage.set_fence(to.order.fence());
    usage.set_order_hash(to_bytes(to.hash));
    usage.set_scheduler_job("4711");
    usage.set_start_ms(end.unix_ms - kRanMs);
    usage.set_end_ms(end.unix_ms);
    usage.set_final(true);
    usage.set_revision(1);
    usage.set_core_ms(to.order.cores() * kRanMs);
    usage.set_node_ms(to.order.nodes() * kRanMs);
    usage.set_mem_mib_s(to.order.mem_mib() * kRanMs / 1000);
    usage.set_raw_sha256(std::string(32, 'r'));
    return record;
  }
  // One job ordered, accepted and running there for a minute.
  Order running(RawClient& client, Chain& chain) {
    job_ = submit();
    const auto order = order_of(client);
    if (!order) {
      ADD_FAILURE() << "no order came";
      return {};
    }
    const auto ack = chain.say({happened(*order, wire::JobEvent::ACCEPTED, clock_.now()),
                                happened(*order, wire::JobEvent::STARTED, clock_.now() - milliseconds(kRanMs))}, clock_.now());
    EXPECT_TRUE(ack && ack->quarantined().empty());
    EXPECT_TRUE(reaches(job_, JobState::running));
    return *order;
  }
  static std::string aside(const std::optional<wire::Ack>& ack) {
    return !ack ? "no acknowledgement" : ack->quarantined().empty() ? "" : ack->quarantined(0).name();
  }
  JobId job_;
};

TEST_F(LinkHostile, WhoChargesMoreThanTheTimeAllowsIsChargedForNothing) {
  auto client = selling();
  Chain chain(member_, *client);
  const Order order = running(*client, chain);
  const Instant end = clock_.now();
  for (const int percent : {5, 10, 50}) {
    wire::Record record = used(order, end);
    wire::UsageRecord& usage = *record.mutable_usage();
    usage.set_core_ms(usage.core_ms() * (100 + percent) / 100);
    EXPECT_EQ(aside(chain.say({record}, clock_.now())), "above_caps") << percent;
    EXPECT_TRUE(job(job_).attempt().charged.is_zero()) << percent;
  }
  // It shows to both sides, the chain goes on, and the truth is still taken.
  EXPECT_EQ(aside(chain.say({used(order, end), happened(order, wire::JobEvent::ENDED, end)}, clock_.now())), "");
  ASSERT_TRUE(reaches(job_, JobState::ended));
  EXPECT_EQ(to_text(job(job_).attempt().charged), "0.012");
  EXPECT_EQ(center(member_.center).state, broker::CenterState::active);
}

TEST_F(LinkHostile, WhoStretchesTheTimeMeetsItsEnds) {
  auto client = selling();
  Chain chain(member_, *client);
  const Order order = running(*client, chain);
  const auto shifted = [&](Duration start, Duration end) {
    wire::Record record = used(order, clock_.now());
    wire::UsageRecord& usage = *record.mutable_usage();
    usage.set_start_ms(usage.start_ms() + start.ms);
    usage.set_end_ms(usage.end_ms() + end.ms);
    usage.set_core_ms(order.order.cores() * (usage.end_ms() - usage.start_ms()));
    return aside(chain.say({record}, clock_.now()));
  };
  EXPECT_EQ(shifted(Duration{-minutes(30).ms}, {}), "bad_interval") << "long before it was ordered";
  EXPECT_EQ(shifted({}, minutes(30)), "in_future");
  EXPECT_EQ(shifted(Duration{-hours(24 * 40).ms}, Duration{-hours(24 * 40).ms}), "too_old");
  EXPECT_TRUE(job(job_).attempt().charged.is_zero());
}

TEST_F(LinkHostile, JobsThatItWasNotGivenBringItNothing) {
  auto client = selling();
  Chain chain(member_, *client);
  const Order order = running(*client, chain);
  wire::Record phantom = used(order, clock_.now());
  phantom.mutable_usage()->set_job(to_bytes(Uuid{7, 7}));
  EXPECT_EQ(aside(chain.say({phantom}, clock_.now())), "unknown_job");
  phantom = used(order, clock_.now());
  phantom.mutable_usage()->set_attempt(to_bytes(Uuid{7, 7}));
  EXPECT_EQ(aside(chain.say({phantom}, clock_.now())), "unknown_job");
  phantom = used(order, clock_.now());
  phantom.mutable_usage()->set_order_hash(std::string(32, 'f'));
  EXPECT_EQ(aside(chain.say({phantom}, clock_.now())), "bad_order_hash");
  EXPECT_TRUE(job(job_).attempt().charged.is_zero());
}

// Another center knows all there is to know of the job, the hash of its order included, and signs with its own key.
TEST_F(LinkHostile, AnotherCentersJobIsNotItsToReport) {
  auto client = selling();
  Chain chain(member_, *client);
  const Order order = running(*client, chain);
  const Member honest = member_;
  member_ = enrol("south");
  auto other = linked();
  Chain theirs(member_, *other);
  EXPECT_EQ(aside(theirs.say({used(order, clock_.now())}, clock_.now())), "other_center");
  EXPECT_EQ(aside(theirs.say({happened(order, wire::JobEvent::ENDED, clock_.now())}, clock_.now())), "other_center");
  EXPECT_EQ(job(job_).state, JobState::running);
  EXPECT_EQ(job(job_).attempt().center, honest.center);
}

TEST_F(LinkHostile, WhoTellsTwoStoriesIsQuarantinedAndCutOffAndTheOthersGoOn) {
  const Member liar = member_;
  auto client = linked();
  client->send(sealed(report(1).SerializeAsString()));
  ASSERT_TRUE(client->next()->has_ack());
  client->send(sealed(report(1).SerializeAsString()));  // number one again, of another job
  const auto answer = client->next();
  ASSERT_TRUE(answer && answer->has_nack());
  EXPECT_EQ(answer->nack().error(), "equivocation");
  EXPECT_EQ(center(liar.center).state, broker::CenterState::quarantined);
  EXPECT_NE(client->end(), grpc::StatusCode::OK);
  EXPECT_EQ(refused([](wire::Hello&) {}), grpc::StatusCode::PERMISSION_DENIED) << "and it doesn't come back by itself";
  member_ = enrol("south");
  auto other = linked();
  Chain theirs(member_, *other);
  EXPECT_TRUE(theirs.say({report(1).records(0)}, clock_.now()));
}

TEST_F(LinkHostile, WhoOnlyMakesGapsIsHungUpOn) {
  auto client = linked();
  bool open = true;
  for (std::uint64_t seq = 2; seq < 1000 && open; ++seq) {
    open = client->send(sealed(report(seq).SerializeAsString()));
    if (open) open = client->next().has_value();
  }
  EXPECT_FALSE(open);
  EXPECT_EQ(client->end(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(center(member_.center).chain.seq, 0U);
  linked();
}

// Says as much as it can, of all that is taken: reports that don't follow, its pools, and heartbeats. It dials again when it is hung up on.
class Flood {
 public:
  Flood(std::function<std::unique_ptr<RawClient>()> dial, std::vector<wire::ConnectorFrame> frames)
      : thread_([this, dial = std::move(dial), frames = std::move(frames)](std::stop_token stop) {
          while (!stop.stop_requested()) {
            const auto client = dial();
            for (std::size_t i = 0; !stop.stop_requested() && client->send(frames[i % frames.size()]); ++i) ++sent_;
          }
        }) {}
  std::uint64_t sent() const { return sent_; }

 private:
  std::atomic<std::uint64_t> sent_ = 0;
  std::jthread thread_;
};

TEST_F(LinkHostile, AFloodOfOneIsNotTheOthersTrouble) {
  const Member flooder = member_;
  std::vector<wire::ConnectorFrame> frames;
  for (int i = 0; i < 30; ++i) {
    frames.push_back(sealed(report(static_cast<std::uint64_t>(1'000 + i)).SerializeAsString()));
    wire::ConnectorFrame pools;
    *pools.mutable_pools()->add_pools() = hello("").pools(0);
    frames.push_back(pools);
    wire::ConnectorFrame beat;
    beat.mutable_heartbeat()->set_at_ms(1);
    frames.push_back(beat);
  }
  member_ = enrol("south");
  auto honest = linked();
  Chain chain(member_, *honest);
  const auto calls = [&](std::vector<std::int64_t>& took) {
    for (int i = 0; i < 100; ++i) {
      const auto began = std::chrono::steady_clock::now();  // tidy: allow clock, how long a call takes is what is measured
      ASSERT_TRUE(chain.say({report(1).records(0)}, clock_.now()));
      took.push_back(std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began).count());  // tidy: allow clock, as above
    }
  };
  const auto dial_flooder = [this, &flooder] {
    auto client = dial(flooder);
    const auto challenge = client->next();
    wire::Hello h = hello(challenge ? challenge->challenge().nonce() : "");
    h.set_center(to_bytes(flooder.center));
    h.set_connector(to_bytes(flooder.connector));
    wire::ConnectorFrame frame;
    *frame.mutable_hello() = federation::seal(flooder.identity, federation::kHelloType, h.SerializeAsString());
    client->send(frame);
    client->next();
    return client;
  };
  // In turns, so that a machine that is busy for a while is so for both.
  std::vector<std::int64_t> quiet, flooded;
  std::uint64_t sent = 0;
  for (int round = 0; round < 3; ++round) {
    calls(quiet);
    Flood flood(dial_flooder, frames);
    ASSERT_TRUE(eventually([&] { return flood.sent() > 100; }));
    calls(flooded);
    sent += flood.sent();
  }
  std::ranges::sort(quiet);
  std::ranges::sort(flooded);
  const auto at = [](const std::vector<std::int64_t>& sorted, std::size_t percent) { return sorted[(sorted.size() - 1) * percent / 100]; };
  const double medians = static_cast<double>(at(flooded, 50)) / static_cast<double>(at(quiet, 50));
  const double p99 = static_cast<double>(at(flooded, 99)) / static_cast<double>(at(quiet, 99));
  std::cout << "a call takes " << at(quiet, 50) << " µs (p99 " << at(quiet, 99) << "), beside " << sent << " frames of a flood " << at(flooded, 50)
            << " µs (p99 " << at(flooded, 99) << "): " << medians << " times, p99 " << p99 << " times\n";
  // The flood comes from this very process, on as few cores: what is left of it must still be far from a queue that grows.
  EXPECT_LT(medians, 4.0);
}

}  // namespace
}  // namespace bourse::testing
