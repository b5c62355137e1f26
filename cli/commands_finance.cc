#include <unistd.h>

#include <iostream>

#include "base/unit.h"
#include "cli/client/quantities.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

std::string show_statement_rows(const json& rows) {
  Table table({"period", "center", "no.", "state", "opened", "cut off", "captures", "gross", "center's share", "margin", "tax", "opening", "corrections",
               "fee", "paid out", "closing", "days"});
  for (const json& s : rows)
    table.add({field(s, "period"), field(s, "center_name"), field(s, "number"), field(s, "state"), instant(s, "opened_at"),
               instant(s, "cut_off"), field(s, "captures"), money(s, "gross"), money(s, "center_share"), money(s, "margin"), money(s, "tax"),
               money(s, "opening"), money(s, "corrections"), money(s, "fee"), money(s, "paid_out"), money(s, "closing"), field(s, "completeness")});
  return table.empty() ? "No periods.\n" : table.text();
}

std::string show_totals(const json& totals) {
  Table table({"unit", "debits posted", "credits posted", "debits pending", "credits pending"});
  for (const json& t : totals)
    table.add({field(t, "unit"), field(t, "debits_posted"), field(t, "credits_posted"), field(t, "debits_pending"), field(t, "credits_pending")});
  return table.text();
}

std::string show_verdict(const json& v) {
  const auto yes = [&](const char* name) { return std::string(v.value(name, false) ? "yes" : "NO"); };
  std::string out = list_of({{"journal rows", field(v, "rows")},
                             {"events", field(v, "events")},
                             {"hash chain whole", yes("chain_ok")},
                             {"debits = credits", yes("balanced")},
                             {"replay equals live state", yes("state_match")},
                             {"projections equal replay", yes("projections_match")}});
  for (const json& difference : v.value("differences", json::array())) out += "difference: " + harmless(difference.get<std::string>()) + "\n";
  return out + "\n" + show_totals(v.value("totals", json::array()));
}

void add_account_commands(CLI::App& app, Context& context) {
  CLI::App* account = app.add_subcommand("account", "Billing accounts: money in, limits, freezing")->require_subcommand(1);
  add_account_rule_commands(*account, context);
  add_lot_account_commands(*account, context);
  account->add_subcommand("list", "All billing accounts with their balances")->callback([&context] {
    context.print(context.must(context.client().get("/api/v1/finance/accounts")), [](const json& reply) {
      Table table({"account", "name", "tenant", "balance", "held", "available", "currency", "claim code"});
      for (const json& w : reply.value("wallets", json::array()))
        table.add({field(w, "account"), field(w, "name"), field(w, "tenant"), field(w, "balance"), field(w, "held"), field(w, "available"), field(w, "currency"), field(w, "claim_code")});
      return table.text();
    });
  });
  struct Funding {
    std::string account, amount, unit = "CNY", reference, key, note;
  };
  auto f = std::make_shared<Funding>();
  CLI::App* fund = account->add_subcommand("fund", "Book money that came in by bank: bank clearing → wallet");
  fund->add_option("account", f->account, "The billing account (acc_…)")->required();
  fund->add_option("amount", f->amount, "Such as 1000.00")->required();
  fund->add_option("--unit", f->unit, "Currency")->capture_default_str();
  fund->add_option("--bank-reference", f->reference, "The bank's own reference of the entry")->required();
  fund->add_option("--idempotency-key", f->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  fund->add_option("--note", f->note, "Why, for whoever approves");
  fund->callback([&context, f] {
    const Amount amount = context.must("amount", positive_amount(f->amount));
    const Unit unit = context.must("--unit", parse_unit(f->unit));
    const json body = {{"account", f->account},
                       {"money", {{"amount", to_text(amount)}, {"currency", unit.text()}}},
                       {"bank_reference", f->reference},
                       {"note", f->note}};
    context.print(context.must(context.client().post("/api/v1/finance/fundings", body, f->key)), [](const json& w) {
      if (auto text = waiting(w)) return *text;
      return field(w, "account") + " has " + field(w, "balance") + " " + field(w, "currency") + ", of which " + field(w, "available") + " are free.\n";
    });
  });
}

void add_statement_commands(CLI::App& app, Context& context) {
  struct Names {
    std::string center, period, incomplete, output = "-";
  };
  auto names = std::make_shared<Names>();
  CLI::App* settle = app.add_subcommand("settle", "Close a center's period and seal its statement; what it is owed is paid by 'bourse payout order'");
  settle->add_option("center", names->center, "Name or id")->required();
  settle->add_option("--incomplete", names->incomplete, "Close it although broker and center don't agree on all of its days (bourse center days): why");
  settle->callback([&context, names] {
    context.print(context.must(context.client().post("/api/v1/settlements", {{"center", names->center}, {"incomplete", names->incomplete}})), [](const json& reply) {
      return show_statement_rows(json::array({reply.value("statement", json::object())})) + "\nThe sealed document: bourse statement get " +
             field(reply, "period") + " --output FILE\n";
    });
  });
  CLI::App* statement = app.add_subcommand("statement", "Settlement statements")->require_subcommand(1);
  CLI::App* list = statement->add_subcommand("list", "Periods of a center, or of all");
  list->add_option("--center", names->center, "Name or id");
  list->callback([&context, names] {
    context.print(context.must(context.client().get("/api/v1/statements" + (names->center.empty() ? "" : "?center=" + url_encoded(names->center)))),
                  [](const json& reply) { return show_statement_rows(reply.value("statements", json::array())); });
  });
  CLI::App* get = statement->add_subcommand("get", "The sealed statement, exactly as signed; check it with 'bourse verify'");
  get->add_option("period", names->period, "The period (per_…)")->required();
  get->add_option("--output", names->output, "File; '-' for standard output")->capture_default_str();
  get->callback([&context, names] { save(context, "/api/v1/statements/" + url_encoded(names->period), names->output); });
}

}  // namespace

