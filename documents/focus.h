// Charges as a FOCUS 1.2 dataset: the FinOps Open Cost and Usage Specification, "Cost and Usage", version 1.2.
//
// Source of the columns, levels and rules: https://focus.finops.org/focus-specification/v1-2/ and the column pages of
// github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec (specification/columns). Written: the 21 mandatory columns, those
// conditional and recommended ones that apply to compute sold by the job, and custom columns (x_…) at the end.
//
// CSV as csv.h writes it; null is an empty field; decimals are plain; instants "YYYY-MM-DDTHH:MM:SSZ", UTC, ends exclusive:
// starts and the period's two ends are cut to the second, the end of a charge goes up to the next.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/decimal.h"
#include "base/time.h"
#include "documents/document.h"

namespace bourse::documents {

enum class ChargeCategory : std::uint8_t { usage, purchase, tax, credit, adjustment };

struct FocusCharge {
  ChargeCategory category = ChargeCategory::usage;
  bool correction = false;          // of, or late for, a billing period that was invoiced already; nothing else is a Correction
  std::string description;
  Instant start, end;
  Amount billed;                    // Σ over an invoice = what the invoice asks for
  Amount effective, contracted, list;
  // × a unit price = that cost, exactly. None for charges that follow from others: then there are no unit prices and no SKU.
  std::optional<Decimal> pricing_quantity = Decimal{1, 0};
  std::string pricing_unit;         // FOCUS UnitFormat
  Amount contracted_unit_price, list_unit_price;
  std::optional<Decimal> consumed_quantity;
  std::string consumed_unit;
  std::string resource_id, resource_name, resource_type, sku_id, sku_price_id, service_name;
  std::vector<Cell> extra;          // one for each of FocusDataset::extra_columns
};

struct FocusDataset {
  std::string billing_account_id, billing_account_name, invoice_id, invoice_issuer, provider, publisher;
  Unit currency = kCny;
  Instant from, to;                         // the billing period
  std::vector<std::string> extra_columns;   // "x_Attempt"
  std::vector<FocusCharge> charges;
};

std::string write_focus(const FocusDataset& dataset);

}  // namespace bourse::documents
