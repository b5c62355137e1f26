// The price book as files: listed, exported, published; the tables of 度 factors; and records that wait for a price.
#include <optional>

#include "cli/books.h"
#include "cli/client/table.h"
#include "cli/context.h"
#include "cli/rate/market_book.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kLargestBook = 8 << 20;

struct PriceArguments {
  std::string center, at, unit = "CNY", output = "-", file, note, table, code, for_center;
  std::vector<std::string> factors;
};

// Every page of the book.
json whole_book(Context& context, const PriceArguments& a) {
  json book{{"rows", json::array()}, {"discounts", json::array()}};
  const std::optional<Instant> when = context.when("--at", a.at);
  const std::string at = when ? to_text(*when) : std::string();
  for (std::string cursor;;) {
    const json page = context.must(context.client().get("/api/v1/prices" + query_of({{"center", a.center}, {"at", at}, {"limit", "1000"}, {"cursor", cursor}})));
    for (const char* list : {"rows", "discounts"})
      for (const json& entry : page.value(list, json::array())) book[list].push_back(entry);
    cursor = field(page, "next_cursor");
    if (cursor.empty()) return book;
  }
}

std::string all_or(const std::string& text) { return text.empty() ? "(any)" : text; }

// What a row says beyond one price a quantity.
std::string beyond(const json& row) {
  std::string out;
  const auto add = [&out](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
  if (const std::string strategy = field(row, "strategy"); !strategy.empty()) add(strategy);
  for (const json& tier : row.value("tiers", json::array())) add("above " + field(tier, "above_ticks") + " ticks " + field(tier, "price"));
  if (row.contains("tiers") && !row["tiers"].empty()) add(field(row, "tier_mode"));
  if (number(row, "free_ticks") > 0) add(field(row, "free_ticks") + " ticks free");
  if (const std::string minimum = field(row, "minimum"); !minimum.empty()) add("at least " + minimum);
  for (const json& window : row.value("windows", json::array())) {
    std::string days;
    for (const json& day : window.value("days", json::array())) days += day.get<std::string>() + " ";
    add(days + field(window, "from") + "–" + field(window, "until"));
  }
  if (row.contains("windows") && !row["windows"].empty()) add(field(row, "zone"));
  if (const json factor = row.value("factor", json::object()); !field(factor, "table").empty())
    add(field(factor, "chip") + " in " + field(factor, "precision") + " is " + field(factor, "value") + " 度 (" + field(factor, "table") + ")");
  return out;
}

std::string show_book(const json& book) {
  Table rows({"row", "tenant", "center", "pool", "QoS", "meter", "price", "per", "from (UTC)", "until", "and"});
  for (const json& r : book["rows"])
    rows.add({field(r, "id"), all_or(field(r, "tenant")), all_or(field(r, "center")), all_or(field(r, "pool")), all_or(field(r, "qos")), field(r, "meter"),
              field(r, "price") + " " + field(r, "unit"), field(r, "per").empty() ? field(r, "per_ticks") + " ticks" : field(r, "per"), instant(r, "valid_from"),
              instant(r, "valid_until"), beyond(r)});
  Table off({"discount", "name", "tenant", "center", "pool", "QoS", "meter", "off bps", "from (UTC)", "until"});
  for (const json& d : book["discounts"])
    off.add({field(d, "id"), field(d, "name"), all_or(field(d, "tenant")), all_or(field(d, "center")), all_or(field(d, "pool")), all_or(field(d, "qos")),
             all_or(field(d, "meter")), field(d, "bps"), instant(d, "valid_from"), instant(d, "valid_until")});
  if (rows.empty() && off.empty()) return "There are no prices.\n";
  return rows.text() + (off.empty() ? "" : "\n" + off.text());
}

// Tables as `bourse rate` reads them; what the market gave has the same fields.
FactorTables tables_of(Context& context, const json& reply) {
  FactorTables out;
  for (const json& table : reply.value("tables", json::array())) {
    factors::FactorTable read = context.must("the market's factors", factors::read_factor_table(table.dump()));
    const std::string version = read.version;
    out.emplace(version, std::move(read));
  }
  return out;
}

void export_prices(Context& context, const PriceArguments& a) {
  const json book = whole_book(context, a);
  const json out = context.must(book_of_market(book["rows"], book["discounts"], context.must("--unit", parse_unit(a.unit))));
  write_document("json", a.output, out.dump(2) + "\n");
}

// A book of `bourse rate`, or rows as the API takes them.
json publication_in(Context& context, const std::string& path) {
  const std::string text = read_input(path, kLargestBook);
  json written = json::parse(text, nullptr, false);
  if (written.is_discarded() || !written.is_object()) Context::end_with({ErrorCode::invalid_argument, path + " is no JSON object"});
  if (!written.contains("currency")) return written;
  FactorTables tables;
  if (written["currency"] == "DU") tables = tables_of(context, context.must(context.client().get("/api/v1/du-factors")));
  const BookFile book = context.must(path.c_str(), read_book(text, tables));
  return context.must(path.c_str(), publication_of(book));
}

void publish(Context& context, const PriceArguments& a) {
  json body = publication_in(context, a.file);
  if (!a.note.empty()) body["note"] = a.note;
  if (!a.for_center.empty()) body["for_center"] = a.for_center;
  context.print(context.must(context.client().post("/api/v1/prices", body)), [](const json& reply) {
    if (auto text = waiting(reply)) return *text;
    return std::to_string(reply.value("ids", json::array()).size()) + " price rows and " + std::to_string(reply.value("discount_ids", json::array()).size()) +
           " discounts are published.\n";
  });
}

std::string show_factors(const json& reply) {
  std::string out;
  for (const json& t : reply.value("tables", json::array())) {
    std::string includes;
    for (const char* list : {"includes", "includes_unmetered"})
      for (const json& one : t.value(list, json::array())) includes += (includes.empty() ? "" : ", ") + one.get<std::string>();
    out += (out.empty() ? "" : "\n") + list_of({{"table", field(t, "version") + ", published " + field(t, "published")}, {"norm", field(t, "norm")}, {"meter", field(t, "meter")},
                                                {"includes", includes}, {"starts", field(t, "starts")}, {"stops", field(t, "stops")}});
    Table table({"chip", "precision", "factor", "TFLOPS", "sparsity", "as of", "source"});
    for (const json& f : t.value("factors", json::array()))
      table.add({field(f, "chip"), field(f, "precision"), field(f, "factor"), field(f, "tflops"), field(f, "sparsity"), field(f, "date"), field(f, "source")});
    out += "\n" + table.text();
  }
  return out.empty() ? "The market has no table of factors.\n" : out;
}

void show_or_save_factors(Context& context, const PriceArguments& a) {
  const json reply = context.must(context.client().get("/api/v1/du-factors"));
  if (a.table.empty()) return context.print(reply, show_factors);
  for (const json& table : reply.value("tables", json::array()))
    if (field(table, "version") == a.table) return write_document("json", a.output, table.dump(2) + "\n");
  Context::end_with({ErrorCode::not_found, "the market has no table " + a.table});
}

std::string show_quarantine(const json& reply) {
  Table table({"since (UTC)", "days", "center", "reason", "job", "report", "record", "detail", ""});
  for (const json& q : reply.value("records", json::array()))
    table.add({instant(q, "at"), number(q, "days") == 0 ? "0" : field(q, "days"), field(q, "center_name"), field(q, "code"), field(q, "job"), field(q, "report").substr(0, 16),
               number(q, "record") == 0 ? "0" : field(q, "record"), field(q, "detail"), q.value("superseded", false) ? "later usage was charged" : ""});
  const std::string more = field(reply, "next_cursor");
  return (table.empty() ? "Nothing was set aside.\n" : table.text()) + (more.empty() ? "" : "More: --cursor " + more + "\n");
}

void add_quarantine_command(CLI::App& app, Context& context) {
  auto a = std::make_shared<PriceArguments>();
  CLI::App* quarantine = app.get_subcommand("center")->add_subcommand("quarantine", "Records of a center's reports that were set aside: why, and for how long");
  quarantine->add_option("center", a->center, "Name or id (default: all)");
  quarantine->add_option("--code", a->code, "Of that reason alone, such as missing_price, above_caps, old_fence");
  quarantine->add_option("--cursor", a->at, "Where the page before ended");
  quarantine->footer("A record without a price is an alarm in 'bourse center list' until a later one of its attempt is charged.");
  quarantine->callback([&context, a] {
    context.print(context.must(context.client().get("/api/v1/quarantine" + query_of({{"center", a->center}, {"code", a->code}, {"cursor", a->at}}))), show_quarantine);
  });
}

}  // namespace

