// What the driver suites share: a bench (connectors/conformance) made from the environment that drivers_test.py sets, and short ways to
// it that end the test where there is nothing to go on with.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "base/rng.h"
#include "connectors/conformance/bench.h"
#include "connectors/conformance/folders.h"
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
  void restart() { must(bench_->reopen()); }
  connector::Driver& driver() { return bench_->driver(); }
  conformance::Bench& bench() { return *bench_; }

  connector::SubmitRequest request(std::string script) { return must(bench_->request(std::move(script))); }
  std::string submit(const connector::SubmitRequest& request) { return must(bench_->submit(request)); }
  connector::RunStatus poll(const std::string& id) { return must(bench_->poll(id)); }
  connector::RunStatus wait(const std::string& id, const std::string& what, const conformance::Bench::Good& good) { return must(bench_->wait(id, what, good)); }
  connector::RunStatus wait_over(const std::string& id) { return must(bench_->wait_over(id)); }
  connector::RunStatus wait_running(const std::string& id) { return must(bench_->wait_running(id)); }
  void until(const std::string& what, Duration patience, const std::function<bool()>& good) { must(bench_->until(what, patience, good)); }
  std::string log_of(const std::string& id) { return bench_->log_of(id); }
  void wait_for_log(const std::string& id, const std::string& text) { must(bench_->wait_for_log(id, text)); }
  connector::LocalUser user() const { return bench_->setting().user; }
  std::string pool() const { return setting("POOL"); }

  SystemClock clock_;
  host::SystemProcessRunner runner_{clock_};

 private:
  // The driver that BOURSE_CONFORMANCE_DRIVER names.
  Result<std::unique_ptr<connector::Driver>> open();

  template <class T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message());  // nothing to wait for
    if constexpr (!std::is_void_v<T>) return *std::move(result);
  }

  SystemRng rng_;
  std::optional<conformance::SystemFolders> folders_;
  std::optional<conformance::Bench> bench_;
};

}  // namespace bourse::test
