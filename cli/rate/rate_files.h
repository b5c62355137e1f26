// The files of `bourse rate`: a price book and usage records, as this folder's README describes them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "broker/adapters/factors/factor_table.h"
#include "pricing/interval.h"
#include "pricing/price_book.h"

namespace bourse::cli {

using factors::FactorTable;
using factors::FactorTables;

inline constexpr std::size_t kMaxBookBytes = 64 << 20;
inline constexpr std::size_t kMaxUsageLine = 1 << 16;

// What a 度 costs in money.
struct DuPrice {
  Unit currency;
  Decimal price;
};

struct BookFile {
  Unit currency;
  pricing::PriceBook book;
  std::unordered_map<PriceRowId, std::string> row_names;  // as the file has them; of discounts too
  std::optional<DuPrice> du_price;
  std::set<CenterId> centers;                             // of all scopes
  std::map<std::string, std::string> entries;             // each row and discount as it was written (JSON), by id
};
// `tables` are the factor tables that its rows may name.
// Errors: invalid_argument, naming the row and the field; conflict (two rows with one id).
Result<BookFile> read_book(std::string_view json, const FactorTables& tables = {});

struct UsageLine {
  std::string id;
  pricing::Scope where;
  std::string center, center_name;  // as written; the second may stand beside the first, and a book may know centers by it
  Instant start;
  Instant end;
  pricing::Usage usage;
  // What it was charged, where it says so.
  std::optional<Amount> charged;
  std::string charged_in;
  std::map<std::string, Amount> charged_by_meter;
};
// Errors: invalid_argument, naming the field. `id`, when it could be read, is filled in all the same.
Result<UsageLine> read_usage(std::string_view json, std::string& id);

// Prices are those that held at `as_of`, or, without one, at the line's start; hours and months are the line's own.
// Adds what it rated to `months`, and nothing when it fails. Errors: no_price, and those of pricing::rate_interval.
Result<pricing::Rating> rate(const BookFile& book, const UsageLine& line, pricing::Months& months, std::optional<Instant> as_of = std::nullopt);

// 度 in money, rounded half away from zero to micro-units. Errors: amount_overflow.
Result<Amount> in_money(Amount du, const DuPrice& price);

}  // namespace bourse::cli
