// The ledger as a whole, in one snapshot: accounts, then posted transfers page by page.
#include <fmt/format.h>

#include "broker/adapters/api/columns.h"
#include "broker/adapters/api/queries.h"

namespace bourse::broker::api {
namespace {

constexpr int kPage = 20'000;

std::string owner_text(ledger::AccountCode code, Uuid owner) {
  if (owner.is_nil()) return {};
  return code == ledger::AccountCode::wallet ? to_text(BillingAccountId{owner}) : to_text(CenterId{owner});
}

std::string reference_text(ledger::TransferCode code, Uuid reference, const std::string& bank) {
  if (!bank.empty()) return bank;
  if (reference.is_nil()) return {};
  switch (code) {
    case ledger::TransferCode::capture_center:
    case ledger::TransferCode::capture_margin:
    case ledger::TransferCode::capture_tax: return to_text(UsageRecordId{reference});
    case ledger::TransferCode::payout:
    case ledger::TransferCode::payout_paid:
    case ledger::TransferCode::payout_returned: return to_text(PayoutId{reference});
    case ledger::TransferCode::contract_fee:
    case ledger::TransferCode::contract_fee_tax: return to_text(PeriodId{reference});
    case ledger::TransferCode::reversal:
    case ledger::TransferCode::escrow:
    case ledger::TransferCode::escrow_release: return to_text(JobId{reference});
    default: return to_hyphenated(reference);
  }
}

std::vector<BookAccount> read_accounts(pqxx::transaction_base& work) {
  std::vector<BookAccount> accounts;
  for (const auto& row : work.exec(
           "SELECT a.id, a.code, a.unit, a.owner, coalesce(b.name, c.name, '') AS name, a.debits_posted_micros, "
           "a.credits_posted_micros, a.debits_pending_micros, a.credits_pending_micros FROM market.ledger_accounts a "
           "LEFT JOIN market.billing_accounts b ON b.id = a.owner LEFT JOIN market.centers c ON c.id = a.owner "
           "ORDER BY a.opened_seq, a.opened_idx")) {
    const auto code = enum_column<ledger::AccountCode>(row["code"]);
    accounts.push_back({.id = id_column<LedgerAccountIdKind>(row["id"]),
                        .code = code,
                        .unit = unit_column(row["unit"]),
                        .owner = owner_text(code, uuid_column(row["owner"])),
                        .name = row["name"].c_str(),
                        .debits_posted = amount_column(row["debits_posted_micros"]),
                        .credits_posted = amount_column(row["credits_posted_micros"]),
                        .debits_pending = amount_column(row["debits_pending_micros"]),
                        .credits_pending = amount_column(row["credits_pending_micros"])});
  }
  return accounts;
}

BookTransfer transfer_of_row(const pqxx::row& row) {
  const auto code = enum_column<ledger::TransferCode>(row["code"]);
  const Uuid reference = uuid_column(row["reference"]);
  return {.position = row["journal_seq"].as<std::uint64_t>(),
          .index = row["idx"].as<std::uint32_t>(),
          .debit = id_column<LedgerAccountIdKind>(row["debit"]),
          .credit = id_column<LedgerAccountIdKind>(row["credit"]),
          .amount = amount_column(row["amount_micros"]),
          .code = code,
          .reference = reference_text(code, reference, row["bank"].is_null() ? "" : row["bank"].c_str()),
          .group = row["hold"].is_null() ? Uuid{} : reference,
          .at = instant_column(row["at_ms"])};
}

}  // namespace

Status Queries::visit_ledger(const std::function<Status(const std::vector<BookAccount>&)>& accounts,
                             const std::function<Status(const BookTransfer&)>& transfer) {
  const auto done = database_.read<bool>([&](pqxx::transaction_base& work) -> Result<bool> {
    // One snapshot for all pages: the closing balances are those of exactly these transfers.
    work.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    CHECK_OK(accounts(read_accounts(work)));
    std::int64_t seq = 0, idx = -1;
    for (;;) {
      const auto page = work.exec_params(
          fmt::format("SELECT t.journal_seq, t.idx, t.debit, t.credit, t.amount_micros, t.code, t.reference, t.hold, "
                      BOURSE_MS("t.at") " AS at_ms, e.text AS bank FROM market.transfers t "
                      "LEFT JOIN identity.bank_entries e ON t.code IN (1, 26) AND e.reference = t.reference "
                      "WHERE NOT t.pending AND (t.journal_seq, t.idx) > ($1::bigint, $2::integer) "
                      "ORDER BY t.journal_seq, t.idx LIMIT {}", kPage), seq, idx);
      for (const auto& row : page) CHECK_OK(transfer(transfer_of_row(row)));
      if (page.size() < kPage) return true;
      seq = page.back()["journal_seq"].as<std::int64_t>();
      idx = page.back()["idx"].as<std::int64_t>();
    }
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

}  // namespace bourse::broker::api
