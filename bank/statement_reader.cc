// camt.053 to values. Where the versions differ: since 04 a charge is a record (Chrgs/Rcrd), since 08 a status is a
// choice (Sts/Cd) and a party has its name one deeper (Dbtr/Pty/Nm); 02 gives a payment's amount only in AmtDtls.
#include <algorithm>
#include <array>

#include "bank/camt_fields.h"
#include "bank/identity.h"
#include "bank/iban.h"
#include "bank/statement.h"

namespace bourse::bank {
namespace {

constexpr std::array<std::string_view, 4> kStatuses{"BOOK", "PDNG", "INFO", "FUTR"};

Amount negated(Amount amount, bool yes) { return yes ? Amount{} - amount : amount; }

class StatementReader {
 public:
  Result<StatementFile> read(const XmlDocument& document) {
    StatementFile file;
    const XmlElement message = message_of(document, file);
    file.message_id = fields_.text(message, "GrpHdr/MsgId", true);
    file.created = fields_.time(message, "GrpHdr/CreDtTm");
    fields_.each(message, "Stmt", [&](XmlElement element) { file.statements.push_back(statement(element)); });
    if (file.statements.empty()) fields_.wrong(message, "it has no statement (Stmt)");
    if (fields_.error()) return std::unexpected(*fields_.error());
    for (BankStatement& read : file.statements) identify(read);
    return file;
  }

 private:
  XmlElement message_of(const XmlDocument& document, StatementFile& file) {
    constexpr std::string_view kNames = "urn:iso:std:iso:20022:tech:xsd:";
    const std::string_view name = document.name_space();
    if (!name.starts_with(kNames)) return fields_.wrong(document.root(), "the namespace is not of an ISO 20022 message"), XmlElement();
    file.version = name.substr(kNames.size());
    const std::string& version = file.version;
    const bool known = version.size() == 15 && version.starts_with("camt.053.001.0") && version.back() >= '2' && version.back() <= '8';
    if (!known) fields_.wrong(document.root(), "a statement is camt.053.001.02 to 08, this is " + version.substr(0, 15));
    if (document.root().name() != "Document") fields_.wrong(document.root(), "expected the element Document");
    return fields_.at(document.root(), "BkToCstmrStmt", true);
  }

  AccountNumber account(XmlElement parent, std::string_view path) {
    const XmlElement id = fields_.at(parent, path);
    if (const std::string iban = fields_.text(id, "IBAN"); !iban.empty()) return {.text = normalized_iban(iban), .is_iban = true};
    return {.text = fields_.text(id, "Othr/Id")};
  }

  // RltdPties/Dbtr with RltdPties/DbtrAcct, and the same of the creditor.
  Party party(XmlElement parties, std::string_view role) {
    const XmlElement element = fields_.at(parties, role);
    const XmlElement inner = fields_.at(element, "Pty");
    Party found{.name = fields_.text(inner ? inner : element, "Nm"), .account = account(parties, std::string(role) + "Acct/Id")};
    if (found.name.empty()) found.name = fields_.text(element, "Agt/FinInstnId/Nm");
    return found;
  }

  BankStatement statement(XmlElement element) {
    BankStatement read{.line = element.line()};
    read.id = fields_.text(element, "Id", true);
    read.created = fields_.time(element, "CreDtTm");
    read.from = fields_.time(element, "FrToDt/FrDtTm");
    read.to = fields_.time(element, "FrToDt/ToDtTm");
    const XmlElement own = fields_.at(element, "Acct", true);
    read.account = account(own, "Id");
    if (read.account.text.empty()) fields_.wrong(own, "it has neither Id/IBAN nor Id/Othr/Id");
    const XmlElement owner = fields_.at(own, "Ownr");
    read.owner = fields_.text(fields_.at(owner, "Pty") ? fields_.at(owner, "Pty") : owner, "Nm");
    read.bank_bic = fields_.text(own, "Svcr/FinInstnId/BICFI");
    if (read.bank_bic.empty()) read.bank_bic = fields_.text(own, "Svcr/FinInstnId/BIC");
    fields_.each(element, "Bal", [&](XmlElement balance) { take_balance(read, balance); });
    take_currency(read, own);
    const XmlElement summary = fields_.at(element, "TxsSummry");
    read.all = {.count = fields_.count(summary, "TtlNtries/NbOfNtries"), .sum = fields_.amount(summary, "TtlNtries/Sum")};
    read.credits = {.count = fields_.count(summary, "TtlCdtNtries/NbOfNtries"), .sum = fields_.amount(summary, "TtlCdtNtries/Sum")};
    read.debits = {.count = fields_.count(summary, "TtlDbtNtries/NbOfNtries"), .sum = fields_.amount(summary, "TtlDbtNtries/Sum")};
    fields_.each(element, "Ntry", [&](XmlElement item) { read.entries.push_back(entry(item)); });
    return read;
  }

