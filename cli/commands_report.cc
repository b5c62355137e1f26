// Finance's reports, for people and as documents.
#include <cstdlib>

#include "cli/books.h"
#include "cli/client/table.h"
#include "documents/finance.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

struct ReportArguments {
  std::string kind, month, format, table, unit = "CNY", language = "en", output = "-";
};

std::string show_report(const json& r) {
  std::string out = list_of({{"report", field(r, "kind")}, {"month", field(r, "month")}, {"as of", instant(r, "at") + " UTC"}});
  Table revenue({"center", "period", "no.", "bookings", "sold", "center's share", "margin", "tax", "in escrow"});
  for (const json& x : r.value("revenue", json::array()))
    revenue.add({field(x, "center_name"), field(x, "period"), field(x, "number"), field(x, "bookings"), money(x, "gross"), money(x, "center_share"), money(x, "margin"),
                 money(x, "tax"), money(x, "escrow")});
  Table deferred({"of", "number", "paid", "earned", "deferred", "until (UTC)"});
  for (const json& x : r.value("deferred", json::array())) {
    const bool packages = field(x, "center").empty();
    deferred.add({packages ? "packages of 度" : "reservations at " + field(x, "center_name"), field(x, packages ? "packages" : "reservations"), money(x, "paid"), money(x, "earned"),
                  money(x, "deferred"), instant(x, "until")});
  }
  Table fees({"fixed fee of", "period", "no.", "so far", "tax in it", "since (UTC)"});
  for (const json& x : r.value("fees", json::array()))
    fees.add({field(x, "center_name"), field(x, "period"), field(x, "number"), money(x, "amount"), money(x, "tax"), instant(x, "opened_at")});
  Table ages({"age", "holds", "held"});
  for (const json& x : r.value("ages", json::array())) ages.add({field(x, "age"), field(x, "holds"), money(x, "held")});
  Table holds({"since (UTC)", "days", "held", "job", "account", "center", "state", "expires"});
  for (const json& x : r.value("holds", json::array()))
    holds.add({instant(x, "at"), field(x, "days"), money(x, "held"), field(x, "job"), field(x, "account_name"), field(x, "center_name"), field(x, "state"), instant(x, "expires_at")});
  Table accounts({"ledger account", "code", "unit", "debits", "credits"});
  for (const json& x : r.value("accounts", json::array()))
    accounts.add({field(x, "id"), field(x, "code"), field(x, "unit"), field(x, "debits_posted"), field(x, "credits_posted")});
  if (field(r, "kind") == "rounding") out += "What a split leaves goes to the center: these stand at zero.\n";
  for (const Table* table : {&revenue, &fees, &deferred, &ages, &holds, &accounts})
    if (!table->empty()) out += "\n" + table->text();
  if (revenue.empty() && fees.empty() && deferred.empty() && holds.empty() && accounts.empty()) out += "\nNothing.\n";
  return out;
}

Amount amount_in(const json& row, const char* name) { return parse_amount(field(row.value(name, json::object()), "amount")).value_or(Amount{}); }
bool is_in(const json& row, const char* name, const std::string& unit) { return field(row.value(name, json::object()), "currency") == unit; }
Instant report_time(const json& object, const char* name) { return parse_instant(field(object, name)).value_or(Instant{}); }

std::vector<documents::RevenueRow> revenue_rows(const json& r, const documents::FinanceHead& head, const std::string& unit) {
  std::vector<documents::RevenueRow> out;
  for (const json& x : r.value("revenue", json::array())) {
    if (!is_in(x, "gross", unit)) continue;
    const std::string period = field(x, "period");
    out.push_back({.center = field(x, "center"), .center_name = field(x, "center_name"), .period = period.empty() ? field(r, "month") : period,
                   .number = static_cast<std::uint32_t>(number(x, "number")), .from = period.empty() ? head.from : report_time(x, "opened_at"), .to = head.to,
                   .gross = amount_in(x, "gross"), .center_share = amount_in(x, "center_share"), .margin = amount_in(x, "margin"), .tax = amount_in(x, "tax"),
                   .escrow = amount_in(x, "escrow")});
  }
  return out;
}

documents::AgedHolds holds_in(const json& r, const documents::FinanceHead& head, const std::string& unit) {
  documents::AgedHolds out{.head = head};
  for (const json& x : r.value("holds", json::array())) {
    const auto job = parse_id<JobIdKind>(field(x, "job"));
    if (!is_in(x, "held", unit)) continue;
    out.holds.push_back({.job = job.value_or(JobId{}), .account = field(x, "account"), .account_name = field(x, "account_name"), .center = field(x, "center_name"),
                         .state = field(x, "state"), .since = report_time(x, "at"), .amount = amount_in(x, "held")});
  }
  for (const json& x : r.value("ages", json::array()))
    if (is_in(x, "held", unit)) out.held += amount_in(x, "held");
  return out;
}

