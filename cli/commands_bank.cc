// bourse bank: what a bank's statement of account says, offline, and what the market makes of it.
#include "bank/statement.h"
#include "base/hash.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kMostEntriesShown = 1000;  // in the table for people

json party_of(const bank::Party& party) { return {{"name", party.name}, {"account", party.account.text}}; }

json detail_of(const bank::TransactionDetail& d) {
  return {{"end_to_end_id", d.end_to_end_id},   {"transaction_id", d.transaction_id}, {"bank_reference", d.bank_reference},
          {"amount", d.amount ? json(to_text(*d.amount)) : json()}, {"debtor", party_of(d.debtor)}, {"creditor", party_of(d.creditor)},
          {"remittance", d.remittance},         {"references", d.references},         {"returned", d.returned},
          {"return_reason", d.return_reason},   {"identity", to_hex(d.identity)}};
}

json entry_of(const bank::Entry& e) {
  json details = json::array();
  for (const bank::TransactionDetail& detail : e.details) details.push_back(detail_of(detail));
  return {{"line", e.line},           {"status", bank::name(e.status)},   {"booking_date", e.booking_date}, {"value_date", e.value_date},
          {"amount", to_text(e.amount)}, {"currency", e.currency.text()}, {"reversal", e.reversal},         {"reference", e.reference},
          {"bank_reference", e.bank_reference}, {"code", e.transaction_code}, {"text", e.text},             {"identity", to_hex(e.identity)},
          {"details", std::move(details)}};
}

json balance_of(const std::optional<bank::Balance>& balance) { return balance ? json(to_text(balance->amount)) : json(); }

json statement_of(const bank::BankStatement& s, bool with_entries) {
  json out{{"id", s.id}, {"account", s.account.text}, {"owner", s.owner}, {"bank", s.bank_bic}, {"currency", s.currency.text()}, {"created", s.created},
           {"from", s.from}, {"to", s.to}, {"opening", balance_of(s.opening)}, {"closing", balance_of(s.closing)}, {"entry_count", s.entries.size()}};
  if (!with_entries) return out;
  out["entries"] = json::array();
  for (const bank::Entry& entry : s.entries) out["entries"].push_back(entry_of(entry));
  return out;
}

json report_on(const std::string& path, const bank::StatementFile& file, bool with_entries) {
  json statements = json::array(), findings = json::array();
  for (const bank::BankStatement& statement : file.statements) statements.push_back(statement_of(statement, with_entries));
  for (const bank::Finding& finding : bank::check(file)) findings.push_back({{"where", finding.where}, {"what", finding.what}});
  const bool ok = findings.empty();
  return {{"file", path}, {"ok", ok}, {"format", file.version}, {"message", file.message_id}, {"statements", std::move(statements)}, {"differences", std::move(findings)}};
}

std::string heading(const json& s) {
  return list_of({{"statement", field(s, "id") + "  " + field(s, "from") + (field(s, "to").empty() ? "" : " to " + field(s, "to"))},
                  {"account", field(s, "account") + "  " + field(s, "owner")},
                  {"opening", field(s, "opening") + " " + field(s, "currency")},
                  {"closing", field(s, "closing") + " " + field(s, "currency")},
                  {"entries", field(s, "entry_count")}});
}

// The other side: who paid a credit, who was paid by a debit; of a batch, how many.
std::string other_side(const json& entry) {
  const json& details = entry["details"];
  if (details.size() > 1) return std::to_string(details.size()) + " payments";
  if (details.empty()) return "";
  return field(details[0][field(entry, "amount").starts_with('-') ? "creditor" : "debtor"], "name");
}

// Of a batch nothing: its payments are in --output json.
std::string words_of(const json& entry) {
  constexpr std::size_t kMostBytes = 120;
  std::string words;
  if (entry["details"].size() > 1) return field(entry, "text");
  const auto add = [&words](const std::string& more) {
    if (!more.empty()) words += (words.empty() ? "" : " ") + more;
  };
  for (const json& detail : entry["details"]) {
    if (detail["returned"].get<bool>()) add("returned " + field(detail, "return_reason"));
    add(field(detail, "end_to_end_id"));
    for (const char* lines : {"remittance", "references"})
      for (const json& line : detail[lines]) add(line.get<std::string>());
  }
  add(field(entry, "text"));
  if (words.size() <= kMostBytes) return words;
  std::size_t end = kMostBytes;
  while (end > 0 && (static_cast<unsigned char>(words[end]) & 0xC0U) == 0x80) --end;  // not inside a character
  return words.substr(0, end) + "…";
}

std::string wrong_lines(const json& report) {
  std::string out;
  for (const json& finding : report["differences"]) out += "wrong: " + harmless(field(finding, "where") + ": " + field(finding, "what")) + "\n";
  return out;
}

std::string show_file(const json& report) {
  std::string out;
  for (const json& statement : report["statements"]) {
    out += heading(statement) + "\n";
    Table table({"booked", "value", "status", "amount", "other side", "bank's reference", "text"});
    std::size_t shown = 0;
    for (const json& entry : statement["entries"]) {
      if (shown++ == kMostEntriesShown) break;
      const std::string status = field(entry, "status") + (entry["reversal"].get<bool>() ? " reversal" : "");
      const std::string reference = field(entry, "bank_reference");
      table.add({field(entry, "booking_date"), field(entry, "value_date"), status, field(entry, "amount"), other_side(entry), reference.empty() ? field(entry, "reference") : reference,
                 words_of(entry)});
    }
    if (!table.empty()) out += table.text();
    if (statement["entries"].size() > kMostEntriesShown) out += "… " + std::to_string(statement["entries"].size() - kMostEntriesShown) + " more\n";
    out += "\n";
  }
  return out + wrong_lines(report) + (report["ok"].get<bool>() ? "All sums and references hold.\n" : "The file does NOT hold; it would not be imported.\n");
}

