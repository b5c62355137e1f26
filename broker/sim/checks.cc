// What must hold in every world.
#include "broker/sim/world.h"
#include "broker/domain/fee.h"
#include "pricing/rating.h"

namespace bourse::broker::sim {
namespace {

std::string of(const auto& id) {
  return to_text(id);
}

}  // namespace

// After every step, on committed state.
void World::check_books() {
  const Market& market = committer_->market();
  for (const auto& [unit, sum] : market.ledger().totals())
    if (!sum.balanced()) violate("debits and credits differ");
  Amount held;
  for (const ledger::Account& account : market.ledger().accounts()) {
    if (account.limit == ledger::Limit::credit_balance && account.available().is_negative())
      violate("a wallet is overdrawn");
    if (account.code == ledger::AccountCode::wallet) held += account.debits_pending;
    if (account.code != ledger::AccountCode::wallet) continue;
    Amount own = account.balance();
    for (const Lot* lot : market.lots(*market.account(BillingAccountId{account.owner}), account.unit)) own -= lot->left;
    if (own.is_negative()) violate("lots hold more than the wallet has");
    if (account.unit == kDu && !own.is_zero()) violate("there are 度 in no package");
  }
  Amount remaining;
  for (const JobId id : client_->jobs()) {
    const Job* job = market.job(id);
    if (job == nullptr && market.array_to_make(id) != nullptr) continue;
    if (job == nullptr) {
      violate(of(id) + " was acknowledged and is gone");
      continue;
    }
    const ledger::Hold* hold = market.ledger().hold(job->hold);
    if (hold == nullptr || hold->remaining().is_negative()) violate(of(id) + " has no sane hold");
    if (hold != nullptr && is_final(job->state) != hold->ended) violate(of(id) + ": its hold and its state disagree");
    check_waiting(*job);
    std::size_t open = 0;
    for (const Attempt& attempt : job->attempts) open += attempt.closed ? 0 : 1;
    if (open > 1 || (open == 1 && job->attempts.back().closed)) violate(of(id) + " has two live attempts");
    if (hold != nullptr && !hold->ended) remaining += hold->remaining();
  }
  // Jobs whose submission is not answered yet may hold money too.
  if (held < remaining) violate("less is pending than holds claim");
}

// Nothing is dispatched before its conditions hold, and nothing waits that could go or never can.
void World::check_waiting(const Job& job) {
  const Market& market = committer_->market();
  const JobArray* array = market.array(job.spec.element.array);
  const Dependency& after = array != nullptr ? array->spec.after : job.spec.after;
  Gate gate;  // as the jobs that it names stand now; of one that the market forgot, as it was
  for (std::size_t i = 0; i < after.of.size(); ++i)
    gate.of.push_back(market.met(after.of[i]).value_or((array != nullptr ? array->gate : job.gate).of[i]));
  if (!job.attempts.empty() && gate.state(after.any) != Met::met) violate(of(job.id) + " was dispatched before its conditions held");
  if (array != nullptr && array->spec.array.at_once > 0 && array->live > array->spec.array.at_once) violate(of(array->id) + " runs more at once than it may");
  if (job.waits() && gate.state(after.any) == Met::never && !market.has_work()) violate(of(job.id) + " waits for what can't be");
}

// The world, not the market: a job runs at one center at a time.
void World::check_single_runs() {
  std::set<JobId> running;
  for (const auto& center : centers_)
    for (const auto& [attempt, run] : center->runs())
      if (run.in_scheduler() && !running.insert(run.order.job).second) violate(of(run.order.job) + " runs twice");
}

void World::check_replay() {
  Market replayed;
  for (const JournalRow& row : journal_.store()->rows) {
    const auto events = decode(row.body);
    if (!events) return violate("a journal row can't be decoded");
    for (const Event& event : *events) replayed.apply(event);
  }
  if (replayed.digest() != committer_->market().digest()) violate("replaying the journal gives another state");
}

void World::check_end() {
  check_replay();
  check_charges();
  check_lots();
  check_statements();
  tally_.jobs = client_->jobs().size();
  tally_.arrays = client_->arrays().size();
  for (const JobId id : client_->jobs()) {
    const Job& job = *committer_->market().job(id);
    tally_.redispatched += job.attempts.empty() ? 0 : job.attempts.size() - 1;
    tally_.never_dispatched += job.attempts.empty() ? 1 : 0;
    tally_.waited += job.wait_until != Instant{} && !job.attempts.empty() ? 1 : 0;
    tally_.ended += job.state == JobState::ended;
    tally_.failed += job.state == JobState::failed;
    tally_.cancelled += job.state == JobState::cancelled;
  }
  for (const Wish& wish : client_->wishes()) tally_.refused += wish.refused ? 1 : 0;
  // Every key has made one job at most, and every job has a key.
  std::size_t submitted = 0;
  for (const JournalRow& row : journal_.store()->rows)
    for (const Event& event : *decode(row.body)) submitted += std::holds_alternative<JobSubmitted>(event) ? 1 : 0;
  if (submitted != client_->jobs().size())
    violate(std::to_string(submitted) + " jobs were submitted, " + std::to_string(client_->jobs().size()) +
            " acknowledged");
}

// What each job used, as its center knows it, rated once: no loss, repeat, delay or re-dispatch may have changed it.
void World::check_charges() {
  const Market& market = committer_->market();
  const Packages sold = packages();
  const Amount packages_left = check_packages(sold);
  Amount total;  // out of the wallet
  pricing::Split parts;
  for (const JobId id : client_->jobs()) {
    const Job& job = *market.job(id);
    Amount due;
    for (const auto& center : centers_)
      for (const auto& [attempt, run] : center->runs()) {
        if (run.order.job != id || !run.was_started) continue;
        const Duration billed = std::min(run.ended - run.started, job.spec.walltime);
        const auto rating = pricing::rate(pricing::readings_of(run.order.allocation, billed), job.plan().rows);
        if (!rating) return violate("rating failed");
        due += rating->total;
      }
    if (due != job.attempt().charged)
      violate(of(id) + " was charged " + to_text(job.attempt().charged) + ", not " + to_text(due));
    const bool in_du = market.unit_of(job) == kDu;
    tally_.du_jobs += in_du && due.is_positive() ? 1 : 0;
    if (!in_du && due != job.attempt().money) violate(of(id) + " paid other money than it was charged");
    const pricing::Split split = pricing::split(job.attempt().money, job.plan().terms);
    parts = {parts.center + split.center, parts.margin + split.margin, parts.tax + split.tax};
    if (!in_du) total += due;
  }
  const auto balance = [&](ledger::AccountCode code) {
    const auto* account = market.ledger().account(Market::platform_account(code, kCny));
    return account == nullptr ? Amount{} : account->balance();
  };
  AdjustmentParts adjusted;
  Earned accrued;
  Amount fee, fee_tax;
  for (const auto& center : centers_)
    for (const Period* period : market.periods(center->id())) {
      adjusted += period->adjusted, accrued += period->accrued;
      fee += period->fee, fee_tax += period->fee_tax;
    }
  if (balance(ledger::AccountCode::tax_payable) != parts.tax + adjusted.tax + accrued.tax + fee_tax ||
      balance(ledger::AccountCode::platform_revenue) != parts.margin + adjusted.margin + accrued.margin + fee - fee_tax + sold.expired)
    violate("tax and margin are not what one capture of each job, the reservations and the fees would have made");
  Amount reserved, to_earn;  // paid for reservations and not given back; of it not earned yet
  for (const JournalRow& row : journal_.store()->rows)
    for (const Event& event : *decode(row.body)) {
      if (const auto* bought = std::get_if<ReservationBought>(&event)) reserved += bought->reservation.price, ++tally_.reservations;
      if (std::holds_alternative<ReservationAccrued>(event)) ++tally_.accruals;
      if (const auto* job = std::get_if<JobSubmitted>(&event)) tally_.carried += job->decision.plans.front().reservation.is_nil() ? 0 : 1;
      if (const auto* ended = std::get_if<ReservationEnded>(&event)) reserved -= ended->returned;
    }
  for (const Reservation* one : market.reservations()) {
    to_earn += one->price - one->earned.gross;
    if (one->earned.gross != gross_after(*one, one->days_earned)) violate("a reservation has not earned what its days come to");
  }
  if (balance(ledger::AccountCode::deferred_revenue) != to_earn + packages_left || reserved != accrued.gross + to_earn)
    violate("what reservations were paid is not what they earned and have still to earn");
  const Amount back = adjusted.user - sold.corrected;
  const auto* wallet = market.ledger().account(market.accounts().front()->wallet);
  if (wallet->balance() != client_->funded() - total - sold.bought + back - balance(ledger::AccountCode::grants) - reserved)
    violate("the wallet is not what was funded less what was charged");
  if (!wallet->debits_pending.is_zero()) violate("money is still held");
}

// Each lot by what the journal tells of it, and what the platform gave in all.
void World::check_lots() {
  const Market& market = committer_->market();
  std::map<LotId, Amount> left;
  Amount given;
  const auto move = [&](const std::vector<LotPart>& parts, bool back) {
    for (const LotPart& part : parts) left[part.lot] += back ? part.amount : Amount{} - part.amount;
  };
  for (const JournalRow& row : journal_.store()->rows)
    for (const Event& event : *decode(row.body)) {
      if (const auto* issued = std::get_if<LotIssued>(&event)) {
        left[issued->lot.id] = issued->lot.amount;
        if (issued->lot.kind != LotKind::package) given += issued->lot.amount;
        ++tally_.lots;
      } else if (const auto* captured = std::get_if<UsageCaptured>(&event)) {
        move(captured->lots, false);
      } else if (const auto* adjusted = std::get_if<ChargeAdjusted>(&event)) {
        move(adjusted->lots, true);
        tally_.lots_returned += adjusted->lots.size();
      } else if (const auto* expired = std::get_if<LotExpired>(&event)) {
        move({{expired->lot, expired->amount}}, false);
        if (market.lot(expired->lot)->kind != LotKind::package) given -= expired->amount;
        ++tally_.lots_expired;
      }
    }
  for (const auto& [id, amount] : left)
    if (market.lot(id)->left != amount) violate(of(id) + " has " + to_text(market.lot(id)->left) + " left, not " + to_text(amount));
  const auto* grants = market.ledger().account(Market::platform_account(ledger::AccountCode::grants, kCny));
  if (grants != nullptr && grants->balance() != Amount{} - given) violate("the platform paid for other lots than it gave");
}

// However its periods were cut, they were charged what the whole time comes to.
void World::check_fees(const Center& center) {
  const auto periods = committer_->market().periods(center.id);
  Amount charged, whole;
  for (const Period* period : periods) {
    charged += period->fee;
    tally_.fees += period->fees;
  }
  for (const ChargedFee& one : fees_of(center.contracts, periods.front()->opened_at, periods.back()->opened_at, 0)) whole += one.amount;
  if (charged != whole) violate(of(center.id) + " was charged fees of " + to_text(charged) + ", not " + to_text(whole));
}

// Periods add up to the captures, each opens with what the one before closed with, and the ledger has what they say.
void World::check_statements() {
  const Market& market = committer_->market();
  Amount gross, charged, owed, escrowed;
  for (const auto& center : centers_) {
    check_fees(*market.center(center->id()));
    Amount before;
    for (const Period* period : market.periods(center->id())) {
      if (period->gross != period->center_share + period->margin + period->tax)
        violate("a period's parts don't add up");
      if (period->opening != before) violate("a period doesn't open with what the one before closed with");
      before = period->closing();
      gross += period->gross;
      escrowed += period->adjusted.escrow;
      tally_.adjustments += period->adjustments;
      tally_.statements += period->state >= PeriodState::closed ? 1 : 0;
    }
    owed += before;
  }
  for (const JobId id : client_->jobs()) charged += market.job(id)->attempt().money;
  if (gross != charged) violate("periods have " + to_text(gross) + ", jobs " + to_text(charged));
  Amount payable, transit, escrow, ordered;
  for (const ledger::Account& account : market.ledger().accounts()) {
    if (account.code == ledger::AccountCode::center_payable) payable += account.balance();
    if (account.code == ledger::AccountCode::payout_in_transit) transit += account.balance();
    if (account.code == ledger::AccountCode::dispute_escrow) escrow += account.balance();
  }
  for (const Payout* payout : market.payouts()) {
    ++tally_.payouts;
    if (payout->state == PayoutState::in_transit) ordered += payout->amount;
  }
  if (transit != ordered) violate("what is in transit is not what was ordered and not settled");
  if (payable != owed) violate("payables don't match the periods");
  if (escrow != escrowed) violate("escrow is not what disputes froze");
}

}  // namespace bourse::broker::sim
