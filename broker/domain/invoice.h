// Tax invoices (发票): what an account asks for, and what became of it. The market issues none itself: a tax system does, by
// hand or by file, and finance enters its number. What is kept here is who is to get one over what money, so that nothing is
// invoiced twice.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unit.h"

namespace bourse::broker {

enum class InvoiceKind : std::uint8_t { ordinary = 1, special = 2 };  // 普通, 专用
std::string_view name(InvoiceKind kind);                              // "ordinary"

// requested → issued → reversed (by a red-letter invoice, 红字), or requested → rejected | withdrawn. What is rejected,
// withdrawn or reversed may be invoiced again.
enum class InvoiceState : std::uint8_t { requested = 1, issued = 2, rejected = 3, withdrawn = 4, reversed = 5 };
std::string_view name(InvoiceState state);  // "requested"

struct InvoiceBuyer {
  InvoiceKind kind = InvoiceKind::ordinary;
  std::string title;       // 抬头
  std::string tax_number;  // 纳税人识别号; empty for a person
  std::string address, phone, bank, bank_account;  // may be empty
  std::string email;                               // where it is sent
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.kind, self.title, self.tax_number, self.address, self.phone, self.bank, self.bank_account, self.email);
  }
};

// What a line is over (货物或应税劳务、服务名称).
enum class InvoiceItem : std::uint8_t {
  month = 0,      // all of a month: of invoices that were asked for before lines had items
  on_demand = 1,  // what jobs used, paid as they ran
  reserved = 2,   // reserved capacity, day by day as it is earned
  package = 3,    // 度 of packages, as jobs use them or they expire
};
std::string_view name(InvoiceItem item);  // "on_demand"
struct ItemWords {
  std::string_view zh, en;
};
ItemWords words(InvoiceItem item);

// Of one month, one item and one tax rate, what is on the invoice. All amounts are whole cents.
struct InvoiceLine {
  std::int32_t month = 0;  // since year 0, on the account's calendar
  Amount amount;           // > 0 (价税合计); net + tax, but for InvoiceItem::month, which has neither
  InvoiceItem item = InvoiceItem::month;
  Amount net;                // 不含税金额
  std::int32_t tax_bps = 0;  // 税率
  Amount tax;                // 税额
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.month, self.amount, self.item, self.net, self.tax_bps, self.tax);
  }
};

// What the books have of an account in a month, of one item at one rate: earned less given back, and the tax that was booked
// with it. Micro-units; below zero where more went back.
struct EarnedMonth {
  std::int32_t month = 0;
  InvoiceItem item{};
  std::int32_t tax_bps = 0;
  Amount gross, tax;
};

// Rounded down.
Amount whole_cents(Amount amount);
// The lines that invoices over these months may have together, oldest month first. `earned` is in order of months, and has each item and
// rate of a month once. Of each item and rate, the lines up to a month come to what was earned up to it, in whole cents: what is
// below a cent, and what went back beyond a month's own, is in the next line (docs/adr/0017).
std::vector<InvoiceLine> invoiceable(std::span<const EarnedMonth> earned);
// Takes what is on an invoice off what may be on one.
void take_off(std::vector<InvoiceLine>& open, const InvoiceLine& invoiced);
// Lines of `wanted` in all (whole cents, no more than `open` has): whole months, oldest first, and of the last what each of its
// lines has in proportion, by the largest remainder. A part of a line has its part of the tax.
std::vector<InvoiceLine> pick(std::span<const InvoiceLine> open, Amount wanted);

struct Invoice {
  InvoiceId id;
  BillingAccountId account;
  UserId by;
  Unit unit = kCny;
  InvoiceBuyer buyer;
  std::vector<InvoiceLine> lines;  // oldest month first, then by item and rate
  Amount amount;                   // their sum
  InvoiceState state = InvoiceState::requested;
  Instant requested_at;
  std::string number, date;          // once issued
  std::string red_number, red_date;  // once reversed
  std::string reason;                // why it was rejected or reversed
  UserId moved_by;
  Instant moved_at;
  static constexpr bool kGrows = true;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.id, self.account, self.by, self.unit, self.buyer, self.lines, self.amount, self.state, self.requested_at,
          self.number, self.date, self.red_number, self.red_date, self.reason, self.moved_by, self.moved_at);
  }
  // Whether its amount can't be invoiced again.
  bool stands() const { return state == InvoiceState::requested || state == InvoiceState::issued; }
};

// Events (broker/domain/events.h).
struct InvoiceRequested {
  Invoice invoice;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.invoice); }
};

struct InvoiceMoved {
  InvoiceId invoice;
  InvoiceState state{};
  std::string number, date;  // of the invoice when issued, of its red-letter one when reversed
  std::string reason;
  UserId by;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.invoice, self.state, self.number, self.date, self.reason, self.by, self.at);
  }
};

inline constexpr std::size_t kMaxInvoiceText = 256;    // bytes of each of the buyer's fields
inline constexpr std::size_t kMaxInvoiceMonths = 120;  // on one invoice
inline constexpr std::size_t kMaxInvoiceLines = 1'000;   // too
inline constexpr std::size_t kMaxOpenInvoices = 100;   // requested at once, of an account

// Whether a tax office knows such numbers: 18 characters of GB 32100 (统一社会信用代码) whose check character is right, or the
// older 15 (digits and capitals) and 20 (an identity card's 18 and two digits).
bool is_tax_number(std::string_view text);
// Errors: invalid_argument, naming the field.
Status validate(const InvoiceBuyer& buyer);

}  // namespace bourse::broker
