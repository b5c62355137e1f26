// Statements of accounts and the journal of a span, for other programs' books.
#include <map>

#include "cli/books.h"
#include "documents/csv.h"
#include "cli/client/table.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

struct SpanArguments {
  std::string account, from, to, format, output = "-", language = "en", cursor, limit, unit = "CNY";
  bool legs = false;
};

void add_span(CLI::App& command, SpanArguments& a, const char* calendar) {
  command.add_option("--from", a.from, std::string("First day, 2026-10-01, ") + calendar + " (default: from the beginning)");
  command.add_option("--to", a.to, "The last day that is in (default: until now)");
}

std::string show_entries(const json& reply) {
  const json account = reply.value("account", json::object());
  std::string out = list_of({{"ledger account", field(account, "id") + "  " + field(account, "code") + " " + field(account, "owner")},
                             {"balance before", field(reply, "opening") + " " + field(account, "unit")},
                             {"balance after", field(reply, "closing") + " " + field(account, "unit")},
                             {"pending debits", field(account, "debits_pending")},
                             {"pending credits", field(account, "credits_pending")}});
  Table table({"when (UTC)", "what", "reference", "other side", "debit", "credit", "balance", "name", "project", "user", "center"});
  for (const json& e : reply.value("entries", json::array()))
    table.add({instant(e, "at"), field(e, "code"), field(e, "reference"), field(e, "counter"), field(e, "debit"), field(e, "credit"), field(e, "balance"),
               field(e, "text"), field(e, "project"), field(e, "user_name"), field(e, "center_name")});
  if (!table.empty()) out += "\n" + table.text();
  const std::string more = field(reply, "next_cursor");
  return out + (more.empty() ? "" : "More: --cursor " + more + "\n");
}

void add_ledger_account(CLI::App& ledger, Context& context) {
  auto a = std::make_shared<SpanArguments>();
  CLI::App* command = ledger.add_subcommand("account", "What moved an account: dated entries with the balance after each (credits less debits)");
  command->add_option("account", a->account, "A billing account (acc_…); for finance also a ledger account (lac_…), a center (what it is owed) or a "
                                             "platform account by its code (tax_payable, platform_revenue:USD)")->required();
  add_span(*command, *a, "on the account's calendar");
  command->add_flag("--legs", a->legs, "For finance: each leg of a charge, with its other side");
  command->add_option("--limit", a->limit, "Entries at once (default: 500)");
  command->add_option("--cursor", a->cursor, "From the page before");
  command->add_option("--format", a->format, "csv: all of the span, as a file for programs")->check(CLI::IsMember({"csv"}));
  command->footer("For other formats: bourse account export");
  command->callback([&context, a] {
    if (a->format == "csv") {
      const documents::AccountBook book = read_account_book(context, a->account, a->from, a->to, a->legs);
      return write_document(a->format, "-", context.must(rendered(context.must(documents::document_of(book, documents::Language::en)), a->format)));
    }
    context.print(context.must(context.client().get("/api/v1/ledger/accounts/" + url_encoded(a->account) + "/entries" +
                                                    query_of({{"from", a->from}, {"to", a->to}, {"legs", a->legs ? "1" : ""}, {"limit", a->limit}, {"cursor", a->cursor}}))),
                  show_entries);
  });
}

// A journal of one currency, made of the market's lines. What is pending moves nothing that is posted: it stands in comments.
class SpanJournal {
 public:
  SpanJournal(const SpanArguments& a, std::string title) : unit_(a.unit) {
    journal_.title = std::move(title);
    journal_.unit = parse_unit(a.unit).value_or(kCny);
  }
  void take(const json& line) {
    if (field(line, "unit") != unit_) return;
    if (line.contains("account")) return take_account(line);
    const Amount amount = parse_amount(field(line, "amount")).value_or(Amount{});
    const std::size_t debit = places_.at(field(line, "debit")), credit = places_.at(field(line, "credit"));
    const Instant at = parse_instant(field(line, "at")).value_or(Instant{});
    if (line.value("pending", false)) {
      pending_ += "; pending " + field(line, "at") + " " + field(line, "code") + " " + harmless(field(line, "reference")) + " " + field(line, "amount") + " " + unit_ +
                  ": " + names_[debit] + " -> " + names_[credit] + "\n";
      return;
    }
    journal_.entries.push_back({at, field(line, "code"), field(line, "reference"), {{debit, amount}, {credit, Amount{} - amount}}});
  }
  std::string text(const std::string& format) {
    if (!opening_.postings.empty()) {
      opening_.at = journal_.entries.empty() ? journal_.from : std::min(journal_.from, journal_.entries.front().at);
      opening_.title = "opening";
      journal_.entries.insert(journal_.entries.begin(), opening_);
    }
    return (format == "hledger" ? documents::write_hledger(journal_) : documents::write_beancount(journal_)) + (pending_.empty() ? "" : "\n" + pending_);
  }
  documents::Journal& journal() { return journal_; }

