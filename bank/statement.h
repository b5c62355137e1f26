// A bank's statement of account: ISO 20022 message camt.053.001 (BankToCustomerStatement), versions 02 to 08.
//
// All is pure: bytes in, values or errors out. Texts are UTF-8 as the bank wrote them, white space cut off at both ends.
// Days are "YYYY-MM-DD" as the bank counts them, without a time zone; times are kept as written, since a bank may leave
// their offset out. Amounts are signed from the account owner's point of view: credits above zero, debits below.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/result.h"
#include "base/unit.h"
#include "bank/xml_document.h"

namespace bourse::bank {

inline constexpr std::size_t kMaxStatementBytes = kMaxXmlBytes;

struct AccountNumber {
  std::string text;  // an IBAN without spaces in capitals, or what the bank calls the account
  bool is_iban = false;
  bool operator==(const AccountNumber&) const = default;
};

struct Party {
  std::string name;
  AccountNumber account;
};

// Sts. Only booked entries are money; pending ones may change or vanish, the others only tell.
enum class EntryStatus : std::uint8_t { booked, pending, information, future };
std::string_view name(EntryStatus status);  // "BOOK", "PDNG", "INFO", "FUTR"

// NtryDtls/TxDtls: one payment of an entry. References are empty where the bank gives none, or says NOTPROVIDED.
struct TransactionDetail {
  std::string end_to_end_id, transaction_id, instruction_id, payment_information_id;
  std::string bank_reference;    // AcctSvcrRef
  std::optional<Amount> amount;  // signed, in the entry's currency; nothing where the bank doesn't say it in that
  Party debtor, creditor;
  std::vector<std::string> remittance;  // RmtInf/Ustrd, line by line
  std::vector<std::string> references;  // of RmtInf/Strd: creditor's references and document numbers, further text
  bool returned = false;                // RtrInf is there: a payment that came back
  std::string return_reason;            // RtrInf/Rsn, a code like AC04 or the bank's own
  std::string return_text;              // RtrInf/AddtlInf
  Hash256 identity;                     // see identity.h
};

// Ntry.
struct Entry {
  std::uint32_t line = 0;      // of the file
  std::string reference;       // NtryRef
  std::string bank_reference;  // AcctSvcrRef
  Amount amount;               // signed
  Unit currency;
  EntryStatus status = EntryStatus::booked;
  bool reversal = false;                  // RvslInd: undoes an earlier entry. `amount` has its own direction already
  std::string booking_date, value_date;   // may be empty
  std::string transaction_code;           // BkTxCd: "PMNT/RCDT/ESCT", or the bank's own
  std::string text;                       // AddtlNtryInf
  std::optional<std::uint64_t> batch_count;  // Btch/NbOfTxs
  std::optional<Amount> batch_total;         // Btch/TtlAmt, without a sign
  Amount charges;                            // Σ of what Chrgs say was taken, without a sign
  std::vector<TransactionDetail> details;    // may be empty: then all that is known stands here
  Hash256 identity;                          // the same in every statement that has this entry; see identity.h
};

struct Balance {
  Amount amount;  // signed
  Unit currency;
  std::string date;
  std::string type;  // "OPBD", "PRCD", "ITBD", "CLBD"
};

// A row of TxsSummry.
struct Summary {
  std::optional<std::uint64_t> count;
  std::optional<Amount> sum;  // without a sign
};

// Stmt.
struct BankStatement {
  std::uint32_t line = 0;
  std::string id;
  std::string created, from, to;  // as written; may be empty
  AccountNumber account;
  std::string owner;     // may be empty
  std::string bank_bic;  // may be empty
  Unit currency;         // of the account, or where the bank doesn't say, of its balances
  // Booked. Opening: OPBD, else PRCD, else the first ITBD; closing: CLBD, else the last ITBD (of a further page).
  std::optional<Balance> opening, closing;
  Summary all, credits, debits;
  std::vector<Entry> entries;  // in the bank's order
};

struct StatementFile {
  std::string version;  // "camt.053.001.08"
  std::string message_id, created;
  std::vector<BankStatement> statements;
};

// Reads a file, checking its form only: what `bourse bank show` shows of a file that doesn't add up. Errors: too_large,
// amount_overflow, invalid_argument; the detail names line and element. A reader of money refuses what it doesn't know:
// other messages and versions, amounts with more than six places, a field twice, an unknown status.
Result<StatementFile> parse_statements(std::string_view bytes);

// What is wrong with a statement that has the right form.
struct Finding {
  std::string where;  // "statement 2026-03, line 14, entry 3"
  std::string what;
};
// Empty = all holds. In each statement: opening + Σ booked = closing; every balance, entry and batch in its currency;
// the bank's own counts and sums; a batch's payments sum to their entry; no entry and no NtryRef twice; IBANs. In the
// file: no statement twice.
std::vector<Finding> check(const StatementFile& file);

// parse_statements and check: for importing. Errors: as above, and verification_failed with the first finding.
Result<StatementFile> read_statements(std::string_view bytes);
// The same for a file that must have exactly one statement. Errors: as above, invalid_argument for another number.
Result<BankStatement> read_statement(std::string_view bytes);

}  // namespace bourse::bank
