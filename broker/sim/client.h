// What people want of the market in the simulator: requests with keys, repeated until each is answered for good.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "broker/domain/commands.h"
#include "broker/sim/dice.h"

namespace bourse::broker::sim {

// One thing somebody wants. Every try carries the same key and fingerprint, and fresh ids, as a gateway would make
// them.
struct Wish {
  std::string key;
  std::uint64_t fingerprint = 0;
  std::function<CommandBody()> body;
  std::function<void(Uuid)> granted;  // once, with what it made
  bool settled = false;
  bool in_flight = false;
  std::optional<Error> refused;
  std::optional<Uuid> object;
};

class Client {
 public:
  Client(Dice& dice, BillingAccountId account, UserId user) : dice_(dice), account_(account), user_(user) {}

  void want_funds(Amount amount);
  void want_job(Instant now, bool by_quote);
  void want_cancel(JobId job);
  void use_windows() { windows_ = true; }
  // Some of its jobs wait for others, some are arrays.
  void use_waiting() { waits_ = true; }
  void want_package(ProductId product);
  // From here on some of its jobs pay with packages.
  void use_packages() { packages_ = true; }

  // Wishes to be sent now: not settled and not in flight; sometimes one that is settled, to see that nothing happens.
  std::vector<Wish*> to_send();
  // What came back. False, with a reason, when a key got two different answers.
  Status answer(Wish& wish, const Result<CommandResult>& result);

  bool all_settled() const;
  const std::deque<Wish>& wishes() const { return wishes_; }
  const std::vector<JobId>& jobs() const { return jobs_; }  // with the elements of arrays, which may not be made yet
  const std::vector<JobId>& arrays() const { return arrays_; }
  Amount funded() const { return funded_; }

 private:
  Wish& add(std::string_view kind);
  JobSpec spec(Instant now);
  void add_dependency(JobSpec& spec);
  void submit(JobSpec spec, QuoteId quote);

  Dice& dice_;
  const BillingAccountId account_;
  const UserId user_;
  Instant now_;
  std::deque<Wish> wishes_;
  std::vector<JobId> jobs_;
  std::vector<JobId> arrays_;
  Amount funded_;
  bool windows_ = false, packages_ = false, waits_ = false;
};

}  // namespace bourse::broker::sim
