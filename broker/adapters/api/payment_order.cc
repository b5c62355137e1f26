#include "broker/adapters/api/payment_order.h"

#include <fmt/format.h>

#include <algorithm>

#include "bank/iban.h"
#include "broker/adapters/api/api.h"

namespace bourse::broker::api {
namespace {

constexpr std::size_t kCnapsDigits = 12;

bool all_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}
bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

}  // namespace

Result<bank::PaymentAccount> payment_account(const std::string& text) {
  const std::string iban = bank::normalized_iban(text);
  if (bank::is_iban(iban)) return bank::PaymentAccount{.iban = iban, .other = {}};
  // Two letters and two digits in front are meant as an IBAN: a slip in one must not become some other account.
  if (iban.size() >= 15 && is_letter(iban[0]) && is_letter(iban[1]) && all_digits(std::string_view(iban).substr(2, 2)))
    return fail(ErrorCode::invalid_argument, "account: the check digits of this IBAN are wrong.");
  return bank::PaymentAccount{.iban = {}, .other = text};
}

Result<bank::Agent> payment_agent(const std::string& text) {
  if (bank::is_bic(text)) return bank::Agent{.bic = text};
  if (text.size() == kCnapsDigits && all_digits(text)) return bank::Agent{.clearing_system = "CNAPS", .clearing_member = text};
  return fail(ErrorCode::invalid_argument, "bank: expected a BIC, or the twelve digits of CNAPS.");
}

Result<PaymentOrder> payment_order(const Payee& debtor, std::vector<Payout> payouts, const std::string& execution_date,
                                   bank::PainVersion version) {
  std::ranges::sort(payouts, {}, &Payout::id);
  bank::PaymentFile file{.version = version, .execution_date = execution_date, .debtor = debtor.name};
  std::string ids;
  for (const Payout& payout : payouts) {
    ids += to_text(payout.id);
    if (payout.withdrawn_files > 0) ids += fmt::format("#{}", payout.withdrawn_files);
    file.created = std::max(file.created, payout.ordered_at);
    TRY(const bank::PaymentAccount account, payment_account(payout.payee.account));
    TRY(const bank::Agent agent, payment_agent(payout.payee.agent));
    file.transfers.push_back({.end_to_end_id = to_crockford(payout.id.uuid),
                              .amount = payout.amount,
                              .currency = payout.unit,
                              .creditor = payout.payee.name,
                              .account = account,
                              .agent = agent,
                              .remittance = "Settlement " + to_text(payout.id)});
  }
  // By the message id a bank refuses a file sent twice, so it follows from what would be paid twice.
  const Uuid message = derived_uuid("payment file", ids);
  file.message_id = to_crockford(message);
  file.initiating_party = debtor.name;
  TRY(file.debtor_account, payment_account(debtor.account));
  TRY(file.debtor_agent, payment_agent(debtor.agent));
  TRY(std::string text, bank::write_payments(file));
  return PaymentOrder{message, std::move(text)};
}

Status check_payable(const Payee& payee) {
  // As a payment of one unit to it would be written; the rest of the file is beyond doubt.
  const Payee debtor{.name = "Debtor", .account = "DE89370400440532013000", .agent = "COBADEFFXXX"};
  const auto file = payment_order(debtor, {{.id = PayoutId{{1, 1}}, .amount = Amount::of_micros(1'000'000), .payee = payee}}, "2026-01-01", bank::PainVersion::v03);
  if (!file) return std::unexpected(file.error());
  return {};
}

}  // namespace bourse::broker::api
