#include "documents/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "documents/text.h"

namespace bourse::documents {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

std::string six_places(Amount amount, Unit unit) {
  const std::uint64_t size = amount.micros < 0 ? 0 - static_cast<std::uint64_t>(amount.micros) : static_cast<std::uint64_t>(amount.micros);
  return fmt::format("{}{}.{:06} {}", amount.is_negative() ? "-" : "", size / 1'000'000, size % 1'000'000, unit.text());
}

std::string_view type_name(AccountType type) {
  switch (type) {
    case AccountType::assets: return "Assets";
    case AccountType::liabilities: return "Liabilities";
    case AccountType::equity: return "Equity";
    case AccountType::income: return "Income";
    case AccountType::expenses: return "Expenses";
  }
  return "Equity";
}

// hledger: what would end an account name, start a comment or an amount becomes a blank, and two blanks never follow.
std::string hledger_text(std::string_view text) {
  std::string out;
  for (const char c : clean(text)) {
    const bool odd = c == ' ' || std::string_view(";:()[]{}|*!@=\"#,").contains(c);
    if (!odd) out.push_back(c);
    else if (!out.empty() && out.back() != ' ') out.push_back(' ');
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// beancount: ASCII letters, digits and dashes, with a capital or a digit first.
std::string beancount_part(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (fine) out.push_back(c);
    else if (!out.empty() && out.back() != '-') out.push_back('-');
  }
  while (out.ends_with('-')) out.pop_back();
  if (out.empty()) return "X";
  if (out.front() >= 'a' && out.front() <= 'z') out.front() = static_cast<char>(out.front() - 'a' + 'A');
  return out;
}

std::string beancount_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : clean(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// One name an account; those whose names fall together after cleaning are numbered.
template <class Part>
std::vector<std::string> account_names(const Journal& journal, std::string_view number, Part part) {
  std::vector<std::string> out;
  std::set<std::string> used;
  for (const JournalAccount& account : journal.accounts) {
    std::string name(type_name(account.type));
    for (const std::string& each : account.path) name.append(":").append(part(each));
    std::string unique = name;
    for (int n = 2; !used.insert(unique).second; ++n) unique = fmt::format("{}{}{}", name, number, n);
    out.push_back(unique);
  }
  return out;
}

// The first day on which something is, and the day of each entry, never falling.
struct Days {
  std::string first;
  std::vector<std::string> of_entries;
  Instant last;
};

Days days_of(const Journal& journal) {
  Days out;
  Instant at = journal.entries.empty() ? journal.from : std::min(journal.from, journal.entries.front().at);
  out.first = day_of(at);
  for (const JournalEntry& entry : journal.entries) {
    at = std::max(at, entry.at);
    out.of_entries.push_back(day_of(at));
  }
  out.last = std::max(at, journal.to);
  return out;
}

}  // namespace

std::string write_hledger(const Journal& journal) {
  const auto part = [](std::string_view text) {
    const std::string tame = hledger_text(text);
    return tame.empty() ? std::string("X") : tame;
  };
  const std::vector<std::string> names = account_names(journal, " ", part);
  const Days days = days_of(journal);
  std::string out = fmt::format("; {}\n; Debits are positive, credits negative.\n\ncommodity {}\n    format 1000.000000 {}\n\n",
                                hledger_text(journal.title), journal.unit.text(), journal.unit.text());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name = hledger_text(journal.accounts[i].name);
    out += fmt::format("account {}{}\n", names[i], name.empty() ? "" : "  ; " + name);
  }
  for (std::size_t i = 0; i < journal.entries.size(); ++i) {
    const JournalEntry& entry = journal.entries[i];
    const std::string reference = hledger_text(entry.reference);
    out += fmt::format("\n{} * {}{}\n", days.of_entries[i], hledger_text(entry.title), reference.empty() ? "" : " " + reference);
    for (const JournalPosting& posting : entry.postings)
      out += fmt::format("    {}  {}\n", names[posting.account], six_places(posting.amount, journal.unit));
  }
  out += fmt::format("\n{} * closing assertions\n", day_of(days.last));
  for (std::size_t i = 0; i < names.size(); ++i)
    out += fmt::format("    {}  0 {} = {}\n", names[i], journal.unit.text(), six_places(journal.accounts[i].closing, journal.unit));
  return out;
}

std::string write_beancount(const Journal& journal) {
  const std::vector<std::string> names = account_names(journal, "-", beancount_part);
  const Days days = days_of(journal);
  std::string out = fmt::format("; Debits are positive, credits negative.\noption \"title\" {}\noption \"operating_currency\" \"{}\"\n\n",
                                beancount_string(journal.title), journal.unit.text());
  for (std::size_t i = 0; i < names.size(); ++i) {
    out += fmt::format("{} open {} {}\n", days.first, names[i], journal.unit.text());
    if (!journal.accounts[i].name.empty()) out += fmt::format("  name: {}\n", beancount_string(journal.accounts[i].name));
  }
  for (std::size_t i = 0; i < journal.entries.size(); ++i) {
    const JournalEntry& entry = journal.entries[i];
    out += fmt::format("\n{} * {}\n", days.of_entries[i],
                       beancount_string(entry.title + (entry.reference.empty() ? "" : " " + entry.reference)));
    for (const JournalPosting& posting : entry.postings)
      out += fmt::format("  {}  {}\n", names[posting.account], six_places(posting.amount, journal.unit));
  }
  out += "\n";
  const std::string after = day_of(Instant{days.last.unix_ms - days.last.unix_ms % kDayMs + kDayMs});
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string balance = six_places(journal.accounts[i].closing, journal.unit);
    const std::size_t blank = balance.find(' ');
    out += fmt::format("{} balance {} {} ~ 0 {}\n", after, names[i], balance.substr(0, blank), balance.substr(blank + 1));
  }
  return out;
}

}  // namespace bourse::documents
