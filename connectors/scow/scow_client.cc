#include "connectors/scow/scow_client.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <tuple>

#include "connectors/host/text.h"
#include "scow/error_details.pb.h"

namespace bourse::scow {
namespace {

constexpr Duration kAskAbsentAgain = hours(1);
constexpr std::uint64_t kPageSize = 10'000;
constexpr int kMaxQuestions = 200;             // of one window, halved again and again
constexpr std::size_t kMaxRows = 500'000;
constexpr std::size_t kMaxRemembered = 64;     // RPC names

std::chrono::system_clock::time_point in(Duration d) {
  // tidy: allow clock, gRPC takes deadlines in its own clock
  return std::chrono::system_clock::now() + std::chrono::milliseconds(d.ms);
}

google::protobuf::Timestamp timestamp(Instant t) {
  google::protobuf::Timestamp time;
  time.set_seconds(t.unix_ms / 1000);
  return time;
}

}  // namespace

Said read_status(const grpc::Status& status) {
  Said said{.code = status.error_code(), .text = host::shown(status.error_message())};
  bourse::scow_details::StatusDetails details;
  if (status.ok() || !details.ParseFromString(status.error_details())) return said;
  for (const auto& packed : details.details()) {
    bourse::scow_details::ErrorInfo info;
    if (!packed.type_url().ends_with("/google.rpc.ErrorInfo") || !info.ParseFromString(packed.value())) continue;
    if (host::is_plain_name(info.reason())) said.reason = info.reason();
    if (const auto why = info.metadata().find("reason"); why != info.metadata().end()) said.why = why->second.substr(0, 4096);
  }
  return said;
}

Error unanswered(const std::string& rpc, const Said& said) {
  std::string text = "the scheduler adapter's " + rpc + ": " + (said.text.empty() ? "no answer" : said.text);
  if (!said.reason.empty()) text += " (" + said.reason + ")";
  return {ErrorCode::unavailable, text};
}

wire::GetJobsRequest jobs_request(const JobsQuestion& question, std::uint64_t page_size) {
  wire::GetJobsRequest request;
  for (const std::string& field : job_fields()) request.add_fields(field);
  wire::GetJobsRequest::Filter& filter = *request.mutable_filter();  // without one an adapter dies
  for (const std::string& user : question.users) filter.add_users(user);
  for (const std::string& account : question.accounts) filter.add_accounts(account);
  for (const std::string& state : question.states) filter.add_states(state);
  if (!question.name.empty()) filter.set_job_name(question.name);
  if (question.window == JobsQuestion::Window::none) return request;
  wire::TimeRange& range =
      question.window == JobsQuestion::Window::submitted ? *filter.mutable_submit_time() : *filter.mutable_end_time();
  // A lower bound of 0 is left out of an adapter's SQL, and then what runs "has ended", at 0.
  *range.mutable_start_time() = timestamp(std::max(question.from, Instant{1000}));
  *range.mutable_end_time() = timestamp(std::max(question.to, Instant{1000}));
  request.mutable_page_info()->set_page(1);
  request.mutable_page_info()->set_page_size(page_size);
  return request;
}

Result<std::unique_ptr<ScowClient>> ScowClient::open(ClientConfig config, const Clock& clock) {
  if (config.address.empty() || config.address.size() > 512 ||
      !std::ranges::all_of(config.address, [](char c) { return c > ' ' && c < 127; }))
    return fail(ErrorCode::invalid_argument, "scow: address");
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(config.max_message_bytes);
  arguments.SetMaxSendMessageSize(1 << 20);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 200);
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (config.tls) {
    credentials = grpc::SslCredentials({config.tls->ca, config.tls->key, config.tls->certificate});
    if (!config.tls->server_name.empty()) arguments.SetSslTargetNameOverride(config.tls->server_name);
  }
  auto channel = grpc::CreateCustomChannel(config.address, credentials, arguments);
  return std::unique_ptr<ScowClient>(new ScowClient(std::move(config), clock, std::move(channel)));
}

ScowClient::ScowClient(ClientConfig config, const Clock& clock, std::shared_ptr<grpc::Channel> channel)
    : config_(std::move(config)), clock_(clock), channel_(std::move(channel)) {
  version_ = ::scow::scheduler_adapter::VersionService::NewStub(channel_);
  config_service_ = ::scow::scheduler_adapter::ConfigService::NewStub(channel_);
  accounts_ = ::scow::scheduler_adapter::AccountService::NewStub(channel_);
  users_ = ::scow::scheduler_adapter::UserService::NewStub(channel_);
  jobs_ = ::scow::scheduler_adapter::JobService::NewStub(channel_);
}

