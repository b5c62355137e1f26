// A market service without a market: real gRPC on a real socket, answers by rule, and a memory of what it was asked.
//
// Sessions and sign-ins work as the broker's do. A job named "refuse:CODE" is refused with that error; one named
// "silent" is never answered. The export comes in three pieces.
#pragma once

#include <memory>
#include <string>

#include "bourse/market/v1/market.grpc.pb.h"

namespace bourse::testing {

class FakeMarket {
 public:
  // Serves at once. `target`: "unix:/…".
  explicit FakeMarket(const std::string& target);
  ~FakeMarket();
  // Ends and begins again, at the same address and with the same memory.
  void stop();
  void start();

  // A session for a user with these roles, as if it had been created through the gateway.
  void add_session(const std::string& token, const std::string& user, const std::vector<std::string>& roles);

  int calls(const std::string& rpc) const;
  market::v1::SubmitRequest last_submit() const;
  market::v1::ListJobsRequest last_list() const;
  market::v1::SignInRequest last_sign_in() const;
  market::v1::PublishPricesRequest last_prices() const;
  std::size_t sessions() const;

 private:
  class Service;
  std::string target_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace bourse::testing
