#include "broker/adapters/api/bank_entries.h"

#include <fmt/format.h>

#include <set>

#include "broker/adapters/api/columns.h"

namespace bourse::broker::api {
namespace {

constexpr std::size_t kBankConnections = 2;
constexpr const char* kEntryColumns =
    "identity, entry, amount_micros, unit, booked_on, value_on, bank_reference, end_to_end_id, other_name, other_account, "
    "remittance, " BOURSE_MS("imported_at") " AS imported_ms, state, reason, account, payout, proposal";

StoredBankEntry entry_of_row(const pqxx::row& row) {
  return {.identity = hash_column(row["identity"]),
          .entry = hash_column(row["entry"]),
          .amount = amount_column(row["amount_micros"]),
          .unit = unit_column(row["unit"]),
          .booked_on = row["booked_on"].c_str(),
          .value_on = row["value_on"].c_str(),
          .bank_reference = row["bank_reference"].c_str(),
          .end_to_end_id = row["end_to_end_id"].c_str(),
          .other_name = row["other_name"].c_str(),
          .other_account = row["other_account"].c_str(),
          .remittance = row["remittance"].c_str(),
          .imported_at = instant_column(row["imported_ms"]),
          .state = enum_column<BankEntryState>(row["state"]),
          .reason = row["reason"].c_str(),
          .account = id_column<BillingAccountIdKind>(row["account"]),
          .payout = id_column<PayoutIdKind>(row["payout"]),
          .proposal = id_column<ProposalIdKind>(row["proposal"])};
}

template <class Kind>
std::unique_ptr<std::string> or_null(Id<Kind> id) {
  return id.is_nil() ? nullptr : std::make_unique<std::string>(sql(id));
}

Result<std::optional<StoredBankEntry>> find_in(pqxx::transaction_base& work, const Hash256& identity) {
  const auto rows = work.exec_params(fmt::format("SELECT {} FROM bank.entries WHERE identity = decode($1, 'hex')", kEntryColumns), to_hex(identity));
  if (rows.empty()) return std::nullopt;
  return entry_of_row(rows[0]);
}

bool insert(pqxx::work& work, const StoredBankEntry& e, const Hash256& file, Instant now) {
  return work
             .exec_params(
                 "INSERT INTO bank.entries (identity, entry, file, amount_micros, unit, booked_on, value_on, bank_reference, end_to_end_id, "
                 "other_name, other_account, remittance, imported_at, reason) VALUES (decode($1, 'hex'), decode($2, 'hex'), decode($3, 'hex'), $4, $5, "
                 "$6, $7, $8, $9, $10, $11, $12, to_timestamp($13::bigint / 1000.0), $14) ON CONFLICT DO NOTHING",
                 to_hex(e.identity), to_hex(e.entry), to_hex(file), e.amount.micros, std::string(e.unit.text()), e.booked_on, e.value_on,
                 e.bank_reference, e.end_to_end_id, e.other_name, e.other_account, e.remittance, now.unix_ms, e.reason)
             .affected_rows() == 1;
}

}  // namespace

std::string_view name(BankEntryState state) {
  static constexpr std::string_view kNames[] = {"", "open", "proposed", "booked", "paid", "returned"};
  return kNames[static_cast<std::size_t>(state)];
}

BankEntries::BankEntries(const std::string& writer_conninfo)
    : database_(writer_conninfo, "SET statement_timeout = 30000; SET lock_timeout = 5000", kBankConnections) {}

Result<std::vector<StoredBankEntry>> BankEntries::keep(const Hash256& file, const std::string& file_name, UserId by, Instant now,
                                                       std::vector<StoredBankEntry> entries) {
  using Entries = std::vector<StoredBankEntry>;
  return database_.write<Entries>([&](pqxx::work& work) -> Result<Entries> {
    // One import at a time: two that overlap would else each miss what the other is about to add.
    work.exec("SELECT pg_advisory_xact_lock(hashtext('bourse bank import'))");
    work.exec_params("INSERT INTO bank.files (sha256, name, imported_by, imported_at) VALUES (decode($1, 'hex'), $2, $3, "
                     "to_timestamp($4::bigint / 1000.0)) ON CONFLICT DO NOTHING",
                     to_hex(file), file_name, sql(by), now.unix_ms);
    std::set<Hash256> told_before;
    for (const StoredBankEntry& e : entries)
      if (!told_before.contains(e.entry) && !work.exec_params("SELECT 1 FROM bank.entries WHERE entry = decode($1, 'hex') LIMIT 1", to_hex(e.entry)).empty())
        told_before.insert(e.entry);
    Entries out;
    for (StoredBankEntry& e : entries) {
      if (told_before.contains(e.entry)) e.reason = "an earlier file told this entry with other payments in it";
      const bool fresh = insert(work, e, file, now);
      TRY(std::optional<StoredBankEntry> kept, find_in(work, e.identity));
      if (!kept) return fail(ErrorCode::internal);
      kept->fresh = fresh;
      out.push_back(std::move(*kept));
    }
    return out;
  });
}

Result<bool> BankEntries::change(const StoredBankEntry& e, BankEntryState from) {
  return database_.write<bool>([&](pqxx::work& work) -> Result<bool> {
    return work
               .exec_params("UPDATE bank.entries SET state = $2, reason = $3, account = $4, payout = $5, proposal = $6 "
                            "WHERE identity = decode($1, 'hex') AND state = $7",
                            to_hex(e.identity), static_cast<int>(e.state), e.reason, or_null(e.account), or_null(e.payout),
                            or_null(e.proposal), static_cast<int>(from))
               .affected_rows() == 1;
  });
}

Result<std::optional<StoredBankEntry>> BankEntries::find(const Hash256& identity) {
  return database_.read<std::optional<StoredBankEntry>>([&](pqxx::transaction_base& work) { return find_in(work, identity); });
}

Result<std::vector<StoredBankEntry>> BankEntries::list(std::optional<BankEntryState> state, std::optional<Hash256> after, int limit) {
  using Entries = std::vector<StoredBankEntry>;
  return database_.read<Entries>([&](pqxx::transaction_base& work) -> Result<Entries> {
    Entries out;
    for (const auto& row : work.exec_params(
             fmt::format("SELECT {} FROM bank.entries WHERE ($1::smallint = 0 OR state = $1::smallint) AND ($2 = '' OR identity > decode($2, 'hex')) "
                         "ORDER BY identity LIMIT $3", kEntryColumns),
             static_cast<int>(state.value_or(BankEntryState{})), after ? to_hex(*after) : std::string(), limit))
      out.push_back(entry_of_row(row));
    return out;
  });
}

}  // namespace bourse::broker::api
