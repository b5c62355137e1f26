#include "cli/books.h"

#include <unistd.h>

#include <fstream>
#include <iostream>

#include "cli/client/table.h"
#include "documents/csv.h"
#include "documents/json.h"
#include "documents/pdf.h"
#include "documents/xlsx.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

constexpr const char* kPage = "5000";

Amount amount_at(const json& object, const char* name) { return parse_amount(field(object, name)).value_or(Amount{}); }
Amount money_at(const json& object, const char* name) { return object.contains(name) ? amount_at(object[name], "amount") : Amount{}; }
Instant instant_at(const json& object, const char* name) { return parse_instant(field(object, name)).value_or(Instant{}); }

documents::BookEntry entry_of(const json& e) {
  return {.at = instant_at(e, "at"), .code = field(e, "code"), .reference = field(e, "reference"), .job = field(e, "job"), .text = field(e, "text"),
          .project = field(e, "project"), .user = field(e, "user_name"), .center = field(e, "center_name"),
          .moved = amount_at(e, "credit") - amount_at(e, "debit"), .balance = amount_at(e, "balance"), .counter = field(e, "counter")};
}

}  // namespace

std::string query_of(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters)
    if (!value.empty()) out += (out.empty() ? "?" : "&") + name + "=" + url_encoded(value);
  return out;
}

documents::AccountBook read_account_book(Context& context, const std::string& account, const std::string& from, const std::string& to, bool legs) {
  documents::AccountBook book{.market = "bourse", .account = account};
  for (std::string cursor;;) {
    const json page = context.must(context.client().get("/api/v1/ledger/accounts/" + url_encoded(account) + "/entries" +
                                                        query_of({{"from", from}, {"to", to}, {"legs", legs ? "1" : ""}, {"limit", kPage}, {"cursor", cursor}})));
    const json ledger_account = page.value("account", json::object());
    if (cursor.empty()) {
      book.account_name = field(ledger_account, "owner");
      book.zone = field(page, "zone");
      book.from = instant_at(page, "from");
      book.to = instant_at(page, "until");
      book.unit = parse_unit(field(ledger_account, "unit")).value_or(kCny);
      book.opening = amount_at(page, "opening");
    }
    // As of the last page: without a last day the account goes on moving while its pages are read.
    book.closing = amount_at(page, "closing");
    for (const json& entry : page.value("entries", json::array())) book.entries.push_back(entry_of(entry));
    cursor = field(page, "next_cursor");
    if (cursor.empty()) return book;
  }
}

Result<documents::Bill> bill_of(const json& b) {
  const auto account = parse_id<BillingAccountIdKind>(field(b, "account"));
  if (!account) return fail(ErrorCode::integrity, "the bill names no account");
  documents::Bill out{.market = field(b, "market"), .account = *account, .account_name = field(b, "account_name"), .tenant = field(b, "tenant"),
                      .month = field(b, "month"), .zone = field(b, "zone"), .from = instant_at(b, "from"), .to = instant_at(b, "until"),
                      .closed = b.value("closed", false), .unit = parse_unit(field(b, "currency")).value_or(kCny), .opening = amount_at(b, "opening")};
  for (const json& l : b.value("lines", json::array()))
    out.lines.push_back({.kind = field(l, "kind"), .project = field(l, "project"), .user = field(l, "user_name"), .center = field(l, "center_name"),
                         .used_in = field(l, "used_in"), .jobs = static_cast<std::uint64_t>(number(l, "jobs")), .core_ms = number(l, "core_ms"),
                         .gpu_ms = number(l, "gpu_ms"), .amount = amount_at(l, "amount")});
  for (const json& i : b.value("items", json::array()))
    out.items.push_back({.at = instant_at(i, "at"), .kind = field(i, "kind"), .reference = field(i, "reference"), .reason = field(i, "reason"), .amount = amount_at(i, "amount")});
  out.charges = amount_at(b, "charges");
  out.closing = amount_at(b, "closing");
  out.amount_due = amount_at(b, "amount_due");
  out.outstanding = amount_at(b, "outstanding");
  out.due = instant_at(b, "due");
  if (const std::string state = field(b, "due_state"); !state.empty()) out.due_state = state;
  return out;
}

Result<documents::Receipt> receipt_of(const json& r, const std::string& market) {
  const json charged = r.value("charged", json::object());
  documents::Receipt out{.market = market, .job = field(r, "job"), .name = field(r, "name"), .account = field(r, "account"), .center = field(r, "center_name"),
                         .state = field(r, "state"), .started = instant_at(r, "started_at"), .ended = instant_at(r, "ended_at"),
                         .unit = parse_unit(field(charged, "currency")).value_or(kCny), .held = money_at(r, "held"), .charged = money_at(r, "charged"),
                         .released = money_at(r, "released"), .worth = money(r, "worth")};
  for (const json& l : r.value("lines", json::array()))
    out.lines.push_back({.attempt = field(l, "attempt"), .meter = field(l, "meter"), .row = field(l, "row"),
                         .price = l.value("included", false) ? "included" : field(l, "price") + " / " + field(l, "per_ticks"), .quantity = number(l, "quantity"), .amount = money_at(l, "amount")});
  for (const json& e : r.value("evidence", json::array()))
    out.evidence.push_back({"report_sha256", field(e, "usage_record"), field(e, "report_sha256")});
  return out;
}

Result<std::string> rendered(const documents::Document& document, const std::string& format, const std::string& table) {
  CHECK_OK(documents::check(document));
  if (format == "pdf") return documents::write_pdf(document);
  if (format == "xlsx") return documents::write_xlsx(document);
  if (format == "csv") return documents::write_csv(document, table);
  return documents::write_json(document);
}

documents::Language language_named(const std::string& name) { return name == "zh" ? documents::Language::zh : documents::Language::en; }

void write_document(const std::string& format, const std::string& path, const std::string& bytes) {
  if ((format == "pdf" || format == "xlsx") && path == "-" && isatty(STDOUT_FILENO) != 0)
    Context::end_with({ErrorCode::invalid_argument, "a " + format + " file is nothing for a terminal: name a file"});
  if (path == "-") {
    std::cout << bytes << std::flush;
    if (!std::cout) Context::end_with({ErrorCode::unavailable, "can't write to standard output"});
    return;
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  file.close();
  if (!file) Context::end_with({ErrorCode::unavailable, "can't write " + path});
  std::cerr << path << ": " << bytes.size() << " bytes\n";
}

}  // namespace bourse::cli
