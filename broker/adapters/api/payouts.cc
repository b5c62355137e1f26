// Paying centers: where to, what is due, the order, and the file for the bank.
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/api/act_view.h"
#include "broker/adapters/api/api.h"
#include "broker/adapters/api/books.h"
#include "broker/adapters/api/payment_order.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr int kPageOfPayouts = 50, kMostPayouts = 200;

const Period* newest_closed(const Market& market, CenterId center) {
  const Period* newest = nullptr;
  for (const Period* period : market.periods(center))
    if (period->state == PeriodState::closed || period->state == PeriodState::paid) newest = period;
  return newest;
}

// The day by which the oldest of the closed periods that aren't paid is to be paid: net days after its cut-off, on the calendar
// of the contract that held then. Nothing when none waits.
std::optional<std::int64_t> due_day(const Market& market, const Center& center, Instant now, bool& overdue) {
  for (const Period* period : market.periods(center.id)) {
    if (period->state != PeriodState::closed) continue;
    const Contract* contract = nullptr;
    for (const Contract& one : center.contracts)
      if (one.valid_from <= period->cut_off) contract = &one;
    const auto zone = zone_named(contract == nullptr ? "" : contract->zone);
    if (!zone) continue;
    const std::int64_t day = zone->local(period->cut_off).day + (contract == nullptr ? 0 : contract->net_days);
    overdue = zone->local(now).day > day;
    return day;
  }
  return std::nullopt;
}

v1::Due due_of(const Market& market, const Center& center, Instant now) {
  v1::Due out;
  out.set_center(to_text(center.id));
  out.set_center_name(center.name);
  const Period* open = market.period(center.open_period);
  const Unit unit = open == nullptr ? kCny : open->unit;
  const auto* payable = market.ledger().account(Market::platform_account(ledger::AccountCode::center_payable, unit, center.id.uuid));
  const auto* transit = market.ledger().account(Market::platform_account(ledger::AccountCode::payout_in_transit, unit, center.id.uuid));
  fill(*out.mutable_owed(), payable == nullptr ? Amount{} : payable->balance(), unit);
  fill(*out.mutable_in_transit(), transit == nullptr ? Amount{} : transit->balance(), unit);
  if (center.payee != Payee{}) fill(*out.mutable_payee(), center.payee);
  const Period* newest = newest_closed(market, center.id);
  const Amount due = newest == nullptr ? Amount{} : market.due(*newest);
  fill(*out.mutable_amount(), due, unit);
  if (newest != nullptr) {
    out.set_through(to_text(newest->id));
    out.set_number(newest->number);
  }
  bool overdue = false;
  if (const auto day = due_day(market, center, now, overdue); day && due.is_positive()) {
    out.set_due_on(to_text(Instant{*day * hours(24).ms}).substr(0, 10));
    out.set_overdue(overdue);
  }
  if (newest == nullptr) out.set_problem("No period is closed yet.");
  else if (!due.is_positive()) out.set_problem("Nothing is due.");
  else if (center.payee == Payee{}) out.set_problem("No payee is set.");
  return out;
}

void show_stored(v1::Payout& out, const StoredPayout& stored) {
  const Payout& payout = stored.payout;
  out.set_id(to_text(payout.id));
  out.set_center(to_text(payout.center));
  out.set_center_name(stored.center_name);
  fill(*out.mutable_money(), payout.amount, payout.unit);
  fill(*out.mutable_payee(), payout.payee);
  out.set_state(std::string(name(payout.state)));
  for (const PeriodId period : payout.periods) out.add_periods(to_text(period));
  if (!payout.periods.empty()) out.set_through(to_text(payout.periods.back()));
  out.set_ordered_ms(payout.ordered_at.unix_ms);
  out.set_settled_ms(payout.settled_at.unix_ms);
  out.set_bank_reference(payout.bank_reference);
  out.set_reason(stored.reason);
  out.set_end_to_end_id(to_crockford(payout.id.uuid));
  if (!payout.file.is_nil()) out.set_file(to_crockford(payout.file));
}

Result<PayoutState> state_named(const std::string& text) {
  for (const PayoutState state : {PayoutState::in_transit, PayoutState::paid, PayoutState::returned})
    if (name(state) == text) return state;
  return fail(ErrorCode::invalid_argument, "state must be in_transit, paid or returned.");
}

bool is_date(const std::string& text) {
  return parse_instant(text + "T00:00:00Z").has_value() && text.size() == std::string_view("2026-11-30").size();
}

}  // namespace

