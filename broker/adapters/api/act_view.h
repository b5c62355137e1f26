// Acts for people: each in a sentence and in full, with names beside ids, so that whoever approves sees what they sign.
#pragma once

#include <string>

#include "broker/adapters/api/convert.h"
#include "broker/adapters/api/caller.h"

namespace bourse::broker::api {

// Whose act it is: operators' are centers, contracts and prices, finance's all others.
Role role_of(const Act& act);
Role role_of(std::string_view act_name);

// `bank_text` is the bank's own words for a top-up's entry; empty when there are none.
void fill(v1::Act& out, const Act& act, const Market& market, const std::string& bank_text);
std::string words(const Act& act, const Market& market, const std::string& bank_text);

void fill(v1::Payee& out, const Payee& payee);
void fill(v1::VoucherBatch& out, const VoucherBatch& batch);  // without what was redeemed
void fill(v1::MoneyInReversal& out, const ReverseMoneyIn& act, const Market& market);
void fill(v1::PaymentFile& out, Uuid file, const Market& market);  // of an unknown one nothing
std::string words(const Payee& payee);  // "Alpha e.V., account DE… at …"
std::string money_words(Amount amount, Unit unit);  // "12.50 CNY"

}  // namespace bourse::broker::api
