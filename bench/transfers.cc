#include "bench/transfers.h"

namespace bourse::bench {
namespace {

LedgerAccountId account_id(std::uint64_t n) { return {Uuid{0x0190'0000'0000'7000ULL, 0x8000'0000'0000'0000ULL | n}}; }

}  // namespace

broker::PostTransfers TransferSource::next(Instant now) {
  broker::PostTransfers post;
  post.transfers.reserve(kPerCommand);
  const std::uint64_t time = static_cast<std::uint64_t>(now.unix_ms) << 16 | 0x7000;
  for (std::size_t i = 0; i < kPerCommand; ++i) {
    const std::uint64_t noise = rng_.next_u64();
    const std::uint64_t debit = noise % kAccounts, credit = (debit + 1 + (noise >> 32) % (kAccounts - 1)) % kAccounts;
    post.transfers.push_back({.id = {Uuid{time, 0x8000'0000'0000'0000ULL | ++serial_}},
                              .debit = account_id(debit),
                              .credit = account_id(credit),
                              .amount = Amount::of_micros(static_cast<std::int64_t>(1 + noise % 1'000'000))});
  }
  return post;
}

Status open_accounts(broker::Engine& engine, const Clock& clock) {
  broker::PostTransfers post;
  for (std::uint64_t n = 0; n < kAccounts; ++n)
    post.open.push_back({.account = account_id(n), .unit = kCny, .code = ledger::AccountCode::wallet,
                         .limit = ledger::Limit::credit_balance, .credit_limit = Amount::whole(1'000'000'000)});
  auto done = engine.execute({.now = clock.now(), .body = std::move(post)});
  if (!done) return std::unexpected(done.error());
  return {};
}

}  // namespace bourse::bench
