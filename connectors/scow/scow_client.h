// ScowClient: calls to one adapter. Every call has a deadline, all calls of one driver call share a budget, answers are at most
// 64 MiB, nothing is retried by the library. One thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "connectors/scow/scow_text.h"
#include "scow/account.grpc.pb.h"
#include "scow/config.grpc.pb.h"
#include "scow/job.grpc.pb.h"
#include "scow/user.grpc.pb.h"
#include "scow/version.grpc.pb.h"

namespace bourse::scow {

// PEM texts. With a client certificate this is mutual TLS.
struct TlsFiles {
  std::string ca, certificate, key;
  std::string server_name;  // in the adapter's certificate, where that isn't the address; empty = the address
};

struct ClientConfig {
  std::string address;                 // "127.0.0.1:8972", "unix:/run/adapter.sock"
  std::optional<TlsFiles> tls;
  Duration call_limit = seconds(10);   // for one call
  int max_message_bytes = 64 << 20;
};

// How a call ended.
struct Said {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string reason;  // google.rpc.ErrorInfo's: "ACCOUNT_NOT_FOUND"; empty without
  std::string text;    // for people: one line
  std::string why;     // ErrorInfo's metadata "reason": what sbatch printed
  bool ok() const { return code == grpc::StatusCode::OK; }
  bool not_implemented() const { return code == grpc::StatusCode::UNIMPLEMENTED; }
  bool already() const { return code == grpc::StatusCode::ALREADY_EXISTS; }
  bool not_found() const { return code == grpc::StatusCode::NOT_FOUND; }
};
Said read_status(const grpc::Status& status);

// Jobs, asked for in the way that adapters survive: always a filter, never an empty one.
struct JobsQuestion {
  std::vector<std::string> users, accounts, states;
  std::string name;
  enum class Window : std::uint8_t { none, submitted, ended } window = Window::none;
  Instant from, to;  // whole seconds, both inclusive; from the first second of 1970 on
  bool roughly = false;  // rows that the adapter counts and doesn't tell are done without
};
// Pure. `question` must ask for something.
wire::GetJobsRequest jobs_request(const JobsQuestion& question, std::uint64_t page_size);

class ScowClient {
 public:
  // Errors: invalid_argument (address).
  static Result<std::unique_ptr<ScowClient>> open(ClientConfig config, const Clock& clock);

  // From now on calls fail when `all` is over.
  void begin(Duration all);
  Duration left() const { return until_ - clock_.monotonic(); }
  // False: the adapter can't be reached, so nothing was sent.
  bool reachable();

  // `name` is the RPC's; one that the adapter does not implement is not asked for again within the hour.
  Said call(const std::string& name, const std::function<grpc::Status(grpc::ClientContext*)>& rpc);

  // Rows of all that fits. With a window, an answer that is too large or cut short is asked for again in overlapping
  // halves, and each row is there once. Errors: unavailable; unknown_outcome (it answered, but counts rows that it can't tell: Slurm's
  // adapter leaves out what the accounting says is live and the controller doesn't know).
  Result<std::vector<JobRow>> jobs(const JobsQuestion& question);

  ::scow::scheduler_adapter::VersionService::Stub& version() { return *version_; }
  ::scow::scheduler_adapter::ConfigService::Stub& config() { return *config_service_; }
  ::scow::scheduler_adapter::AccountService::Stub& accounts() { return *accounts_; }
  ::scow::scheduler_adapter::UserService::Stub& users() { return *users_; }
  ::scow::scheduler_adapter::JobService::Stub& job() { return *jobs_; }

 private:
  ScowClient(ClientConfig config, const Clock& clock, std::shared_ptr<grpc::Channel> channel);
  struct Answer {
    bool whole = true;
    bool withheld = false;  // and halves would be no more whole
    std::vector<JobRow> rows;
  };
  Result<Answer> jobs_once(const JobsQuestion& question);

  const ClientConfig config_;
  const Clock& clock_;
  const std::shared_ptr<grpc::Channel> channel_;
  Duration until_;                               // monotonic: the end of the budget
  std::map<std::string, Duration> absent_until_; // monotonic, by RPC
  std::unique_ptr<::scow::scheduler_adapter::VersionService::Stub> version_;
  std::unique_ptr<::scow::scheduler_adapter::ConfigService::Stub> config_service_;
  std::unique_ptr<::scow::scheduler_adapter::AccountService::Stub> accounts_;
  std::unique_ptr<::scow::scheduler_adapter::UserService::Stub> users_;
  std::unique_ptr<::scow::scheduler_adapter::JobService::Stub> jobs_;
};

// A question changes nothing, so one without an answer is only unavailable.
Error unanswered(const std::string& rpc, const Said& said);

}  // namespace bourse::scow
