// Tax invoices: requests over what was billed and paid, and what became of them.
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/api/api.h"
#include "broker/adapters/api/bills.h"
#include "broker/adapters/api/columns.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr int kMostInvoices = 1'000;

void fill_invoice(v1::Invoice& out, const Invoice& invoice, const Market& market) {
  out.set_id(to_text(invoice.id));
  out.set_account(to_text(invoice.account));
  if (const BillingAccount* account = market.account(invoice.account)) out.set_account_name(account->name);
  out.set_state(std::string(name(invoice.state)));
  fill(*out.mutable_money(), invoice.amount, invoice.unit);
  for (const InvoiceLine& line : invoice.lines) {
    v1::InvoiceLine& to = *out.add_lines();
    to.set_month(month_text(line.month));
    to.set_amount(to_text(line.amount));
    to.set_item(std::string(name(line.item)));
    to.set_name(std::string(words(line.item).zh));
    to.set_name_en(std::string(words(line.item).en));
    if (line.item == InvoiceItem::month) continue;  // from before: the tax is whoever issues it's to say
    to.set_net(to_text(line.net));
    to.set_tax_bps(line.tax_bps);
    to.set_tax(to_text(line.tax));
  }
  v1::InvoiceBuyer& buyer = *out.mutable_buyer();
  buyer.set_kind(std::string(name(invoice.buyer.kind)));
  buyer.set_title(invoice.buyer.title);
  buyer.set_tax_number(invoice.buyer.tax_number);
  buyer.set_address(invoice.buyer.address);
  buyer.set_phone(invoice.buyer.phone);
  buyer.set_bank(invoice.buyer.bank);
  buyer.set_bank_account(invoice.buyer.bank_account);
  buyer.set_email(invoice.buyer.email);
  out.set_requested_ms(invoice.requested_at.unix_ms);
  out.set_number(invoice.number);
  out.set_date(invoice.date);
  out.set_red_number(invoice.red_number);
  out.set_red_date(invoice.red_date);
  out.set_reason(invoice.reason);
}

Result<InvoiceBuyer> buyer_of(const v1::InvoiceBuyer& in) {
  InvoiceBuyer out{.title = in.title(), .tax_number = in.tax_number(), .address = in.address(), .phone = in.phone(),
                   .bank = in.bank(), .bank_account = in.bank_account(), .email = in.email()};
  if (in.kind() == name(InvoiceKind::special)) out.kind = InvoiceKind::special;
  else if (!in.kind().empty() && in.kind() != name(InvoiceKind::ordinary))
    return fail(ErrorCode::invalid_argument, "buyer.kind must be ordinary or special.");
  CHECK_OK(validate(out));
  return out;
}

}  // namespace

std::vector<EarnedMonth> earned_months(pqxx::transaction_base& work, BillingAccountId account, const std::vector<BilledMonth>& months) {
  // Bounds of the closed months, which come first and follow each other.
  std::string bounds;
  std::size_t closed = 0;
  while (closed < months.size() && months[closed].closed) bounds.append(bounds.empty() ? "{" : ",").append(sql(months[closed++].span.from));
  if (closed == 0) return {};
  bounds.append(",").append(sql(months[closed - 1].span.until)).append("}");
  std::vector<EarnedMonth> out;
  for (const auto& row : work.exec_params(
           "SELECT width_bucket(at, $2::timestamptz[]) AS slot, item, tax_bps, sum(gross_micros)::bigint AS gross, sum(tax_micros)::bigint AS tax "
           "FROM market.earned WHERE account = $1::uuid GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", sql(account), bounds)) {
    const auto slot = row["slot"].as<std::size_t>();
    if (slot < 1 || slot > closed) continue;
    out.push_back({.month = months[slot - 1].month, .item = enum_column<InvoiceItem>(row["item"]), .tax_bps = row["tax_bps"].as<std::int32_t>(),
                   .gross = amount_column(row["gross"]), .tax = amount_column(row["tax"])});
  }
  return out;
}

Result<v1::Invoice> Api::invoice_view(InvoiceId id, std::uint64_t position) {
  TRY(v1::Invoice out, look([id](const Market& market) {
        v1::Invoice view;
        if (const Invoice* invoice = market.invoice(id)) fill_invoice(view, *invoice, market);
        return view;
      }));
  out.set_position(position);
  return out;
}

