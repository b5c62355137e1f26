// The broker's market API as coroutines: gRPC over a Unix socket, every call with a deadline.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "gateway/http/message.h"

namespace google::protobuf {
class Message;
}

namespace bourse::gateway {

// What a call changes decides what its silence means: a command that got no answer may have taken effect.
enum class Effect { reads, changes };

struct Call {
  std::string rpc;  // "Quote"
  Effect effect = Effect::reads;
  Duration deadline = seconds(10);
  std::string request_id;  // goes along as metadata, for the logs of both sides
};

// Safe to use from every loop. While the broker is away, calls wait for it until their deadline; one that only reads and
// whose connection broke is tried once more.
class MarketClient {
 public:
  explicit MarketClient(const std::string& target);  // "unix:/run/bourse/market.sock"
  ~MarketClient();

  // `request` and `reply` belong to the caller and must be of the RPC's types. Resumes on the caller's executor.
  // Errors: the broker's own; unavailable (reads), unknown_outcome and timeout (changes).
  http::Task<Status> call(Call call, const google::protobuf::Message* request, google::protobuf::Message* reply);

  // Ends the calls under way; they give what a lost connection gives. For the gateway's own end.
  void cancel_all();

  // The ledger's export, piece by piece as the reader takes it.
  http::Task<Result<std::unique_ptr<http::BodyStream>>> export_ledger(Call call,
                                                                      const google::protobuf::Message* request);

 private:
  // `lost`: the connection broke before there was an answer.
  http::Task<Status> try_once(const Call& call, const google::protobuf::Message* request, google::protobuf::Message* reply,
                              bool& lost);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bourse::gateway
