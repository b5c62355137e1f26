// The whole market in one thread and one seed: clients, the engine's batches, a journal that fails, centers, a network.
//
// Every run is a function of its seed. After every step the market's books are checked; at the end, that everything was
// answered, every job closed, and each charged as if nothing had ever gone wrong.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "broker/app/committer.h"
#include "broker/app/memory_journal.h"
#include "broker/sim/client.h"
#include "broker/sim/network.h"
#include "broker/sim/sim_center.h"

namespace bourse::broker::sim {

struct Plot {
  std::size_t centers = 3;
  std::size_t jobs = 30;
  std::uint64_t lies_permille = 60;    // per center and step
  std::uint64_t crashes_permille = 8;  // of the broker, per step
  std::uint64_t journal_faults_permille = 30;
  std::uint64_t outages_permille = 15;  // of a center's link
  NetworkFaults network{.lost_permille = 150, .repeated_permille = 150, .longest_delay = minutes(4)};
};

// What happened, to see that a run was worth running.
struct Tally {
  std::size_t steps = 0, jobs = 0, ended = 0, failed = 0, cancelled = 0, redispatched = 0, quarantined = 0,
              recoveries = 0, repeats = 0, refused = 0, statements = 0, payouts = 0, adjustments = 0, lots = 0, lots_expired = 0, lots_returned = 0,
              reservations = 0, accruals = 0, carried = 0,
              days = 0, packages = 0, du_jobs = 0, fees = 0, arrays = 0, waited = 0, never_dispatched = 0;
};

class World {
 public:
  World(std::uint64_t seed, Plot plot);
  // Errors: integrity, saying what doesn't hold.
  Result<Tally> run();

 private:
  // world.cc
  Status set_up();
  Status command(CommandBody body);
  void queue(CommandBody body, std::string key, std::uint64_t fingerprint, Completion completion);
  Status run_batch();
  void crash();
  void recover();
  void people_act();
  void links_act();
  void pump(SimCenter& center);
  void deliver(const Spooled& spooled);
  void on_report(CenterId center, const Spooled& spooled, const Result<CommandResult>& result);
  void send_from_outbox(SimCenter& center);
  void disturb();
  Status step();
  Status settle_down();
  SimCenter& center(CenterId id);
  Hash256 order_hash(const Job& job) const;
  void violate(std::string what);

  // finance.cc
  void finance_acts();
  void close_and_seal(CenterId center);
  void move_payouts(CenterId center);
  void correct(const Job& job);
  void reserve();
  void charge_fee(Contract& contract);
  void resolve_disputes();
  void give_lots();
  // packages.cc
  Status sell_packages();  // in some worlds: prices in 度 beside those in money, and products
  void buy_package();
  struct Packages {
    Amount bought, used, given_back, expired;  // in money
    Amount corrected;                          // of adjustments: what went back to deferred revenue, and not to the wallet
    std::size_t lots = 0;
  };
  Packages packages() const;  // by the journal
  Amount check_packages(const Packages& told);  // what of all prices is deferred
  // By two people, by one, or by two that are the same: then it must be refused.
  void act(Act act);

  // checks.cc
  void check_books();
  void check_waiting(const Job& job);
  void check_single_runs();
  void check_replay();
  void check_end();
  void check_charges();
  void check_lots();
  void check_statements();
  void check_fees(const Center& center);

  Dice dice_;
  const Plot plot_;
  ManualClock clock_;
  MemoryJournal journal_;
  std::unique_ptr<Committer> committer_;
  std::vector<std::unique_ptr<SimCenter>> centers_;
  std::set<CenterId> offline_;
  std::unique_ptr<Client> client_;
  Network<ToCenter> down_{dice_};
  Network<Spooled> up_{dice_};
  std::vector<Committer::Item> inbox_;
  std::size_t jobs_wanted_ = 0;
  std::vector<ProductId> products_;
  bool calm_ = false;
  Tally tally_;
  std::optional<std::string> violated_;
};

}  // namespace bourse::broker::sim
