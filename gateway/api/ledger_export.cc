#include "gateway/api/ledger_export.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <mutex>

#include "gateway/api/market_error.h"

namespace bourse::gateway {
namespace {

namespace asio = boost::asio;
using Piece = Result<std::optional<std::string>>;

// One read is outstanding at a time: gRPC's flow control holds the broker back while the client takes its time.
class Reader final : public grpc::ClientReadReactor<market::v1::Chunk>, public std::enable_shared_from_this<Reader> {
 public:
  Reader(std::unique_ptr<grpc::ClientContext> context, market::v1::ExportLedgerRequest request)
      : context_(std::move(context)), request_(std::move(request)) {}

  void start(market::v1::Market::Stub* stub) {
    self_ = shared_from_this();  // until OnDone
    stub->async()->ExportLedger(context_.get(), &request_, this);
    StartCall();
  }
  void cancel() { context_->TryCancel(); }

  // `deliver` is called once, on a gRPC thread or on this one.
  void read(std::move_only_function<void(Piece)> deliver) {
    {
      const std::lock_guard lock(mutex_);
      if (!finished_) {
        deliver_ = std::move(deliver);
        if (!no_more_) StartRead(&chunk_);
        return;
      }
    }
    deliver(ending());
  }

 private:
  void OnReadDone(bool ok) override {
    std::move_only_function<void(Piece)> deliver;
    {
      const std::lock_guard lock(mutex_);
      if (!ok) {
        no_more_ = true;  // OnDone follows, with the status
        return;
      }
      deliver = std::exchange(deliver_, nullptr);
    }
    if (deliver) deliver(Piece(std::move(*chunk_.mutable_data())));
  }
  void OnDone(const grpc::Status& status) override {
    std::move_only_function<void(Piece)> deliver;
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
      status_ = status;
      deliver = std::exchange(deliver_, nullptr);
    }
    if (deliver) deliver(ending());
    self_.reset();
  }
  Piece ending() const {
    if (status_.ok()) return std::optional<std::string>{};
    return std::unexpected(error_of(status_, *context_, Effect::reads));
  }

  std::unique_ptr<grpc::ClientContext> context_;
  const market::v1::ExportLedgerRequest request_;
  market::v1::Chunk chunk_;
  std::mutex mutex_;
  std::move_only_function<void(Piece)> deliver_;
  bool no_more_ = false;
  bool finished_ = false;
  grpc::Status status_;
  std::shared_ptr<Reader> self_;
};

http::Task<Piece> next_of(std::shared_ptr<Reader> reader) {
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Piece)>(
      [reader](auto handler) {
        auto executor = asio::get_associated_executor(handler);
        reader->read([handler = std::move(handler), guard = asio::make_work_guard(executor)](Piece piece) mutable {
          auto resume = guard.get_executor();
          asio::post(resume, [handler = std::move(handler), piece = std::move(piece),
                              guard = std::move(guard)]() mutable { handler(std::move(piece)); });
        });
      },
      asio::use_awaitable);
}

class ExportBody final : public http::BodyStream {
 public:
  ExportBody(std::shared_ptr<Reader> reader, std::string first)
      : reader_(std::move(reader)), first_(std::move(first)) {}
  ~ExportBody() override { reader_->cancel(); }
  http::Task<Piece> next() override {
    if (first_) {
      Piece piece(std::exchange(first_, std::nullopt));
      co_return piece;
    }
    co_return co_await next_of(reader_);
  }

 private:
  std::shared_ptr<Reader> reader_;
  std::optional<std::string> first_;
};

}  // namespace

http::Task<Result<std::unique_ptr<http::BodyStream>>> open_export(market::v1::Market::Stub* stub,
                                                                  std::unique_ptr<grpc::ClientContext> context,
                                                                  market::v1::ExportLedgerRequest request) {
  auto reader = std::make_shared<Reader>(std::move(context), std::move(request));
  reader->start(stub);
  auto first = co_await next_of(reader);
  if (!first) co_return std::unexpected(first.error());
  std::unique_ptr<http::BodyStream> body = std::make_unique<ExportBody>(std::move(reader), first->value_or(""));
  co_return body;
}

}  // namespace bourse::gateway
