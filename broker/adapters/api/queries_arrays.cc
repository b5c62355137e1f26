// Arrays of jobs in the projections.
#include "broker/adapters/api/columns.h"
#include "broker/adapters/api/queries.h"

namespace bourse::broker::api {
namespace {

constexpr const char* kColumns =
    "SELECT a.id, a.account, a.\"user\", a.quote, a.unit, a.elements, a.held_micros, a.spec, a.decision, " BOURSE_MS("a.submitted_at")
    " AS submitted_ms, " BOURSE_MS("a.wait_until") " AS wait_until_ms FROM market.arrays a ";

Result<StoredArray> array_of_row(const pqxx::row& row) {
  StoredArray array;
  array.id = id_column<JobIdKind>(row["id"]);
  array.account = id_column<BillingAccountIdKind>(row["account"]);
  array.user = id_column<UserIdKind>(row["user"]);
  array.quote = id_column<QuoteIdKind>(row["quote"]);
  array.unit = unit_column(row["unit"]);
  array.elements = row["elements"].as<std::uint32_t>();
  array.hold = amount_column(row["held_micros"]);
  TRY(array.spec, decoded_column<JobSpec>(row["spec"]));
  TRY(array.decision, decoded_column<Decision>(row["decision"]));
  array.submitted_at = instant_column(row["submitted_ms"]);
  array.wait_until = instant_column(row["wait_until_ms"]);
  return array;
}

// Elements that aren't jobs yet wait, and have their hold already.
void count_elements(pqxx::transaction_base& work, StoredArray& array) {
  std::uint32_t made = 0;
  for (const auto& row : work.exec_params("SELECT state, count(*) AS n, sum(held_micros)::bigint AS held, sum(charged_micros)::bigint AS charged, "
                                          BOURSE_MS("max(ended_at)") " AS ended_ms FROM market.jobs WHERE array_id = $1 GROUP BY state", sql(array.id))) {
    const auto count = row["n"].as<std::uint32_t>();
    made += count;
    array.states[enum_column<JobState>(row["state"])] = count;
    array.held += amount_column(row["held"]);
    array.charged += amount_column(row["charged"]);
    array.ended_at = std::max(array.ended_at, instant_column(row["ended_ms"]));
  }
  if (made >= array.elements) return;
  array.states[JobState::waiting] += array.elements - made;
  array.held += Amount{array.hold.micros * (array.elements - made)};
}

}  // namespace

Result<std::optional<StoredArray>> Queries::array(JobId id) {
  return database_.read<std::optional<StoredArray>>([&](pqxx::transaction_base& work) -> Result<std::optional<StoredArray>> {
    const auto rows = work.exec_params(std::string(kColumns) + "WHERE a.id = $1", sql(id));
    if (rows.empty()) return std::nullopt;
    TRY(StoredArray array, array_of_row(rows[0]));
    count_elements(work, array);
    return array;
  });
}

Result<std::vector<StoredArray>> Queries::arrays(const JobFilter& filter) {
  using Arrays = std::vector<StoredArray>;
  return database_.read<Arrays>([&](pqxx::transaction_base& work) -> Result<Arrays> {
    const auto older = filter.older_than ? std::make_unique<std::string>(sql(*filter.older_than)) : nullptr;
    Arrays arrays;
    for (const auto& row : work.exec_params(std::string(kColumns) + "WHERE (cardinality($1::uuid[]) = 0 OR a.account = ANY ($1::uuid[])) "
                                                                    "AND ($2::uuid IS NULL OR a.id < $2::uuid) ORDER BY a.id DESC LIMIT $3",
                                            sql_list(filter.accounts), older, filter.limit)) {
      TRY(StoredArray array, array_of_row(row));
      count_elements(work, array);
      arrays.push_back(std::move(array));
    }
    return arrays;
  });
}

}  // namespace bourse::broker::api
