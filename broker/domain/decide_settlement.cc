// Time passing, and the closing and sealing of periods. A Tick does a bounded piece of work; what is left waits for the
// next.
#include "base/assert.h"
#include <algorithm>

#include "broker/domain/decider.h"
#include "broker/domain/derive.h"
#include "broker/domain/fee.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr std::size_t kMaxPerTick = 1'000;

bool all_agreed(const std::vector<ClosedDay>& days) { return std::ranges::all_of(days, &ClosedDay::agreed); }

// "2026-11-20, 2026-11-21": the days that keep a period open.
std::string open_days(const std::vector<ClosedDay>& days) {
  std::string out;
  for (const ClosedDay& day : days)
    if (!day.agreed) out.append(out.empty() ? "" : ", ").append(evidence::to_text(day.day));
  return out;
}

}  // namespace

Result<CommandResult> Decider::on(const Tick&) {
  expire_quotes();
  expire_holds();
  expire_proposals();
  expire_invitations();
  expire_lots();
  expire_vouchers();
  settle_credit();
  renew_holds();
  end_waits();
  advance();
  earn_reservations();  // before periods close: what was over by then belongs to them
  close_due_periods();
  return CommandResult{};
}

void Decider::expire_quotes() {
  for (std::size_t i = 0; i < kMaxPerTick && !market_.quote_expiry_.empty(); ++i) {
    const auto [valid_until, quote] = *market_.quote_expiry_.begin();
    if (valid_until > now_) return;
    emit(QuoteDropped{quote});
  }
}

// A hold outlives its job's queue and walltime by far, so one that runs out means that the center went silent. The
// money goes back to the user and the attempt is cancelled; usage that still comes is set aside as above the hold.
void Decider::expire_holds() {
  for (const HoldId hold : market_.ledger_.expired(now_, kMaxPerTick)) {
    const Job* job = market_.job(JobId{market_.ledger_.hold(hold)->reference});
    if (job != nullptr && job->waits()) {
      close(*job, JobState::cancelled, "Its hold has expired.");
      continue;
    }
    if (job != nullptr && job->hold == hold && !is_final(job->state) && !job->cancel_requested)
      emit(CancelRequested{job->id, {}, now_, "Its hold has expired."});
    auto ended = market_.ledger_.release(hold, ledger::HoldEnd::expired);
    BOURSE_ASSERT(ended.has_value());
    emit(std::move(*ended));
  }
}

void Decider::close_due_periods() {
  std::size_t closed = 0;
  for (const Center* center : market_.centers()) {
    const auto closes_at = market_.closes_at(*center);
    if (!closes_at || now_ < *closes_at || !check_fee_zones(center->contracts)) continue;
    std::vector<ClosedDay> days = ended_days(*center);
    const bool agreed = all_agreed(days);
    if (!agreed && now_ < *closes_at + kCompletenessPatience) continue;  // it waits for its center's word
    close_period(*center, {}, std::move(days), agreed ? "" : "Not agreed on within 7 days.");
    if (++closed == kMaxPerTick) return;
  }
}

void Decider::charge_fees(const Center& center, const Period& open) {
  FeesCharged charged{open.id, center.id, fees_of(center.contracts, open.opened_at, now_, center.fees_charged_until), center.fees_charged_until, now_};
  if (charged.fees.empty()) return;
  const LedgerAccountId owed = platform_account(ledger::AccountCode::center_payable, open.unit, center.id.uuid);
  const LedgerAccountId revenue = platform_account(ledger::AccountCode::platform_revenue, open.unit);
  const LedgerAccountId tax = platform_account(ledger::AccountCode::tax_payable, open.unit);
  for (std::uint32_t i = 0; const ChargedFee& one : charged.fees) {
    post_all(derive_transfer(open.id.uuid, i++).uuid, open.id.uuid,
             {{owed, revenue, one.amount - one.tax, ledger::TransferCode::contract_fee}, {owed, tax, one.tax, ledger::TransferCode::contract_fee_tax}});
    const auto zone = Zone::named(one.zone.empty() ? "UTC" : one.zone);
    charged.charged_until = std::max(charged.charged_until, day_begun(*zone, one.until));
  }
  emit(std::move(charged));
}

void Decider::close_period(const Center& center, PeriodId next, std::vector<ClosedDay> days, std::string incomplete) {
  const std::uint32_t number = center.periods + 1;
  const Period& open = *market_.period(center.open_period);
  const Unit unit = open.unit;
  charge_fees(center, open);
  const Amount owed = open.closing();
  if (next.is_nil()) next = derive_period(center.id, number, now_);
  const CenterDays* known = market_.days(center.id);
  const bool offered = known != nullptr && known->since;
  const bool agreed = all_agreed(days);
  emit(PeriodClosing{open.id, now_, !offered ? Completeness::not_offered : agreed ? Completeness::complete : Completeness::incomplete,
                     agreed ? std::string() : std::move(incomplete), std::move(days)});
  emit(PeriodOpened{next, center.id, unit, number, now_, owed});
}

// The period in which the center stood at that time; its first one for anything before.
PeriodId Decider::period_at(CenterId center, Instant at) const {
  const std::vector<PeriodId>& all = market_.periods_of_.at(center);
  for (std::size_t i = all.size(); i > 1; --i)
    if (market_.period(all[i - 1])->opened_at <= at) return all[i - 1];
  return all.front();
}

Result<CommandResult> Decider::on(const ClosePeriod& command) {
  const Center* center = market_.center(command.center);
  if (center == nullptr) return fail(ErrorCode::not_found, "center " + to_text(command.center));
  if (!command.next.is_nil() && market_.period(command.next) != nullptr)
    return fail(ErrorCode::invalid_argument, "the next period's id must be new");
  if (command.incomplete.size() > kMaxReason) return fail(ErrorCode::invalid_argument, "the reason has at most 512 bytes");
  CHECK_OK(check_fee_zones(center->contracts));
  std::vector<ClosedDay> days = ended_days(*center);
  if (!all_agreed(days) && command.incomplete.empty())
    return fail(ErrorCode::failed_precondition,
                "Broker and center don't agree on " + open_days(days) + ": close it as incomplete, with the reason, or wait.");
  const PeriodId closed = center->open_period;
  close_period(*center, command.next, std::move(days), shown(command.incomplete));
  return made(closed.uuid);
}

Result<CommandResult> Decider::on(const SealStatement& command) {
  const Period* period = market_.period(command.period);
  if (period == nullptr) return fail(ErrorCode::not_found, "period " + to_text(command.period));
  if (command.statement.is_zero()) return fail(ErrorCode::invalid_argument, "the statement's hash is missing");
  if (period->state == PeriodState::open) return fail(ErrorCode::failed_precondition, "The period is open.");
  if (period->state != PeriodState::closing) {
    if (period->statement == command.statement) return made(command.period.uuid);
    return fail(ErrorCode::period_closed, "It was sealed with another statement.");
  }
  emit(StatementSealed{.period = command.period, .statement = command.statement, .at = now_});
  return made(command.period.uuid);
}

}  // namespace bourse::broker
