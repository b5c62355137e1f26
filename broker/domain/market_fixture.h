// For tests: a market with a wallet, two centers and prices, where every event is checked and kept.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "broker/domain/enrolment.h"
#include "broker/domain/market.h"

namespace bourse::broker {

// Ids that a reader of a failing test can tell apart.
template <class IdType>
IdType id_of(std::uint64_t n) {
  return IdType{Uuid{0x0190'0000'0000'7000ULL, 0x8000'0000'0000'0000ULL | n}};
}
inline Hash256 hash_of(std::string_view text) {
  return sha256(text);
}

class MarketFixture : public ::testing::Test {
 protected:
  static constexpr std::int64_t kStart = 1'800'000'000'000;
  const TenantId tenant = id_of<TenantId>(1);
  const UserId user = id_of<UserId>(1);
  const UserId stranger = id_of<UserId>(2);
  const BillingAccountId account = id_of<BillingAccountId>(1);
  const CenterId north = id_of<CenterId>(1);
  const CenterId south = id_of<CenterId>(2);

  // Opens an account with 1000 CNY, enrols two centers with a contract (6 % tax, 10 % margin) and a pool of 64 cores
  // each; a core-hour costs 0.36 CNY in the north and 0.72 in the south.
  void open_market() {
    ok(OpenBillingAccount{account, tenant, "physics", kCny, user});
    fund(Amount::whole(1000));
    enrol(north, "north", "0.36");
    enrol(south, "south", "0.72");
  }

  void fund(Amount amount) { ok(FundAccount{account, amount, id_of<TransferId>(++serial_), Uuid{1, serial_}}); }

  void enrol(CenterId center, const std::string& name, std::string_view core_hour) {
    EnrolCenter command{center, name, id_of<ConnectorId>(center.uuid.low & 0xFF)};
    command.identity_key.fill(static_cast<std::uint8_t>(2 * (center.uuid.low & 0x3F)));
    command.billing_key.fill(static_cast<std::uint8_t>(2 * (center.uuid.low & 0x3F) + 1));
    for (CommandBody& step : enrolment(command)) ok(std::move(step));
    ok(SetContract{
        {id_of<ContractId>(++serial_), center, kCny, {.tax_bps = 600, .margin_bps = 1000}, Instant{kStart - 1}, {}}});
    PublishPrices prices;
    for (const auto meter :
         {pricing::Meter::core_ms, pricing::Meter::mem_mib_s, pricing::Meter::node_ms, pricing::Meter::gpu_ms}) {
      const bool core = meter == pricing::Meter::core_ms;
      prices.rows.push_back({.id = id_of<PriceRowId>(++serial_),
                             .scope = {.center = center},
                             .meter = meter,
                             .price = core ? *parse_decimal(core_hour) : Decimal{},
                             .per = core ? 3'600'000 : 1,
                             .valid_from = Instant{kStart - 1}});
    }
    ok(prices);
    observe(center, true);
  }

  void observe(CenterId center, bool online) {
    routing::Pool pool{.center = center,
                       .name = "batch",
                       .arch = "x86_64",
                       .nodes = 4,
                       .cores_per_node = 16,
                       .mem_mib_per_node = 65'536,
                       .files = true,
                       .free_cores = 64,
                       .observed_at = now,
                       .online = online};
    ok(ObservePools{center, online, {pool}});
  }

  // Four cores for an hour: 1.44 CNY in the north, 2.88 in the south.
  static JobSpec spec() {
    return {.name = "primes",
            .script = hash_of("#!/bin/sh"),
            .need = {.cores = 4, .nodes = 1, .mem_mib = 1024},
            .walltime = hours(1)};
  }

  JobId submit(JobSpec what = spec(), QuoteId quote = {}) {
    const JobId job = id_of<JobId>(++serial_);
    ok(SubmitJob{job, id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, quote, std::move(what)});
    return job;
  }

  // ── reports ──