void add_price_commands(CLI::App& app, Context& context) {
  add_quarantine_command(app, context);
  CLI::App* prices = app.add_subcommand("prices", "The price book: list, export, publish; the factors of 度")->require_subcommand(1);
  auto a = std::make_shared<PriceArguments>();
  CLI::App* list = prices->add_subcommand("list", "Every row and discount that is published");
  CLI::App* out = prices->add_subcommand("export", "The book as a file that 'bourse rate', 'rate --diff' and 'prices publish' read");
  for (CLI::App* command : {list, out}) {
    command->add_option("--center", a->center, "For one center, by name or id; what is for any center is there too");
    command->add_option("--at", a->at, "Those that hold then: 2026-12-01, RFC 3339 or now (default: all that were ever published)");
  }
  list->callback([&context, a] { context.print(whole_book(context, *a), show_book); });
  out->add_option("--unit", a->unit, "A book is of one currency; DU is 度")->capture_default_str();
  out->add_option("--output", a->output, "File; '-' for standard output")->capture_default_str();
  out->footer("What would another book have charged: bourse usage export --month 2026-10 | bourse rate --book NEW.json --as-of 2026-12-01 --usage -");
  out->callback([&context, a] { export_prices(context, *a); });

  CLI::App* publishing = prices->add_subcommand("publish", "Add price rows and discounts; what is published never changes");
  publishing->add_option("--for-center", a->for_center, "For a center's admin: in whose name. Rows that name no center are then of it");
  publishing->add_option("file", a->file, "A book: JSON, as 'bourse rate' reads it (bourse rate --help)")->required();
  publishing->add_option("--note", a->note, "Why, for whoever approves");
  publishing->footer("Rows get ids of their own; a row's center is named by its name or id. Prices in 度 take their factors from the published table\n"
                     "(bourse prices factors). A row holds from its valid_from on, so a book may be published for a date to come.\n"
                     "Example: {\"currency\":\"CNY\",\"rows\":[{\"id\":\"p1\",\"scope\":{\"center\":\"alpha\"},\"meter\":\"core_ms\",\"price\":\"0.12\",\"per\":\"core-hour\",\"valid_from\":\"2026-12-01T00:00:00Z\"}]}\n"
                     "Without \"currency\" the file is what the API takes, row by row: {\"rows\":[{\"center\":\"alpha\",\"meter\":\"core_ms\",…,\"unit\":\"CNY\"}]}.");
  publishing->callback([&context, a] { publish(context, *a); });

  CLI::App* factors = prices->add_subcommand("factors", "The published tables of 度 factors, with their sources");
  factors->add_option("--table", a->table, "One table, as the file that 'bourse rate --factors' reads: its version, such as v1");
  factors->add_option("--output", a->output, "File; '-' for standard output")->capture_default_str();
  factors->callback([&context, a] { show_or_save_factors(context, *a); });
}

}  // namespace bourse::cli
