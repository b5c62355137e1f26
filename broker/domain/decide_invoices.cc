// Tax invoices: nothing is invoiced twice, and nothing that wasn't billed and paid.
#include <algorithm>
#include <tuple>
#include <utility>

#include "broker/domain/decider.h"
#include "broker/domain/text.h"

namespace bourse::broker {
namespace {

constexpr std::size_t kMaxNumber = 40;

// What stands on the account's invoices, and what of `lines` does not.
struct Invoiced {
  Amount all;
  std::size_t open = 0;
};
Invoiced take_off_invoiced(const Market& market, BillingAccountId account, std::vector<InvoiceLine>& lines) {
  Invoiced out;
  for (const Invoice* invoice : market.invoices(account)) {
    out.open += invoice->state == InvoiceState::requested ? 1 : 0;
    if (!invoice->stands()) continue;
    out.all += invoice->amount;
    for (const InvoiceLine& line : invoice->lines) take_off(lines, line);
  }
  return out;
}

// Each item and rate of a month once, and months in order.
bool in_order(const std::vector<EarnedMonth>& earned) {
  const auto place = [](const EarnedMonth& one) { return std::tuple(one.month, one.item, one.tax_bps); };
  return std::ranges::adjacent_find(earned, [&](const auto& a, const auto& b) { return place(a) >= place(b); }) == earned.end();
}

Status check_wanted(Amount wanted, Amount open, Amount left) {
  if (wanted != whole_cents(wanted) || wanted.is_negative()) return fail(ErrorCode::invalid_argument, "an invoice is over whole cents, above zero");
  if (wanted > open) return fail(ErrorCode::failed_precondition, "Of these months only " + to_text(open) + " is not invoiced yet.");
  if (wanted > left)
    return fail(ErrorCode::failed_precondition, "Only " + to_text(std::max(left, Amount{})) + " was billed, paid and is not invoiced yet.");
  if (wanted.is_zero()) return fail(ErrorCode::failed_precondition, "Nothing is left to invoice.");
  return {};
}

bool is_day(const std::string& text) {
  return text.size() == std::string_view("2026-11-30").size() && parse_instant(text + "T00:00:00Z").has_value();
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNumber && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

}  // namespace

Result<CommandResult> Decider::on(const RequestInvoice& command) {
  TRY(const BillingAccount* account, usable_account(command.account, command.by));
  if (command.invoice.is_nil() || market_.invoice(command.invoice) != nullptr)
    return fail(ErrorCode::invalid_argument, "the invoice's id must be new");
  CHECK_OK(validate(command.buyer));
  if (!in_order(command.earned)) return fail(ErrorCode::invalid_argument, "months must be in order, and each item and rate once");
  std::vector<InvoiceLine> open = invoiceable(command.earned);
  const Invoiced before = take_off_invoiced(market_, command.account, open);
  if (!command.months.empty())
    std::erase_if(open, [&](const InvoiceLine& line) { return std::ranges::find(command.months, line.month) == command.months.end(); });
  Amount sum;
  for (const InvoiceLine& line : open) sum += line.amount;
  const Amount left = whole_cents(std::min(command.billed, command.paid) - before.all);
  const Amount wanted = command.amount.value_or(std::max(Amount{}, std::min(sum, left)));
  if (command.amount && command.amount->is_zero()) return fail(ErrorCode::invalid_argument, "what is invoiced must be above zero");
  CHECK_OK(check_wanted(wanted, sum, left));
  Invoice invoice{.id = command.invoice,
                  .account = command.account,
                  .by = command.by,
                  .unit = account->unit,
                  .buyer = command.buyer,
                  .lines = pick(open, wanted),
                  .amount = wanted,
                  .requested_at = now_};
  std::size_t months = 0;
  for (std::int32_t month = -1; const InvoiceLine& line : invoice.lines) months += std::exchange(month, line.month) != line.month ? 1 : 0;
  if (months > kMaxInvoiceMonths || invoice.lines.size() > kMaxInvoiceLines)
    return fail(ErrorCode::too_large, "an invoice is over at most 120 months and 1,000 lines");
  if (before.open >= kMaxOpenInvoices) return fail(ErrorCode::overloaded, "100 requests of the account wait already.");
  emit(InvoiceRequested{std::move(invoice)});
  return made(command.invoice.uuid);
}

Result<CommandResult> Decider::on(const MoveInvoice& command) {
  const Invoice* invoice = market_.invoice(command.invoice);
  if (invoice == nullptr) return fail(ErrorCode::not_found, "invoice " + to_text(command.invoice));
  const bool numbered = command.state == InvoiceState::issued || command.state == InvoiceState::reversed;
  if (command.state == InvoiceState::requested || command.state > InvoiceState::reversed)
    return fail(ErrorCode::invalid_argument, "an invoice is issued, rejected, withdrawn or reversed");
  const InvoiceState from = command.state == InvoiceState::reversed ? InvoiceState::issued : InvoiceState::requested;
  if (invoice->state != from)
    return fail(ErrorCode::failed_precondition, "The invoice is " + std::string(name(invoice->state)) + ".");
  if (numbered && !is_number(command.number))
    return fail(ErrorCode::invalid_argument, "number must be 1 to 40 digits, capitals and -");
  if (numbered && !is_day(command.date)) return fail(ErrorCode::invalid_argument, "date must be a day like 2026-11-30");
  if (!numbered && !(command.number.empty() && command.date.empty()))
    return fail(ErrorCode::invalid_argument, "only what is issued has a number and a date");
  if (command.state != InvoiceState::issued && command.state != InvoiceState::withdrawn && command.reason.empty())
    return fail(ErrorCode::invalid_argument, "a reason must be given");
  if (numbered && market_.invoice_numbers_.contains(command.number))
    return fail(ErrorCode::failed_precondition, "An invoice has that number already.");
  emit(InvoiceMoved{command.invoice, command.state, command.number, command.date, shown(command.reason), command.by, now_});
  return made(command.invoice.uuid);
}

}  // namespace bourse::broker