// A document is of one currency.
Result<documents::Document> report_document(const json& r, const ReportArguments& a) {
  TRY(const Unit unit, parse_unit(a.unit));
  const documents::Language language = language_named(a.language);
  documents::FinanceHead head{.market = field(r, "market"), .unit = unit, .from = report_time(r, "at"), .to = report_time(r, "at"),
                              .position = static_cast<std::uint64_t>(number(r, "position"))};
  if (const std::string month = field(r, "month"); !month.empty()) {
    const int next = std::atoi(month.substr(5).c_str()) % 12 + 1, year = std::atoi(month.substr(0, 4).c_str()) + (next == 1 ? 1 : 0);
    head.from = parse_instant(month + "-01T00:00:00Z").value_or(Instant{});
    head.to = parse_instant(std::to_string(year) + (next < 10 ? "-0" : "-") + std::to_string(next) + "-01T00:00:00Z").value_or(Instant{});
  }
  if (a.kind == "holds") return documents::document_of(holds_in(r, head, a.unit), language);
  if (a.kind == "rounding") {
    documents::Rounding out{.head = head};
    for (const json& x : r.value("accounts", json::array()))
      if (field(x, "unit") == a.unit)
        out.accounts.push_back({field(x, "id"), parse_amount(field(x, "debits_posted")).value_or(Amount{}), parse_amount(field(x, "credits_posted")).value_or(Amount{})});
    return documents::document_of(out, language);
  }
  if (a.kind != "accrual") return documents::document_of(documents::RevenueAndTax{head, revenue_rows(r, head, a.unit)}, language);
  documents::UnbilledAccrual out{.head = head, .rows = revenue_rows(r, head, a.unit)};
  for (const json& x : r.value("deferred", json::array()))
    if (is_in(x, "paid", a.unit))
      out.deferred.push_back({.center = field(x, "center"), .center_name = field(x, "center_name"),
                              .count = static_cast<std::uint64_t>(number(x, "reservations") + number(x, "packages")), .paid = amount_in(x, "paid"),
                              .earned = amount_in(x, "earned"), .deferred = amount_in(x, "deferred"), .until = report_time(x, "until")});
  for (const json& x : r.value("fees", json::array()))
    if (is_in(x, "amount", a.unit))
      out.fees.push_back({.center = field(x, "center"), .center_name = field(x, "center_name"), .period = field(x, "period"),
                          .number = static_cast<std::uint32_t>(number(x, "number")), .from = report_time(x, "opened_at"), .amount = amount_in(x, "amount"),
                          .tax = amount_in(x, "tax")});
  return documents::document_of(out, language);
}

void run_report(Context& context, const ReportArguments& a) {
  const json reply = context.must(context.client().get("/api/v1/finance/reports/" + a.kind + query_of({{"month", a.month}})));
  if (a.format.empty()) return context.print(reply, show_report);
  if (reply.value("cut", false)) context.end_with({ErrorCode::too_large, "there are more holds than a document takes"});
  write_document(a.format, a.output, context.must(rendered(context.must(report_document(reply, a)), a.format, a.table)));
}

}  // namespace

void add_report_commands(CLI::App& app, Context& context) {
  CLI::App* report = app.add_subcommand("report", "Reports for finance")->require_subcommand(1);
  for (const auto& [kind, help] : {std::pair("revenue", "Sold, kept and owed of a month, by center"), std::pair("tax", "Tax of a month, by center"),
                                   std::pair("accrual", "Booked in periods that have no statement yet; paid for reservations and packages and not earned yet"),
                                   std::pair("holds", "Money held for jobs, by age, the oldest first"), std::pair("rounding", "What rounding left: nothing, as remainders go to centers")}) {
    auto a = std::make_shared<ReportArguments>();
    a->kind = kind;
    CLI::App* command = report->add_subcommand(kind, help);
    if (a->kind == "revenue" || a->kind == "tax") command->add_option("--month", a->month, "2026-10, UTC (default: this one)");
    command->add_option("--format", a->format, "As a document of one currency: pdf, xlsx, csv, json")->check(CLI::IsMember({"pdf", "xlsx", "csv", "json"}));
    if (a->kind == "accrual") command->add_option("--table", a->table, "Of csv, which holds one: periods, deferred")->check(CLI::IsMember({"periods", "deferred"}));
    if (a->kind == "holds") command->add_option("--table", a->table, "Of csv, which holds one: holds, ages")->check(CLI::IsMember({"holds", "ages"}));
    command->add_option("--unit", a->unit, "The document's currency")->capture_default_str();
    command->add_option("--language", a->language, "Of labels in pdf, xlsx and json")->check(CLI::IsMember({"en", "zh"}))->capture_default_str();
    command->add_option("--file", a->output, "Where the document goes; '-' for standard output")->capture_default_str();
    command->callback([&context, a] { run_report(context, *a); });
  }
}

}  // namespace bourse::cli
