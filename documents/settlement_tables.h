// The tables of a settlement statement's document. Of settlement.cc alone.
#pragma once

#include <vector>

#include "broker/adapters/statement/statement.h"
#include "documents/document.h"

namespace bourse::documents {

// In the order of the document; the captures are the first. Corrections have more columns than paper is wide, so it gets two
// views of them instead.
std::vector<Table> settlement_tables(const statement::Statement& statement, Language language);

// A row a capture and locked price row: settlement_prices.cc.
Table prices_of(const statement::Statement& statement, Language language);

}  // namespace bourse::documents