Result<v1::PayeeReply> Api::set_payee(const v1::SetPayeeRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  CHECK_OK(scoped_key(caller, request.key()));
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  CHECK_OK(check_text("payee.name", request.payee().name(), kMaxLabel));
  Payee payee{.name = request.payee().name(), .account = request.payee().account(), .agent = request.payee().bank()};
  std::erase(payee.account, ' ');  // as IBANs are printed
  // One payee that a file can't name would keep every center's payout from the bank.
  CHECK_OK(check_payable(payee));
  TRY(const CenterId center, center_of(request.center()));
  TRY(const Payee before, look([center](const Market& market) { return market.center(center)->payee; }));
  TRY(const Acted acted, act(caller, request.key(), fingerprint("SetPayee", request), SetPayee{.center = center, .payee = payee}, request.note()));
  v1::PayeeReply reply;
  reply.set_center(to_text(center));
  TRY(*reply.mutable_center_name(), look([center](const Market& market) { return center_name(market, center); }));
  fill(*reply.mutable_payee(), payee);
  if (before != Payee{}) fill(*reply.mutable_before(), before);
  if (acted.proposal) *reply.mutable_proposal() = *acted.proposal;
  reply.set_position(acted.result.position);
  return reply;
}

Result<v1::ListDueReply> Api::list_due(const v1::ListDueRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  return look([now = parts_.clock.now()](const Market& market) {
    v1::ListDueReply reply;
    for (const Center* center : market.centers()) *reply.add_due() = due_of(market, *center, now);
    return reply;
  });
}

Result<v1::ListPayoutsReply> Api::list_payouts(const v1::ListPayoutsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance, Role::operator_}));
  if (request.limit() < 0 || request.limit() > kMostPayouts)
    return fail(ErrorCode::invalid_argument, fmt::format("limit must be from 1 to {}.", kMostPayouts));
  std::optional<CenterId> center;
  std::optional<PayoutState> state;
  std::optional<PayoutId> older;
  if (!request.center().empty()) {
    TRY(center, center_of(request.center()));
  }
  if (!request.state().empty()) {
    TRY(state, state_named(request.state()));
  }
  if (!request.cursor().empty()) {
    TRY(older, read_id<PayoutIdKind>("cursor", request.cursor()));
  }
  queries_.wait_for(position());
  const int limit = request.limit() == 0 ? kPageOfPayouts : request.limit();
  TRY(const std::vector<StoredPayout> found, queries_.payouts(center, state, older, limit + 1));
  v1::ListPayoutsReply reply;
  for (const StoredPayout& stored : found) {
    if (reply.payouts_size() == limit) {
      reply.set_next_cursor(reply.payouts(limit - 1).id());
      break;
    }
    show_stored(*reply.add_payouts(), stored);
  }
  return reply;
}

Result<v1::Payout> Api::order_payout(const v1::OrderPayoutRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  CHECK_OK(scoped_key(caller, request.key()));
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  TRY(const CenterId center, center_of(request.center()));
  PeriodId through;
  if (!request.through().empty()) {
    TRY(through, id_or_not_found<PeriodIdKind>(request.through()));
  }
  // Amount and account as they are at this moment. Whether they may be paid is the engine's to say, which also knows the
  // answer to a repeat.
  TRY(OrderPayout order, look([center, through](const Market& market) {
        OrderPayout out{.center = center, .through = through, .payee = market.center(center)->payee};
        const Period* period = through.is_nil() ? newest_closed(market, center) : market.period(through);
        if (period == nullptr || period->center != center) return out;
        out.through = period->id;
        out.amount = market.due(*period);
        return out;
      }));
  if (order.through.is_nil()) return fail(ErrorCode::failed_precondition, "No period of the center is closed yet.");
  order.payout = PayoutId::make(parts_.clock.now(), parts_.rng);
  TRY(const Acted acted, act(caller, request.key(), fingerprint("OrderPayout", request), order, request.note()));
  v1::Payout out;
  if (acted.proposal) {
    out = acted.proposal->act().order_payout();
    if (acted.proposal->state() == "open") out.set_state("proposed");
    *out.mutable_proposal() = *acted.proposal;
  } else {
    TRY(const StoredPayout made, look([id = PayoutId{acted.result.object}](const Market& market) {
          const Payout* payout = market.payout(id);
          return payout == nullptr ? StoredPayout{} : StoredPayout{*payout, center_name(market, payout->center), {}};
        }));
    show_stored(out, made);
  }
  out.set_position(acted.result.position);
  return out;
}

