// Receipts of jobs, bills of months, and tax invoices over them.
#include <algorithm>
#include <cstdlib>

#include "cli/books.h"
#include "cli/client/table.h"
#include "cli/job_view.h"
#include "documents/csv.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

struct BillArguments {
  std::string account, month, format, language = "en", output = "-";
};

std::string bill_path(const BillArguments& a) { return "/api/v1/accounts/" + url_encoded(a.account) + "/bills/" + url_encoded(a.month); }

std::string show_bills(const json& reply) {
  Table table({"month", "state", "before", "money in", "charges", "corrections", "after", "currency", "due", "until (UTC)", "payment"});
  for (const json& b : reply.value("bills", json::array()))
    table.add({field(b, "month"), b.value("closed", false) ? "closed" : "open", field(b, "opening"), field(b, "money_in"), field(b, "charges"),
               field(b, "corrections"), field(b, "closing"), field(b, "currency"), field(b, "amount_due"), instant(b, "due"), field(b, "due_state")});
  return table.empty() ? "No months yet.\n" : table.text();
}

std::string show_bill(const json& b) {
  std::string out = list_of({{"bill of", field(b, "account_name") + "  " + field(b, "account")},
                             {"month", field(b, "month") + " (" + field(b, "zone") + ")" + (b.value("closed", false) ? "" : ", not over yet")},
                             {"balance before", field(b, "opening") + " " + field(b, "currency")},
                             {"+ money in", field(b, "money_in")},
                             {"- charges", field(b, "charges")},
                             {"+ corrections", field(b, "corrections")},
                             {"balance after", field(b, "closing")},
                             {"amount due", field(b, "due").empty() ? "" : field(b, "amount_due") + ", before " + instant(b, "due") + " UTC"},
                             {"not paid of it", field(b, "due").empty() ? "" : field(b, "outstanding")},
                             {"payment", field(b, "due_state")}});
  Table lines({"kind", "project", "user", "center", "used in", "jobs", "amount"});
  for (const json& l : b.value("lines", json::array()))
    lines.add({field(l, "kind"), field(l, "project"), field(l, "user_name"), field(l, "center_name"), field(l, "used_in"), field(l, "jobs"), field(l, "amount")});
  Table items({"when (UTC)", "what", "reference", "reason", "amount"});
  for (const json& i : b.value("items", json::array()))
    items.add({instant(i, "at"), field(i, "kind"), field(i, "reference"), field(i, "reason"), field(i, "amount")});
  return out + (lines.empty() ? "" : "\n" + lines.text()) + (items.empty() ? "" : "\n" + items.text());
}

void export_bill(Context& context, const BillArguments& a) {
  const json reply = context.must(context.client().get(bill_path(a)));
  const documents::Bill bill = context.must(bill_of(reply));
  if (a.format != "focus") {
    const documents::Document document = context.must(documents::document_of(bill, language_named(a.language)));
    return write_document(a.format, a.output, context.must(rendered(document, a.format)));
  }
  // FOCUS has a row a charge: the month's entries, whose sum is the bill's.
  const auto last = [&] {  // the month's last day: the next month's first less one is not known without a calendar, so by its number
    constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const int year = std::atoi(a.month.substr(0, 4).c_str()), month = std::atoi(a.month.substr(5, 2).c_str());
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return std::to_string(kDays[std::clamp(month, 1, 12) - 1] + (month == 2 && leap ? 1 : 0));
  };
  documents::AccountBook book = read_account_book(context, a.account, a.month + "-01", a.month + "-" + last());
  book.market = bill.market;
  const documents::FocusDataset focus = context.must(documents::focus_of(book));
  Amount sum;
  for (const auto& charge : focus.charges) sum += charge.billed;
  const Amount corrections = parse_amount(field(reply, "corrections")).value_or(Amount{});
  if (sum != bill.charges - corrections) context.end_with({ErrorCode::integrity, "the month's entries are not the bill's"});
  write_document(a.format, a.output, documents::write_focus(focus));
}

