// The order of elements is the message definition's: it is a sequence, and banks refuse another order.
#include <algorithm>

#include "base/decimal.h"
#include "bank/payment_file.h"
#include "bank/payment_rules.h"

namespace bourse::bank {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out.push_back(c);
    }
  }
  return out;
}

// Elements, indented by two.
class XmlText {
 public:
  void leaf(std::string_view name, std::string_view text, std::string_view attribute = "") {
    out_.append(depth_ * 2, ' ').append("<").append(name).append(attribute).append(">");
    out_.append(escaped(text)).append("</").append(name).append(">\n");
  }
  void leaf_if(std::string_view name, std::string_view text) {
    if (!text.empty()) leaf(name, text);
  }
  // `inside` writes what stands between the tags.
  template <class Inside>
  void element(std::string_view name, Inside inside, std::string_view attribute = "") {
    out_.append(depth_ * 2, ' ').append("<").append(name).append(attribute).append(">\n");
    ++depth_;
    inside();
    --depth_;
    out_.append(depth_ * 2, ' ').append("</").append(name).append(">\n");
  }
  std::string take() && { return std::move(out_); }

 private:
  std::string out_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  std::size_t depth_ = 0;
};

// With exactly so many places; what is cut off is zero, as the rules have checked.
std::string with_places(Amount amount, std::uint8_t places) {
  Decimal exact{amount.micros, Amount::kPlaces};
  for (; exact.scale > places; --exact.scale) exact.coefficient /= 10;
  return to_text(exact);
}

std::string_view code_of(ChargeBearer bearer) {
  switch (bearer) {
    case ChargeBearer::unsaid: return "";
    case ChargeBearer::debtor: return "DEBT";
    case ChargeBearer::creditor: return "CRED";
    case ChargeBearer::shared: return "SHAR";
    case ChargeBearer::service_level: return "SLEV";
  }
  return "";
}

class PaymentWriter {
 public:
  explicit PaymentWriter(const PaymentFile& file) : file_(file), new_(file.version == PainVersion::v09) {
    Amount sum;
    std::uint8_t places = 0;
    for (const CreditTransfer& transfer : file.transfers) {
      sum += transfer.amount;
      places = std::max(places, minor_units(transfer.currency).value_or(0));
    }
    sum_ = with_places(sum, places);
  }

  std::string write() && {
    const std::string name_space = std::string(" xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.") + (new_ ? "09\"" : "03\"");
    const auto message = [&] {
      xml_.element("GrpHdr", [&] { header(); });
      xml_.element("PmtInf", [&] { block(); });
    };
    xml_.element("Document", [&] { xml_.element("CstmrCdtTrfInitn", message); }, name_space);
    return std::move(xml_).take();
  }

 private:
  void totals() {
    xml_.leaf("NbOfTxs", std::to_string(file_.transfers.size()));
    xml_.leaf("CtrlSum", sum_);
  }
  void header() {
    xml_.leaf("MsgId", file_.message_id);
    xml_.leaf("CreDtTm", to_text(file_.created));
    totals();
    xml_.element("InitgPty", [&] { xml_.leaf("Nm", file_.initiating_party); });
  }
  void block() {
    xml_.leaf("PmtInfId", file_.payment_information_id.empty() ? file_.message_id : file_.payment_information_id);
    xml_.leaf("PmtMtd", "TRF");
    xml_.leaf("BtchBookg", file_.batch_booking ? "true" : "false");
    totals();
    if (new_) xml_.element("ReqdExctnDt", [&] { xml_.leaf("Dt", file_.execution_date); });
    else xml_.leaf("ReqdExctnDt", file_.execution_date);
    xml_.element("Dbtr", [&] { xml_.leaf("Nm", file_.debtor); });
    xml_.element("DbtrAcct", [&] {
      account_id(file_.debtor_account);
      xml_.leaf_if("Ccy", file_.debtor_currency.text());
    });
    xml_.element("DbtrAgt", [&] { institution(file_.debtor_agent); });
    xml_.leaf_if("ChrgBr", code_of(file_.charge_bearer));
    for (const CreditTransfer& one : file_.transfers) xml_.element("CdtTrfTxInf", [&] { transfer(one); });
  }
  void transfer(const CreditTransfer& transfer) {
    xml_.element("PmtId", [&] { xml_.leaf("EndToEndId", transfer.end_to_end_id); });
    const std::string currency = " Ccy=\"" + std::string(transfer.currency.text()) + "\"";
    xml_.element("Amt", [&] { xml_.leaf("InstdAmt", with_places(transfer.amount, minor_units(transfer.currency).value_or(2)), currency); });
    if (!transfer.agent.bic.empty() || !transfer.agent.clearing_member.empty()) xml_.element("CdtrAgt", [&] { institution(transfer.agent); });
    xml_.element("Cdtr", [&] { xml_.leaf("Nm", transfer.creditor); });
    xml_.element("CdtrAcct", [&] { account_id(transfer.account); });
    if (!transfer.remittance.empty()) xml_.element("RmtInf", [&] { xml_.leaf("Ustrd", transfer.remittance); });
  }
  void account_id(const PaymentAccount& account) {
    xml_.element("Id", [&] {
      if (!account.iban.empty()) xml_.leaf("IBAN", account.iban);
      else xml_.element("Othr", [&] { xml_.leaf("Id", account.other); });
    });
  }
  void institution(const Agent& agent) {
    xml_.element("FinInstnId", [&] {
      xml_.leaf_if(new_ ? "BICFI" : "BIC", agent.bic);
      if (!agent.clearing_member.empty())
        xml_.element("ClrSysMmbId", [&] {
          if (!agent.clearing_system.empty()) xml_.element("ClrSysId", [&] { xml_.leaf("Cd", agent.clearing_system); });
          xml_.leaf("MmbId", agent.clearing_member);
        });
      xml_.leaf_if("Nm", agent.name);
    });
  }

  const PaymentFile& file_;
  bool new_;
  std::string sum_;
  XmlText xml_;
};

}  // namespace

Result<std::string> write_payments(const PaymentFile& file) {
  CHECK_OK(PaymentRules(file).verdict());
  return PaymentWriter(file).write();
}

}  // namespace bourse::bank