void ScowClient::begin(Duration all) { until_ = clock_.monotonic() + all; }

bool ScowClient::reachable() {
  const Duration patience = std::min(seconds(3), until_ - clock_.monotonic());
  return patience.ms > 0 && channel_->WaitForConnected(in(patience));
}

Said ScowClient::call(const std::string& name, const std::function<grpc::Status(grpc::ClientContext*)>& rpc) {
  const Duration now = clock_.monotonic();
  if (const auto absent = absent_until_.find(name); absent != absent_until_.end() && now < absent->second)
    return {.code = grpc::StatusCode::UNIMPLEMENTED, .reason = {}, .text = "not implemented", .why = {}};
  const Duration left = std::min(config_.call_limit, until_ - now);
  if (left.ms <= 0) return {.code = grpc::StatusCode::RESOURCE_EXHAUSTED, .reason = "BUDGET", .text = "no time is left for it", .why = {}};
  grpc::ClientContext context;
  context.set_deadline(in(left));
  Said said = read_status(rpc(&context));
  if (said.not_implemented() && absent_until_.size() < kMaxRemembered) absent_until_[name] = now + kAskAbsentAgain;
  if (said.ok()) absent_until_.erase(name);
  return said;
}

Result<ScowClient::Answer> ScowClient::jobs_once(const JobsQuestion& question) {
  const wire::GetJobsRequest request = jobs_request(question, kPageSize);
  wire::GetJobsResponse response;
  const Said said = call("GetJobs", [&](grpc::ClientContext* c) { return jobs_->GetJobs(c, request, &response); });
  Answer answer;
  const bool windowed = question.window != JobsQuestion::Window::none;
  if (said.code == grpc::StatusCode::RESOURCE_EXHAUSTED && said.reason.empty() && windowed) {
    answer.whole = false;  // larger than a message may be
    return answer;
  }
  if (!said.ok()) return std::unexpected(unanswered("GetJobs", said));
  // Some adapters page, some return everything: only a count or a page that isn't full shows that nothing is left out.
  const auto got = static_cast<std::uint64_t>(response.jobs_size());
  if (windowed && (response.has_total_count() ? response.total_count() > got : got == kPageSize)) answer.whole = false;
  // All would fit on this page. Slurm's adapter asks squeue about each live row, and where that fails leaves out the row.
  answer.withheld = !answer.whole && response.has_total_count() && response.total_count() <= kPageSize;
  for (const wire::JobInfo& job : response.jobs())
    if (auto row = read_row(job)) answer.rows.push_back(std::move(*row));
  return answer;
}

Result<std::vector<JobRow>> ScowClient::jobs(const JobsQuestion& question) {
  std::vector<JobRow> rows;
  std::set<std::tuple<std::string, std::string, std::string>> seen;  // the id alone is not unique
  const auto take = [&](Answer answer) {
    for (JobRow& row : answer.rows)
      if (rows.size() < kMaxRows && seen.insert({row.id, row.name, row.raw}).second) rows.push_back(std::move(row));
  };
  std::vector<std::pair<std::int64_t, std::int64_t>> open = {{question.from.unix_ms / 1000, question.to.unix_ms / 1000}};
  for (int asked = 0; !open.empty(); ++asked) {
    if (asked == kMaxQuestions || rows.size() >= kMaxRows)
      return fail(ErrorCode::unavailable, "the scheduler adapter tells of more jobs than can be read at once");
    const auto [from, to] = open.back();
    open.pop_back();
    JobsQuestion part = question;
    part.from = Instant{from * 1000}, part.to = Instant{to * 1000};
    TRY(Answer answer, jobs_once(part));
    if (answer.whole || (answer.withheld && question.roughly)) {
      take(std::move(answer));
      continue;
    }
    if (answer.withheld) return fail(ErrorCode::unknown_outcome, "the scheduler adapter counts more jobs than it tells of");
    if (from >= to) return fail(ErrorCode::unavailable, "the scheduler adapter can't tell the jobs of one second at once");
    const std::int64_t middle = from + (to - from) / 2;
    open.emplace_back(from, middle);
    // A second in both, so that a fraction of one is lost in neither; the last two are told apart.
    open.emplace_back(to - from > 1 ? middle : to, to);
  }
  return rows;
}

}  // namespace bourse::scow
