#include "gateway/api/market_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <set>

#include "bourse/market/v1/market.grpc.pb.h"
#include "gateway/api/ledger_export.h"
#include "gateway/api/market_error.h"

namespace bourse::gateway {
namespace {

namespace asio = boost::asio;

constexpr int kMostMessageBytes = 64 * 1024 * 1024;  // a sealed statement comes in one message

std::shared_ptr<grpc::Channel> make_channel(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetMaxReceiveMessageSize(kMostMessageBytes);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

grpc::ByteBuffer to_buffer(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

bool from_buffer(const grpc::ByteBuffer& buffer, google::protobuf::Message& message) {
  grpc::Slice slice;
  if (!buffer.Valid() || !buffer.TrySingleSlice(&slice).ok()) {
    if (!buffer.Valid() || !buffer.DumpToSingleSlice(&slice).ok()) return false;
  }
  return message.ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
}

// Lives until gRPC has called back; the coroutine may only be resumed after that, so it can lie in its frame.
struct InFlight {
  grpc::ClientContext context;
  grpc::ByteBuffer request, reply;
};

}  // namespace

struct MarketClient::Impl {
  explicit Impl(const std::string& target)
      : channel(make_channel(target)), generic(channel), stub(market::v1::Market::NewStub(channel)) {}
  std::shared_ptr<grpc::Channel> channel;
  grpc::GenericStub generic;
  std::unique_ptr<market::v1::Market::Stub> stub;
  std::mutex mutex;
  std::set<grpc::ClientContext*> under_way;
};

MarketClient::MarketClient(const std::string& target) : impl_(std::make_unique<Impl>(target)) {}
MarketClient::~MarketClient() = default;

void MarketClient::cancel_all() {
  const std::lock_guard lock(impl_->mutex);
  for (grpc::ClientContext* context : impl_->under_way) context->TryCancel();
}

void prepare(grpc::ClientContext& context, const Call& call) {
  // The one use of the wall clock that is not ours: gRPC takes deadlines no other way.
  context.set_deadline(
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(call.deadline.ms, GPR_TIMESPAN)));
  context.set_wait_for_ready(true);
  if (!call.request_id.empty()) context.AddMetadata("x-request-id", call.request_id);
}

http::Task<Status> MarketClient::call(Call call, const google::protobuf::Message* request,
                                      google::protobuf::Message* reply) {
  bool lost = false;
  Status done = co_await try_once(call, request, reply, lost);
  // A call sent on the connection of a broker that is just going away; the next one waits for it to come back.
  if (lost && call.effect == Effect::reads) done = co_await try_once(call, request, reply, lost);
  co_return done;
}

http::Task<Status> MarketClient::try_once(const Call& call, const google::protobuf::Message* request,
                                          google::protobuf::Message* reply, bool& lost) {
  InFlight flight;
  prepare(flight.context, call);
  flight.request = to_buffer(*request);
  const std::string method = "/bourse.market.v1.Market/" + call.rpc;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->under_way.insert(&flight.context);
  }
  const auto status = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(grpc::Status)>(
      [this, &flight, &method](auto handler) {
        auto executor = asio::get_associated_executor(handler);
        // gRPC wants a copyable callback.
        auto held = std::make_shared<decltype(handler)>(std::move(handler));
        auto guard = std::make_shared<decltype(asio::make_work_guard(executor))>(asio::make_work_guard(executor));
        impl_->generic.UnaryCall(&flight.context, method, grpc::StubOptions(), &flight.request, &flight.reply,
                                 [held, guard](grpc::Status done) {
                                   asio::post(guard->get_executor(),
                                              [held, done = std::move(done)]() mutable { (*held)(std::move(done)); });
                                   guard->reset();
                                 });
      },
      asio::use_awaitable);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->under_way.erase(&flight.context);
  }
  lost = status.error_code() == grpc::StatusCode::UNAVAILABLE;
  if (!status.ok()) co_return std::unexpected(error_of(status, flight.context, call.effect));
  if (!from_buffer(flight.reply, *reply)) co_return fail(ErrorCode::internal, "the broker's answer can't be read");
  co_return Status{};
}

http::Task<Result<std::unique_ptr<http::BodyStream>>> MarketClient::export_ledger(
    Call call, const google::protobuf::Message* request) {
  auto context = std::make_unique<grpc::ClientContext>();
  prepare(*context, call);
  const auto* typed = google::protobuf::DynamicCastToGenerated<market::v1::ExportLedgerRequest>(request);
  if (typed == nullptr) co_return fail(ErrorCode::internal);
  co_return co_await open_export(impl_->stub.get(), std::move(context), *typed);
}

}  // namespace bourse::gateway
