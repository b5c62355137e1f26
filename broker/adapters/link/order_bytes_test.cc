// An order says about prices what decides them, and of plain ones no more than it ever did: its hash is signed by centers.
#include <gtest/gtest.h>

#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/link/link_server.h"

namespace bourse::broker {
namespace {

Job job_at(pricing::PriceRow row) {
  Job job;
  job.spec.walltime = hours(1);
  Plan& plan = job.decision.plans.emplace_back();
  plan.allocation = {.cores = 4, .nodes = 1, .mem_mib = 1024};
  plan.rows = {std::move(row)};
  job.attempts.emplace_back();
  return job;
}
pricing::PriceRow core_hour() { return {.id = PriceRowId{{1, 2}}, .price = {36, 2}, .per = 3'600'000}; }

federation::v1::DispatchOrder order_of(const Job& job) {
  federation::v1::DispatchOrder order;
  EXPECT_TRUE(order.ParseFromString(order_bytes(job)));
  return order;
}

TEST(OrderBytes, APlainPriceHasItsFirstFiveFieldsOnly) {
  const auto order = order_of(job_at(core_hour()));
  ASSERT_EQ(order.prices_size(), 1);
  std::vector<const google::protobuf::FieldDescriptor*> set;
  order.prices(0).GetReflection()->ListFields(order.prices(0), &set);
  EXPECT_EQ(set.size(), 5U);
  order.GetReflection()->ListFields(order, &set);
  EXPECT_LE(set.back()->number(), 28);
  Job carried = job_at(core_hour());
  carried.decision.plans[0].reservation = ReservationId{{1, 4}};
  EXPECT_EQ(order_of(carried).reservation().size(), 16U);
}

TEST(OrderBytes, AnElementKnowsItsPlaceInItsArray) {
  Job job = job_at(core_hour());
  EXPECT_FALSE(order_of(job).has_array());
  job.spec.array.ranges = {{1, 10, 4}};  // 1, 5, 9
  job.spec.element = {JobId{{1, 5}}, 5};
  const auto element = order_of(job).array();
  EXPECT_EQ(element.array(), to_text(JobId{{1, 5}}));
  EXPECT_EQ(element.index(), 5U);
  EXPECT_EQ(element.count(), 3U);
  EXPECT_EQ(element.least(), 1U);
  EXPECT_EQ(element.most(), 9U);
  EXPECT_EQ(element.step(), 4U);
  job.spec.array.ranges = {{1, 3, 2}, {20, 20, 1}};
  EXPECT_EQ(order_of(job).array().step(), 1U);
  EXPECT_EQ(order_of(job).array().most(), 20U);
}

TEST(OrderBytes, WhatElseDecidesThePriceIsInIt) {
  pricing::PriceRow scow = core_hour();
  scow.strategy = pricing::Strategy::scow_max_cpus_mem;
  scow.places = 3;
  scow.minimum = Amount{10'000};
  scow.off = {.id = PriceRowId{{1, 3}}, .name = "spring", .bps = 500};
  Job job = job_at(scow);
  pricing::PriceRow tiers = core_hour();
  tiers.free.ticks = 7;
  tiers.tiers = {.mode = pricing::TierMode::volume, .steps = {{100, {50, 2}}}};
  job.decision.plans[0].settlement = {tiers};
  job.decision.plans[0].totals = {.cores = 64, .mem_mib = 4096};
  const auto order = order_of(job);
  EXPECT_EQ(order.prices(0).strategy(), "scow:max-cpusAlloc-mem");
  EXPECT_EQ(order.prices(0).places(), 3U);
  EXPECT_EQ(order.prices(0).minimum_micros(), 10'000);
  EXPECT_EQ(order.prices(0).discount_bps(), 500U);
  EXPECT_EQ(order.pool_totals().mem_mib(), 4096);
  ASSERT_EQ(order.settlement_size(), 1);
  EXPECT_EQ(order.settlement(0).free(), 7);
  EXPECT_TRUE(order.settlement(0).volume());
  EXPECT_EQ(order.settlement(0).tiers(0).above(), 100);
  EXPECT_EQ(order_bytes(job), order_bytes(job));
}

}  // namespace
}  // namespace bourse::broker
