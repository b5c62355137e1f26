// After the capture: what waits for a second person, paying centers, and refunds.
#include <iostream>

#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

std::string show_proposal(const json& p) {
  return list_of({{"proposal", field(p, "id")},
                  {"state", field(p, "state")},
                  {"act", field(p, "text")},
                  {"proposed by", field(p, "by_name") + " " + field(p, "by") + " at " + instant(p, "at") + " UTC"},
                  {"note", field(p, "note")},
                  {"until", field(p, "state") == "open" ? instant(p, "expires_at") + " UTC" : ""},
                  {"ended by", field(p, "ended_by").empty() ? "" : field(p, "ended_by_name") + " " + field(p, "ended_by")},
                  {"reason", field(p, "reason")}});
}

std::string show_proposals(const json& reply) {
  std::string out;
  for (const json& p : reply.value("proposals", json::array())) out += (out.empty() ? "" : "\n") + show_proposal(p);
  return out.empty() ? "Nothing waits for a second person.\n" : out;
}

// What several commands of one noun were given.
struct SettlementArguments {
  std::string id, reason, key;
};

void add_key(CLI::App& command, std::string& key) {
  command.add_option("--idempotency-key", key, "Repeat with the same key after an unknown outcome (default: a new one)");
}

void add_proposal_commands(CLI::App& app, Context& context) {
  CLI::App* proposal = app.add_subcommand("proposal", "Acts that wait for a second person")->require_subcommand(1);
  proposal->add_subcommand("list", "The open ones, each in a sentence; --output json shows them in full")->callback([&context] {
    context.print(context.must(context.client().get("/api/v1/finance/proposals")), show_proposals);
  });
  auto a = std::make_shared<SettlementArguments>();
  const std::pair<const char*, const char*> ends[] = {{"approve", "Approve it as the second person; it is done then"},
                                                      {"reject", "Refuse it"},
                                                      {"withdraw", "Take back what you proposed"}};
  for (const auto& [verb, purpose] : ends) {
    CLI::App* end = proposal->add_subcommand(verb, purpose);
    end->add_option("proposal", a->id, "The proposal (prp_…)")->required();
    end->add_option("--reason", a->reason, "For the record");
    add_key(*end, a->key);
    end->callback([&context, a, how = std::string(verb)] {
      const std::string path = "/api/v1/finance/proposals/" + url_encoded(a->id) + "/" + how;
      context.print(context.must(context.client().post(path, {{"reason", a->reason}}, a->key)), show_proposal);
    });
  }
}

std::string show_payee(const json& payee) {
  return field(payee, "name") + ", account " + field(payee, "account") + " at " + field(payee, "bank");
}

void add_payee_commands(CLI::App& app, Context& context) {
  struct Payee {
    std::string center, name, account, bank, note, key;
  };
  auto a = std::make_shared<Payee>();
  CLI::App* set = app.add_subcommand("payee", "Where centers' payouts go")->require_subcommand(1)->add_subcommand("set", "From now on; payouts in transit are not touched");
  set->add_option("center", a->center, "Name or id")->required();
  set->add_option("--name", a->name, "Holder of the account")->required();
  set->add_option("--account", a->account, "IBAN, or the bank's own number")->required();
  set->add_option("--bank", a->bank, "BIC, or the twelve digits of CNAPS")->required();
  set->add_option("--note", a->note, "Why, for whoever approves");
  add_key(*set, a->key);
  set->callback([&context, a] {
    const json body = {{"payee", {{"name", a->name}, {"account", a->account}, {"bank", a->bank}}}, {"note", a->note}};
    context.print(context.must(context.client().put("/api/v1/centers/" + url_encoded(a->center) + "/payee", body, a->key)), [](const json& reply) {
      if (auto text = waiting(reply)) return *text;
      return harmless(field(reply, "center_name") + " is paid to " + show_payee(reply["payee"])) + ".\n";
    });
  });
}

std::string show_due(const json& reply) {
  Table table({"center", "due", "by", "through period", "no.", "in transit", "owed in all", "payee", "in the way"});
  for (const json& d : reply.value("due", json::array()))
    table.add({field(d, "center_name"), money(d, "amount"), field(d, "due_on") + (d.value("overdue", false) ? " overdue" : ""), field(d, "through"), field(d, "number"), money(d, "in_transit"), money(d, "owed"),
               d.contains("payee") ? show_payee(d["payee"]) : "", field(d, "problem")});
  return table.empty() ? "No center has joined yet.\n" : table.text();
}

std::string show_payouts(const json& reply) {
  Table table({"payout", "center", "amount", "state", "ordered", "settled", "payee", "payment file", "bank's reference", "reason"});
  for (const json& p : reply.value("payouts", json::array()))
    table.add({field(p, "id"), field(p, "center_name"), money(p, "money"), field(p, "state"), instant(p, "ordered_at"), instant(p, "settled_at"),
               p.contains("payee") ? show_payee(p["payee"]) : "", field(p, "file"), field(p, "bank_reference"), field(p, "reason")});
  const std::string more = field(reply, "next_cursor").empty() ? "" : "More: --cursor " + field(reply, "next_cursor") + "\n";
  return (table.empty() ? "No payouts.\n" : table.text()) + more;
}

struct PayoutArguments {
  std::string center, through, state, cursor, note, key, date, version = "03", payout, again, reason, output = "-";
};

