// bourse rate: what a price book charges for usage, offline.
#include <fstream>
#include <functional>
#include <iostream>
#include <limits>

#include "cli/client/table.h"
#include "cli/context.h"
#include "cli/rate/rate_files.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kMostShown = 1000;  // rows of the table for people

json rated(const BookFile& book, const UsageLine& line, const pricing::Rating& rating) {
  json lines = json::array();
  for (const pricing::RatedLine& rated : rating.lines) {
    const pricing::PriceRow& row = book.book.rows().at(rated.row);
    json entry{{"row", book.row_names.at(rated.row)}, {"price", to_text(row.price)}, {"amount", to_text(rated.amount)}};
    if (row.strategy == pricing::Strategy::per_meter) {
      entry.update({{"meter", pricing::name(rated.meter)}, {"quantity", rated.quantity}, {"per", row.per}});
    } else {
      entry.update({{"strategy", pricing::name(row.strategy)}, {"hours", to_text(Decimal{rated.quantity, row.places})}});
    }
    lines.push_back(std::move(entry));
  }
  return {{"id", line.id}, {"amount", to_text(rating.total)}, {"currency", book.currency.text()}, {"lines", std::move(lines)}};
}

// What was read of a usage file, and what it came to.
class RatingRun {
 public:
  RatingRun(const BookFile& book, bool as_json) : book_(book), as_json_(as_json), table_({"usage", "amount", "currency", "rows"}) {}

  void take(std::string_view text) {
    ++number_;
    std::string id;
    const auto line = read_usage(text, id);
    const auto rating = line ? rate(book_, *line) : Result<pricing::Rating>(std::unexpected(line.error()));
    if (rating) return add(*line, *rating);
    wrong_ = wrong_.value_or(rating.error());
    ++parked_;
    if (as_json_)
      std::cout << json{{"id", id}, {"line", number_}, {"error", {{"code", info(rating.error().code).name}, {"detail", rating.error().detail}}}}.dump() << "\n";
    else
      std::cerr << "line " << number_ << (id.empty() ? "" : " (" + harmless(id) + ")") << ": " << harmless(rating.error().detail) << "\n";
  }

  // The exit code.
  int close() {
    if (!as_json_) {
      if (rated_ > kMostShown) table_.add({"… " + std::to_string(rated_ - kMostShown) + " more", "", "", ""});
      table_.add({"total", to_text(total_), std::string(book_.currency.text()), std::to_string(rated_) + " rated"});
      std::cout << table_.text();
      if (parked_ > 0) std::cerr << parked_ << " of " << number_ << " lines could not be rated\n";
    }
    std::cout.flush();
    return wrong_ ? info(wrong_->code).exit_code : 0;
  }

 private:
  void add(const UsageLine& line, const pricing::Rating& rating) {
    const auto total = checked_add(total_, rating.total);
    if (!total) Context::end_with({ErrorCode::amount_overflow, "the sum of all lines"});
    total_ = *total;
    if (as_json_) std::cout << rated(book_, line, rating).dump() << "\n";
    else if (rated_ < kMostShown) table_.add({line.id, to_text(rating.total), std::string(book_.currency.text()), rows_of(rating)});
    ++rated_;
  }
  std::string rows_of(const pricing::Rating& rating) const {
    std::string names;
    for (const pricing::RatedLine& line : rating.lines) names += (names.empty() ? "" : ", ") + book_.row_names.at(line.row);
    return names;
  }

  const BookFile& book_;
  bool as_json_;
  Table table_;
  Amount total_;
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

}  // namespace

void add_rate_command(CLI::App& app, Context& context) {
  auto book_path = std::make_shared<std::string>();
  auto usage_path = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("rate", "What a price book charges for usage: offline, exact, line by line");
  command->add_option("--book", *book_path, "The price book (JSON; cli/rate/README.md has its fields)")->required();
  command->add_option("--usage", *usage_path, "Usage records, one JSON object a line; - for standard input")->required();
  command->footer("With --output json one object a record. A record that can't be rated is reported in its place, and the exit code is its error's.");
  command->callback([&context, book_path, usage_path] {
    const BookFile book = context.must("--book", read_book(read_input(*book_path, kMaxBookBytes)));
    std::ifstream file;
    if (*usage_path != "-") {
      file.open(*usage_path, std::ios::binary);
      if (!file) Context::end_with({ErrorCode::invalid_argument, "can't read " + *usage_path});
    }
    std::istream& in = *usage_path == "-" ? std::cin : file;
    RatingRun run(book, context.as_json);
    each_line(in, [&run](std::string_view line) {
      if (line.find_first_not_of(" \t\r") != std::string_view::npos) run.take(line);
    });
    if (const int code = run.close(); code != 0) throw CLI::RuntimeError(code);
  });
}

}  // namespace bourse::cli
