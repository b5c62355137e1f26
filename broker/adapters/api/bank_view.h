// A kept bank payment as the API shows it.
#pragma once

#include "broker/adapters/api/bank_entries.h"
#include "broker/adapters/api/convert.h"

namespace bourse::broker::api {

void fill(v1::BankEntry& out, const StoredBankEntry& entry);

}  // namespace bourse::broker::api
