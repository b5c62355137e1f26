// What finance and operators do: close, seal, pay, correct, decide disputes; alone or by two.
#include "base/sha256.h"
#include "broker/sim/world.h"

namespace bourse::broker::sim {
namespace {

const UserId kAlice{Uuid{1, 501}};
const UserId kBob{Uuid{1, 502}};

// What the projections would say of a job's newest attempt.
Charge charge_of(const Job& job, const Center& center) {
  const Attempt& attempt = job.attempt();
  const pricing::Split parts = pricing::split(attempt.money, job.plan().terms);
  return {.job = job.id,
          .attempt = attempt.id,
          .account = job.account,
          .center = attempt.center,
          .period = center.open_period,
          .gross = attempt.money,
          .center_share = parts.center,
          .margin = parts.margin,
          .tax = parts.tax,
          .lots = attempt.lots};
}

}  // namespace

void World::finance_acts() {
  if (dice_.permille(10)) close_and_seal(centers_[dice_.below(centers_.size())]->id());
  if (dice_.permille(10)) move_payouts(centers_[dice_.below(centers_.size())]->id());
  const auto& jobs = client_->jobs();
  if (!jobs.empty() && dice_.permille(10)) {
    const Job* job = committer_->market().job(jobs[dice_.below(jobs.size())]);
    if (job != nullptr && job->attempt().money.is_positive()) correct(*job);
  }
  if (dice_.permille(10)) resolve_disputes();
  if (dice_.permille(15)) give_lots();
  if (dice_.permille(5)) reserve();
}

// Buys capacity, changes its renewal, or ends it early; some of it too much for what is offered or in the wallet.
void World::reserve() {
  const auto reservations = committer_->market().reservations();
  const UserId user = committer_->market().accounts().front()->members.front();
  if (!reservations.empty() && dice_.permille(500)) {
    const Reservation& one = *reservations[dice_.below(reservations.size())];
    if (dice_.permille(500)) return queue(SetRenewal{one.id, user, !one.renew}, {}, 0, {});
    return queue(EndReservation{one.id, user}, {}, 0, {});
  }
  queue(BuyReservation{.reservation = ReservationId::make(clock_.now(), dice_.rng()), .account = committer_->market().accounts().front()->id, .user = user,
                       .center = centers_[dice_.below(centers_.size())]->id(), .pool = "batch", .what = Reserved::node,
                       .quantity = 1 + static_cast<std::int64_t>(dice_.below(2)), .term = Term::month, .terms = 1, .renew = dice_.permille(500)},
        {}, 0, {});
}

// By the calendar of somewhere.
void World::charge_fee(Contract& contract) {
  constexpr const char* kZones[] = {"", "Pacific/Kiritimati", "America/Anchorage", "Pacific/Honolulu"};  // their days are over soon after a world begins
  contract.monthly_fee = Amount{1 + dice_.up_to({5'000'000}).ms};
  contract.fee_tax_bps = static_cast<std::int32_t>(dice_.below(10'001));
  contract.zone = kZones[dice_.below(std::size(kZones))];
}

void World::act(Act act) {
  if (dice_.permille(500)) {
    std::visit([this](auto& alone) { queue(std::move(alone), {}, 0, {}); }, act);
    return;
  }
  const auto id = ProposalId::make(clock_.now(), dice_.rng());
  const bool by_one = dice_.permille(100);
  queue(Propose{id, kAlice, std::move(act), "by the simulator"}, {}, 0, {});
  queue(EndProposal{id, by_one ? kAlice : kBob, ProposalEnd::approved, ""}, {}, 0, [this, by_one](const auto& result) {
    if (by_one && result) violate("one person alone did what takes two");
  });
}

void World::close_and_seal(CenterId center) {
  queue(ClosePeriod{center, {}, dice_.permille(300) ? "by the simulator" : ""}, {}, 0, {});
  for (const Period* period : committer_->market().periods(center))
    if (period->state == PeriodState::closing)
      queue(SealStatement{period->id, sha256(to_text(period->id))}, {}, 0, {});
}

void World::move_payouts(CenterId center) {
  const Market& market = committer_->market();
  for (const Payout* payout : market.payouts()) {
    if (payout->state != PayoutState::in_transit || !dice_.permille(500)) continue;
    const PayoutState state = dice_.permille(300) ? PayoutState::returned : PayoutState::paid;
    for (int times = dice_.permille(300) ? 2 : 1; times > 0; --times)  // the bank's file is read again
      queue(SettlePayout{payout->id, state, "entry " + to_text(payout->id), "by the simulator"}, {}, 0, {});
  }
  const auto periods = market.periods(center);
  const Period& through = *periods[dice_.below(periods.size())];
  act(OrderPayout{PayoutId::make(clock_.now(), dice_.rng()), center, through.id, market.due(through),
                  market.center(center)->payee});
}

void World::correct(const Job& job) {
  const Charge charge = charge_of(job, *committer_->market().center(job.attempt().center));
  const Amount amount = dice_.permille(300) ? charge.gross : Amount{1 + dice_.up_to({charge.gross.micros}).ms};
  const auto adjustment = AdjustmentId::make(clock_.now(), dice_.rng());
  if (dice_.permille(500))
    act(Refund{adjustment, charge, amount, "by the simulator"});
  else
    queue(OpenDispute{DisputeId::make(clock_.now(), dice_.rng()), adjustment, charge, amount, dice_.permille(300), {}, "claimed"},
          {}, 0, {});
}

// Small and short, so that jobs use them up and time takes some back.
void World::give_lots() {
  const Market& market = committer_->market();
  const BillingAccount& account = *market.accounts().front();
  const auto lot = LotId::make(clock_.now(), dice_.rng());
  const Amount amount{1 + dice_.up_to({5'000'000}).ms};
  const Instant expires_at = clock_.now() + minutes(1) + dice_.up_to(hours(6));
  if (dice_.permille(700)) return act(GrantLot{lot, account.id, amount, expires_at, "by the simulator"});
  const Hash256 code = sha256(to_text(lot));
  act(IssueVouchers{{.id = VoucherBatchId::make(clock_.now(), dice_.rng()),
                     .amount = amount,
                     .redeem_by = clock_.now() + hours(1),
                     .valid_for = hours(2),
                     .codes = {code},
                     .reason = "by the simulator"}});
  for (int times = 2; times > 0; --times)  // the second time it is worth nothing
    queue(RedeemVoucher{LotId::make(clock_.now(), dice_.rng()), account.id, account.members.front(), code}, {}, 0, {});
}

void World::resolve_disputes() {
  for (const Dispute* dispute : committer_->market().disputes()) {
    if (dispute->state != DisputeState::open) continue;
    const UserId owner = committer_->market().account(dispute->charge.account)->members.front();
    for (int times = static_cast<int>(dice_.below(3)); times > 0; --times)  // the second time it adds nothing
      queue(AddDisputeEvidence{dispute->id, {.sha256 = sha256(to_text(dispute->id)), .file = "log.txt", .media_type = "text/plain", .size = 1, .by = owner, .side = DisputeSide::user}}, {}, 0, {});
    const std::uint64_t how = dice_.below(3);
    const Amount to_user = how == 0 ? Amount{} : how == 1 ? dispute->amount : Amount{dice_.up_to({dispute->amount.micros}).ms};
    act(ResolveDispute{AdjustmentId::make(clock_.now(), dice_.rng()), dispute->id, to_user, "by the simulator"});
  }
}

}  // namespace bourse::broker::sim