  // Available, forward and the bank's own balances are not of the books, so they are passed over.
  void take_balance(BankStatement& read, XmlElement element) {
    Balance balance{.date = fields_.day(element, "Dt"), .type = fields_.code(element, "Tp/CdOrPrtry")};
    const auto amount = fields_.amount(element, "Amt", &balance.currency, true);
    balance.amount = negated(amount.value_or(Amount{}), fields_.is_debit(element));
    const auto rank = [](const std::optional<Balance>& held) { return !held ? 0 : held->type == "ITBD" ? 1 : held->type == "PRCD" ? 2 : 3; };
    const bool opens = balance.type == "OPBD" || balance.type == "PRCD" || balance.type == "ITBD";
    const bool closes = balance.type == "CLBD" || balance.type == "ITBD";
    const bool twice = (balance.type == "CLBD" && rank(read.closing) == 3) ||
                       ((balance.type == "OPBD" || balance.type == "PRCD") && rank(read.opening) == rank(balance));
    if (twice) fields_.wrong(element, "another balance " + balance.type);
    if (opens && rank(balance) > rank(read.opening)) read.opening = balance;
    if (closes && rank(balance) >= rank(read.closing)) read.closing = balance;
  }

  void take_currency(BankStatement& read, XmlElement own) {
    const std::string written = fields_.text(own, "Ccy");
    if (written.empty()) {
      if (read.closing || read.opening) read.currency = (read.closing ? read.closing : read.opening)->currency;
      else fields_.wrong(own, "neither Ccy nor a booked balance says the account's currency");
      return;
    }
    const auto unit = parse_unit(written);
    if (!unit || written.size() != 3) return fields_.wrong(own, "Ccy must be three capital letters");
    read.currency = *unit;
  }

  Entry entry(XmlElement element) {
    Entry read{.line = element.line(), .reference = fields_.reference(element, "NtryRef"), .bank_reference = fields_.reference(element, "AcctSvcrRef")};
    const bool debit = fields_.is_debit(element);
    read.amount = negated(fields_.amount(element, "Amt", &read.currency, true).value_or(Amount{}), debit);
    read.reversal = fields_.flag(element, "RvslInd");
    const std::string status = fields_.code(element, "Sts");
    const auto found = std::ranges::find(kStatuses, status);
    if (found == kStatuses.end()) fields_.wrong(element, status.empty() ? "Sts is missing" : "Sts must be BOOK, PDNG, INFO or FUTR");
    else read.status = static_cast<EntryStatus>(found - kStatuses.begin());
    read.booking_date = fields_.day(element, "BookgDt");
    read.value_date = fields_.day(element, "ValDt");
    read.transaction_code = transaction_code(fields_.at(element, "BkTxCd"));
    read.text = fields_.text(element, "AddtlNtryInf");
    add_charges(read.charges, element);
    bool own_amount = false;
    fields_.each(element, "NtryDtls", [&](XmlElement details) { own_amount |= take_details(read, details, debit); });
    // One payment is the whole entry, whatever was ordered, in whatever currency, and lost to banks on the way.
    if (read.details.size() == 1 && !own_amount) read.details[0].amount = read.amount;
    return read;
  }

  // Whether a payment says its own amount as the bank booked it.
  bool take_details(Entry& read, XmlElement details, bool debit) {
    bool own_amount = false;
    if (const XmlElement batch = fields_.at(details, "Btch")) {
      if (read.batch_count || read.batch_total) fields_.wrong(batch, "a second batch in one entry");
      read.batch_count = fields_.count(batch, "NbOfTxs");
      Unit currency;
      if (const auto total = fields_.amount(batch, "TtlAmt", &currency); total && currency == read.currency) read.batch_total = total;
    }
    fields_.each(details, "TxDtls", [&](XmlElement transaction) {
      read.details.push_back(detail(transaction, read.currency, debit));
      add_charges(read.charges, transaction);
      own_amount |= static_cast<bool>(fields_.at(transaction, "Amt"));
    });
    return own_amount;
  }

