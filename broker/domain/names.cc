// The words for enumerators, as they go over the wire and onto screens.
#include <array>

#include "base/assert.h"
#include "broker/domain/center.h"
#include "broker/domain/events.h"
#include "broker/domain/job.h"

namespace bourse::broker {

std::string_view name(Completeness completeness) {
  switch (completeness) {
    case Completeness::not_offered: return "not_offered";
    case Completeness::complete: return "complete";
    case Completeness::incomplete: return "incomplete";
  }
  return "unknown";
}
namespace {

struct Word {
  std::string_view name;
  std::string_view sentence;
};

constexpr auto kRefusals = std::to_array<Word>({
    {"none", "Nothing is against it."},
    {"architecture", "Its processors are of another architecture."},
    {"gpu_model", "Its accelerators are of another model."},
    {"no_gpus", "It has no accelerators, or too few."},
    {"cores", "It has too few cores."},
    {"memory", "It has too little memory."},
    {"nodes", "It has too few nodes."},
    {"walltime", "It doesn't run jobs that long."},
    {"offline", "Its center is not connected."},
    {"paused", "It takes no new work now."},
    {"no_price", "It has no price for something the job needs."},
    {"over_budget", "The whole walltime would cost more than the budget."},
    {"past_deadline", "The job is predicted to end after the deadline."},
    {"other_center_asked", "Another center was asked for."},
    {"kind", "It doesn't run this kind of job."},
    {"qos", "It doesn't offer that quality of service."},
    {"no_contract", "Its center has no contract to sell in this currency."},
    {"below_settlement", "Its price would not cover what its center gets by contract."},
    {"closed", "Its center doesn't sell it at this time, or not for as long as the job may run."},
    {"sold_out", "The market's jobs hold as much of it as its center sells at once."},
    {"below_floor", "Its price is below what its center sells for at least."},
    {"no_files", "Its center can't take a job's input and output files."},
});

constexpr auto kQuarantines = std::to_array<std::string_view>({
    "unknown_job",
    "other_center",
    "old_fence",
    "before_start",
    "after_final",
    "decreasing",
    "above_hold",
    "above_caps",
    "bad_interval",
    "in_future",
    "too_old",
    "bad_order_hash",
    "bad_state",
    "missing_price",
    "revision_skip",
});
constexpr auto kHappenings = std::to_array<std::string_view>(
    {"accepted", "queued", "started", "ended", "cancelled", "rejected", "never_submitted", "unknown", "paused", "resumed"});
constexpr auto kJobStates = std::to_array<std::string_view>(
    {"routed", "ordered", "queued", "running", "ending", "ended", "failed", "cancelled", "waiting"});
constexpr auto kInvoiceKinds = std::to_array<std::string_view>({"ordinary", "special"});
constexpr auto kInvoiceItems = std::to_array<std::string_view>({"month", "on_demand", "reserved", "package"});
constexpr auto kInvoiceStates = std::to_array<std::string_view>({"requested", "issued", "rejected", "withdrawn", "reversed"});
constexpr auto kJobKinds = std::to_array<std::string_view>({"batch", "session", "service"});
constexpr auto kObjectives = std::to_array<std::string_view>({"cheapest", "fastest", "best_value"});
constexpr auto kCenterStates = std::to_array<std::string_view>({"active", "paused", "quarantined", "revoked"});
constexpr auto kPayoutStates = std::to_array<std::string_view>({"in_transit", "paid", "returned"});
constexpr auto kAdjustmentKinds =
    std::to_array<std::string_view>({"refund", "dispute_opened", "dispute_resolved"});
constexpr auto kDisputeStates = std::to_array<std::string_view>({"open", "accepted", "split", "rejected"});
constexpr auto kDisputeSides = std::to_array<std::string_view>({"user", "center", "platform"});
constexpr auto kInvitationEnds = std::to_array<std::string_view>({"withdrawn", "expired"});
constexpr auto kProposalEnds = std::to_array<std::string_view>({"approved", "rejected", "withdrawn", "expired"});
constexpr auto kActs = std::to_array<std::string_view>({"fund_account", "set_contract", "publish_prices", "set_payee",
                                                        "order_payout", "refund", "resolve_dispute", "set_credit_limit",
                                                        "grant_lot", "issue_vouchers", "publish_reserved_prices", "publish_products",
                                                        "reverse_money_in", "withdraw_payment_file", "enrol_center"});
static_assert(kActs.size() == std::variant_size_v<Act>);
constexpr auto kLotKinds = std::to_array<std::string_view>({"grant", "voucher", "package"});
constexpr auto kMoneyInKinds = std::to_array<std::string_view>({"top_up", "grant", "voucher", "package"});
constexpr auto kPriceSetters = std::to_array<std::string_view>({"platform", "center", "either"});
constexpr auto kPeriodStates = std::to_array<std::string_view>({"open", "closing", "closed", "paid"});

template <class Enum, class T, std::size_t N>
const T& word(const std::array<T, N>& words, Enum value, std::size_t first) {
  const auto at = static_cast<std::size_t>(value) - first;
  BOURSE_ASSERT(at < N);
  return words[at];
}

}  // namespace

std::string_view name(Refusal refusal) {
  return word(kRefusals, refusal, 0).name;
}
std::string_view sentence(Refusal refusal) {
  return word(kRefusals, refusal, 0).sentence;
}
std::string_view name(QuarantineCode code) {
  return word(kQuarantines, code, 1);
}
std::string_view name(Happening happening) {
  return word(kHappenings, happening, 1);
}
std::string_view name(JobState state) {
  return word(kJobStates, state, 1);
}
std::string_view name(JobKind kind) {
  return word(kJobKinds, kind, 0);
}
std::string_view name(Objective objective) {
  return word(kObjectives, objective, 0);
}
std::string_view name(CenterState state) {
  return word(kCenterStates, state, 1);
}
std::string_view name(PeriodState state) {
  return word(kPeriodStates, state, 1);
}

std::string_view name(PayoutState state) {
  return word(kPayoutStates, state, 1);
}
std::string_view name(AdjustmentKind kind) {
  return word(kAdjustmentKinds, kind, 1);
}
std::string_view name(DisputeState state) {
  return word(kDisputeStates, state, 1);
}
std::string_view name(DisputeSide side) {
  return word(kDisputeSides, side, 1);
}
std::string_view name(InvoiceKind kind) {
  return word(kInvoiceKinds, kind, 1);
}
std::string_view name(InvoiceItem item) {
  return word(kInvoiceItems, item, 0);
}
std::string_view name(InvoiceState state) {
  return word(kInvoiceStates, state, 1);
}
std::string_view name(LotKind kind) {
  return word(kLotKinds, kind, 1);
}
std::string_view name(MoneyInKind kind) {
  return word(kMoneyInKinds, kind, 1);
}
std::string_view name(PriceSetter setter) {
  return word(kPriceSetters, setter, 0);
}
std::string_view name(InvitationEnd end) {
  return word(kInvitationEnds, end, 1);
}
std::string_view name(ProposalEnd end) {
  return word(kProposalEnds, end, 1);
}
std::string_view name(const Act& act) {
  return kActs[act.index()];
}
CenterId setter_of(const Act& act) {
  return std::visit([](const auto& one) {
    if constexpr (requires { one.by; }) return one.by;
    else return CenterId{};
  }, act);
}

}  // namespace bourse::broker