Result<v1::PaymentFile> Api::export_payments(const v1::ExportPaymentsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  CHECK_OK(scoped_key(caller, request.key()));
  if (options_.debtor == Payee{})
    return fail(ErrorCode::failed_precondition, "The broker's configuration names no account to pay from ([finance.debtor]).");
  const std::string date = request.execution_date().empty() ? to_text(parts_.clock.now()).substr(0, 10) : request.execution_date();
  if (!is_date(date)) return fail(ErrorCode::invalid_argument, "execution_date must be a day like 2026-11-30.");
  if (!request.version().empty() && request.version() != "03" && request.version() != "09")
    return fail(ErrorCode::invalid_argument, "version must be 03 or 09.");
  PayoutId only;
  if (!request.payout().empty()) {
    TRY(only, id_or_not_found<PayoutIdKind>(request.payout()));
  }
  TRY(const std::vector<Payout> payouts, look([only](const Market& market) {
        std::vector<Payout> out;
        for (const Payout* payout : market.payouts())
          if (only.is_nil() ? payout->state == PayoutState::in_transit && payout->file.is_nil() : payout->id == only)
            out.push_back(*payout);
        return out;
      }));
  // Whether they may be in a new file is the engine's to say, which also knows the answer to a repeat.
  ExportPayouts command{.file = {.by = caller.user}};
  if (!payouts.empty()) {
    TRY(const PaymentOrder order,
        payment_order(options_.debtor, payouts, date, request.version() == "09" ? bank::PainVersion::v09 : bank::PainVersion::v03));
    command.file.id = order.message;
    TRY(command.file.bytes, parts_.blobs.put(BlobKind::payment_file, std::as_bytes(std::span(order.text))));
    for (const Payout& payout : payouts) command.payouts.push_back(payout.id);
  }
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("ExportPayments", request), std::move(command)));
  return look([file = done.object, position = done.position](const Market& market) {
    v1::PaymentFile out;
    fill(out, file, market);
    out.set_position(position);
    return out;
  });
}

Result<v1::PaymentFile> Api::withdraw_payments(const v1::WithdrawPaymentsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  CHECK_OK(scoped_key(caller, request.key()));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason));
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  const auto file = parse_crockford(request.file());
  if (!file) return fail(ErrorCode::not_found, "There is no such payment file.");
  TRY(v1::PaymentFile out, look([file = *file](const Market& market) {
        v1::PaymentFile before;  // afterwards no payout names it
        fill(before, file, market);
        return before;
      }));
  TRY(const Acted acted, act(caller, request.key(), fingerprint("WithdrawPayments", request), WithdrawPaymentFile{.file = *file, .reason = request.reason()}, request.note()));
  if (acted.proposal) *out.mutable_proposal() = *acted.proposal;
  out.set_position(acted.result.position);
  TRY(const Instant withdrawn_at, look([file = *file](const Market& market) {
        const PaymentFile* now = market.payment_file(file);
        return now == nullptr ? Instant{} : now->withdrawn_at;
      }));
  out.set_withdrawn_ms(withdrawn_at.unix_ms);
  return out;
}

Result<v1::Document> Api::get_payment_file(const v1::GetPaymentFileRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  const auto id = parse_crockford(request.file());
  if (!id) return fail(ErrorCode::not_found, "There is no such payment file.");
  TRY(const std::optional<PaymentFile> file, look([id = *id](const Market& market) {
        const PaymentFile* found = market.payment_file(id);
        return found == nullptr ? std::nullopt : std::optional(*found);
      }));
  if (!file) return fail(ErrorCode::not_found, "There is no such payment file.");
  // Sent to the bank once more beside the file that took its place, it would pay twice.
  if (file->withdrawn_at != Instant{}) return fail(ErrorCode::failed_precondition, "The payment file was withdrawn at " + to_text(file->withdrawn_at) + ".");
  TRY(const std::vector<std::byte> bytes, parts_.blobs.get(BlobKind::payment_file, file->bytes));
  v1::Document document;
  document.set_name(fmt::format("payments-{}.xml", to_crockford(file->id)));
  document.set_media_type("application/xml");
  document.set_data(bytes.data(), bytes.size());
  return document;
}

}  // namespace bourse::broker::api
