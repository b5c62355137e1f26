// A collection as the API has it: listed page by page, then followed by a watch with bookmarks, listed again when the server no longer
// knows where we were (410 Gone), when the watch says something that can't be read, or when it has been silent for too long. One thread.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "connectors/kubernetes/api_client.h"

namespace bourse::kubernetes {

// `target` may have a query already. All pages within the client's budget; each object once, in the server's order. Returns the list's
// resourceVersion. Errors: unavailable (also: more than `most` objects), not_found.
Result<std::string> list_all(ApiClient& client, const std::string& target, std::size_t most,
                             const std::function<void(const nlohmann::json&)>& each);

inline constexpr std::size_t kMostListed = 200'000;

class Listing {
 public:
  struct Events {
    std::function<void(const nlohmann::json& object)> there;  // new or changed
    std::function<void(const nlohmann::json& object)> removed;
    std::function<void()> anew;                               // a whole list follows, by `there`…
    std::function<void()> whole;                              // …and that was all: what it didn't have is gone
  };
  struct Limits {
    Duration silence = minutes(2);        // servers send a bookmark every minute
    Duration longest_watch = minutes(4);  // asked of the server
    std::size_t events = 20'000;          // taken in one refresh
  };
  Listing(std::string target, Events events, Limits limits) : target_(std::move(target)), events_(std::move(events)), limits_(limits) {}

  // Brings the owner up to what the server has said until now. A watch that can't be had is done without: then every refresh
  // lists. Errors: unavailable.
  Status refresh(ApiClient& client, const Clock& clock);
  // The next refresh lists.
  void forget() { watch_.reset(), version_.clear(); }
  int lists() const { return lists_; }      // since the beginning
  int watches() const { return watches_; }

 private:
  Status list(ApiClient& client, const Clock& clock);
  void open_watch(ApiClient& client);
  bool drain(const Clock& clock);  // false: list again
  bool take(const std::string& line);

  const std::string target_;
  const Events events_;
  const Limits limits_;
  std::unique_ptr<Watch> watch_;
  std::string version_;
  Duration heard_;  // monotonic
  int lists_ = 0, watches_ = 0;
};

}  // namespace bourse::kubernetes
