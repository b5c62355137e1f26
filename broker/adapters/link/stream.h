// One bidirectional gRPC stream as a queue out and one frame at a time in. Keeps itself alive until gRPC is done with it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace bourse::broker {

template <class In, class Out>
class Stream final : public grpc::ServerBidiReactor<In, Out> {
 public:
  // Called from gRPC threads, never two at a time for one stream's frames; they must not wait.
  struct Sink {
    std::function<void(In)> frame;  // then nothing more until read()
    std::function<void()> room;     // the queue has gone down to half
    std::function<void()> done;     // the last call
  };

  static std::shared_ptr<Stream> make(grpc::CallbackServerContext* context, std::size_t max_queued) {
    std::shared_ptr<Stream> stream(new Stream(context, max_queued));
    stream->self_ = stream;
    return stream;
  }
  // Once, before the service method returns the stream.
  void open(Sink sink) {
    sink_ = std::move(sink);
    read();
  }

  // All of these are safe from any thread, and do nothing once the stream is finishing.
  void read() {
    const std::scoped_lock lock(mutex_);
    if (!finished_ && !done_) this->StartRead(&in_);
  }
  // False when the queue is full or the stream is ending.
  bool write(Out frame) {
    const std::scoped_lock lock(mutex_);
    if (finishing_ || finished_ || broken_ || queue_.size() >= max_queued_) return false;
    queue_.push_back(std::move(frame));
    go_on();
    return true;
  }
  std::size_t queued() const {
    const std::scoped_lock lock(mutex_);
    return queue_.size();
  }
  // Ends the stream after what is queued.
  void finish(grpc::Status status) {
    const std::scoped_lock lock(mutex_);
    if (finishing_) return;
    finishing_ = true;
    status_ = std::move(status);
    go_on();
  }
  // Ends it now.
  void abort() {
    const std::scoped_lock lock(mutex_);
    if (!done_) context_->TryCancel();
  }

 private:
  Stream(grpc::CallbackServerContext* context, std::size_t max_queued) : context_(context), max_queued_(max_queued) {}

  void go_on() {  // with the lock
    if (writing_ || finished_) return;
    if (!queue_.empty() && !broken_) {
      writing_ = true;
      this->StartWrite(&queue_.front());
    } else if (finishing_) {
      finished_ = true;
      this->Finish(status_);
    }
  }

  void OnReadDone(bool ok) override {
    if (ok && sink_.frame) return sink_.frame(std::move(in_));
    finish(grpc::Status::OK);  // the other side has no more to say
  }
  void OnWriteDone(bool ok) override {
    bool room = false;
    {
      const std::scoped_lock lock(mutex_);
      writing_ = false;
      queue_.pop_front();
      room = queue_.size() == max_queued_ / 2;
      if (!ok) broken_ = finishing_ = true;
      go_on();
    }
    if (room && ok && sink_.room) sink_.room();
  }
  void OnCancel() override {
    const std::scoped_lock lock(mutex_);
    broken_ = true;
    if (!finishing_) status_ = grpc::Status::CANCELLED;
    finishing_ = true;
    go_on();
  }
  void OnDone() override {
    {
      const std::scoped_lock lock(mutex_);
      done_ = true;
    }
    if (sink_.done) sink_.done();
    const std::shared_ptr<Stream> last = std::move(self_);
    sink_ = {};
  }

  grpc::CallbackServerContext* const context_;
  const std::size_t max_queued_;
  Sink sink_;
  std::shared_ptr<Stream> self_;
  In in_;
  mutable std::mutex mutex_;
  std::deque<Out> queue_;
  bool writing_ = false, finishing_ = false, finished_ = false, broken_ = false, done_ = false;
  grpc::Status status_;
};

}  // namespace bourse::broker
