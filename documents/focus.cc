#include "documents/focus.h"

#include "documents/csv.h"
#include "documents/text.h"

namespace bourse::documents {
namespace {

constexpr std::int64_t kSecondMs = 1000;

std::string second_of(Instant t, bool up) {
  std::int64_t rest = t.unix_ms % kSecondMs;
  if (rest < 0) rest += kSecondMs;
  return to_text(Instant{t.unix_ms - rest + (up && rest > 0 ? kSecondMs : 0)});
}

std::string_view name(ChargeCategory category) {
  switch (category) {
    case ChargeCategory::usage: return "Usage";
    case ChargeCategory::purchase: return "Purchase";
    case ChargeCategory::tax: return "Tax";
    case ChargeCategory::credit: return "Credit";
    case ChargeCategory::adjustment: return "Adjustment";
  }
  return "Usage";
}

CsvField text(std::string_view value) { return {clean(value), false}; }
CsvField raw(std::string_view value) { return {std::string(value), true}; }

// The columns in order; each name stands beside its value, so that none can slip.
std::vector<std::pair<const char*, CsvField>> columns_of(const FocusDataset& set, const FocusCharge& charge) {
  const bool unpriced = charge.category == ChargeCategory::tax || !charge.pricing_quantity;
  const bool consumed = charge.category == ChargeCategory::usage && charge.consumed_quantity;
  const bool priced = charge.category == ChargeCategory::usage || charge.category == ChargeCategory::purchase;
  return {{"BilledCost", raw(to_text(charge.billed))},
          {"BillingAccountId", text(set.billing_account_id)},
          {"BillingAccountName", text(set.billing_account_name)},
          {"BillingCurrency", raw(set.currency.text())},
          {"BillingPeriodEnd", raw(second_of(set.to, false))},
          {"BillingPeriodStart", raw(second_of(set.from, false))},
          {"ChargeCategory", raw(name(charge.category))},
          {"ChargeClass", raw(charge.correction ? "Correction" : "")},
          {"ChargeDescription", text(charge.description)},
          {"ChargeFrequency", raw(charge.category == ChargeCategory::usage ? "Usage-Based" : "One-Time")},
          {"ChargePeriodEnd", raw(second_of(charge.end, true))},
          {"ChargePeriodStart", raw(second_of(charge.start, false))},
          {"ConsumedQuantity", raw(consumed ? to_text(*charge.consumed_quantity) : "")},
          {"ConsumedUnit", text(consumed ? charge.consumed_unit : "")},
          {"ContractedCost", raw(to_text(charge.contracted))},
          {"ContractedUnitPrice", raw(unpriced ? "" : to_text(charge.contracted_unit_price))},
          {"EffectiveCost", raw(to_text(charge.effective))},
          {"InvoiceId", text(set.invoice_id)},
          {"InvoiceIssuerName", text(set.invoice_issuer)},
          {"ListCost", raw(to_text(charge.list))},
          {"ListUnitPrice", raw(unpriced ? "" : to_text(charge.list_unit_price))},
          {"PricingCategory", raw(priced ? "Standard" : "")},
          {"PricingQuantity", raw(unpriced ? "" : to_text(*charge.pricing_quantity))},
          {"PricingUnit", text(unpriced ? "" : charge.pricing_unit)},
          {"ProviderName", text(set.provider)},
          {"PublisherName", text(set.publisher)},
          {"ResourceId", text(charge.resource_id)},
          {"ResourceName", text(charge.resource_name)},
          {"ResourceType", text(charge.resource_type)},
          {"ServiceCategory", raw("Compute")},
          {"ServiceName", text(charge.service_name)},
          {"SkuId", text(unpriced ? "" : charge.sku_id)},
          {"SkuPriceId", text(unpriced ? "" : charge.sku_price_id)}};
}

}  // namespace

std::string write_focus(const FocusDataset& dataset) {
  std::vector<CsvField> head;
  for (const auto& [column, value] : columns_of(dataset, {})) head.push_back(raw(column));
  for (const std::string& column : dataset.extra_columns) head.push_back(raw(column));
  std::string out = csv_record(head);
  for (const FocusCharge& charge : dataset.charges) {
    std::vector<CsvField> fields;
    for (auto& [column, value] : columns_of(dataset, charge)) fields.push_back(std::move(value));
    for (const Cell& extra : charge.extra) fields.push_back(csv_field(extra));
    out += csv_record(fields);
  }
  return out;
}

}  // namespace bourse::documents
