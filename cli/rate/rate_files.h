// The files of `bourse rate`: a price book and usage records, as this folder's README describes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "pricing/price_book.h"
#include "pricing/rating.h"

namespace bourse::cli {

inline constexpr std::size_t kMaxBookBytes = 64 << 20;
inline constexpr std::size_t kMaxUsageLine = 1 << 16;

struct BookFile {
  Unit currency;
  pricing::PriceBook book;
  std::unordered_map<PriceRowId, std::string> row_names;  // as the file has them
};
// Errors: invalid_argument, naming the row and the field; conflict (two rows with one id).
Result<BookFile> read_book(std::string_view json);

struct UsageLine {
  std::string id;
  pricing::Scope where;
  Instant start;
  pricing::Usage usage;
};
// Errors: invalid_argument, naming the field. `id`, when it could be read, is filled in all the same.
Result<UsageLine> read_usage(std::string_view json, std::string& id);

// Errors: no_price, and those of pricing::rate_usage.
Result<pricing::Rating> rate(const BookFile& book, const UsageLine& line);

}  // namespace bourse::cli
