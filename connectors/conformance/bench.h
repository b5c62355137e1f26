// What the scenarios share: a driver that can be reopened, jobs with folders of their own, waiting, and clearing up.
// One thread. Nothing of it throws.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "connectors/conformance/check.h"
#include "connectors/conformance/folders.h"
#include "connectors/core/driver.h"

namespace bourse::conformance {

struct Setting {
  std::string pool;
  connector::LocalUser user;                   // whom the jobs run as; never root
  std::optional<connector::LocalUser> other;   // whose files the jobs must not reach; nothing: the connector's own stand in
  Duration patience = seconds(60);             // for one change of a job's state, the wait in the queue included
  Duration shortest_walltime = seconds(60);    // what the scheduler can tell from a shorter one
  bool fill_pool = false;                      // may take every core of the pool, for what only a full one shows
  std::vector<std::string> strangers;          // texts of the connector's own environment, which no job may find in its
};

struct Ports {
  std::function<Result<std::unique_ptr<connector::Driver>>()> open;
  Folders& folders;
  const Clock& clock;
  Rng& rng;
  std::function<void(Duration)> wait;  // between two questions; may return sooner
  std::function<bool()> stopped;       // somebody wants the end: scenarios end, clearing up goes on
};

class Bench {
 public:
  Bench(Setting setting, Ports ports) : setting_(std::move(setting)), ports_(std::move(ports)) {}

  const Setting& setting() const { return setting_; }
  const Clock& clock() const { return ports_.clock; }
  // Drops the driver and opens a new one, as a restart of the connector would. Errors: the driver's own.
  Status reopen();
  void close() { driver_.reset(); }
  // Only while open.
  connector::Driver& driver() { return *driver_; }
  bool is_open() const { return driver_ != nullptr; }
  // The pool under test as the scheduler has it now. Errors: the driver's; not_found.
  Result<connector::PoolInfo> pool();

  // One core and 200 MiB, with a fresh marker and a working folder of its own. Errors: of the folder.
  Result<connector::SubmitRequest> request(std::string script);
  // Submits, and remembers it for poll, log_of and clear.
  Result<std::string> submit(const connector::SubmitRequest& request);
  // request() and submit().
  Result<std::string> run(std::string script);
  // One look. What can't be true of a run is wrong, whoever looks.
  Result<connector::RunStatus> poll(const std::string& id);
  using Good = std::function<bool(const connector::RunStatus&)>;
  // Polls until `good`. Errors: timeout, naming `what`; cancelled as failed_precondition when stopped.
  Result<connector::RunStatus> wait(const std::string& id, const std::string& what, const Good& good, Duration patience);
  Result<connector::RunStatus> wait(const std::string& id, const std::string& what, const Good& good) { return wait(id, what, good, setting_.patience); }
  Result<connector::RunStatus> wait_over(const std::string& id) { return wait_over(id, setting_.patience); }
  Result<connector::RunStatus> wait_over(const std::string& id, Duration patience);
  Result<connector::RunStatus> wait_running(const std::string& id);
  Status until(const std::string& what, Duration patience, const std::function<bool()>& good);
  // Empty while there is none.
  std::string log_of(const std::string& id);
  Status wait_for_log(const std::string& id, const std::string& text);
  // Lets a job end that waits for the file "go" (scripts.h). Where the file can't reach it, it ends by itself, later.
  Status let_go(const std::string& id);
  const connector::SubmitRequest& request_of(const std::string& id) { return jobs_[id].request; }
  // A folder that the jobs' user must not reach. Errors: Folders::make_closed.
  Result<std::string> closed_folder();

  // What must be so. Returns whether it is.
  bool expect(bool good, std::string otherwise) {
    if (!good) wrong(std::move(otherwise));
    return good;
  }
  template <class T, class U>
  bool equal(std::string_view what, const T& got, const U& wanted) {
    return expect(got == wanted, fmt::format("{} is {}, not {}", what, got, wanted));
  }
  bool has_line(const std::string& log, const std::string& line);
  void wrong(std::string what);
  void note(std::string what);
  void not_supported(std::string why) { decided_ = Verdict::not_supported, says_.push_back(std::move(why)); }
  void skip(std::string why) { decided_ = Verdict::skipped, says_.push_back(std::move(why)); }

  // Runs one check from a clean table to a clean table. What can't be cleared stays in left().
  Finding judge(const Check& check);
  // What this run could not clear away: jobs by their markers, folders by their paths.
  const std::vector<std::string>& left() const { return left_; }

 private:
  struct Job {
    connector::SubmitRequest request;
    Duration submitted;       // monotonic
    Duration not_running;     // when it was last known not to run
    connector::RunStatus last;
    bool over = false;
  };
  void look_at(const std::string& id, Job& job, const connector::RunStatus& now);
  void clear();
  void end_jobs();

  const Setting setting_;
  const Ports ports_;
  std::unique_ptr<connector::Driver> driver_;
  std::map<std::string, Job> jobs_;  // by the scheduler's id
  std::map<std::string, connector::SubmitRequest> in_doubt_;  // by marker: perhaps submitted
  std::vector<std::string> folders_;
  std::optional<Verdict> decided_;
  std::vector<std::string> wrong_, says_, notes_, left_;
};

}  // namespace bourse::conformance
