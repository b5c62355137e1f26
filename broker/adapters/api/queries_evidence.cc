// Signed messages, by what people name them by.
#include "broker/adapters/api/columns.h"
#include "broker/adapters/api/queries.h"

namespace bourse::broker::api {

Result<std::optional<StoredEvidence>> Queries::evidence(const Hash256& name) {
  using Found = std::optional<StoredEvidence>;
  return database_.read<Found>([&](pqxx::transaction_base& work) -> Result<Found> {
    const auto rows = work.exec_params("SELECT center, kind, idx FROM evidence.leaves WHERE name = decode($1, 'hex') ORDER BY idx LIMIT 1",
                                       to_hex(name));
    if (rows.empty()) return std::nullopt;
    return StoredEvidence{id_column<CenterIdKind>(rows[0]["center"]), enum_column<EvidenceKind>(rows[0]["kind"]),
                          static_cast<std::uint64_t>(int64_column(rows[0]["idx"]))};
  });
}

Result<Hash256> Queries::newest_report(Uuid of) {
  return database_.read<Hash256>([&](pqxx::transaction_base& work) -> Result<Hash256> {
    const auto rows = work.exec_params("SELECT encode(report, 'hex') FROM market.usage_captures WHERE job = $1 OR record = $1 OR attempt = $1 "
                                       "ORDER BY journal_seq DESC, idx DESC LIMIT 1", to_hyphenated(of));
    if (rows.empty()) return fail(ErrorCode::not_found, "No usage of that was booked.");
    return parse_hash(rows[0][0].c_str());
  });
}

Result<std::vector<BillingAccountId>> Queries::accounts_of_jobs(const std::vector<JobId>& jobs) {
  using Accounts = std::vector<BillingAccountId>;
  return database_.read<Accounts>([&](pqxx::transaction_base& work) -> Result<Accounts> {
    std::string ids = "{";
    for (const JobId job : jobs) ids.append(ids.size() > 1 ? "," : "").append(sql(job));
    ids += "}";
    Accounts out;
    for (const auto& row : work.exec_params("SELECT account FROM market.jobs WHERE id = ANY ($1::uuid[])", ids))
      out.push_back(id_column<BillingAccountIdKind>(row["account"]));
    return out;
  });
}

}  // namespace bourse::broker::api
