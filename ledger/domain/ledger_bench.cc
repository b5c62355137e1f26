// What one core does in memory: decide, apply and emit. One item is one transfer (or one hold's life).
#include <benchmark/benchmark.h>

#include <vector>

#include "base/assert.h"
#include "base/rng.h"
#include "ledger/domain/ledger.h"

namespace bourse::ledger {
namespace {

constexpr std::size_t kAccounts = 10'000;
constexpr std::size_t kBatch = 8'000;
constexpr Instant kNow{1'780'000'000'000};

class Bank {
 public:
  Bank() {
    ledger_.reserve(kAccounts + 1, 1'100'000);
    for (std::size_t i = 0; i < kAccounts; ++i) {
      accounts_.push_back(LedgerAccountId::make(kNow, rng_));
      ledger_.apply(AccountOpened{.account = accounts_.back(),
                                  .unit = kCny,
                                  .code = AccountCode::wallet,
                                  .limit = Limit::credit_balance,
                                  .credit_limit = Amount::whole(1'000'000'000)});
    }
  }

  LedgerAccountId account(std::size_t n) const { return accounts_[n % kAccounts]; }
  Ledger& ledger() { return ledger_; }
  SeededRng& rng() { return rng_; }

  // A batch of transfers between random accounts, in chains of `chain`.
  void fill(std::vector<TransferRequest>& batch, std::size_t chain) {
    batch.resize(kBatch);
    for (std::size_t i = 0; i < kBatch; ++i) {
      const std::uint64_t random = rng_.next_u64();
      batch[i] = {.id = TransferId::make(kNow, rng_),
                  .debit = account(random),
                  .credit = account(random + 1 + (random >> 32) % (kAccounts - 1)),
                  .amount = Amount{1 + static_cast<std::int64_t>(random >> 48)},
                  .linked = (i + 1) % chain != 0};
    }
  }

 private:
  SeededRng rng_{1};
  Ledger ledger_;
  std::vector<LedgerAccountId> accounts_;
};

void post_batches(benchmark::State& state) {
  Bank bank;
  std::vector<TransferRequest> batch;
  std::vector<TransferOutcome> outcomes;
  std::vector<Posted> events;
  for (auto _ : state) {
    state.PauseTiming();
    bank.fill(batch, static_cast<std::size_t>(state.range(0)));
    events.clear();
    state.ResumeTiming();
    const auto emit = [&events](const auto& event) {
      if constexpr (std::is_same_v<std::decay_t<decltype(event)>, Posted>) events.push_back(event);
    };
    bank.ledger().post(batch, outcomes, emit);
    BOURSE_ASSERT(events.size() == kBatch);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}
BENCHMARK(post_batches)->ArgName("chain")->Arg(1)->Arg(4)->Iterations(1'000);

void post_and_encode(benchmark::State& state) {
  Bank bank;
  std::vector<TransferRequest> batch;
  std::vector<TransferOutcome> outcomes;
  std::vector<std::byte> row;
  for (auto _ : state) {
    state.PauseTiming();
    bank.fill(batch, 1);
    row.clear();
    state.ResumeTiming();
    bank.ledger().post(batch, outcomes, [&row](const auto& event) { codec::write_record(row, 1, event); });
    benchmark::DoNotOptimize(row.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}
BENCHMARK(post_and_encode)->Iterations(1'000);

void hold_capture_release(benchmark::State& state) {
  Bank bank;
  Ledger& ledger = bank.ledger();
  const LedgerAccountId holds = LedgerAccountId::make(kNow, bank.rng());
  ledger.apply(AccountOpened{.account = holds, .unit = kCny, .code = AccountCode::holds});
  HoldCaptured capture{.hold = {}, .legs = {}, .reference = {}};
  for (auto _ : state) {
    const std::uint64_t random = bank.rng().next_u64();
    const HoldId hold = HoldId::make(kNow, bank.rng());
    const auto placed = ledger.place({.hold = hold,
                                      .wallet = bank.account(random),
                                      .holds = holds,
                                      .amount = Amount{1'000},
                                      .expires_at = kNow + seconds(static_cast<std::int64_t>(random % 100'000)),
                                      .reference = {}});
    ledger.apply(*placed);
    capture.hold = hold;
    capture.legs = {{bank.account(random + 1), Amount{700}, TransferCode::capture_center},
                    {bank.account(random + 2), Amount{50}, TransferCode::capture_margin}};
    ledger.apply(*ledger.capture(capture));
    ledger.apply(*ledger.release(hold, HoldEnd::released));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(hold_capture_release)->Iterations(3'000'000);

}  // namespace
}  // namespace bourse::ledger