void add_bills(CLI::App& app, Context& context) {
  auto a = std::make_shared<BillArguments>();
  CLI::App* bill = app.add_subcommand("bill", "A billing account's months")->require_subcommand(1);
  CLI::App* list = bill->add_subcommand("list", "All months, newest first");
  list->add_option("account", a->account, "The billing account (acc_…)")->required();
  list->callback([&context, a] {
    context.print(context.must(context.client().get("/api/v1/accounts/" + url_encoded(a->account) + "/bills")), show_bills);
  });
  CLI::App* show = bill->add_subcommand("show", "A month's bill: charges by project, user and center, money in, corrections");
  CLI::App* out = bill->add_subcommand("export", "A month's bill as a document");
  for (CLI::App* command : {show, out}) {
    command->add_option("account", a->account, "The billing account (acc_…)")->required();
    command->add_option("month", a->month, "2026-10, on the account's calendar")->required();
  }
  show->callback([&context, a] { context.print(context.must(context.client().get(bill_path(*a))), show_bill); });
  out->add_option("--format", a->format, "pdf, xlsx, csv, json, focus (FinOps FOCUS 1.2)")->required()->check(CLI::IsMember({"pdf", "xlsx", "csv", "json", "focus"}));
  out->add_option("--language", a->language, "Of labels in pdf, xlsx and json")->check(CLI::IsMember({"en", "zh"}))->capture_default_str();
  out->add_option("--output", a->output, "File; '-' for standard output")->capture_default_str();
  out->callback([&context, a] { export_bill(context, *a); });
}

void add_receipt(CLI::App& app, Context& context) {
  auto a = std::make_shared<BillArguments>();
  CLI::App* receipt = app.add_subcommand("receipt", "What a job cost, line by line");
  receipt->add_option("job", a->account, "The job (job_…)")->required();
  receipt->add_option("--format", a->format, "As a document: pdf, xlsx, csv, json")->check(CLI::IsMember({"pdf", "xlsx", "csv", "json"}));
  receipt->add_option("--language", a->language, "Of labels in pdf, xlsx and json")->check(CLI::IsMember({"en", "zh"}))->capture_default_str();
  receipt->add_option("--file", a->output, "Where the document goes; '-' for standard output")->capture_default_str();
  receipt->footer("Example: bourse receipt job_… --format pdf --file receipt.pdf");
  receipt->callback([&context, a] {
    const json reply = context.must(context.client().get("/api/v1/jobs/" + url_encoded(a->account) + "/receipt"));
    if (a->format.empty()) return context.print(reply, show_receipt);
    const documents::Receipt made = context.must(receipt_of(reply, "bourse"));
    write_document(a->format, a->output, context.must(rendered(context.must(documents::document_of(made, language_named(a->language))), a->format)));
  });
}

struct InvoiceArguments {
  std::string account, id, state, cursor, amount, number, date, reason, key;
  std::string kind = "ordinary", title, tax_number, address, phone, bank, bank_account, email;
  std::vector<std::string> months;
};

std::string show_invoices(const json& reply) {
  Table table({"invoice", "account", "state", "amount", "months", "kind", "title", "tax number", "e-mail", "requested", "number", "date", "red-letter", "reason"});
  for (const json& i : reply.value("invoices", json::array())) {
    std::string months;
    for (const json& line : i.value("lines", json::array())) months += (months.empty() ? "" : ", ") + field(line, "month") + ": " + field(line, "amount");
    const json buyer = i.value("buyer", json::object());
    table.add({field(i, "id"), field(i, "account_name"), field(i, "state"), money(i, "money"), months, field(buyer, "kind"), field(buyer, "title"),
               field(buyer, "tax_number"), field(buyer, "email"), instant(i, "requested_at"), field(i, "number"), field(i, "date"), field(i, "red_number"), field(i, "reason")});
  }
  const std::string more = field(reply, "next_cursor");
  return (table.empty() ? "No invoices.\n" : table.text()) + (more.empty() ? "" : "More: --cursor " + more + "\n");
}
std::string percent(std::int64_t bps) {
  const std::string below = std::to_string(bps % 100);
  return std::to_string(bps / 100) + (bps % 100 == 0 ? "" : "." + std::string(2 - below.size(), '0') + below) + " %";
}

