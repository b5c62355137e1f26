// Sample files and small statements for the tests of this room.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

namespace bourse::bank {

inline std::string sample(const std::string& name) {
  std::ifstream file(std::string(BOURSE_SOURCE_DIR) + "/bank/testdata/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) return "the sample has no " + std::string(from);
  return text.replace(at, from.size(), to);
}

inline std::string balance_xml(const std::string& type, const std::string& amount, const std::string& attributes = "Ccy=\"CNY\"") {
  return "<Bal><Tp><CdOrPrtry><Cd>" + type + "</Cd></CdOrPrtry></Tp><Amt " + attributes + ">" + amount +
         "</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal>\n";
}

// A booked credit; `more` goes behind its dates.
inline std::string entry_xml(const std::string& amount, const std::string& more = "", const std::string& currency = "CNY") {
  return "<Ntry><Amt Ccy=\"" + currency + "\">" + amount + "</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt>" + more +
         "</Ntry>\n";
}

inline std::string statement_xml(const std::string& inside, const std::string& version = "04") {
  return "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001." + version +
         "\">\n<BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt><Id>S</Id><Acct><Id><Othr><Id>42</Id></Othr></Id></Acct>\n" + inside +
         "</Stmt></BkToCstmrStmt></Document>\n";
}

}  // namespace bourse::bank
