// A file of payment orders for a bank: ISO 20022 message pain.001.001 (CustomerCreditTransferInitiation), version 03 or 09,
// with one payment block (PmtInf): one debtor account, one day, any number of credit transfers.
//
// Pure: the creation instant is given, and the same values give the same bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unit.h"

namespace bourse::bank {

inline constexpr std::size_t kMaxTransfers = 100'000;

enum class PainVersion : std::uint8_t { v03, v09 };

// A bank: by its BIC (ISO 9362), or by its number in a clearing system, or both.
struct Agent {
  std::string bic;
  std::string clearing_system;  // of ISO's list of external codes: "CNAPS"; needs the member
  std::string clearing_member;  // up to 35 characters; of CNAPS, 12 digits
  std::string name;             // may be empty; names alone identify no bank
};

// Exactly one of the two.
struct PaymentAccount {
  std::string iban;   // without spaces
  std::string other;  // up to 34 characters: letters, digits and - . /
};

struct CreditTransfer {
  std::string end_to_end_id;  // comes back in the bank's statement; unique in the file
  Amount amount;              // above zero, with no more places than the currency has
  Unit currency;
  std::string creditor;  // name
  PaymentAccount account;
  Agent agent;  // may be all empty with an IBAN, which names the bank
  std::string remittance;  // one unstructured line up to 140 characters; may be empty
};

// ChrgBr: who pays the banks. SEPA wants service_level.
enum class ChargeBearer : std::uint8_t { unsaid, debtor, creditor, shared, service_level };

struct PaymentFile {
  PainVersion version = PainVersion::v03;
  std::string message_id;  // MsgId: unique at the bank for ever, which is how it refuses a file sent twice
  Instant created;
  std::string initiating_party;
  std::string payment_information_id;  // PmtInfId; empty = the message id
  // Whether the statement may show one sum for the whole block. False lets the payouts be matched one by one.
  bool batch_booking = false;
  ChargeBearer charge_bearer = ChargeBearer::unsaid;
  std::string execution_date;  // "2026-11-30"
  std::string debtor;
  PaymentAccount debtor_account;
  Unit debtor_currency;  // of the account; empty = not said
  Agent debtor_agent;
  std::vector<CreditTransfer> transfers;  // 1 to kMaxTransfers

  // Banks that take SWIFT's characters only (letters, digits and / - ? : ( ) . , ' + and space): any other character in a
  // name or text is then an error. It is never replaced, since a name is what a bank compares.
  bool latin_only = false;
  std::size_t longest_name = 140;  // characters; 70 for SEPA and for banks that pass orders on as SWIFT MT
};

// How many places amounts of a currency have (ISO 4217); nothing for currencies that this table doesn't know.
std::optional<std::uint8_t> minor_units(Unit currency);

// The file as UTF-8 with a declaration, indented. NbOfTxs and CtrlSum (the plain sum over all currencies, as ISO wants it)
// are exact in the group header and the block. Errors: invalid_argument, amount_not_positive, amount_overflow, too_large;
// the detail names the field ("transfers[3].account.iban: …") and nothing is written.
Result<std::string> write_payments(const PaymentFile& file);

}  // namespace bourse::bank