std::string show_one_invoice(const json& i) {
  const json buyer = i.value("buyer", json::object());
  Table lines({"month", "item", "名称", "net", "rate", "tax", "amount"});
  for (const json& line : i.value("lines", json::array()))
    lines.add({field(line, "month"), field(line, "name_en"), field(line, "name"), field(line, "net"),
               field(line, "net").empty() ? "" : percent(number(line, "tax_bps")), field(line, "tax"), field(line, "amount")});
  return list_of({{"invoice", field(i, "id")},
                  {"account", field(i, "account_name") + " " + field(i, "account")},
                  {"state", field(i, "state")},
                  {"amount", money(i, "money")},
                  {"kind", field(buyer, "kind")},
                  {"title", field(buyer, "title")},
                  {"tax number", field(buyer, "tax_number")},
                  {"address", field(buyer, "address")},
                  {"phone", field(buyer, "phone")},
                  {"bank", field(buyer, "bank")},
                  {"bank account", field(buyer, "bank_account")},
                  {"e-mail", field(buyer, "email")},
                  {"requested", instant(i, "requested_at")},
                  {"number", field(i, "number")},
                  {"date", field(i, "date")},
                  {"red-letter", field(i, "red_number")},
                  {"reason", field(i, "reason")}}) +
         "\n" + lines.text();
}

// A row a line, for a tax system: the columns stay, new ones come at the end.
std::string invoices_csv(const json& invoices) {
  const std::vector<std::string> head{"invoice", "account", "account_name", "state", "currency", "kind", "title", "tax_number", "address", "phone", "bank", "bank_account", "email",
                                      "requested_at", "number", "date", "red_number", "red_date", "line", "month", "item", "name", "name_en", "net", "tax_bps", "tax", "amount"};
  const auto record = [](const std::vector<std::string>& cells) {
    std::vector<documents::CsvField> fields;
    for (const std::string& cell : cells) fields.push_back(documents::csv_field(documents::Cell{cell}));
    return documents::csv_record(fields);
  };
  std::string out = record(head);
  for (const json& i : invoices) {
    const json buyer = i.value("buyer", json::object()), sum = i.value("money", json::object());
    int n = 0;
    for (const json& line : i.value("lines", json::array()))
      out += record({field(i, "id"), field(i, "account"), field(i, "account_name"), field(i, "state"), field(sum, "currency"), field(buyer, "kind"), field(buyer, "title"),
                     field(buyer, "tax_number"), field(buyer, "address"), field(buyer, "phone"), field(buyer, "bank"), field(buyer, "bank_account"), field(buyer, "email"),
                     field(i, "requested_at"), field(i, "number"), field(i, "date"), field(i, "red_number"), field(i, "red_date"), std::to_string(++n), field(line, "month"),
                     field(line, "item"), field(line, "name"), field(line, "name_en"), field(line, "net"), field(line, "net").empty() ? "" : field(line, "tax_bps"),
                     field(line, "tax"), field(line, "amount")});
  }
  return out;
}

void add_invoice_export(CLI::App& invoice, Context& context) {
  struct Export {
    std::string account, state = "requested", format = "csv", output = "-";
  };
  auto a = std::make_shared<Export>();
  CLI::App* out = invoice.add_subcommand("export", "Invoices with their lines, for a tax system");
  out->add_option("--account", a->account, "Of that billing account alone");
  out->add_option("--state", a->state, "requested, issued, rejected, withdrawn or reversed")->capture_default_str();
  out->add_option("--format", a->format, "csv (a row a line) or json")->check(CLI::IsMember({"csv", "json"}))->capture_default_str();
  out->add_option("--file", a->output, "Where it goes; '-' for standard output")->capture_default_str();
  out->callback([&context, a] {
    json all = json::array();
    std::string cursor;
    do {
      const json page = context.must(context.client().get("/api/v1/invoices" + query_of({{"account", a->account}, {"state", a->state}, {"cursor", cursor}})));
      for (const json& one : page.value("invoices", json::array())) all.push_back(one);
      cursor = field(page, "next_cursor");
    } while (!cursor.empty());
    write_document(a->format, a->output, a->format == "csv" ? invoices_csv(all) : json{{"invoices", all}}.dump(2) + "\n");
  });
}

