// Fetcher by libcurl: certificates are checked against the system's store (or `ca_file`), and nothing is kept between
// calls.
#pragma once

#include "gateway/sso/fetcher.h"

namespace bourse::sso {

class CurlFetcher final : public Fetcher {
 public:
  explicit CurlFetcher(std::string ca_file = {});
  Result<Fetched> fetch(const Fetch& request) override;

 private:
  std::string ca_file_;
};

}  // namespace bourse::sso