std::string show_kept(const json& entries) {
  Table table({"entry", "booked", "amount", "other side", "text", "state", "what became of it"});
  for (const json& e : entries) {
    std::string became = field(e, "reason");
    for (const char* name : {"account", "payout", "proposal_id"})
      if (!field(e, name).empty()) became += (became.empty() ? "" : " ") + field(e, name);
    table.add({field(e, "id"), field(e, "booked_on"), money(e, "money"), field(e, "other_name"), field(e, "remittance"), field(e, "state"), became});
  }
  return table.empty() ? "No entries.\n" : table.text();
}

std::string show_import(const json& reply) {
  return show_kept(reply.value("details", json::array())) + "\n" + field(reply, "entries") + " payments, of which " + field(reply, "fresh") +
         " are new. Those that are open wait for you: bourse bank entries --state open\n";
}

std::string show_check(const json& report) {
  std::string out;
  for (const json& statement : report["statements"]) out += heading(statement) + "\n";
  return out + wrong_lines(report) + (report["ok"].get<bool>() ? "The file holds: balances, entries, batches and references.\n" : "The file does NOT hold.\n");
}

void add_online_bank_commands(CLI::App& noun, Context& context) {
  struct Arguments {
    std::string file, entry, account, state, cursor, note, key;
  };
  auto a = std::make_shared<Arguments>();
  CLI::App* import = noun.add_subcommand("import", "Book a statement: top-ups by claim code, payouts paid or returned; again is harmless");
  import->add_option("file", a->file, "A camt.053 file as the bank sent it; - for standard input")->required();
  import->add_option("--idempotency-key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  import->callback([&context, a] {
    constexpr std::size_t kLargestUpload = 16 << 20;
    const std::string name = a->file.substr(a->file.rfind('/') + 1);
    context.print(context.must(context.client().post_file("/api/v1/finance/bank-files?name=" + url_encoded(name), read_input(a->file, kLargestUpload),
                                                          "application/xml", a->key)), show_import);
  });
  CLI::App* entries = noun.add_subcommand("entries", "Imported payments and what became of each");
  entries->add_option("--state", a->state, "open (for a person), proposed, booked, paid or returned");
  entries->add_option("--cursor", a->cursor, "From the page before");
  entries->callback([&context, a] {
    std::string query;
    for (const auto& [name, value] : {std::pair("state", &a->state), std::pair("cursor", &a->cursor)})
      if (!value->empty()) query += (query.empty() ? "?" : "&") + std::string(name) + "=" + url_encoded(*value);
    context.print(context.must(context.client().get("/api/v1/finance/bank-entries" + query)), [](const json& reply) {
      const std::string more = field(reply, "next_cursor").empty() ? "" : "More: --cursor " + field(reply, "next_cursor") + "\n";
      return show_kept(reply.value("entries", json::array())) + more;
    });
  });
  CLI::App* assign = noun.add_subcommand("assign", "Credit an open payment that came in to a billing account");
  assign->add_option("entry", a->entry, "The entry, as 'bourse bank entries' shows it")->required();
  assign->add_option("account", a->account, "The billing account (acc_…)")->required();
  assign->add_option("--note", a->note, "Why, for whoever approves");
  assign->add_option("--idempotency-key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  assign->callback([&context, a] {
    const json body = {{"account", a->account}, {"note", a->note}};
    context.print(context.must(context.client().post("/api/v1/finance/bank-entries/" + url_encoded(a->entry) + "/assign", body, a->key)),
                  [](const json& entry) {
                    if (auto text = waiting(entry)) return *text;
                    return money(entry, "money") + " are credited to " + field(entry, "account") + ".\n";
                  });
  });
}

}  // namespace

void add_bank_commands(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("bank", "A bank's statements of account (camt.053)");
  noun->require_subcommand(1);
  const auto file = std::make_shared<std::string>();
  const auto read = [&context, file] { return context.must(bank::parse_statements(read_input(*file, bank::kMaxStatementBytes))); };

  CLI::App* show = noun->add_subcommand("show", "The statements and entries of a file, and what is wrong with them");
  show->add_option("file", *file, "A camt.053 file as the bank sent it; - for standard input")->required();
  show->callback([&context, file, read] { context.print(report_on(*file, read(), true), show_file); });

  CLI::App* check = noun->add_subcommand("check", "Check a file: balances, currencies, batches, references; exit code 8 if wrong");
  check->add_option("file", *file, "A camt.053 file as the bank sent it; - for standard input")->required();
  check->callback([&context, file, read] {
    const json report = report_on(*file, read(), false);
    context.print(report, show_check);
    if (!report["ok"].get<bool>()) throw CLI::RuntimeError(info(ErrorCode::verification_failed).exit_code);
  });
  add_online_bank_commands(*noun, context);
}

}  // namespace bourse::cli
