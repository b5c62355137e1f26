// A document for a finance office, before it has a format: who, which period, facts, tables with typed cells, sums, evidence.
//
// Every writer (PDF, XLSX, CSV, JSON) reads this and nothing else, so a new document (a bill, revenue, aged holds, a trial
// balance) is a function that fills a Document. Labels are in the document's language, keys are English and never change.
// Pure: no clock, no files. Texts may be anything; writers clean them (text.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/amount.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unit.h"

namespace bourse::documents {

enum class Language : std::uint8_t { en, zh };
inline std::string_view say(Language language, std::string_view english, std::string_view chinese) {
  return language == Language::zh ? chinese : english;
}

struct Money {
  Amount amount;
  Unit unit = kCny;
  bool operator==(const Money&) const = default;
};

// What stands in a cell; nothing = empty.
using Cell = std::variant<std::monostate, std::string, Money, std::int64_t, Instant>;
enum class Kind : std::uint8_t { text, money, integer, instant };

struct Column {
  std::string key;       // snake_case, of the files for machines
  std::string label;     // for people
  Kind kind = Kind::text;
  bool printed = true;   // on paper too; the other formats have all columns
};

struct Table {
  std::string key, title;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  std::vector<Cell> totals;   // empty = no line of sums; else a cell a column
  bool printed = true;
  bool filed = true;          // in files for programs too; false for a view of another table that fits on paper
};

struct Fact {
  std::string key, label;
  Cell value;
  bool identity = false;  // names the document: a CSV repeats it in each row, so that files can be put together
  bool printed = true;    // on paper too; false for what the parties say there already
};

struct Party {
  std::string role;   // key: "market", "center", "account"
  std::string label;  // for people
  std::string name;
  std::vector<Fact> details;
};

struct Evidence {
  std::string key, label, value;  // value: hexadecimal, mostly a SHA-256 or a key
  bool footer = false;            // on every page
};

struct Document {
  Language language = Language::en;
  std::string kind;     // "settlement-statement"
  std::string title;
  std::string number;   // by which people find it again
  std::string issuer;   // letterhead
  Instant from, to;     // the period, end exclusive
  Instant issued;       // what files carry as their date of creation: from the data, never from a clock
  std::vector<Party> parties;
  std::vector<Fact> facts;
  std::vector<Fact> summary;  // how the result comes about, line by line; the last is the result
  std::vector<Table> tables;  // the first is the main one: what a CSV holds
  std::vector<std::string> notes;
  std::vector<Evidence> evidence;
  std::vector<std::string> signatures;  // labels of the lines to sign on
};

// The columns of `table` with these keys, in their order, as a table for paper alone: a wide table is printed as several.
// Without `totals` its sums are left out. Keys that it doesn't have are a broken promise.
Table paper_view(const Table& table, std::string title, const std::vector<std::string_view>& keys, bool totals);

// Whether the document is well-formed: a table at least, cells as many as columns and of their kind, one unit a money
// column, totals that are the sums. Every writer of the command line is behind this. Errors: integrity, naming the place.
Status check(const Document& document);

}  // namespace bourse::documents
