// What the driver suites share: a driver made from the environment that drivers_test.py sets, workdirs, and waiting.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/rng.h"
#include "connectors/core/driver.h"
#include "connectors/host/process_runner.h"

namespace bourse::test {

class DriverTest : public ::testing::Test {
 protected:
  static constexpr Duration kPatience = seconds(60);

  void SetUp() override;

  static bool is_slurm() { return setting("DRIVER") == "slurm"; }
  static bool is_scow() { return setting("DRIVER") == "scow"; }
  static bool is_kubernetes() { return setting("DRIVER") == "kubernetes"; }
  // BOURSE_CONFORMANCE_<name>
  static std::string setting(const std::string& name);
  // Replaces the driver by a new one, as a restart of the connector would.
  void restart();

  // A request for one core and 200 MiB, with a fresh marker and a workdir of its own.
  connector::SubmitRequest request(std::string script);
  // Asks again and again, with a pause; throws when `patience` is over.
  void until(const std::string& what, Duration patience, const std::function<bool()>& good);
  // Submits and remembers the marker.
  std::string submit(const connector::SubmitRequest& request);
  connector::RunStatus poll(const std::string& id);
  // Polls until `good`, or fails the test after kPatience.
  connector::RunStatus wait(const std::string& id, const std::string& what,
                            const std::function<bool(const connector::RunStatus&)>& good, Duration patience = kPatience);
  connector::RunStatus wait_over(const std::string& id, Duration patience = kPatience);
  connector::RunStatus wait_running(const std::string& id);
  std::string log_of(const std::string& id);
  // True once the log has `text`.
  void wait_for_log(const std::string& id, const std::string& text);
  connector::LocalUser user() const { return user_; }
  std::string pool() const { return setting("POOL"); }

  SystemClock clock_;
  host::SystemProcessRunner runner_{clock_};
  std::unique_ptr<connector::Driver> driver_;

 private:
  SystemRng rng_;
  connector::LocalUser user_;
  std::map<std::string, connector::SubmitRequest> submitted_;  // by id
};

}  // namespace bourse::test
