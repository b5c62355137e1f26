#include "cli/rate/book_diff.h"

#include <nlohmann/json.hpp>
#include <set>

#include "broker/adapters/factors/fields.h"

namespace bourse::cli {
namespace {

using nlohmann::json;
using factors::id_named;

// The fields in which two objects differ; either may be empty.
std::vector<FieldChange> changes(const json& before, const json& after) {
  std::set<std::string> names;
  for (const json* object : {&before, &after})
    for (const auto& [key, value] : object->items()) names.insert(key);
  std::vector<FieldChange> differing;
  const auto shown = [](const json& object, const std::string& name) { return object.contains(name) ? object[name].dump() : std::string(); };
  for (const std::string& name : names) {
    FieldChange change{name, shown(before, name), shown(after, name)};
    if (change.before != change.after) differing.push_back(std::move(change));
  }
  return differing;
}

bool same(const BookFile& a, const BookFile& b, const std::string& name) {
  const auto id = id_named<PriceRowId>(name);
  const auto equal = [&id](const auto& left, const auto& right) {
    const auto l = left.find(id), r = right.find(id);
    return l != left.end() && r != right.end() && l->second == r->second;
  };
  return equal(a.book.rows(), b.book.rows()) || equal(a.book.discounts(), b.book.discounts());
}

json entry_of(const BookFile& book, const std::string& id) {
  const auto found = book.entries.find(id);
  return found == book.entries.end() ? json::object() : json::parse(found->second);
}

json head_of(const BookFile& book) {
  json head{{"currency", book.currency.text()}};
  if (book.du_price) head["du_price"] = {{"currency", book.du_price->currency.text()}, {"price", to_text(book.du_price->price)}};
  return head;
}

}  // namespace

std::vector<BookChange> book_diff(const BookFile& before, const BookFile& after) {
  std::vector<BookChange> all;
  if (auto head = changes(head_of(before), head_of(after)); !head.empty()) all.push_back({BookChange::Kind::changed, "", std::move(head)});
  std::set<std::string> ids;
  for (const BookFile* book : {&before, &after})
    for (const auto& [id, text] : book->entries) ids.insert(id);
  for (const std::string& id : ids) {
    const bool was = before.entries.contains(id), is = after.entries.contains(id);
    if (was && is && same(before, after, id)) continue;
    auto fields = changes(entry_of(before, id), entry_of(after, id));
    if (was && is && fields.empty()) continue;  // the currency, which is shown for the book
    all.push_back({!was ? BookChange::Kind::added : !is ? BookChange::Kind::removed : BookChange::Kind::changed, id, std::move(fields)});
  }
  return all;
}

}  // namespace bourse::cli
