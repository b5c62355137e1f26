// Reservations as the projections have them: as they were bought, and what became of them.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "broker/adapters/api/columns.h"
#include "broker/adapters/api/queries.h"

namespace bourse::broker::api {
namespace {

constexpr const char* kReservations =
    "SELECT r.body, s.days, s.gross, s.center_share, s.margin, s.tax, s.fee, e.state, e.returned_micros, e.reason, " BOURSE_MS("e.at") " AS ended_ms, "
    "(SELECT n.renew FROM market.reservation_renewals n WHERE n.reservation = r.id ORDER BY n.journal_seq DESC, n.idx DESC LIMIT 1) AS renew "
    "FROM market.reservations r LEFT JOIN market.reservation_ends e ON e.reservation = r.id, "
    "LATERAL (SELECT coalesce(max(a.days), 0) AS days, coalesce(sum(a.gross_micros), 0)::bigint AS gross, "
    "coalesce(sum(a.center_share_micros), 0)::bigint AS center_share, coalesce(sum(a.margin_micros), 0)::bigint AS margin, "
    "coalesce(sum(a.tax_micros), 0)::bigint AS tax, coalesce(sum(a.gross_micros) FILTER (WHERE a.fee), 0)::bigint AS fee "
    "FROM market.reservation_accruals a WHERE a.reservation = r.id) s ";

Result<Reservation> reservation_of(const pqxx::row& row) {
  TRY(Reservation out, decoded_column<Reservation>(row["body"]));
  out.days_earned = row["days"].as<std::int32_t>();
  out.earned = {amount_column(row["gross"]), amount_column(row["center_share"]), amount_column(row["margin"]), amount_column(row["tax"])};
  out.fee = amount_column(row["fee"]);
  if (!row["renew"].is_null()) out.renew = row["renew"].as<bool>();
  if (row["state"].is_null()) return out;
  out.state = enum_column<ReservationState>(row["state"]);
  out.returned = amount_column(row["returned_micros"]);
  out.reason = row["reason"].c_str();
  out.ended_at = instant_column(row["ended_ms"]);
  return out;
}

std::string array_of(const std::vector<BillingAccountId>& accounts) {
  std::string out = "{";
  for (const BillingAccountId id : accounts) out.append(out.size() > 1 ? "," : "").append(sql(id));
  return out + "}";
}

}  // namespace

Result<std::vector<Reservation>> Queries::reservations(const std::vector<BillingAccountId>& accounts, std::optional<ReservationId> older_than, int limit) {
  using Found = std::vector<Reservation>;
  return database_.read<Found>([&](pqxx::transaction_base& work) -> Result<Found> {
    const auto older = older_than ? std::make_unique<std::string>(sql(*older_than)) : nullptr;
    Found out;
    for (const auto& row : work.exec_params(std::string(kReservations) +
                                                "WHERE (cardinality($1::uuid[]) = 0 OR r.account = ANY($1::uuid[])) AND ($2::uuid IS NULL OR r.id < $2::uuid) "
                                                "ORDER BY r.id DESC LIMIT $3",
                                            array_of(accounts), older, limit)) {
      TRY(Reservation one, reservation_of(row));
      out.push_back(std::move(one));
    }
    return out;
  });
}

Result<std::optional<Reservation>> Queries::reservation(ReservationId id) {
  using Found = std::optional<Reservation>;
  return database_.read<Found>([&](pqxx::transaction_base& work) -> Result<Found> {
    const auto rows = work.exec_params(std::string(kReservations) + "WHERE r.id = $1", sql(id));
    if (rows.empty()) return Found{};
    TRY(Reservation one, reservation_of(rows[0]));
    return Found{std::move(one)};
  });
}

Result<std::vector<TraceRow>> Queries::trace_reservation(ReservationId id, TraceView view) {
  using Steps = std::vector<TraceRow>;
  return database_.read<Steps>([&](pqxx::transaction_base& work) -> Result<Steps> {
    Steps out;
    const auto add = [&](const pqxx::row& row, std::string kind, std::string of, std::string text) {
      out.push_back({std::move(kind), std::move(of), std::move(text), instant_column(row["ms"]), static_cast<std::uint64_t>(int64_column(row["journal_seq"]))});
    };
    const auto money = [](const pqxx::row& row, const char* column) {
      return fmt::format("{} {}", to_text(amount_column(row[column])), row["unit"].c_str());
    };
    for (const auto& row : work.exec_params(
             "SELECT r.quantity, r.what, r.pool, r.unit, r.price_micros, r.price_row, r.days, r.journal_seq, c.name, " BOURSE_MS("r.bought_at") " AS ms, "
             BOURSE_MS("r.from_at") " AS from_ms, " BOURSE_MS("r.until_at") " AS until_ms FROM market.reservations r "
             "LEFT JOIN market.centers c ON c.id = r.center WHERE r.id = $1", sql(id)))
      add(row, "reservation", to_text(id),
          fmt::format("{} {}s of {}/{} bought for {} by {}, from {} to {} ({} days)", int64_column(row["quantity"]), name(enum_column<Reserved>(row["what"])),
                      row["name"].c_str(), row["pool"].c_str(), money(row, "price_micros"), to_text(id_column<PriceRowIdKind>(row["price_row"])),
                      to_text(instant_column(row["from_ms"])), to_text(instant_column(row["until_ms"])), row["days"].as<int>()));
    for (const auto& row : work.exec_params(
             "SELECT a.days, a.gross_micros, a.center_share_micros, a.margin_micros, a.tax_micros, a.period, a.journal_seq, p.number, p.unit, p.statement, "
             BOURSE_MS("a.at") " AS ms FROM market.reservation_accruals a LEFT JOIN market.periods p ON p.id = a.period WHERE a.reservation = $1 "
             "ORDER BY a.journal_seq, a.idx", sql(id))) {
      const Hash256 statement = hash_column(row["statement"]);
      add(row, "accrual", to_text(id_column<PeriodIdKind>(row["period"])),
          fmt::format("{}: {} earned{}; period {}{}", row["days"].is_null() ? "ended early, fee" : fmt::format("{} days over", row["days"].as<int>()),
                      money(row, "gross_micros"),
                      view == TraceView::staff ? fmt::format(": center {}, margin {}, tax {}", to_text(amount_column(row["center_share_micros"])),
                                                             to_text(amount_column(row["margin_micros"])), to_text(amount_column(row["tax_micros"])))
                                               : fmt::format(", tax {} in it", to_text(amount_column(row["tax_micros"]))),
                      row["number"].as<int>(), statement.is_zero() ? "" : ", statement sha256 " + to_hex(statement)));
    }
    for (const auto& row : work.exec_params("SELECT n.renew, n.journal_seq, " BOURSE_MS("n.at") " AS ms FROM market.reservation_renewals n "
                                            "WHERE n.reservation = $1 ORDER BY n.journal_seq, n.idx", sql(id)))
      add(row, "renewal", to_text(id), row["renew"].as<bool>() ? "to be renewed at its end" : "not to be renewed");
    for (const auto& row : work.exec_params("SELECT e.state, e.returned_micros, e.reason, e.journal_seq, r.unit, " BOURSE_MS("e.at") " AS ms "
                                            "FROM market.reservation_ends e JOIN market.reservations r ON r.id = e.reservation WHERE e.reservation = $1", sql(id))) {
      const std::string reason = row["reason"].c_str();
      add(row, "closed", to_text(id), fmt::format("{}; {} given back{}", name(enum_column<ReservationState>(row["state"])), money(row, "returned_micros"),
                                                  reason.empty() ? "" : ". " + reason));
    }
    for (const auto& row : work.exec_params("SELECT r.id, r.journal_seq, " BOURSE_MS("r.bought_at") " AS ms FROM market.reservations r WHERE r.renews = $1", sql(id)))
      add(row, "renewed", to_text(id_column<ReservationIdKind>(row["id"])), "goes on as this one");
    std::vector<std::pair<std::pair<std::uint64_t, std::size_t>, TraceRow>> order;  // of one journal row as they were read
    for (TraceRow& row : out) order.emplace_back(std::pair(row.position, order.size()), std::move(row));
    std::ranges::sort(order, {}, &decltype(order)::value_type::first);
    out.clear();
    for (auto& [place, row] : order) out.push_back(std::move(row));
    return out;
  });
}

}  // namespace bourse::broker::api
