#include "documents/account_book.h"

#include <fmt/format.h>

#include <map>

#include "documents/text.h"

namespace bourse::documents {
namespace {

Status check_book(const AccountBook& book) {
  Amount balance = book.opening;
  for (const BookEntry& entry : book.entries) {
    balance += entry.moved;
    if (balance != entry.balance)
      return fail(ErrorCode::integrity, "the balance at " + to_text(entry.at) + " says " + to_text(entry.balance) + ", computes to " + to_text(balance));
  }
  if (balance != book.closing) return fail(ErrorCode::integrity, "closing says " + to_text(book.closing) + ", computes to " + to_text(balance));
  return {};
}

bool is_reserved(const BookEntry& entry) { return entry.code == "reservation" || entry.code == "reservation_returned"; }
// Buying a package is a charge; using it takes nothing out of the wallet.
bool is_purchase(const BookEntry& entry) { return entry.code == "package_sold" || entry.code == "package_reversed"; }
bool is_charge(const BookEntry& entry) { return entry.code == "charge" || entry.code == "correction" || is_reserved(entry) || is_purchase(entry); }
Amount taken(const BookEntry& entry) { return Amount{} - entry.moved; }

}  // namespace

Result<Document> document_of(const AccountBook& book, Language l) {
  CHECK_OK(check_book(book));
  const auto text = [&](std::string_view english, std::string_view chinese) { return std::string(say(l, english, chinese)); };
  const auto money = [&](Amount amount) { return Money{amount, book.unit}; };
  Amount in, out;
  Table table{.key = "entries", .title = text("Entries", "账目明细"),
              .columns = {{"at", text("Booked", "入账时间"), Kind::instant}, {"code", text("Kind", "类别"), Kind::text},
                          {"reference", text("Reference", "业务编号"), Kind::text, false}, {"job", text("Job", "作业"), Kind::text, false},
                          {"text", text("Name", "名称"), Kind::text}, {"project", text("Project", "项目"), Kind::text},
                          {"user", text("User", "用户"), Kind::text}, {"center", text("Center", "算力中心"), Kind::text},
                          {"counter", text("Other side", "对方账户"), Kind::text, false}, {"amount", text("Amount", "金额"), Kind::money}, {"balance", text("Balance", "余额"), Kind::money}}};
  for (const BookEntry& entry : book.entries) {
    (entry.moved.is_negative() ? out : in) += entry.moved;
    table.rows.push_back({entry.at, entry.code, entry.reference, entry.job, entry.text.empty() ? entry.reference : entry.text, entry.project,
                          entry.user, entry.center, entry.counter, money(entry.moved), money(entry.balance)});
  }
  Document made{.language = l,
                .kind = "account-statement",
                .title = text("Statement of account", "账户对账单"),
                .number = book.account,
                .issuer = book.market,
                .from = book.from,
                .to = book.to,
                .issued = book.to,
                .parties = {{"account", text("Billing account", "计费账户"), book.account_name, {{"id", text("Id", "编号"), book.account}}}},
                .facts = {{"account", text("Billing account", "计费账户"), book.account, true, false},
                          {"currency", text("Currency", "币种"), std::string(book.unit.text()), true}},
                .summary = {{"opening", text("Balance before", "期初余额"), money(book.opening)},
                            {"in", text("+ in", "＋ 转入"), money(in)},
                            {"out", text("− out", "－ 转出"), money(Amount{} - out)},
                            {"closing", text("Balance after", "期末余额"), money(book.closing)}},
                .tables = {std::move(table)},
                .notes = {text("All times are UTC.", "时间均为协调世界时（UTC）。")}};
  CHECK_OK(check(made));
  return made;
}

Result<Journal> journal_of(const AccountBook& book) {
  CHECK_OK(check_book(book));
  const std::string unit(book.unit.text());
  Journal out{.title = fmt::format("Billing account {} ({})", clean(book.account_name), book.account), .unit = book.unit, .from = book.from, .to = book.to,
              .accounts = {{AccountType::assets, {"Compute credit", unit, book.account}, book.account_name, book.closing},
                           {AccountType::equity, {"Compute credit before", unit, book.account}, "", Amount{} - book.opening},
                           {AccountType::equity, {"Paid in", unit, book.account}, "", {}}}};
  std::map<std::pair<std::string, std::string>, std::size_t> expenses;
  out.entries.push_back({book.from, "opening", "", {{0, book.opening}, {1, Amount{} - book.opening}}});
  for (const BookEntry& entry : book.entries) {
    std::size_t other = 2;
    if (is_charge(entry)) {
      const auto [it, fresh] = expenses.try_emplace({is_purchase(entry) ? "Packages" : entry.center, entry.project}, out.accounts.size());
      if (fresh) {
        JournalAccount account{AccountType::expenses, {"Compute", unit, is_purchase(entry) ? "Packages" : clean(entry.center).empty() ? "Other" : clean(entry.center)}, "", {}};
        if (!clean(entry.project).empty()) account.path.push_back(clean(entry.project));
        out.accounts.push_back(std::move(account));
      }
      other = it->second;
    }
    out.accounts[other].closing = out.accounts[other].closing - entry.moved;
    out.entries.push_back({entry.at, entry.code + (entry.text.empty() ? "" : " " + entry.text), entry.reference, {{0, entry.moved}, {other, Amount{} - entry.moved}}});
  }
  return out;
}

Result<FocusDataset> focus_of(const AccountBook& book) {
  CHECK_OK(check_book(book));
  FocusDataset out{.billing_account_id = book.account, .billing_account_name = book.account_name,
                   .invoice_id = fmt::format("{}:{}:{}", book.account, day_of(book.from), day_of(book.to)), .invoice_issuer = book.market,
                   .provider = book.market, .publisher = book.market, .currency = book.unit, .from = book.from, .to = book.to,
                   .extra_columns = {"x_UsageRecord", "x_Project", "x_User", "x_Center", "x_BookedAt"}};
  for (const BookEntry& entry : book.entries) {
    if (!is_charge(entry)) continue;
    const bool correction = entry.code == "correction" || entry.code == "reservation_returned" || entry.code == "package_reversed", reserved = is_reserved(entry);
    FocusCharge charge{.category = correction ? ChargeCategory::adjustment : reserved ? ChargeCategory::purchase : ChargeCategory::usage,
                       .description = fmt::format("{} {} at {}", reserved ? (correction ? "Early end of" : "Reserved capacity") : correction ? "Correction of" : "Compute of",
                                                  reserved ? entry.reference + (entry.text.empty() ? "" : ", " + clean(entry.text)) : entry.job, clean(entry.center)),
                       .start = entry.at, .end = {entry.at.unix_ms + 1}, .billed = taken(entry), .effective = taken(entry), .contracted = taken(entry),
                       .list = taken(entry), .pricing_unit = "Captures", .contracted_unit_price = taken(entry), .list_unit_price = taken(entry),
                       .consumed_unit = "Captures", .resource_id = entry.job, .resource_name = entry.text, .resource_type = "Job",
                       .sku_id = "compute:" + clean(entry.center), .sku_price_id = "compute:" + clean(entry.center), .service_name = reserved ? "Reserved capacity" : "Batch computing",
                       .extra = {entry.reference, entry.project, entry.user, entry.center, entry.at}};
    if (reserved) {
      charge.resource_id = entry.reference, charge.resource_type = "Reservation";
      charge.sku_id = charge.sku_price_id = "reserved:" + clean(entry.center);
      charge.pricing_unit = "Reservations", charge.consumed_unit.clear();
    }
    if (is_purchase(entry)) {
      charge.category = correction ? ChargeCategory::adjustment : ChargeCategory::purchase;
      charge.description = (correction ? "Reversal of the package of compute units " : "Package of compute units ") + entry.reference;
      charge.resource_id = entry.reference, charge.resource_type = "Package", charge.service_name = "Prepaid compute units";
      charge.sku_id = charge.sku_price_id = "package";
      charge.pricing_unit = charge.consumed_unit = "Packages";
    }
    if (correction) {
      charge.pricing_quantity = std::nullopt;
      charge.sku_id.clear(), charge.sku_price_id.clear(), charge.pricing_unit.clear(), charge.consumed_unit.clear();
    } else if (!reserved) {
      charge.consumed_quantity = Decimal{1, 0};
    }
    out.charges.push_back(std::move(charge));
  }
  return out;
}

}  // namespace bourse::documents
