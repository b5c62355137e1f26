#include "cli/rate/summary.h"

namespace bourse::cli {
namespace {

using nlohmann::json;

Status add_amount(Amount& sum, Amount more) {
  const auto total = checked_add(sum, more);
  if (!total) return fail(ErrorCode::amount_overflow, "the sum of all lines");
  sum = *total;
  return {};
}

json figures(const Summary::Sum& sum) {
  return {{"amount", to_text(sum.amount)}, {"charged", to_text(sum.charged)}, {"difference", to_text(sum.amount - sum.charged)}};
}

}  // namespace

Status Summary::add(const UsageLine& line, const pricing::Rating& rating) {
  const auto of = [&](const std::string& meter) -> Sum& {
    Sum& sum = sums_[{line.center, meter}];
    sum.center_name = line.center_name;
    return sum;
  };
  for (const pricing::RatedLine& one : rating.lines) CHECK_OK(add_amount(of(std::string(pricing::name(one.meter))).amount, one.amount));
  Amount known;
  for (const auto& [meter, amount] : line.charged_by_meter) {
    CHECK_OK(add_amount(of(meter).charged, amount));
    CHECK_OK(add_amount(known, amount));
  }
  const Amount charged = line.charged.value_or(Amount{});
  if (known != charged) CHECK_OK(add_amount(of("").charged, charged - known));
  CHECK_OK(add_amount(total_.amount, rating.total));
  CHECK_OK(add_amount(total_.charged, charged));
  ++rated_;
  return {};
}

json Summary::as_json(Unit currency, std::size_t parked) const {
  json rows = json::array();
  for (const auto& [key, sum] : sums_) {
    json row = figures(sum);
    row.update({{"center", key.first}, {"center_name", sum.center_name}, {"meter", key.second}});
    rows.push_back(std::move(row));
  }
  json total = figures(total_);
  total.update({{"currency", currency.text()}, {"rated", rated_}, {"parked", parked}, {"passed_over", passed_over_}});
  return {{"summary", std::move(rows)}, {"total", std::move(total)}};
}

}  // namespace bourse::cli