void add_finance_commands(CLI::App& app, Context& context) {
  add_account_commands(app, context);
  add_statement_commands(app, context);

  CLI::App* ledger = app.add_subcommand("ledger", "The double-entry ledger")->require_subcommand(1);
  ledger->add_subcommand("verify", "Replay the journal, check its hash chain, compare every projection; exit code 8 on a difference")
      ->callback([&context] {
        if (!context.as_json && isatty(STDERR_FILENO) != 0) std::cerr << "Replaying the journal…\n";
        const json verdict = context.must(context.client().post("/api/v1/ledger/verify", json::object()));
        context.print(verdict, show_verdict);
        if (!verdict.value("ok", false)) throw CLI::RuntimeError(info(ErrorCode::integrity).exit_code);
      });
  ledger->add_subcommand("trial-balance", "Every ledger account with its four counters")->callback([&context] {
    context.print(context.must(context.client().get("/api/v1/ledger/trial-balance")), [](const json& reply) {
      Table table({"ledger account", "code", "owner", "unit", "debits", "credits", "debits pending", "credits pending"});
      for (const json& a : reply.value("accounts", json::array()))
        table.add({field(a, "id"), field(a, "code"), field(a, "owner"), field(a, "unit"), field(a, "debits_posted"), field(a, "credits_posted"),
                   field(a, "debits_pending"), field(a, "credits_pending")});
      return table.text() + "\n" + show_totals(reply.value("totals", json::array()));
    });
  });
  struct Export {
    std::string format = "hledger", output = "-";
  };
  auto e = std::make_shared<Export>();
  CLI::App* out = ledger->add_subcommand("export", "The whole ledger for another program");
  out->add_option("--format", e->format, "hledger: a journal with balance assertions")->check(CLI::IsMember({"hledger"}))->capture_default_str();
  out->add_option("--output", e->output, "File; '-' for standard output")->capture_default_str();
  out->footer("Example: bourse ledger export --output ledger.journal && hledger -f ledger.journal check --strict");
  out->callback([&context, e] { save(context, "/api/v1/ledger/export?format=" + url_encoded(e->format), e->output); });
}

}  // namespace bourse::cli