void export_payouts(Context& context, const PayoutArguments& a) {
  std::string file = a.again;
  if (file.empty()) {
    json body = {{"version", a.version}};
    if (!a.date.empty()) body["execution_date"] = a.date;
    if (!a.payout.empty()) body["payout"] = a.payout;
    const json made = context.must(context.client().post("/api/v1/finance/payments", body, a.key));
    file = field(made, "id");
    std::cerr << "payment file " << harmless(file) << ": " << made.value("payouts", json::array()).size() << " payouts\n";
  }
  save(context, "/api/v1/finance/payments/" + url_encoded(file), a.output);
}

void add_payout_commands(CLI::App& app, Context& context) {
  auto a = std::make_shared<PayoutArguments>();
  CLI::App* payout = app.add_subcommand("payout", "Paying centers what their closed periods came to")->require_subcommand(1);
  payout->add_subcommand("due", "What each center is owed, and what an order would pay now")->callback([&context] {
    context.print(context.must(context.client().get("/api/v1/finance/due")), show_due);
  });
  CLI::App* order = payout->add_subcommand("order", "Pay a center all that is due to it");
  order->add_option("center", a->center, "Name or id")->required();
  order->add_option("--through", a->through, "The newest period that is paid (per_…; default: the newest closed)");
  order->add_option("--note", a->note, "Why, for whoever approves");
  add_key(*order, a->key);
  order->callback([&context, a] {
    const json body = {{"center", a->center}, {"through", a->through}, {"note", a->note}};
    context.print(context.must(context.client().post("/api/v1/finance/payouts", body, a->key)), [](const json& p) {
      if (auto text = waiting(p)) return *text;
      return harmless(field(p, "id") + ": " + money(p, "money") + " to " + show_payee(p["payee"])) +
             ", in transit. For the bank: bourse payout export --output FILE\n";
    });
  });
  CLI::App* list = payout->add_subcommand("list", "Payouts, newest first");
  list->add_option("--center", a->center, "Name or id");
  list->add_option("--state", a->state, "in_transit, paid or returned");
  list->add_option("--cursor", a->cursor, "From the page before");
  list->callback([&context, a] {
    std::string query;
    for (const auto& [name, value] : {std::pair("center", &a->center), std::pair("state", &a->state), std::pair("cursor", &a->cursor)})
      if (!value->empty()) query += (query.empty() ? "?" : "&") + std::string(name) + "=" + url_encoded(*value);
    context.print(context.must(context.client().get("/api/v1/finance/payouts" + query)), show_payouts);
  });
  CLI::App* out = payout->add_subcommand("export", "The payouts in transit that are in no file yet as a payment file for the bank (pain.001)");
  out->add_option("--execution-date", a->date, "2026-11-30 (default: today)");
  out->add_option("--pain", a->version, "Version of the message")->check(CLI::IsMember({"03", "09"}))->capture_default_str();
  out->add_option("--payout", a->payout, "That one alone");
  add_key(*out, a->key);
  out->add_option("--again", a->again, "A file that was made before, byte for byte: its message id ('bourse payout list')")
      ->excludes("--execution-date", "--pain", "--payout");
  out->add_option("--output", a->output, "File; '-' for standard output")->capture_default_str();
  out->callback([&context, a] { export_payouts(context, *a); });

  CLI::App* withdraw = payout->add_subcommand("withdraw", "Withdraw a payment file that the bank refused whole, so that its payouts can be in another");
  withdraw->add_option("file", a->again, "Its message id ('bourse payout list')")->required();
  withdraw->add_option("--reason", a->reason, "What the bank said")->required();
  withdraw->add_option("--note", a->note, "Why, for whoever approves");
  add_key(*withdraw, a->key);
  withdraw->footer("Then: bourse payout export --execution-date DAY. Not for a file of which the bank made any payment: what it sends back comes\n"
                   "with its statement ('bourse bank import').");
  withdraw->callback([&context, a] {
    const json body = {{"reason", a->reason}, {"note", a->note}};
    context.print(context.must(context.client().post("/api/v1/finance/payments/" + url_encoded(a->again) + "/withdraw", body, a->key)), [](const json& file) {
      if (auto text = waiting(file)) return *text;
      return "Withdrawn: " + field(file, "id") + ". Its payouts go into another file by: bourse payout export --execution-date DAY\n";
    });
  });
}

void add_refund_command(CLI::App& app, Context& context) {
  struct Refund {
    std::string id, amount, reason, key;
  };
  auto a = std::make_shared<Refund>();
  CLI::App* refund = app.add_subcommand("refund", "Give a job's charge back, or a part of it");
  refund->add_option("job", a->id, "The job (job_…)")->required();
  refund->add_option("--amount", a->amount, "Such as 1.50 (default: all that is left of the charge)");
  refund->add_option("--reason", a->reason, "For the statement and the user")->required();
  add_key(*refund, a->key);
  refund->callback([&context, a] {
    const json body = {{"amount", a->amount}, {"reason", a->reason}};
    context.print(context.must(context.client().post("/api/v1/jobs/" + url_encoded(a->id) + "/refunds", body, a->key)), [](const json& r) {
      if (auto text = waiting(r)) return *text;
      return harmless(money(r, "money") + " go back to " + field(r, "account_name")) + ".\n";
    });
  });
}

}  // namespace

void add_settlement_commands(CLI::App& app, Context& context) {
  add_proposal_commands(app, context);
  add_payee_commands(app, context);
  add_payout_commands(app, context);
  add_refund_command(app, context);
}

}  // namespace bourse::cli