void add_invoice_request(CLI::App& invoice, Context& context, const std::shared_ptr<InvoiceArguments>& a) {
  CLI::App* request = invoice.add_subcommand("request", "Ask for a tax invoice over closed months that were billed and paid");
  request->add_option("--account", a->account, "The billing account (default: your first)");
  request->add_option("--month", a->months, "2026-10; may be repeated (default: all that are closed)");
  request->add_option("--amount", a->amount, "Such as 100.00 (default: all that is left of them)");
  request->add_option("--kind", a->kind, "ordinary (普通) or special (专用)")->check(CLI::IsMember({"ordinary", "special"}))->capture_default_str();
  request->add_option("--title", a->title, "The buyer (抬头)")->required();
  request->add_option("--tax-number", a->tax_number, "纳税人识别号: 18 characters, or 15 or 20 of the older forms");
  request->add_option("--address", a->address, "The buyer's address");
  request->add_option("--phone", a->phone, "The buyer's telephone");
  request->add_option("--bank", a->bank, "The buyer's bank");
  request->add_option("--bank-account", a->bank_account, "The buyer's account there");
  request->add_option("--email", a->email, "Where it is sent")->required();
  request->add_option("--idempotency-key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  request->callback([&context, a] {
    json body = {{"buyer", {{"kind", a->kind}, {"title", a->title}, {"tax_number", a->tax_number}, {"address", a->address}, {"phone", a->phone},
                            {"bank", a->bank}, {"bank_account", a->bank_account}, {"email", a->email}}}};
    if (!a->account.empty()) body["account"] = a->account;
    if (!a->months.empty()) body["months"] = a->months;
    if (!a->amount.empty()) body["amount"] = a->amount;
    context.print(context.must(context.client().post("/api/v1/invoices", body, a->key)), show_one_invoice);
  });
}

void add_invoices(CLI::App& app, Context& context) {
  auto a = std::make_shared<InvoiceArguments>();
  CLI::App* invoice = app.add_subcommand("invoice", "Tax invoices (发票): who is to get one over what, and what became of it")->require_subcommand(1);
  add_invoice_request(*invoice, context, a);
  CLI::App* list = invoice->add_subcommand("list", "Invoices, newest first; finance sees all");
  list->add_option("--account", a->account, "A billing account");
  list->add_option("--state", a->state, "requested, issued, rejected, withdrawn or reversed");
  list->add_option("--cursor", a->cursor, "From the page before");
  list->callback([&context, a] {
    context.print(context.must(context.client().get("/api/v1/invoices" + query_of({{"account", a->account}, {"state", a->state}, {"cursor", a->cursor}}))), show_invoices);
  });
  CLI::App* show = invoice->add_subcommand("show", "One invoice with its lines");
  show->add_option("invoice", a->id, "The invoice (inv_…)")->required();
  show->callback([&context, a] {
    context.print(context.must(context.client().get("/api/v1/invoices" + query_of({{"invoice", a->id}}))), [](const json& reply) {
      return show_one_invoice(reply.value("invoices", json::array()).at(0));
    });
  });
  add_invoice_export(*invoice, context);
  for (const auto& [word, state, help] : {std::tuple("issue", "issued", "Enter the number of the invoice that was issued"),
                                          std::tuple("reject", "rejected", "Say why there will be none"),
                                          std::tuple("withdraw", "withdrawn", "Take a request back"),
                                          std::tuple("reverse", "reversed", "Enter the red-letter invoice (红字) that reverses one; its amount may be invoiced again")}) {
    CLI::App* command = invoice->add_subcommand(word, help);
    command->add_option("invoice", a->id, "The invoice (inv_…)")->required();
    const std::string to = state;
    if (to == "issued" || to == "reversed") {
      command->add_option("--number", a->number, "Its number")->required();
      command->add_option("--date", a->date, "2026-11-30")->required();
    }
    if (to != "issued") {
      CLI::Option* reason = command->add_option("--reason", a->reason, "For the buyer");
      if (to != "withdrawn") reason->required();
    }
    command->add_option("--idempotency-key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
    command->callback([&context, a, to] {
      const json body = {{"state", to}, {"number", a->number}, {"date", a->date}, {"reason", a->reason}};
      context.print(context.must(context.client().post("/api/v1/invoices/" + url_encoded(a->id) + "/move", body, a->key)), show_one_invoice);
    });
  }
}

}  // namespace

void add_bill_commands(CLI::App& app, Context& context) {
  add_receipt(app, context);
  add_bills(app, context);
  add_invoices(app, context);
}

}  // namespace bourse::cli
