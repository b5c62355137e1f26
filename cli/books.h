// What the book commands share: the market's replies as documents' plain data, and documents as bytes.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/context.h"
#include "documents/account_book.h"
#include "documents/bill.h"

namespace bourse::cli {

// "?name=value&…" of those that aren't empty.
std::string query_of(const std::vector<std::pair<std::string, std::string>>& parameters);
// What moved an account from day to day: every page. Ends the program when the market says no.
documents::AccountBook read_account_book(Context& context, const std::string& account, const std::string& from, const std::string& to, bool legs = false);
// Errors: integrity (it doesn't add up).
Result<documents::Bill> bill_of(const nlohmann::json& reply);
Result<documents::Receipt> receipt_of(const nlohmann::json& reply, const std::string& market);

// pdf, xlsx, csv (one table: the first unless named) or json. Errors: those of the writers; integrity.
Result<std::string> rendered(const documents::Document& document, const std::string& format, const std::string& table = {});
documents::Language language_named(const std::string& name);
// To a file, or to standard output for "-"; a pdf or xlsx file not to a terminal. Ends the program when it can't.
void write_document(const std::string& format, const std::string& path, const std::string& bytes);

}  // namespace bourse::cli