 private:
  void take_account(const json& line) {
    using documents::AccountType;
    static const std::map<std::string, AccountType> kTypes = {{"Assets", AccountType::assets}, {"Liabilities", AccountType::liabilities},
                                                              {"Equity", AccountType::equity}, {"Income", AccountType::income}, {"Expenses", AccountType::expenses}};
    const std::string path = field(line, "path");
    documents::JournalAccount account{.name = field(line, "name"), .closing = parse_amount(field(line, "closing")).value_or(Amount{})};
    const auto type = kTypes.find(path.substr(0, path.find(':')));
    account.type = type == kTypes.end() ? AccountType::equity : type->second;
    for (std::size_t at = path.find(':'); at != std::string::npos;) {
      const std::size_t next = path.find(':', at + 1);
      account.path.push_back(path.substr(at + 1, next == std::string::npos ? next : next - at - 1));
      at = next;
    }
    const std::size_t place = journal_.accounts.size();
    places_[field(line, "account")] = place;
    names_.push_back(path);
    journal_.accounts.push_back(std::move(account));
    const Amount opening = parse_amount(field(line, "opening")).value_or(Amount{});
    if (!opening.is_zero()) opening_.postings.push_back({place, opening});
  }

  std::string unit_, pending_;
  documents::Journal journal_;
  documents::JournalEntry opening_;
  std::map<std::string, std::size_t> places_;
  std::vector<std::string> names_;
};

// The market's lines, one after the other, as they come.
void each_journal_line(Context& context, const SpanArguments& a, const std::function<void(const std::string&)>& take) {
  std::string rest;
  context.must(context.client().download("/api/v1/ledger/export" + query_of({{"format", "jsonl"}, {"from", a.from}, {"to", a.to}}), [&](std::string_view piece) {
    rest += piece;
    std::size_t begin = 0;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; begin = end + 1, end = rest.find('\n', begin)) take(rest.substr(begin, end - begin));
    rest.erase(0, begin);
    return true;
  }));
  if (!rest.empty()) context.end_with({ErrorCode::unavailable, "the journal was cut short"});
}

void write_span(Context& context, const SpanArguments& a) {
  std::string out;
  if (a.format == "hledger" || a.format == "beancount") {
    SpanJournal journal(a, "The ledger, " + (a.from.empty() ? "from the beginning" : "from " + a.from) + (a.to.empty() ? "" : " to " + a.to));
    journal.journal().from = parse_instant((a.from.empty() ? "1970-01-01" : a.from) + "T00:00:00Z").value_or(Instant{});
    each_journal_line(context, a, [&](const std::string& line) { journal.take(json::parse(line)); });
    out = journal.text(a.format);
  } else {
    if (a.format == "csv") out = "position,index,at,code,debit,credit,amount,unit,pending,reference\r\n";
    each_journal_line(context, a, [&](const std::string& line) {
      if (a.format == "json") {
        out += line + "\n";
        return;
      }
      const json t = json::parse(line);
      if (t.contains("account")) return;
      std::vector<documents::CsvField> fields;
      for (const char* name : {"position", "index", "at", "code", "debit", "credit", "amount", "unit"}) fields.push_back({field(t, name), true});
      fields.push_back({t.value("pending", false) ? "true" : "false", true});
      fields.push_back(documents::csv_field(field(t, "reference")));
      out += documents::csv_record(fields);
    });
  }
  write_document(a.format, a.output, out);
}

void add_ledger_journal(CLI::App& ledger, Context& context) {
  auto a = std::make_shared<SpanArguments>();
  CLI::App* command = ledger.add_subcommand("journal", "All transfers of a span of days (UTC), for other programs; holds stand apart as pending");
  add_span(*command, *a, "UTC");
  command->add_option("--format", a->format, "hledger, beancount (of one currency, with opening balances and assertions), csv, json (an object a line)")
      ->required()
      ->check(CLI::IsMember({"hledger", "beancount", "csv", "json"}));
  command->add_option("--unit", a->unit, "The currency of hledger and beancount")->capture_default_str();
  command->add_option("--output", a->output, "File; '-' for standard output")->capture_default_str();
  command->callback([&context, a] {
    context.must("--unit", parse_unit(a->unit));
    write_span(context, *a);
  });
}

void export_account(Context& context, const SpanArguments& a) {
  const documents::AccountBook book = read_account_book(context, a.account, a.from, a.to);
  if (a.format == "hledger") return write_document(a.format, a.output, documents::write_hledger(context.must(documents::journal_of(book))));
  if (a.format == "beancount") return write_document(a.format, a.output, documents::write_beancount(context.must(documents::journal_of(book))));
  if (a.format == "focus") return write_document(a.format, a.output, documents::write_focus(context.must(documents::focus_of(book))));
  const documents::Document document = context.must(documents::document_of(book, language_named(a.language)));
  write_document(a.format, a.output, context.must(rendered(document, a.format)));
}

}  // namespace

void add_ledger_commands(CLI::App& app, Context& context) {
  CLI::App* ledger = app.get_subcommand("ledger");
  add_ledger_account(*ledger, context);
  add_ledger_journal(*ledger, context);
  auto a = std::make_shared<SpanArguments>();
  CLI::App* command = app.get_subcommand("account")->add_subcommand("export", "A billing account for its owner's own books");
  command->add_option("account", a->account, "The billing account (acc_…)")->required();
  add_span(*command, *a, "on the account's calendar");
  command->add_option("--format", a->format, "hledger, beancount, focus (FinOps FOCUS 1.2), csv, json, pdf, xlsx")
      ->required()
      ->check(CLI::IsMember({"hledger", "beancount", "focus", "csv", "json", "pdf", "xlsx"}));
  command->add_option("--language", a->language, "Of labels in pdf, xlsx and json")->check(CLI::IsMember({"en", "zh"}))->capture_default_str();
  command->add_option("--output", a->output, "File; '-' for standard output")->capture_default_str();
  command->footer("Example: bourse account export acc_… --format hledger --output my.journal && hledger -f my.journal check --strict");
  command->callback([&context, a] { export_account(context, *a); });
}

}  // namespace bourse::cli
