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

TEST_F(ScowHouse, WhatIsNotToldIsBlocked) {
  world_.failing.insert("QueryAccountBlockStatus");
  connect();
  EXPECT_FALSE(driver_->probe({}).value()[0].accepting);
  world_.failing.clear();
  EXPECT_TRUE(driver_->probe({}).value()[0].accepting);
  world_.failing.insert("QueryAccountBlockStatus");
  EXPECT_FALSE(driver_->probe({}).value()[0].accepting);
  world_.not_implemented.insert("QueryAccountBlockStatus"), world_.failing.clear();
  EXPECT_TRUE(driver_->probe({}).value()[0].accepting) << "this adapter never tells, so the scheduler refuses";
  config_.house = House::blocked;
  world_.failing.insert("BlockAccount");
  connect();
  EXPECT_FALSE(driver_->probe({}).value()[0].accepting) << "whatever the adapter can do";
}

TEST_F(ScowHouse, ADriverThatOnlyLooksChangesNothing) {
  config_.only_look = true;
  config_.owner = user_.name;
  config_.house = House::open;
  world_.accounts["house"].blocked = true;
  connect();
  EXPECT_FALSE(driver_->probe({}).value()[0].accepting);
  EXPECT_TRUE(world_.accounts["house"].blocked);
  EXPECT_EQ(driver_->submit(request()).error().outcome(), Outcome::rejected);
  EXPECT_EQ(driver_->cancel("1", user_).error().outcome(), Outcome::rejected);
  world_.accounts["house"].blocked = false;
  EXPECT_TRUE(driver_->probe({}).value()[0].accepting);
  config_.house = House::blocked;
  connect();
  EXPECT_FALSE(driver_->probe({}).value()[0].accepting) << "as it would be";
  world_.accounts.clear();
  config_.house = House::open;
  connect();
  EXPECT_FALSE(driver_->probe({}).value()[0].accepting);
  for (const char* rpc : {"CreateAccount", "BlockAccount", "UnblockAccount", "AddUserToAccount", "SubmitJob", "CancelJob"})
    EXPECT_EQ(world_.calls[rpc], 0) << rpc;
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