  std::string transaction_code(XmlElement code) {
    const std::string domain = fields_.text(code, "Domn/Cd");
    if (domain.empty()) return fields_.text(code, "Prtry/Cd");
    return domain + "/" + fields_.text(code, "Domn/Fmly/Cd") + "/" + fields_.text(code, "Domn/Fmly/SubFmlyCd");
  }

  void add_charges(Amount& sum, XmlElement parent) {
    const auto add = [&](XmlElement charge) {
      const auto total = checked_add(sum, fields_.amount(charge, "Amt").value_or(Amount{}));
      if (!total) return fields_.wrong(charge, "the sum of the charges", ErrorCode::amount_overflow);
      sum = *total;
    };
    fields_.each(parent, "Chrgs", [&](XmlElement charges) {
      if (fields_.at(charges, "Amt")) add(charges);
      fields_.each(charges, "Rcrd", add);
    });
  }

  // In the entry's currency: the payment's own amount, or what the details call the transaction's or the ordered one.
  std::optional<Amount> detail_amount(XmlElement transaction, Unit wanted) {
    for (const std::string_view path : {"Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"}) {
      Unit currency;
      if (const auto amount = fields_.amount(transaction, path, &currency); amount && currency == wanted) return amount;
    }
    return std::nullopt;
  }

  TransactionDetail detail(XmlElement element, Unit currency, bool entry_is_debit) {
    TransactionDetail read{.end_to_end_id = fields_.reference(element, "Refs/EndToEndId"),
                           .transaction_id = fields_.reference(element, "Refs/TxId"),
                           .instruction_id = fields_.reference(element, "Refs/InstrId"),
                           .payment_information_id = fields_.reference(element, "Refs/PmtInfId"),
                           .bank_reference = fields_.reference(element, "Refs/AcctSvcrRef")};
    read.amount = detail_amount(element, currency);
    const bool debit = fields_.is_debit(element, entry_is_debit);
    if (read.amount) read.amount = negated(*read.amount, debit);
    const XmlElement parties = fields_.at(element, "RltdPties");
    read.debtor = party(parties, "Dbtr");
    read.creditor = party(parties, "Cdtr");
    const XmlElement remittance = fields_.at(element, "RmtInf");
    fields_.each(remittance, "Ustrd", [&](XmlElement line) { read.remittance.emplace_back(line.text()); });
    fields_.each(remittance, "Strd", [&](XmlElement structured) { take_structured(read.references, structured); });
    if (const XmlElement back = fields_.at(element, "RtrInf")) {
      read.returned = true;
      read.return_reason = fields_.code(back, "Rsn");
      fields_.each(back, "AddtlInf", [&](XmlElement line) { read.return_text += (read.return_text.empty() ? "" : " ") + std::string(line.text()); });
    }
    return read;
  }

  void take_structured(std::vector<std::string>& into, XmlElement structured) {
    const auto add = [&into](std::string text) {
      if (!text.empty()) into.push_back(std::move(text));
    };
    add(fields_.text(structured, "CdtrRefInf/Ref"));
    fields_.each(structured, "RfrdDocInf", [&](XmlElement document) { add(fields_.text(document, "Nb")); });
    fields_.each(structured, "AddtlRmtInf", [&](XmlElement line) { add(std::string(line.text())); });
  }

  CamtFields fields_;
};

}  // namespace

std::string_view name(EntryStatus status) { return kStatuses[static_cast<std::size_t>(status)]; }

Result<StatementFile> parse_statements(std::string_view bytes) {
  TRY(const XmlDocument document, XmlDocument::parse(bytes));
  return StatementReader().read(document);
}

Result<StatementFile> read_statements(std::string_view bytes) {
  TRY(StatementFile file, parse_statements(bytes));
  if (const auto findings = check(file); !findings.empty())
    return fail(ErrorCode::verification_failed, findings.front().where + ": " + findings.front().what);
  return file;
}

Result<BankStatement> read_statement(std::string_view bytes) {
  TRY(StatementFile file, read_statements(bytes));
  if (file.statements.size() != 1)
    return fail(ErrorCode::invalid_argument, "expected one statement, the file has " + std::to_string(file.statements.size()));
  return std::move(file.statements.front());
}

}  // namespace bourse::bank
