// Credit lots beside a slow, obvious model, in which every thousandth is a coin that knows which lot it is of.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

using Coins = std::int64_t;
Amount amount_of(Coins coins) { return Amount{coins * 1'000}; }

class Model {
 public:
  struct Lot {
    LotId id;
    Instant expires_at;
    Coins left = 0;
  };
  struct Charge {
    std::vector<LotId> coins;  // in the order they were spent; nil = own money
  };

  void issue(LotId id, Coins coins, Instant expires_at) {
    lots_.push_back({id, expires_at, coins});
    std::ranges::sort(lots_, [](const Lot& a, const Lot& b) { return std::pair(a.expires_at, a.id) < std::pair(b.expires_at, b.id); });
  }
  void fund(Coins coins) { own_ += coins; }
  Coins balance() const {
    Coins sum = own_;
    for (const Lot& lot : lots_) sum += lot.left;
    return sum;
  }
  // What `time passes` does: an expired lot's coins go, one after the other, while one is free.
  void expire(Instant now, Coins held) {
    for (Lot& lot : lots_)
      while (lot.expires_at <= now && lot.left > 0 && balance() > held) --lot.left;
  }
  Coins spendable(Instant now, Coins held) const {
    Model after = *this;
    after.expire(now, held);
    return after.balance() - held;
  }
  void spend(Charge& charge, Coins coins) {
    for (; coins > 0; --coins) {
      const auto lot = std::ranges::find_if(lots_, [](const Lot& one) { return one.left > 0; });
      if (lot == lots_.end()) {
        --own_;
        charge.coins.push_back({});
      } else {
        --lot->left;
        charge.coins.push_back(lot->id);
      }
    }
  }
  // The last coin to be spent is the first that comes back, where a charge's coins count as spent lot by lot.
  void give_back(Charge& charge, Coins coins) {
    std::vector<LotId> ordered;
    for (const Lot& lot : lots_) std::ranges::copy_if(charge.coins, std::back_inserter(ordered), [&](LotId id) { return id == lot.id; });
    ordered.resize(charge.coins.size());
    for (; coins > 0; --coins) {
      const auto lot = std::ranges::find(lots_, ordered.back(), &Lot::id);
      if (lot == lots_.end()) ++own_;
      else ++lot->left;
      ordered.pop_back();
    }
    charge.coins = ordered;
  }
  void reverse(LotId id, Coins coins) { std::ranges::find(lots_, id, &Lot::id)->left -= coins; }
  void reverse_top_up(Coins coins) { own_ -= coins; }
  const std::vector<Lot>& lots() const { return lots_; }
  Coins own() const { return own_; }

 private:
  std::vector<Lot> lots_;
  Coins own_ = 0;
};

class Bench : public MarketFixture {
 public:
  void TestBody() override {}
  void finish() { TearDown(); }

  void begin() {
    ok(OpenBillingAccount{account, tenant, "physics", kCny, user});
    enrol(north, "north", "0.36");
  }

  void step() {
    switch (*rc::gen::inRange(0, 10)) {
      case 0: return grant();
      case 1: return top_up();
      case 2: return begin_job();
      case 3: return read_meters(false);
      case 4: return read_meters(true);
      case 5: return give_back();
      case 6: return reverse_lot();
      case 7: return reverse_top_up();
      default: return pass_time();
    }
  }

  void check() {
    RC_ASSERT(wallet().balance() == amount_of(model_.balance()));
    Amount lots;
    for (const Model::Lot& lot : model_.lots()) {
      RC_ASSERT(market.lot(lot.id)->left == amount_of(lot.left));
      lots += market.lot(lot.id)->left;
    }
    RC_ASSERT(wallet().balance() - lots == amount_of(model_.own()));
    RC_ASSERT(market.spendable(*market.account(account), kCny, now) == amount_of(model_.spendable(now, held())));
    // What was given and not taken back is what the platform paid for.
    Amount issued;
    for (const Lot* lot : market.all_lots()) issued += lot->amount;
    RC_ASSERT(issued + balance(ledger::AccountCode::grants) == taken_back_);
  }

 private:
  struct Run {
    JobId job;
    Instant started;
    Model::Charge charge;
    Coins held = 0;     // what is left of the hold
    Coins spent = 0;
    Coins returned = 0;
    bool ended = false;
  };
  static constexpr Coins kHold = 1'440;  // four cores for an hour at 0.36
  static constexpr Coins kMinute = 24;

  Coins held() const {
    Coins sum = 0;
    for (const Run& run : runs_) sum += run.held;
    return sum;
  }
  void noted() {
    for (const Event& event : emitted)
      if (const auto* expired = std::get_if<LotExpired>(&event)) taken_back_ += expired->amount;
  }

  void grant() {
    const LotId id = id_of<LotId>(++serial_);
    const Coins coins = *rc::gen::inRange<Coins>(1, 2'000);
    const Instant expires_at = now + minutes(*rc::gen::inRange(1, 240));
    ok(GrantLot{id, account, amount_of(coins), expires_at, "a gift"});
    model_.issue(id, coins, expires_at);
  }
  void top_up() {
    const Coins coins = *rc::gen::inRange<Coins>(1, 2'000);
    fund(amount_of(coins));
    top_ups_.emplace_back(serial_, coins);
    model_.fund(coins);
  }
  // All or a part of one that came in, once: exactly when that much of it is there.
  void reverse(ReverseMoneyIn act, Coins there, Coins whole, const std::function<void(Coins)>& take) {
    const Coins coins = *rc::gen::inRange<Coins>(1, whole + 1);
    act.amount = amount_of(coins);
    const bool first = reversed_.insert(act.what).second;
    const auto done = decide(act);
    RC_ASSERT(done.has_value() == (first && coins <= there));
    if (done) take(coins);
    else if (first) reversed_.erase(act.what);
    RC_ASSERT(error(act) == (done || !first ? ErrorCode::failed_precondition : ErrorCode::insufficient_funds));
  }
  void reverse_lot() {
    if (model_.lots().empty()) return;
    const auto& lot = model_.lots()[*rc::gen::inRange<std::size_t>(0, model_.lots().size())];
    reverse({.what = lot.id.uuid, .kind = MoneyInKind::grant, .account = account, .amount = {}, .whole = {}, .reference = {}, .reason = "a slip"},
            std::min(lot.left, model_.balance() - held()), market.lot(lot.id)->amount.micros / 1'000, [&](Coins coins) {
              taken_back_ += amount_of(coins);
              model_.reverse(lot.id, coins);
            });
  }
  void reverse_top_up() {
    if (top_ups_.empty()) return;
    const auto [id, whole] = top_ups_[*rc::gen::inRange<std::size_t>(0, top_ups_.size())];
    reverse({.what = id_of<TransferId>(id).uuid, .kind = MoneyInKind::top_up, .account = account, .amount = {}, .whole = amount_of(whole), .reference = Uuid{1, id}, .reason = "a slip"},
            std::min(model_.own(), model_.spendable(now, held())), whole, [&](Coins coins) { model_.reverse_top_up(coins); });
  }
  void begin_job() {
    const JobId job = id_of<JobId>(++serial_);
    const bool may = model_.spendable(now, held()) >= kHold;
    const auto done = decide(SubmitJob{job, id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, user, {}, spec()});
    RC_ASSERT(done.has_value() == may);
    if (!may) return;
    noted();
    model_.expire(now, held());
    runs_.push_back({.job = job, .started = now, .held = kHold});
    start(job);
  }
  void read_meters(bool final) {
    const auto live = std::ranges::find(runs_, false, &Run::ended);
    if (live == runs_.end()) return;
    const Duration running{std::min(now - live->started, hours(1)).ms};
    const Coins due = running.ms / minutes(1).ms * kMinute - live->spent;
    if (final) {
      report(north, {happens(live->job, Happening::ended), used(live->job, running)});
    } else {
      report(north, {used(live->job, running, false)});
    }
    model_.spend(live->charge, due);
    live->spent += due;
    live->held = final ? 0 : live->held - due;
    live->ended = final;
  }
  void give_back() {
    for (Run& run : runs_) {
      if (!run.ended || run.spent == run.returned || *rc::gen::inRange(0, 2) == 0) continue;
      const Coins coins = *rc::gen::inRange<Coins>(1, run.spent - run.returned + 1);
      const Attempt& attempt = market.job(run.job)->attempt();
      const auto parts = pricing::split(attempt.charged, attempt_terms());
      ok(Refund{id_of<AdjustmentId>(++serial_),
                {run.job, attempt.id, account, north, market.center(north)->open_period, attempt.charged, parts.center, parts.margin,
                 parts.tax, attempt.lots},
                amount_of(coins),
                "so it is"});
      noted();
      model_.give_back(run.charge, coins);
      run.returned += coins;
      model_.expire(now, held());
      return;
    }
  }
  void pass_time() {
    advance(minutes(*rc::gen::inRange(1, 60)));
    if (*rc::gen::inRange(0, 2) == 0) return;
    ok(Tick{});
    noted();
    model_.expire(now, held());
  }
  static pricing::Terms attempt_terms() { return {.tax_bps = 600, .margin_bps = 1000}; }

  Model model_;
  std::vector<Run> runs_;
  std::vector<std::pair<std::uint64_t, Coins>> top_ups_;  // what their ids are of
  std::set<Uuid> reversed_;
  Amount taken_back_;
};

RC_GTEST_PROP(LotsModel, AgreesAfterEveryStep, ()) {
  Bench bench;
  bench.begin();
  for (int steps = *rc::gen::inRange(1, 60); steps > 0; --steps) {
    bench.step();
    bench.check();
  }
  bench.finish();
}

// Whatever the sizes of the pieces, all of it comes to what each lot paid, and nobody gets more than that on the way.
RC_GTEST_PROP(LotsModel, PiecesOfARefundComeToTheWhole, ()) {
  std::vector<LotPart> paid;
  const int lots = *rc::gen::inRange(0, 5);
  for (int i = 0; i < lots; ++i) paid.push_back({id_of<LotId>(static_cast<std::uint64_t>(i) + 1), Amount{*rc::gen::inRange<std::int64_t>(1, 1'000)}});
  const Amount gross = sum_of(paid) + Amount{*rc::gen::inRange<std::int64_t>(0, 1'000)};
  std::map<LotId, Amount> back;
  for (Amount before; before < gross;) {
    const Amount piece{*rc::gen::inRange<std::int64_t>(1, (gross - before).micros + 1)};
    const auto parts = unwound(paid, gross, before, piece);
    RC_ASSERT(sum_of(parts) <= piece);
    for (const LotPart& part : parts) back[part.lot] += part.amount;
    for (const LotPart& part : paid) RC_ASSERT(back[part.lot] <= part.amount);
    before += piece;
  }
  for (const LotPart& part : paid) RC_ASSERT(back[part.lot] == part.amount);
}

}  // namespace
}  // namespace bourse::broker
