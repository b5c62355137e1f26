// bourse rate: what a price book charges for usage, offline; what another would have charged; and what changed between two.
#include <algorithm>
#include <fstream>
#include <functional>
#include <iostream>
#include <limits>

#include "cli/client/table.h"
#include "cli/context.h"
#include "cli/rate/book_diff.h"
#include "cli/rate/rate_files.h"
#include "cli/rate/rated_json.h"
#include "cli/rate/summary.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kMostShown = 1000;  // rows of the table for people

struct RateOptions {
  std::string book, usage, compare, settlement, as_of;
  std::vector<std::string> factors, diff;
  bool summary = false;
};

json error_json(const Error& error) { return {{"code", info(error.code).name}, {"detail", error.detail}}; }

void add_to(Amount& sum, Amount more) {
  const auto total = checked_add(sum, more);
  if (!total) Context::end_with({ErrorCode::amount_overflow, "the sum of all lines"});
  sum = *total;
}

// A book with what it came to so far.
struct Account {
  const BookFile& book;
  std::optional<Instant> as_of = {};
  pricing::Months months = {};
  Amount total = {}, money = {};
};

struct RatedRecord {
  Amount amount;
  std::optional<Amount> money;
  std::string rows;
  json as_json;
  pricing::Rating rating = {};
};

Result<RatedRecord> rate_record(Account& by, const UsageLine& line) {
  TRY(const pricing::Rating rating, rate(by.book, line, by.months, by.as_of));
  RatedRecord record{.amount = rating.total, .money = {}, .rows = {}, .as_json = {}, .rating = rating};
  TRY(record.as_json, rated_json(by.book, line, rating));
  if (by.book.du_price) {
    TRY(record.money, in_money(rating.total, *by.book.du_price));
  }
  std::vector<PriceRowId> shown;  // a row may have more than one line
  for (const pricing::RatedLine& one : rating.lines) {
    if (std::ranges::find(shown, one.row) != shown.end()) continue;
    shown.push_back(one.row);
    record.rows += (record.rows.empty() ? "" : ", ") + by.book.row_names.at(one.row);
  }
  return record;
}

// What was read of a usage file, and what it came to.
class RatingRun {
 public:
  struct Books {
    const BookFile& book;
    const BookFile* compared = nullptr;
    const BookFile* settlement = nullptr;  // what the center gets, beside what the user pays
    std::optional<Instant> as_of;
    bool summary = false;
  };
  RatingRun(const Books& books, bool as_json)
      : first_{books.book, books.as_of}, as_json_(as_json),
        table_(books.compared ? kCompareHead : books.settlement ? kSettlementHead : books.book.du_price ? kMoneyHead : kHead) {
    if (books.compared != nullptr) second_.emplace(*books.compared, books.as_of);
    if (books.settlement != nullptr) settled_.emplace(*books.settlement, books.as_of);
    if (books.summary) summary_.emplace();
  }

  void take(std::string_view text) {
    ++number_;
    std::string id;
    const auto line = read_usage(text, id);
    auto record = line ? rate_record(first_, *line) : Result<RatedRecord>(std::unexpected(line.error()));
    if (!record) return park(id, record.error(), json{{"id", id}, {"line", number_}, {"error", error_json(record.error())}});
    if (summary_) {
      if (line->charged && line->charged_in == currency()) {
        if (const auto added = summary_->add(*line, record->rating); !added) Context::end_with(added.error());
      } else {
        summary_->pass_over();
      }
    }
    if (second_) return compare(*line, *record);
    if (settled_) return settle(*line, *record);
    sum(*record);
    if (as_json_) std::cout << record->as_json.dump() << "\n";
    else if (rated_ < kMostShown) table_.add(cells(line->id, *record));
    ++rated_;
  }

