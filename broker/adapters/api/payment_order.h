// Payouts as a bank's payment file, and payees as a bank knows them. Pure.
#pragma once

#include <string>
#include <vector>

#include "bank/payment_file.h"
#include "broker/domain/settlement.h"

namespace bourse::broker::api {

// An IBAN, else the bank's own number; a BIC, else twelve digits, which are a CNAPS number. Errors: invalid_argument.
Result<bank::PaymentAccount> payment_account(const std::string& text);
Result<bank::Agent> payment_agent(const std::string& text);

// pain.001 of payouts in transit, oldest first; the same payouts, date and version give the same bytes, and the same payouts
// the same message id, until a file that named one of them is withdrawn. The EndToEndId is the payout's 26 characters. Errors: those of bank::write_payments, and
// invalid_argument for a debtor or payee that no file can name.
struct PaymentOrder {
  Uuid message;  // its id, in the file as 26 characters
  std::string text;
};
Result<PaymentOrder> payment_order(const Payee& debtor, std::vector<Payout> payouts, const std::string& execution_date,
                                   bank::PainVersion version);
// Whether a payment file can name the payee. Errors: invalid_argument, naming what it can't.
Status check_payable(const Payee& payee);

}  // namespace bourse::broker::api
