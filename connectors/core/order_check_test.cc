#include "connectors/core/order_check.h"

#include <gtest/gtest.h>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/fields.h"

namespace bourse::connector {
namespace {

namespace wire = federation::v1;

constexpr Instant kNow{1'800'000'000'000};
const std::string kScript = "#!/bin/sh\ntrue\n";

class OrderCheck : public ::testing::Test {
 protected:
  OrderCheck() {
    SeededRng rng(1);
    key_ = federation::make_key_pair(rng);
    other_ = federation::make_key_pair(rng);
    us_ = {.audience = "bourse.test", .center = CenterId{Uuid{1, 1}}, .connector = ConnectorId{Uuid{2, 2}}, .epoch = 1, .order_key = key_.public_key};
    pools_["batch"] = {.info = {.name = "batch", .arch = "x86_64", .nodes = 4, .cores_per_node = 16, .mem_mib_per_node = 1000, .gpus_per_node = 2,
                                .gpu_model = "a100", .max_walltime = hours(2)}};
  }
  wire::DispatchOrder order() const {
    wire::DispatchOrder o;
    o.set_version(1);
    o.set_job(federation::to_bytes(Uuid{3, 3}));
    o.set_attempt(federation::to_bytes(Uuid{4, 4}));
    o.set_fence(1);
    o.set_center(federation::to_bytes(us_.center));
    o.set_pool("batch");
    o.set_name("primes");
    o.set_script_sha256(federation::to_bytes(sha256(kScript)));
    o.set_cores(4);
    o.set_nodes(1);
    o.set_mem_mib(100);
    o.set_walltime_ms(60'000);
    o.set_tenant(federation::to_bytes(Uuid{5, 5}));
    o.set_billing_account(federation::to_bytes(Uuid{6, 6}));
    o.set_user(federation::to_bytes(Uuid{7, 7}));
    o.set_not_after_ms((kNow + hours(1)).unix_ms);
    return o;
  }
  wire::Orders batch(const std::function<void(wire::OrderBatch&)>& change = {}, const federation::KeyPair* key = nullptr,
                     std::string_view type = federation::kOrderBatchType) const {
    wire::OrderBatch b;
    b.set_version(1);
    b.set_audience(to_text(us_.center));
    b.set_center(federation::to_bytes(us_.center));
    b.add_orders(order().SerializeAsString());
    if (change) change(b);
    wire::Orders orders;
    *orders.mutable_batch() = federation::seal(key != nullptr ? *key : key_, type, b.SerializeAsString());
    orders.add_scripts(kScript);
    return orders;
  }
  std::string why(const std::function<void(wire::DispatchOrder&)>& change, const std::string* script = &kScript) const {
    wire::DispatchOrder o = order();
    change(o);
    const Status checked = check_order(o, script, pools_, kNow);
    return checked ? "" : checked.error().detail;
  }

  federation::KeyPair key_, other_;
  Membership us_;
  std::map<std::string, Offered> pools_;
};

TEST_F(OrderCheck, TakesTheBrokersBatch) {
  const auto opened = open_orders(batch(), us_);
  ASSERT_TRUE(opened) << opened.error().message();
  ASSERT_EQ(opened->orders.size(), 1U);
  EXPECT_EQ(opened->orders.front(), order().SerializeAsString());
  EXPECT_EQ(opened->scripts.at(sha256(kScript)), kScript);
  EXPECT_TRUE(parse_order(opened->orders.front(), us_));
  EXPECT_EQ(why([](wire::DispatchOrder&) {}), "");
}

TEST_F(OrderCheck, RefusesBatchesOfOthersOrForOthers) {
  EXPECT_EQ(open_orders(batch({}, &other_), us_).error().code, ErrorCode::bad_signature);
  EXPECT_EQ(open_orders(batch({}, nullptr, federation::kCancelBatchType), us_).error().code, ErrorCode::bad_signature);
  EXPECT_FALSE(open_orders(batch([](wire::OrderBatch& b) { b.set_audience("ctr_other"); }), us_));
  EXPECT_FALSE(open_orders(batch([](wire::OrderBatch& b) { b.set_center(federation::to_bytes(Uuid{9, 9})); }), us_));
  EXPECT_FALSE(open_orders(batch([](wire::OrderBatch& b) { b.set_version(2); }), us_));
  EXPECT_FALSE(open_orders(batch([](wire::OrderBatch& b) { while (b.orders_size() < 101) b.add_orders("x"); }), us_));
  EXPECT_FALSE(open_orders(batch([](wire::OrderBatch& b) { b.GetReflection()->MutableUnknownFields(&b)->AddVarint(50, 1); }), us_));
}

TEST_F(OrderCheck, RefusesOrdersThatItCantTellApart) {
  const auto parses = [&](const std::function<void(wire::DispatchOrder&)>& change) {
    wire::DispatchOrder o = order();
    change(o);
    return parse_order(o.SerializeAsString(), us_).has_value();
  };
  EXPECT_TRUE(parses([](wire::DispatchOrder&) {}));
  EXPECT_FALSE(parses([](wire::DispatchOrder& o) { o.set_center(federation::to_bytes(Uuid{9, 9})); }));
  EXPECT_FALSE(parses([](wire::DispatchOrder& o) { o.set_attempt("short"); }));
  EXPECT_FALSE(parses([](wire::DispatchOrder& o) { o.set_job(std::string(16, '\0')); }));
  EXPECT_FALSE(parses([](wire::DispatchOrder& o) { o.set_fence(0); }));
  EXPECT_FALSE(parses([](wire::DispatchOrder& o) { o.set_version(2); }));
  EXPECT_FALSE(parses([](wire::DispatchOrder& o) { o.clear_tenant(); }));
}

TEST_F(OrderCheck, SaysWhyAnOrderCantRunHere) {
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_not_after_ms(kNow.unix_ms - 1); }), "");
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_pool("gold"); }), "");
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_kind(wire::SESSION); }), "");
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_cores(17); }), "");
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_cores(0); }), "");
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_nodes(5); }), "");
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_nodes(1LL << 40); }), "");
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_mem_mib(1001); }), "");
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_gpus(3); }), "");
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_gpus(1), o.set_gpu_model("h100"); }), "");
  EXPECT_EQ(why([](wire::DispatchOrder& o) { o.set_gpus(1), o.set_gpu_model("a100"); }), "");
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_walltime_ms(hours(3).ms); }), "");
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_walltime_ms(0); }), "");
}

