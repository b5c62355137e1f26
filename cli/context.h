// What every command of `bourse` shares: output format, the client, how failures end.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/rng.h"
#include "base/time.h"
#include "cli/client/client.h"
#include "federation-proto/envelope.h"

namespace bourse::cli {

class Context {
 public:
  Context(const Clock& clock, Rng& rng) : clock_(clock), rng_(rng) {}

  bool as_json = false;

  const Clock& clock() const { return clock_; }
  Rng& rng() { return rng_; }
  // The client for the configured market; made at the first use. Ends the program when none is configured.
  Client& client();

  // The value, or the end of the program with the error's message and exit code.
  template <class T>
  T must(Result<T> result) {
    if (!result) end_with(result.error());
    return std::move(*result);
  }
  // The same for what was typed behind `option`, which the message names.
  template <class T>
  T must(const char* option, Result<T> result) {
    if (!result) result.error().detail.insert(0, std::string(option) + ": ");
    return must(std::move(result));
  }
  void must(const Status& status) {
    if (!status) end_with(status.error());
  }
  // What was typed behind `option` for an instant: "now", a day (its start in UTC) or RFC 3339; nothing for nothing.
  std::optional<Instant> when(const char* option, const std::string& text) {
    if (text.empty()) return std::nullopt;
    if (text == "now") return clock_.now();
    return must(option, parse_instant(text.size() == 10 ? text + "T00:00:00Z" : text));
  }
  [[noreturn]] static void end_with(const Error& error);

  // Prints the reply as it came (--output json), or what `text` makes of it.
  void print(const nlohmann::json& reply, const std::function<std::string(const nlohmann::json&)>& text) const;

 private:
  const Clock& clock_;
  Rng& rng_;
  std::unique_ptr<Client> client_;
};

// Each adds the commands of one noun or person to `app`.
void add_people_commands(CLI::App& app, Context& context);    // login, logout, whoami, wallet
void add_job_commands(CLI::App& app, Context& context);       // offers, quote, submit, jobs, job, logs, cancel, trace
void add_file_commands(CLI::App& app, Context& context);      // below `job`: files, fetch. After add_job_commands
// sbatch, bsub; `words` are what was typed behind them.
void add_wrapper_commands(CLI::App& app, Context& context, const std::vector<std::string>& words);
void add_operator_commands(CLI::App& app, Context& context);  // center, contract
void add_membership_commands(CLI::App& app, Context& context);  // below `center`: invite, invitations, withdraw, admit. After add_operator_commands
void add_price_commands(CLI::App& app, Context& context);     // prices; below `center`: quarantine. After add_operator_commands
void add_account_rule_commands(CLI::App& account, Context& context);  // below `account`
void add_center_admin_commands(CLI::App& app, Context& context);  // below `center`: admin; below `contract`: settlement-prices. After add_operator_commands
void add_selling_commands(CLI::App& app, Context& context);       // below `center`: selling, sell
void add_money_in_commands(CLI::App& app, Context& context);   // top-up, grant; below `voucher` and `package`: reverse
void add_lot_account_commands(CLI::App& account, Context& context);   // grant and lots, below `account`
void add_voucher_commands(CLI::App& app, Context& context);    // voucher
void add_reservation_commands(CLI::App& app, Context& context);  // reservation
void add_package_commands(CLI::App& app, Context& context);    // package
void add_finance_commands(CLI::App& app, Context& context);   // account, settle, statement, ledger
void add_settlement_commands(CLI::App& app, Context& context);  // proposal, payee, payout, refund
void add_dispute_commands(CLI::App& app, Context& context);    // dispute
void add_verify_command(CLI::App& app, Context& context);     // verify FILE, offline
void add_evidence_commands(CLI::App& app, Context& context);  // evidence; below `center`: days. After add_operator_commands
void verify_proof_file(Context& context, const std::string& path, const std::optional<federation::PublicKey>& pinned);
void add_document_commands(CLI::App& app, Context& context);  // statement export, offline; after add_finance_commands
void add_rate_command(CLI::App& app, Context& context);       // rate, offline
void add_bank_commands(CLI::App& app, Context& context);      // bank
void add_reconcile_commands(CLI::App& app, Context& context);  // reconcile, break
void add_ledger_commands(CLI::App& app, Context& context);    // ledger account, ledger journal, account export; after add_finance_commands
void add_usage_commands(CLI::App& app, Context& context);     // usage
void add_report_commands(CLI::App& app, Context& context);    // report
void add_bill_commands(CLI::App& app, Context& context);      // receipt, bill, invoice

// Downloads `path` into a file, or to standard output for "-". Ends the program when it can't.
void save(Context& context, const std::string& path, const std::string& output);
// The same for something small, whose SHA-256 must be that: nothing is written otherwise.
void save_checked(Context& context, const std::string& path, const std::string& sha256_hex, const std::string& output);

// What to print in place of a result when the reply waits for a second person; nothing when it was done.
std::optional<std::string> waiting(const nlohmann::json& reply);

// Whether somebody sits here who can be asked; and his answer, no unless he says yes.
bool on_terminal();
bool agreed(const std::string& question);

// A file's content, "-" for standard input. Ends the program when it can't be read or is above `limit`.
std::string read_input(const std::string& path, std::size_t limit);

}  // namespace bourse::cli
