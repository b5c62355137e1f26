// Money in that was wrong: what came in by bank, and taking back a top-up, a gift, a voucher's credit or a package.
#include "cli/client/quantities.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

struct ReversalArguments {
  std::string id, amount, reason, note, key, account, cursor;
  int limit = 50;
};

std::string show_reversal(const json& r) {
  if (auto text = waiting(r)) return *text;
  const std::string back = money(r, "back");
  return "Taken back from " + field(r, "account_name") + " (" + field(r, "account") + "): " + money(r, "money") + " of " + money(r, "whole") + ", " + field(r, "id") +
         (back.empty() ? "" : "; the wallet got " + back + " back") + ".\n";
}

void add_reverse(CLI::App& noun, Context& context, const char* what, const char* id, const char* unit) {
  auto a = std::make_shared<ReversalArguments>();
  CLI::App* reverse = noun.add_subcommand("reverse", std::string("Take ") + what + " back that was wrong, once (finance)");
  reverse->add_option("id", a->id, id)->required();
  reverse->add_option("--reason", a->reason, "For the record; the account's members see it")->required();
  reverse->add_option("--amount", a->amount, std::string("Only so much of it") + unit + " (default: all of it)");
  reverse->add_option("--note", a->note, "Why, for whoever approves");
  reverse->add_option("--idempotency-key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  reverse->footer("What was spent meanwhile, or is held for jobs, can't be taken back; the refusal says how much is there.");
  reverse->callback([&context, a] {
    json body = {{"id", a->id}, {"reason", a->reason}, {"note", a->note}};
    if (!a->amount.empty()) body["amount"] = to_text(context.must("--amount", positive_amount(a->amount)));
    context.print(context.must(context.client().post("/api/v1/finance/reversals", body, a->key)), show_reversal);
  });
}

std::string show_top_ups(const json& reply) {
  Table table({"top-up", "account", "name", "amount", "bank reference", "booked", "taken back", "why"});
  for (const json& t : reply.value("top_ups", json::array())) {
    const json reversal = t.value("reversal", json::object());
    table.add({field(t, "id"), field(t, "account"), field(t, "account_name"), money(t, "money"), field(t, "bank_reference"), instant(t, "at"),
               money(reversal, "money"), field(reversal, "reason")});
  }
  const std::string next = field(reply, "next_cursor");
  return (table.empty() ? "No money came in.\n" : table.text()) + (next.empty() ? "" : "More: --cursor " + next + "\n");
}

}  // namespace

void add_money_in_commands(CLI::App& app, Context& context) {
  CLI::App* top_up = app.add_subcommand("top-up", "Money that came in by bank")->require_subcommand(1);
  auto a = std::make_shared<ReversalArguments>();
  CLI::App* list = top_up->add_subcommand("list", "Newest first, and what was taken back (finance)");
  list->add_option("--account", a->account, "Of this billing account (acc_…) only");
  list->add_option("--limit", a->limit, "At most so many")->check(CLI::Range(1, 200))->capture_default_str();
  list->add_option("--cursor", a->cursor, "Go on from there");
  list->callback([&context, a] {
    const std::string path = "/api/v1/finance/top-ups?limit=" + std::to_string(a->limit) + (a->account.empty() ? "" : "&account=" + url_encoded(a->account)) +
                             (a->cursor.empty() ? "" : "&cursor=" + url_encoded(a->cursor));
    context.print(context.must(context.client().get(path)), show_top_ups);
  });
  add_reverse(*top_up, context, "a top-up", "The top-up (tra_…, as 'bourse top-up list' shows)", "");
  CLI::App* grant = app.add_subcommand("grant", "Credit that the platform gave ('bourse account grant' gives it)")->require_subcommand(1);
  add_reverse(*grant, context, "a gift", "Its lot (lot_…, as 'bourse account lots' shows)", "");
  add_reverse(*app.get_subcommand("voucher"), context, "a redeemed voucher's credit", "Its lot (lot_…, as 'bourse account lots' shows)", "");
  add_reverse(*app.get_subcommand("package"), context, "a bought package", "Its lot (lot_…, as 'bourse account lots' shows)", ", in DU");
}

}  // namespace bourse::cli
