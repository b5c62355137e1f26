// What comes after the capture, as the projections have it: proposals, payouts, disputes, charges.
#include <fmt/format.h>

#include "broker/adapters/api/columns.h"
#include "broker/adapters/api/queries.h"

namespace bourse::broker::api {

Result<std::optional<StoredProposal>> Queries::proposal(ProposalId id) {
  using Found = std::optional<StoredProposal>;
  return database_.read<Found>([&](pqxx::transaction_base& work) -> Result<Found> {
    const auto rows = work.exec_params(
        "SELECT p.\"by\", p.body, p.note, " BOURSE_MS("p.at") " AS at_ms, " BOURSE_MS("p.expires_at") " AS expires_ms, "
        "e.\"end\", e.\"by\" AS ended_by, e.reason, " BOURSE_MS("e.at") " AS ended_ms "
        "FROM market.proposals p LEFT JOIN market.proposal_ends e ON e.proposal = p.id WHERE p.id = $1",
        sql(id));
    if (rows.empty()) return std::nullopt;
    const auto& row = rows[0];
    StoredProposal out;
    out.proposal.id = id;
    out.proposal.by = id_column<UserIdKind>(row["by"]);
    TRY(out.proposal.act, decoded_column<Act>(row["body"]));
    out.proposal.note = row["note"].c_str();
    out.proposal.at = instant_column(row["at_ms"]);
    out.proposal.expires_at = instant_column(row["expires_ms"]);
    if (row["end"].is_null()) return out;
    out.end = enum_column<ProposalEnd>(row["end"]);
    out.ended_by = id_column<UserIdKind>(row["ended_by"]);
    out.reason = row["reason"].c_str();
    out.ended_at = instant_column(row["ended_ms"]);
    return out;
  });
}

Result<std::vector<StoredPayout>> Queries::payouts(std::optional<CenterId> center, std::optional<PayoutState> state,
                                                   std::optional<PayoutId> older_than, int limit) {
  using Payouts = std::vector<StoredPayout>;
  return database_.read<Payouts>([&](pqxx::transaction_base& work) -> Result<Payouts> {
    const auto which = center ? std::make_unique<std::string>(sql(*center)) : nullptr;
    const auto older = older_than ? std::make_unique<std::string>(sql(*older_than)) : nullptr;
    Payouts out;
    for (const auto& row : work.exec_params(
             "SELECT o.id, o.center, c.name, o.unit, o.amount_micros, o.payee_name, o.payee_account, o.payee_agent, "
             BOURSE_MS("o.ordered_at") " AS ordered_ms, coalesce(s.state, 1) AS state, " BOURSE_MS("s.at") " AS settled_ms, "
             "s.bank_reference, s.reason, f.file, (SELECT string_agg(pp.period::text, ',' ORDER BY p.number) FROM market.payout_periods pp "
             "JOIN market.periods p ON p.id = pp.period WHERE pp.payout = o.id) AS periods "
             "FROM market.payouts o JOIN market.centers c ON c.id = o.center LEFT JOIN market.payout_settlements s ON s.payout = o.id "
             "LEFT JOIN market.standing_files f ON f.payout = o.id "
             "WHERE ($1::uuid IS NULL OR o.center = $1::uuid) AND ($2::smallint = 0 OR coalesce(s.state, 1) = $2::smallint) "
             "AND ($3::uuid IS NULL OR o.id < $3::uuid) ORDER BY o.id DESC LIMIT $4",
             which, static_cast<int>(state.value_or(PayoutState{})), older, limit)) {
      StoredPayout stored{.payout = {.id = id_column<PayoutIdKind>(row["id"]),
                                     .center = id_column<CenterIdKind>(row["center"]),
                                     .unit = unit_column(row["unit"]),
                                     .amount = amount_column(row["amount_micros"]),
                                     .payee = {row["payee_name"].c_str(), row["payee_account"].c_str(), row["payee_agent"].c_str()},
                                     .periods = {},
                                     .state = enum_column<PayoutState>(row["state"]),
                                     .ordered_at = instant_column(row["ordered_ms"]),
                                     .settled_at = instant_column(row["settled_ms"]),
                                     .bank_reference = row["bank_reference"].c_str(),
                                     .file = uuid_column(row["file"])},
                          .center_name = row["name"].c_str(),
                          .reason = row["reason"].c_str()};
      constexpr std::size_t kUuid = 36;
      const std::string_view periods = row["periods"].is_null() ? std::string_view() : row["periods"].c_str();
      for (std::size_t at = 0; at + kUuid <= periods.size(); at += kUuid + 1)
        stored.payout.periods.push_back(PeriodId{parse_hyphenated(periods.substr(at, kUuid)).value_or(Uuid{})});
      out.push_back(std::move(stored));
    }
    return out;
  });
}

Result<std::optional<Charge>> Queries::charge(JobId job) {
  auto found = database_.read<std::optional<Charge>>([&](pqxx::transaction_base& work) -> Result<std::optional<Charge>> {
    const auto rows = work.exec_params(
        "SELECT a.id, a.center, j.account, (SELECT p.id FROM market.usage_captures n JOIN market.periods p ON p.id = n.period "
        "WHERE n.job = j.id AND n.attempt = a.id ORDER BY p.number DESC LIMIT 1) AS period, sum(u.gross_micros)::bigint AS gross, "
        "sum(u.center_share_micros)::bigint AS share, sum(u.margin_micros)::bigint AS margin, sum(u.tax_micros)::bigint AS tax "
        "FROM market.jobs j JOIN market.attempts a ON a.job = j.id JOIN market.usage_captures u ON u.job = j.id AND u.attempt = a.id "
        "WHERE j.id = $1 GROUP BY j.id, a.id, a.center, a.fence, j.account HAVING sum(u.gross_micros) > 0 ORDER BY a.fence DESC LIMIT 1",
        sql(job));
    if (rows.empty()) return std::nullopt;
    const auto& row = rows[0];
    return Charge{.job = job,
                  .attempt = id_column<AttemptIdKind>(row["id"]),
                  .account = id_column<BillingAccountIdKind>(row["account"]),
                  .center = id_column<CenterIdKind>(row["center"]),
                  .period = id_column<PeriodIdKind>(row["period"]),
                  .gross = amount_column(row["gross"]),
                  .center_share = amount_column(row["share"]),
                  .margin = amount_column(row["margin"]),
                  .tax = amount_column(row["tax"]),
                  .lots = {}};
  });
  if (!found || !*found) return found;
  TRY(const std::vector<StoredLotUse> uses, lots_of((*found)->attempt));
  for (const StoredLotUse& use : uses) (*found)->lots.push_back(use.part);
  return found;
}

Result<std::map<UserId, std::string>> Queries::user_names(const std::vector<UserId>& users) {
  using Names = std::map<UserId, std::string>;
  return database_.read<Names>([&](pqxx::transaction_base& work) -> Result<Names> {
    std::string ids = "{";
    for (const UserId user : users)
      if (!user.is_nil()) ids.append(ids.size() > 1 ? "," : "").append(sql(user));
    ids += "}";
    Names names;
    for (const auto& row : work.exec_params("SELECT id, name FROM identity.users WHERE id = ANY ($1::uuid[])", ids))
      names.emplace(id_column<UserIdKind>(row["id"]), row["name"].c_str());
    return names;
  });
}

Result<std::string> Queries::bank_text(Uuid reference) {
  return database_.read<std::string>([&](pqxx::transaction_base& work) -> Result<std::string> {
    const auto rows = work.exec_params("SELECT text FROM identity.bank_entries WHERE reference = $1", to_hyphenated(reference));
    return rows.empty() ? std::string() : std::string(rows[0][0].c_str());
  });
}

}  // namespace bourse::broker::api