  // The exit code.
  int close() {
    if (as_json_) {
      if (second_) std::cout << compared_total().dump() << "\n";
      if (summary_) std::cout << summary_->as_json(first_.book.currency, parked_).dump() << "\n";
    } else {
      show_totals();
      show_summary();
      if (parked_ > 0) std::cerr << parked_ << " of " << number_ << " lines could not be rated\n";
    }
    std::cout.flush();
    return wrong_ ? info(wrong_->code).exit_code : 0;
  }

 private:
  inline static const std::vector<std::string> kHead = {"usage", "amount", "currency", "rows"};
  inline static const std::vector<std::string> kMoneyHead = {"usage", "amount", "currency", "money", "in", "rows"};
  inline static const std::vector<std::string> kSettlementHead = {"usage", "amount", "settlement", "currency", "rows"};
  inline static const std::vector<std::string> kCompareHead = {"usage", "amount", "compared", "difference", "currency"};

  void park(const std::string& id, const Error& error, const json& said) {
    wrong_ = wrong_.value_or(error);
    ++parked_;
    if (as_json_) std::cout << said.dump() << "\n";
    else std::cerr << "line " << number_ << (id.empty() ? "" : " (" + harmless(id) + ")") << ": " << harmless(error.detail) << "\n";
  }
  void sum(const RatedRecord& record) {
    add_to(first_.total, record.amount);
    if (record.money) add_to(first_.money, *record.money);
  }
  void compare(const UsageLine& line, RatedRecord& record) {
    const auto other = rate_record(*second_, line);
    if (!other) {
      record.as_json["compare"] = {{"error", error_json(other.error())}};
      return park(line.id, {other.error().code, "by --compare: " + other.error().detail}, record.as_json);
    }
    sum(record);
    add_to(second_->total, other->amount);
    if (as_json_) {
      record.as_json["compare"] = {{"amount", to_text(other->amount)}, {"lines", other->as_json["lines"]}};
      record.as_json["difference"] = to_text(other->amount - record.amount);
      std::cout << record.as_json.dump() << "\n";
    } else if (rated_ < kMostShown) {
      table_.add({line.id, to_text(record.amount), to_text(other->amount), to_text(other->amount - record.amount), currency()});
    }
    ++rated_;
  }

  // Both of a job's prices, each rounded as its own book says.
  void settle(const UsageLine& line, RatedRecord& record) {
    const auto other = rate_record(*settled_, line);
    if (!other) {
      record.as_json["settlement"] = {{"error", error_json(other.error())}};
      return park(line.id, {other.error().code, "by --settlement: " + other.error().detail}, record.as_json);
    }
    sum(record);
    add_to(settled_->total, other->amount);
    if (as_json_) {
      record.as_json["settlement"] = {{"amount", to_text(other->amount)}, {"lines", other->as_json["lines"]}};
      std::cout << record.as_json.dump() << "\n";
    } else if (rated_ < kMostShown) {
      table_.add({line.id, to_text(record.amount), to_text(other->amount), currency(), record.rows});
    }
    ++rated_;
  }

  std::string currency() const { return std::string(first_.book.currency.text()); }
  std::vector<std::string> cells(const std::string& id, const RatedRecord& record) const {
    if (!record.money) return {id, to_text(record.amount), currency(), record.rows};
    return {id, to_text(record.amount), currency(), to_text(*record.money), std::string(first_.book.du_price->currency.text()), record.rows};
  }
  json compared_total() const {
    return {{"total", {{"amount", to_text(first_.total)}, {"compare", to_text(second_->total)}, {"difference", to_text(second_->total - first_.total)},
                       {"currency", currency()}, {"rated", rated_}, {"parked", parked_}}}};
  }
  void show_totals() {
    const std::string rated = std::to_string(rated_) + " rated";
    if (rated_ > kMostShown) {
      std::vector<std::string> more(second_ || settled_ ? 5 : first_.book.du_price ? 6 : 4);
      more.front() = "… " + std::to_string(rated_ - kMostShown) + " more";
      table_.add(std::move(more));
    }
    if (second_) table_.add({"total of " + rated, to_text(first_.total), to_text(second_->total), to_text(second_->total - first_.total), currency()});
    else if (settled_) table_.add({"total", to_text(first_.total), to_text(settled_->total), currency(), rated});
    else if (first_.book.du_price) table_.add({"total", to_text(first_.total), currency(), to_text(first_.money), std::string(first_.book.du_price->currency.text()), rated});
    else table_.add({"total", to_text(first_.total), currency(), rated});
    std::cout << table_.text();
  }