Result<v1::Invoice> Api::request_invoice(const v1::RequestInvoiceRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(scoped_key(caller, request.key()));
  TRY(const BillingAccountId id, account_of(caller, request.account()));
  TRY(const bool owner, look([id, user = caller.user](const Market& market) { return market.account(id)->members.front() == user; }));
  if (!owner) return fail(ErrorCode::forbidden, "Only the account's owner may ask for an invoice.");
  RequestInvoice command{.invoice = InvoiceId::make(parts_.clock.now(), parts_.rng), .account = id, .by = caller.user};
  TRY(command.buyer, buyer_of(request.buyer()));
  if (!request.amount().empty()) {
    const auto amount = parse_amount(request.amount());
    if (!amount) return fail(amount.error().code, fmt::format("amount: {}", amount.error().detail));
    if (!amount->is_positive()) return fail(ErrorCode::amount_not_positive);
    command.amount = *amount;
  }
  for (const std::string& month : request.months()) {
    TRY(const std::int32_t one, month_named(month));
    command.months.push_back(one);
  }
  TRY(const BilledAccount account, billed_account(caller, to_text(id)));
  const std::uint64_t newest = position();
  queries_.wait_for(newest);
  struct Books { std::vector<BilledMonth> months; std::vector<EarnedMonth> earned; };
  TRY(Books books, queries_.database().read<Books>([&](pqxx::transaction_base& work) -> Result<Books> {
    work.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    CHECK_OK(check_projected(work, newest));
    TRY(std::vector<BilledMonth> months, billed_months(work, account, parts_.clock.now()));
    std::vector<EarnedMonth> earned = earned_months(work, id, months);
    return Books{std::move(months), std::move(earned)};
  }));
  for (const std::int32_t month : command.months) {
    const auto found = std::ranges::find(books.months, month, &BilledMonth::month);
    if (found == books.months.end() || !found->closed)
      return fail(ErrorCode::failed_precondition, fmt::format("{} is not closed yet.", month_text(month)));
  }
  for (const BilledMonth& month : books.months) {
    if (month.closed) command.billed += month.billed();
    command.paid += month.money_in;
  }
  command.earned = std::move(books.earned);
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("RequestInvoice", request), std::move(command)));
  return invoice_view(InvoiceId{done.object}, done.position);
}

Result<v1::ListInvoicesReply> Api::list_invoices(const v1::ListInvoicesRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  if (!request.invoice().empty()) {
    TRY(const InvoiceId id, id_or_not_found<InvoiceIdKind>(request.invoice()));
    return look([caller, id](const Market& market) -> Result<v1::ListInvoicesReply> {
      const Invoice* invoice = market.invoice(id);
      if (invoice == nullptr || !may_see(caller, market, invoice->account)) return fail(ErrorCode::not_found, "There is no such invoice.");
      v1::ListInvoicesReply reply;
      fill_invoice(*reply.add_invoices(), *invoice, market);
      return reply;
    }).value_or(fail(ErrorCode::unavailable));
  }
  TRY(const std::vector<BillingAccountId> accounts, accounts_read(caller, request.account()));
  std::optional<InvoiceId> older;
  if (!request.cursor().empty()) {
    TRY(older, read_id<InvoiceIdKind>("cursor", request.cursor()));
  }
  return look([accounts, state = request.state(), older](const Market& market) {
    std::vector<const Invoice*> found;
    const auto take = [&](BillingAccountId account) {
      for (const Invoice* invoice : market.invoices(account))
        if ((state.empty() || name(invoice->state) == state) && (!older || invoice->id < *older)) found.push_back(invoice);
    };
    for (const BillingAccountId account : accounts) take(account);
    if (accounts.empty())
      for (const BillingAccount* account : market.accounts()) take(account->id);
    std::ranges::sort(found, std::greater{}, &Invoice::id);  // newest first
    v1::ListInvoicesReply reply;
    for (const Invoice* invoice : found) {
      if (reply.invoices_size() == kMostInvoices) {
        reply.set_next_cursor(reply.invoices(kMostInvoices - 1).id());
        break;
      }
      fill_invoice(*reply.add_invoices(), *invoice, market);
    }
    return reply;
  });
}

// The owner withdraws; finance issues, rejects and reverses.
Result<v1::Invoice> Api::move_invoice(const v1::MoveInvoiceRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(scoped_key(caller, request.key()));
  TRY(const InvoiceId id, id_or_not_found<InvoiceIdKind>(request.invoice()));
  const auto seen = look([caller, id](const Market& market) {
    const Invoice* invoice = market.invoice(id);
    return invoice != nullptr && may_see(caller, market, invoice->account);
  });
  if (!seen) return std::unexpected(seen.error());
  if (!*seen) return fail(ErrorCode::not_found, "There is no such invoice.");
  MoveInvoice command{.invoice = id, .number = request.number(), .date = request.date(), .reason = request.reason(), .by = caller.user};
  for (const InvoiceState state : {InvoiceState::issued, InvoiceState::rejected, InvoiceState::withdrawn, InvoiceState::reversed})
    if (name(state) == request.state()) command.state = state;
  if (command.state == InvoiceState{})
    return fail(ErrorCode::invalid_argument, "state must be issued, rejected, withdrawn or reversed.");
  if (command.state == InvoiceState::withdrawn) {
    TRY(const BillingAccountId account, look([id](const Market& market) { return market.invoice(id)->account; }));
    CHECK_OK(may_rule(caller, account));
  } else {
    CHECK_OK(require(caller, {Role::finance}));
  }
  CHECK_OK(check_text("reason", request.reason(), kMaxReason, true));
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("MoveInvoice", request), std::move(command)));
  return invoice_view(InvoiceId{done.object}, done.position);
}

}  // namespace bourse::broker::api
