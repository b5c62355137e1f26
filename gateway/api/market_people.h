// People by the market API.
#pragma once

#include "gateway/api/market_client.h"
#include "gateway/sso/people.h"

namespace bourse::gateway {

class MarketPeople final : public sso::People {
 public:
  explicit MarketPeople(MarketClient& market) : market_(market) {}
  http::Task<Result<sso::Principal>> sign_in(sso::Identity identity) override;
  http::Task<Status> open_session(sso::NewSession session) override;
  http::Task<Result<sso::Principal>> resolve(Hash256 token) override;
  http::Task<Status> end_session(Hash256 token) override;

 private:
  MarketClient& market_;
};

}  // namespace bourse::gateway