  void show_summary() {
    if (!summary_) return;
    Table table({"center", "meter", "by this book", "charged", "difference", "currency"});
    for (const auto& [key, sum] : summary_->sums())
      table.add({sum.center_name.empty() ? key.first : sum.center_name, key.second.empty() ? "(not told)" : key.second, to_text(sum.amount), to_text(sum.charged),
                 to_text(sum.amount - sum.charged), currency()});
    const Summary::Sum total = summary_->total();
    table.add({"total", "", to_text(total.amount), to_text(total.charged), to_text(total.amount - total.charged), currency()});
    std::cout << "\n" << table.text();
    if (summary_->passed_over() > 0) std::cout << summary_->passed_over() << " records were paid in another currency, or don't say what they were charged\n";
  }

  Account first_;
  std::optional<Account> second_, settled_;
  std::optional<Summary> summary_;
  bool as_json_;
  Table table_;
  std::size_t number_ = 0, rated_ = 0, parked_ = 0;
  std::optional<Error> wrong_;
};

// Of a line that is too long only the beginning is kept, one byte more than a line may have.
void each_line(std::istream& in, const std::function<void(std::string_view)>& visit) {
  std::string buffer(kMaxUsageLine + 2, '\0');
  while (in.getline(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    const bool too_long = in.fail();
    const auto read = static_cast<std::size_t>(in.gcount()) - (too_long || in.eof() ? 0 : 1);  // without the line's end
    visit(std::string_view(buffer).substr(0, read));
    if (!too_long) continue;
    in.clear();
    in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
}

BookFile book_at(Context& context, const char* option, const std::string& path, const FactorTables& tables) {
  return context.must(option, read_book(read_input(path, kMaxBookBytes), tables));
}

FactorTables tables_at(Context& context, const std::vector<std::string>& paths) {
  FactorTables tables;
  for (const std::string& path : paths) {
    FactorTable table = context.must("--factors", factors::read_factor_table(read_input(path, factors::kMaxFactorBytes)));
    const std::string version = table.version;
    if (!tables.emplace(version, std::move(table)).second)
      Context::end_with({ErrorCode::invalid_argument, "--factors: two tables say that they are version " + version});
  }
  return tables;
}

void show_diff(const std::vector<BookChange>& changed, bool as_json) {
  static constexpr const char* kKinds[] = {"added", "removed", "changed"};
  Table table({"change", "row", "field", "before", "after"});
  for (const BookChange& change : changed) {
    const char* kind = kKinds[static_cast<std::size_t>(change.kind)];
    json fields = json::object();
    for (const FieldChange& field : change.fields) {
      const auto value = [](const std::string& text) { return text.empty() ? json() : json::parse(text); };
      if (as_json) fields[field.field] = {{"before", value(field.before)}, {"after", value(field.after)}};
      else table.add({kind, change.id.empty() ? "(book)" : change.id, field.field, field.before, field.after});
    }
    if (as_json) std::cout << json{{"change", kind}, {"row", change.id}, {"fields", std::move(fields)}}.dump() << "\n";
  }
  if (!as_json) std::cout << (table.empty() ? "no difference\n" : table.text());
  std::cout.flush();
}

void run_rate(Context& context, const RateOptions& options) {
  const FactorTables tables = tables_at(context, options.factors);
  if (!options.diff.empty())
    return show_diff(book_diff(book_at(context, "--diff", options.diff[0], tables), book_at(context, "--diff", options.diff[1], tables)), context.as_json);
  if (!options.compare.empty() && !options.settlement.empty())
    Context::end_with({ErrorCode::invalid_argument, "--compare and --settlement: give one of them"});
  if (options.book.empty() || options.usage.empty())
    Context::end_with({ErrorCode::invalid_argument, "give --book and --usage, or --diff with two books"});
  const BookFile book = book_at(context, "--book", options.book, tables);
  std::optional<BookFile> other;
  const char* second = options.compare.empty() ? "--settlement" : "--compare";
  if (const std::string& path = options.compare.empty() ? options.settlement : options.compare; !path.empty()) {
    other = book_at(context, second, path, tables);
    if (other->currency != book.currency)
      Context::end_with({ErrorCode::invalid_argument, std::string(second) + ": the books are in " + std::string(book.currency.text()) + " and " + std::string(other->currency.text())});
  }
  const std::optional<Instant> as_of = context.when("--as-of", options.as_of);
  std::ifstream file;
  if (options.usage != "-") {
    file.open(options.usage, std::ios::binary);
    if (!file) Context::end_with({ErrorCode::invalid_argument, "can't read " + options.usage});
  }
  std::istream& in = options.usage == "-" ? std::cin : file;
  const BookFile* with = other ? &*other : nullptr;
  RatingRun run({.book = book, .compared = options.compare.empty() ? nullptr : with, .settlement = options.settlement.empty() ? nullptr : with,
                 .as_of = as_of, .summary = options.summary || as_of}, context.as_json);
  each_line(in, [&run](std::string_view line) {
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) run.take(line);
  });
  if (const int code = run.close(); code != 0) throw CLI::RuntimeError(code);
}

constexpr const char* kRateFooter = R"(The book (JSON): {"currency", "rows": [...], "discounts": [...], "du_price": {"currency", "price"}}
  a row       id, scope {tenant, center, pool, qos}, meter, price, per, minimum, valid_from, valid_until; strategy, precision
  tiers       "tiers": [{"above": "1000", "price": "0.03"}], "tier_mode": "graduated" | "volume", "tier_scope": "usage" | "month"
  free        "free": "100" (of `per`), "free_scope": "usage" | "month" (the tenant's, by the row's zone)
  windows     "windows": [{"days": ["mon"], "from": "08:00", "to": "22:00"}], "zone": "Asia/Shanghai"
  度          "factor": {"table": "v1", "chip": "H100 SXM", "precision": "fp16"} in a book in DU, with --factors FILE
  a discount  id, name, scope, meter, off_bps, valid_from, valid_until: the most specific one that holds at the start
A key that is none of these is an error. cli/rate/README.md has each field, and what is rounded when.

With --output json one object a record, with --compare a total as the last. A record that can't be rated is reported in its
place and never costs nothing; the exit code is then its error's (3: no price).)";

}  // namespace

void add_rate_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<RateOptions>();
  CLI::App* command = app.add_subcommand("rate", "What a price book charges for usage: offline, exact, line by line");
  command->add_option("--book", options->book, "The price book (JSON)");
  command->add_option("--usage", options->usage, "Usage records, one JSON object a line; - for standard input");
  command->add_option("--compare", options->compare, "Another book: what it would have charged, and the difference");
  command->add_option("--settlement", options->settlement, "A book of what the center gets (SCOW's tenant price): both amounts of each record");
  command->add_option("--as-of", options->as_of, "With the prices that hold then (2026-12-01, RFC 3339 or now), not at each record's start; brings the summary");
  command->add_flag("--summary", options->summary, "By center and meter: what the book comes to, what was charged ('charged' of the usage), the difference");
  command->add_option("--factors", options->factors, "A table of 度 factors that rows name (config/du_factors.v1.json); may be repeated")->expected(1)->take_all();
  command->add_option("--diff", options->diff, "Two books: the rows and discounts added, removed and changed")->expected(2);
  command->footer(kRateFooter);
  command->callback([&context, options] { run_rate(context, *options); });
}

}  // namespace bourse::cli