TEST_F(OrderCheck, RefusesNamesAndScriptsThatCouldMeanSomethingElse) {
  for (const char* name : {"", "-rf", "a\nb", "a\x7F", "\x1B[2J"}) EXPECT_NE(why([&](wire::DispatchOrder& o) { o.set_name(name); }), "") << name;
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_name(std::string(129, 'a')); }), "");
  EXPECT_EQ(why([](wire::DispatchOrder& o) { o.set_name("a; $(b) `c` 素数"); }), "") << "only a shell would mind";
  for (const char* qos : {"a b", "--x", "a;b", "a\n"}) EXPECT_NE(why([&](wire::DispatchOrder& o) { o.set_qos(qos); }), "") << qos;
  EXPECT_NE(why([](wire::DispatchOrder&) {}, nullptr), "");
  const std::string plain = "echo no interpreter\n", nul = std::string("#!/bin/sh\n\0", 11), large = "#!" + std::string(1 << 20, 'x');
  for (const std::string* script : {&plain, &nul, &large}) EXPECT_NE(why([](wire::DispatchOrder&) {}, script), "");
}

TEST_F(OrderCheck, WhatCouldRunBeyondTheSaleIsRefused) {
  EXPECT_EQ(why([](wire::DispatchOrder& o) { o.set_end_before_ms((kNow + minutes(1)).unix_ms); }), "");
  EXPECT_NE(why([](wire::DispatchOrder& o) { o.set_end_before_ms((kNow + seconds(59)).unix_ms); }).find("closes"), std::string::npos);
  pools_["batch"].rule.closes = kNow + seconds(59);  // by this center's own configuration
  EXPECT_NE(why([](wire::DispatchOrder&) {}).find("for sale"), std::string::npos);
  pools_["batch"].rule.closes = kNow + seconds(60);
  EXPECT_EQ(why([](wire::DispatchOrder&) {}), "");
}

}  // namespace
}  // namespace bourse::connector
