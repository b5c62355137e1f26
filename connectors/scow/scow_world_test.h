// A driver, and the double of an adapter that it speaks to, on a clock that tests move.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include <pwd.h>
#include <unistd.h>

#include "connectors/host/files.h"
#include "connectors/scow/scow_driver.h"
#include "connectors/scow/testing/adapter_double.h"

namespace bourse::scow {

using connector::RunState;
using connector::RunStatus;

class ScowWorld : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/bourse-scow-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    base_ = name;
    ::chmod(name, 0711);
    const passwd* entry = ::geteuid() == 0 ? ::getpwnam("daemon") : ::getpwuid(::geteuid());
    ASSERT_NE(entry, nullptr);
    user_ = {.name = entry->pw_name, .uid = entry->pw_uid, .gid = entry->pw_gid, .home = "", .scheduler_account = ""};
    world_.now = [this] { return clock_.now().unix_ms / 1000; };
    world_.accounts["house"].users = {user_.name};
  }
  void TearDown() override {
    driver_.reset();
    adapter_.reset();
    std::filesystem::remove_all(base_);
  }

  void be_crane() { world_.crane = true, world_.scheduler_name = "CraneSched"; }
  // A new driver on the same world, as after a restart of the connector.
  void connect() {
    if (!adapter_) adapter_ = std::make_unique<testing::AdapterDouble>(world_);
    config_.client.address = adapter_->address();
    config_.account = "house";
    if (know_user_) config_.users = {user_.name};
    auto opened = ScowDriver::open(config_, clock_);
    ASSERT_TRUE(opened) << opened.error().message();
    driver_ = std::move(*opened);
  }

  connector::SubmitRequest request() {
    const std::string marker = "bourse-att_" + std::to_string(++submissions_) + "-1";
    const std::string workdir = base_ + "/" + marker;
    EXPECT_TRUE(host::make_directory(workdir, {.mode = 0700, .uid = user_.uid, .gid = user_.gid}));
    return {.marker = marker, .name = "a job; $(id)", .script = "#!/bin/sh\n", .pool = "cpu",
            .need = {.cores = 2, .gpus = 0, .nodes = 1, .mem_mib = 100}, .walltime = minutes(10), .qos = "", .gpu_model = "",
            .user = user_, .workdir = workdir, .stdout_path = workdir + "/stdout"};
  }
  std::string submit() {
    newest_ = request();
    const auto id = driver_->submit(newest_);
    EXPECT_TRUE(id) << (id ? "" : id.error().message());
    return id.value_or("0");
  }
  std::string marker() const { return newest_.marker; }
  testing::WorldJob& job(const std::string& id) { return *world_.find(static_cast<std::uint32_t>(std::stoul(id))); }
  void run(const std::string& id) { job(id).state = "RUNNING", job(id).start = world_.now(); }
  void finish(const std::string& id, const std::string& state = "COMPLETED") {
    job(id).state = state, job(id).end = world_.now(), job(id).in_queue = false;
  }
  void leave_exit_code(int code) {
    ASSERT_TRUE(host::write_new(exit_code_path(newest_.workdir), std::to_string(code) + "\n",
                                {.mode = 0600, .uid = user_.uid, .gid = user_.gid}));
  }
  RunStatus poll(const std::string& id) {
    const auto seen = driver_->poll({{id, marker()}});
    EXPECT_TRUE(seen) << (seen ? "" : seen.error().message());
    return seen ? seen->at(id) : RunStatus{};
  }
  // Polls until it is over, moving the clock by what the driver lets pass before it believes an end.
  RunStatus poll_over(const std::string& id) {
    RunStatus last;
    for (int i = 0; i < 15; ++i) {
      last = poll(id);
      if (last.state == RunState::ended || last.state == RunState::cancelled) break;
      clock_.advance(seconds(1));
    }
    return last;
  }
  Outcome outcome_of_submit() {
    newest_ = request();
    const auto id = driver_->submit(newest_);
    EXPECT_FALSE(id);
    return id ? Outcome::rejected : id.error().outcome();
  }

  ManualClock clock_{Instant{1'790'000'000'000}};
  testing::World world_;
  std::unique_ptr<testing::AdapterDouble> adapter_;
  ScowConfig config_;
  std::unique_ptr<ScowDriver> driver_;
  connector::LocalUser user_;
  connector::SubmitRequest newest_;
  std::string base_;
  int submissions_ = 0;
  bool know_user_ = true;
};

}  // namespace bourse::scow
