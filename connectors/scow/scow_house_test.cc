// The house account: made, opened, blocked, respected.
#include <set>

#include "connectors/scow/scow_world_test.h"

namespace bourse::scow {
namespace {

class ScowHouse : public ScowWorld {};

TEST_F(ScowHouse, Pitfall15ABlockIsLostWithTheControllerAndSetAgain) {
  config_.house = House::blocked;
  connect();
  EXPECT_FALSE(driver_->probe({}).value()[0].accepting);
  EXPECT_TRUE(world_.accounts["house"].blocked);
  world_.accounts["house"].blocked = false;  // the controller restarted
  EXPECT_FALSE(driver_->probe({}).value()[0].accepting);
  EXPECT_TRUE(world_.accounts["house"].blocked);
  EXPECT_EQ(world_.calls["BlockAccount"], 2);
  config_.house = House::open;
  connect();
  EXPECT_TRUE(driver_->probe({}).value()[0].accepting);
  EXPECT_FALSE(world_.accounts["house"].blocked);
}

TEST_F(ScowHouse, ABlockThatTheCenterSetIsRespectedAndNothingIsSold) {
  connect();
  EXPECT_TRUE(driver_->probe({}).value()[0].accepting);
  world_.accounts["house"].blocked = true;
  EXPECT_FALSE(driver_->probe({}).value()[0].accepting);
  EXPECT_EQ(world_.calls["UnblockAccount"], 0);
  EXPECT_EQ(outcome_of_submit(), Outcome::rejected);
}

TEST_F(ScowHouse, TheHouseAccountIsMadeAndLocalUsersAreAdmitted) {
  world_.accounts.clear();
  config_.owner = "operator";
  connect();
  EXPECT_TRUE(driver_->probe({}).value()[0].accepting);
  submit();
  EXPECT_EQ(world_.accounts["house"].users, (std::set<std::string>{"operator", user_.name}));
  connect();  // it is there already
  submit();
  EXPECT_EQ(world_.calls["CreateAccount"], 1);
}

TEST_F(ScowHouse, WhatTheHouseAccountMayNotUseIsNotSold) {
  world_.accounts["house"].may_use_partition = false;
  connect();
  EXPECT_FALSE(driver_->probe({}).value()[0].accepting);
  world_.accounts["house"].may_use_partition = true;
  EXPECT_TRUE(driver_->probe({}).value()[0].accepting);
  world_.accounts["house"].may_use_partition = false;
  world_.not_implemented.insert("GetAvailablePartitions");
  connect();
  EXPECT_TRUE(driver_->probe({}).value()[0].accepting) << "not told, so the scheduler refuses";
  EXPECT_GT(world_.calls["GetAvailablePartitions"], 0);
}

}  // namespace
}  // namespace bourse::scow