  EventRecord happens(JobId job, Happening happening, std::int32_t exit_code = 0) const {
    const Attempt& attempt = market.job(job)->attempt();
    return {.job = job,
            .attempt = attempt.id,
            .fence = attempt.fence,
            .order_hash = hash_of(to_text(attempt.id)),
            .happening = happening,
            .at = now,
            .scheduler_job = "4711",
            .exit_code = exit_code};
  }
  // Of the whole allocation for `running`, which ends now.
  UsageRecord used(JobId job, Duration running, bool final = true) {
    const Attempt& attempt = market.job(job)->attempt();
    return {.id = id_of<UsageRecordId>(++serial_),
            .job = job,
            .attempt = attempt.id,
            .fence = attempt.fence,
            .order_hash = hash_of(to_text(attempt.id)),
            .scheduler_job = "4711",
            .start = now - running,
            .end = now,
            .final = final,
            .revision = attempt.usage_revision + 1,
            .meters = pricing::readings_of(market.job(job)->plan().allocation, running)};
  }
  ApplyReport next_report(CenterId center, std::vector<ReportRecord> records) const {
    const ReportChain& chain = market.center(center)->chain;
    return {.center = center,
            .epoch = chain.epoch,
            .seq = chain.seq + 1,
            .hash = hash_of(to_text(center) + std::to_string(chain.seq + 1)),
            .previous = chain.hash,
            .created = now,
            .records = std::move(records)};
  }
  CommandResult report(CenterId center, std::vector<ReportRecord> records) {
    return ok(next_report(center, std::move(records)));
  }
  // What one record of the center's comes to; nothing when it stands.
  std::optional<QuarantineCode> aside(CenterId center, ReportRecord record) {
    const auto result = report(center, {std::move(record)});
    if (result.quarantined.empty()) return std::nullopt;
    return result.quarantined.front().second;
  }
  void start(JobId job) {
    report(market.job(job)->attempt().center, {happens(job, Happening::accepted), happens(job, Happening::started)});
  }
  void run(JobId job, Duration running, std::int32_t exit_code = 0) {
    start(job);
    advance(running);
    report(market.job(job)->attempt().center, {happens(job, Happening::ended, exit_code), used(job, running)});
  }

  // ── commands ──

  void advance(Duration d) { now = now + d; }

  Result<CommandResult> decide(CommandBody body, std::string key = {}, std::uint64_t fingerprint = 0) {
    const Command command{.key = std::move(key), .fingerprint = fingerprint, .now = now, .body = std::move(body)};
    emitted.clear();
    auto result = market.decide(command, [&](Event&& event) {
      encode(event, journal);
      emitted.push_back(std::move(event));
    });
    for (const auto& [unit, sum] : market.ledger().totals()) EXPECT_TRUE(sum.balanced());
    for (const auto& ledger_account : market.ledger().accounts())
      if (ledger_account.limit == ledger::Limit::credit_balance) EXPECT_FALSE(ledger_account.available().is_negative());
    return result;
  }
  CommandResult ok(CommandBody body, std::string key = {}, std::uint64_t fingerprint = 0) {
    auto result = decide(std::move(body), std::move(key), fingerprint);
    EXPECT_TRUE(result.has_value()) << result.error().message();
    return result.value_or(CommandResult{});
  }
  std::optional<ErrorCode> error(CommandBody body, std::string key = {}, std::uint64_t fingerprint = 0) {
    const auto result = decide(std::move(body), std::move(key), fingerprint);
    if (result) return std::nullopt;
    return result.error().code;
  }

  // How many events of that kind the last command emitted, and the first of them.
  template <class T>
  std::size_t count() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(emitted, [](const Event& e) { return std::holds_alternative<T>(e); }));
  }
  template <class T>
  const T& first() const {
    return std::get<T>(*std::ranges::find_if(emitted, [](const Event& e) { return std::holds_alternative<T>(e); }));
  }

  // What a bank can pay of it, and what it can't.
  static Amount cents(Amount amount) { return Amount{amount.micros - amount.micros % 10'000}; }
  static Amount below_cents(Amount amount) { return amount - cents(amount); }

  const ledger::Account& wallet() const { return *market.ledger().account(market.account(account)->wallet); }
  Amount balance(ledger::AccountCode code, Uuid owner = {}) const {
    const auto* found = market.ledger().account(Market::platform_account(code, kCny, owner));
    return found == nullptr ? Amount{} : found->balance();
  }

  // The journal replayed, and a snapshot loaded, give the state that deciding gave.
  void TearDown() override {
    Market replayed;
    const auto events = decode(journal);
    ASSERT_TRUE(events.has_value()) << events.error().message();
    for (const Event& event : *events) replayed.apply(event);
    EXPECT_EQ(to_hex(replayed.digest()), to_hex(market.digest()));

    std::vector<std::byte> state;
    market.save(state);
    Market loaded;
    const Status status = loaded.load(state);
    EXPECT_TRUE(status.has_value()) << status.error().message();
    EXPECT_EQ(to_hex(loaded.digest()), to_hex(market.digest()));
    EXPECT_EQ(loaded.live_jobs(), market.live_jobs());
    for (const Center* center : market.centers()) {
      EXPECT_EQ(loaded.outbox(center->id).orders, market.outbox(center->id).orders);
      EXPECT_EQ(loaded.outbox(center->id).cancels, market.outbox(center->id).cancels);
      EXPECT_EQ(loaded.outbox(center->id).pauses, market.outbox(center->id).pauses);
    }
  }

  Instant now{kStart};
  Market market;
  std::vector<std::byte> journal;
  std::vector<Event> emitted;
  std::uint64_t serial_ = 1000;
};

}  // namespace bourse::broker
