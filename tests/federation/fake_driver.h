// A scheduler and its users in memory, for the tests of the link.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/core/driver.h"
#include "connectors/core/identity.h"

namespace bourse::testing {

// A scheduler in memory: runs are moved on by the test.
class FakeDriver final : public connector::Driver {
 public:
  connector::Capabilities capabilities() const override {
    return {.kind = "fake", .version = "1", .grace = minutes(1), .call_deadline = seconds(1), .submission_settle = milliseconds(300), .files = takes_files_};
  }
  Result<std::vector<connector::PoolInfo>> probe(const std::vector<std::string>& pools) override;
  Result<std::string> submit(const connector::SubmitRequest& request) override;
  Result<std::optional<std::string>> find_by_marker(const std::string& marker) override;
  Result<std::map<std::string, connector::RunStatus>> poll(const std::map<std::string, std::string>& markers) override;
  Status cancel(const std::string& id, const connector::LocalUser& user) override;
  Status set_paused(const std::string& id, const connector::LocalUser& user, bool paused) override;
  Result<connector::LogPiece> read_log(const std::string& id, const connector::LocalUser& user, const std::string& path,
                                       std::int64_t offset, std::int64_t max_bytes) override;

  // For the test; all thread-safe.
  void start(const std::string& id, Instant at);
  void end(const std::string& id, Instant at, Duration running, std::int32_t exit_code = 0);
  void forget(const std::string& id);  // as a scheduler does that lost its state
  std::vector<std::string> ids() const;  // in order of submission
  int submissions() const;
  std::string workdir(const std::string& id) const;
  void take_files(bool take) { takes_files_ = take; }
  std::vector<std::string> cancels() const;
  connector::RunState state(const std::string& id) const;
  void answer_submissions(std::optional<Error> error, bool yet_taken = false);  // yet_taken: the run exists all the same
  void answer_markers(std::optional<Error> error);
  void answer_polls(std::optional<Error> error);
  int polls() const;

 private:
  struct Run {
    std::string marker;
    connector::Allocation need;
    connector::RunStatus status;
    std::string workdir;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Run> runs_;
  std::vector<std::string> order_, cancels_;
  std::optional<Error> submission_error_, marker_error_, poll_error_;
  bool yet_taken_ = false;
  std::atomic<bool> takes_files_ = true;
  int submissions_ = 0, polls_ = 0;
};

class FakeUsers final : public connector::UserDirectory {
 public:
  Result<connector::LocalUser> find(const std::string& name) const override;
};

}  // namespace bourse::testing
