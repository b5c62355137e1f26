#include "connectors/core/link_client.h"

#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "bourse/federation/v1/federation.grpc.pb.h"
#include "connectors/core/file_client.h"
#include "connectors/core/log_stream.h"

namespace bourse::connector {

namespace wire = federation::v1;

namespace {

constexpr Duration kWatch = milliseconds(200);  // how often the writer looks at the clock

}  // namespace

struct LinkClient::Impl {
  Impl(LinkClientOptions o, Sink s, LogSource l, const Clock& c, Rng& r)
      : options(std::move(o)), sink(std::move(s)), logs(std::move(l)), clock(c), rng(r) {}

  // One stream. Shared by the reading thread (which owns it), the writing one, and callers under the mutex.
  struct Session {
    std::uint64_t number = 0;
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReaderWriter<wire::ConnectorFrame, wire::BrokerFrame>> stream;
    std::deque<wire::ConnectorFrame> queue;
    bool over = false;
    Duration dialled, heard, beaten;
    Duration heartbeat;  // 0 until established
    std::unique_ptr<LogStream> files;
  };

  void supervise();
  Duration run_session(std::uint64_t number);
  void write_loop(Session& session);
  void pause(Duration d);
  Duration backoff(int failures);

  LinkClientOptions options;
  Sink sink;
  LogSource logs;
  const Clock& clock;
  Rng& rng;
  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;
  Session* session = nullptr;
  Duration asked_pause;
  FileClient file_client;
  std::thread thread;
};

LinkClient::LinkClient(LinkClientOptions options, Sink sink, LogSource logs, const Clock& clock, Rng& rng)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(sink), std::move(logs), clock, rng)) {}

LinkClient::~LinkClient() { stop(); }

void LinkClient::start() {
  impl_->thread = std::thread([this] { impl_->supervise(); });
}

void LinkClient::stop() {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->stopping = true;
    if (impl_->session != nullptr) impl_->session->context.TryCancel();
  }
  impl_->wake.notify_all();
  if (impl_->thread.joinable()) impl_->thread.join();
}

bool LinkClient::send(std::uint64_t number, wire::ConnectorFrame frame) {
  {
    const std::scoped_lock lock(impl_->mutex);
    Impl::Session* session = impl_->session;
    if (session == nullptr || session->number != number || session->over) return false;
    if (session->queue.size() >= impl_->options.max_queued) {
      session->context.TryCancel();
      return false;
    }
    session->queue.push_back(std::move(frame));
  }
  impl_->wake.notify_all();
  return true;
}

void LinkClient::established(std::uint64_t number, Duration heartbeat, const std::string& files_token) {
  const std::scoped_lock lock(impl_->mutex);
  Impl::Session* session = impl_->session;
  if (session == nullptr || session->number != number || session->over) return;
  session->heartbeat = std::max(heartbeat, milliseconds(50));
  session->beaten = impl_->clock.monotonic();
  session->files = std::make_unique<LogStream>(impl_->options.channel(), impl_->options.metadata, files_token, impl_->logs);
  impl_->file_client.begin(impl_->options.channel(), impl_->options.metadata, files_token);
}

FileLink* LinkClient::files() { return &impl_->file_client; }

void LinkClient::drop(std::uint64_t number, Duration pause) {
  const std::scoped_lock lock(impl_->mutex);
  Impl::Session* session = impl_->session;
  if (session == nullptr || session->number != number) return;
  impl_->asked_pause = std::max(impl_->asked_pause, pause);
  session->context.TryCancel();
}

void LinkClient::Impl::pause(Duration d) {
  std::unique_lock lock(mutex);
  wake.wait_for(lock, std::chrono::milliseconds(d.ms), [&] { return stopping; });
}

// Doubles with each failure up to the bound; the upper half is random, so that a broker's restart isn't met by a herd.
Duration LinkClient::Impl::backoff(int failures) {
  const std::int64_t full = std::min(options.backoff_max.ms, options.backoff_min.ms << std::min(failures, 20));
  return milliseconds(full / 2 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(full / 2 + 1))));
}

void LinkClient::Impl::supervise() {
  int failures = 0;
  for (std::uint64_t number = 1;; ++number) {
    const Duration lasted = run_session(number);
    Duration asked;
    {
      const std::scoped_lock lock(mutex);
      if (stopping) return;
      asked = std::exchange(asked_pause, Duration{});
    }
    failures = lasted > options.backoff_max ? 0 : failures + 1;
    pause(std::max(backoff(failures - 1 < 0 ? 0 : failures - 1), asked));
    const std::scoped_lock lock(mutex);
    if (stopping) return;
  }
}

// Returns how long the session was established.
Duration LinkClient::Impl::run_session(std::uint64_t number) {
  Session current;
  current.number = number;
  for (const auto& [key, value] : options.metadata) current.context.AddMetadata(key, value);
  const auto stub = wire::Link::NewStub(options.channel());
  current.dialled = current.heard = clock.monotonic();
  {
    const std::scoped_lock lock(mutex);
    if (stopping) return {};
    session = &current;
  }
  current.stream = stub->Connect(&current.context);
  std::thread writer([&] { write_loop(current); });
  sink({LinkEvent::Kind::opened, number, nullptr, {}});
  auto frame = std::make_shared<wire::BrokerFrame>();
  while (current.stream->Read(frame.get())) {
    {
      const std::scoped_lock lock(mutex);
      current.heard = clock.monotonic();
    }
    if (!frame->has_heartbeat()) sink({LinkEvent::Kind::frame, number, std::move(frame), {}});
    frame = std::make_shared<wire::BrokerFrame>();
  }
  Duration lasted;
  std::unique_ptr<LogStream> files;
  {
    const std::scoped_lock lock(mutex);
    current.over = true;
    session = nullptr;
    if (current.heartbeat.ms > 0) lasted = clock.monotonic() - current.dialled;
    files = std::move(current.files);
  }
  current.context.TryCancel();  // frees a writer that waits for flow control
  file_client.end();
  wake.notify_all();
  writer.join();
  if (files) files->stop();
  const grpc::Status status = current.stream->Finish();
  sink({LinkEvent::Kind::closed, number, nullptr, status.error_message()});
  return lasted;
}

void LinkClient::Impl::write_loop(Session& current) {
  std::unique_lock lock(mutex);
  while (!current.over) {
    const Duration now = clock.monotonic();
    const bool silent = current.heartbeat.ms > 0 ? now - current.heard > milliseconds(3 * current.heartbeat.ms)
                                                 : now - current.dialled > options.hello_deadline;
    if (silent) {
      spdlog::warn("the broker is silent; the link is given up");
      current.context.TryCancel();
      return;
    }
    if (current.heartbeat.ms > 0 && now - current.beaten >= current.heartbeat) {
      current.beaten = now;
      current.queue.emplace_back().mutable_heartbeat()->set_at_ms(clock.now().unix_ms);
    }
    if (current.queue.empty()) {
      wake.wait_for(lock, std::chrono::milliseconds(kWatch.ms));
      continue;
    }
    const wire::ConnectorFrame frame = std::move(current.queue.front());
    current.queue.pop_front();
    lock.unlock();
    const bool written = current.stream->Write(frame);
    lock.lock();
    if (!written) return;
  }
}

}  // namespace bourse::connector
