// Credit lots: gifts, vouchers, and what an account has of them and of packages.
#include "base/unit.h"
#include "cli/client/quantities.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

struct LotArguments {
  std::string account, amount, unit = "CNY", expires, redeem_by, reason, note, code, key;
  int count = 1, days = 0;
};

json money_body(Context& context, const LotArguments& a) {
  const Amount amount = context.must("amount", positive_amount(a.amount));
  const Unit unit = context.must("--unit", parse_unit(a.unit));
  return {{"amount", to_text(amount)}, {"currency", unit.text()}};
}

std::string show_lots(const json& reply) {
  Table table({"lot", "kind", "amount", "left", "currency", "price", "deferred", "expires", "why"});
  for (const json& lot : reply.value("lots", json::array())) {
    const json amount = lot.value("money", json::object()), left = lot.value("left", json::object());
    table.add({field(lot, "id"), field(lot, "kind"), field(amount, "amount"), field(left, "amount"), field(amount, "currency"),
               money(lot, "price"), money(lot, "deferred"), field(lot, "expires_at"), field(lot, "reason")});
  }
  return table.text();
}

std::string show_batches(const json& reply) {
  Table table({"batch", "vouchers", "redeemed", "of", "currency", "redeem by", "valid", "why"});
  for (const json& batch : reply.value("batches", json::array())) {
    const json amount = batch.value("money", json::object());
    const std::string days = field(batch, "valid_days");
    table.add({field(batch, "id"), field(batch, "count"), field(batch, "redeemed"), field(amount, "amount"), field(amount, "currency"),
               field(batch, "redeem_by"), days.empty() || days == "0" ? "until " + field(batch, "expires_at") : days + " days",
               field(batch, "reason")});
  }
  return table.text();
}

void add_issue(CLI::App& voucher, Context& context) {
  auto a = std::make_shared<LotArguments>();
  CLI::App* issue = voucher.add_subcommand("issue", "Make codes that become credit; they are shown this once");
  issue->add_option("amount", a->amount, "Of each, such as 20.00")->required();
  issue->add_option("--count", a->count, "How many (default 1, at most 1000)");
  issue->add_option("--unit", a->unit, "Currency")->capture_default_str();
  issue->add_option("--redeem-by", a->redeem_by, "A day (2027-01-31) or an instant: afterwards they are worth nothing")->required();
  auto* days = issue->add_option("--valid-days", a->days, "The credit expires so many days after it was redeemed");
  issue->add_option("--expires", a->expires, "Or on this day, whenever it was redeemed")->excludes(days);
  issue->add_option("--reason", a->reason, "For the record; shown with the credit")->required();
  issue->add_option("--note", a->note, "Why, for whoever approves");
  issue->footer("Example: bourse voucher issue 20.00 --count 30 --redeem-by 2027-01-31 --valid-days 90 --reason 'HPC course'");
  issue->callback([&context, a] {
    json body = {{"count", a->count}, {"money", money_body(context, *a)}, {"redeem_by", day_or_instant(a->redeem_by)},
                 {"reason", a->reason}, {"note", a->note}};
    if (a->days != 0) body["valid_days"] = a->days;
    if (!a->expires.empty()) body["expires_at"] = day_or_instant(a->expires);
    context.print(context.must(context.client().post("/api/v1/finance/vouchers", body)), [](const json& batch) {
      std::string text = waiting(batch).value_or("");
      for (const json& code : batch.value("codes", json::array())) text.append(code.get<std::string>()).append("\n");
      return text.append("Keep them: nobody can show them again.\n");
    });
  });
}

}  // namespace

void add_lot_account_commands(CLI::App& account, Context& context) {
  auto a = std::make_shared<LotArguments>();
  CLI::App* grant = account.add_subcommand("grant", "Give an account credit that expires; it is spent before its own money");
  grant->add_option("account", a->account, "The billing account (acc_…)")->required();
  grant->add_option("amount", a->amount, "Such as 50.00")->required();
  grant->add_option("--unit", a->unit, "Currency")->capture_default_str();
  grant->add_option("--expires", a->expires, "A day (2027-01-01, its first instant in UTC) or an instant")->required();
  grant->add_option("--reason", a->reason, "For the record; shown with the credit")->required();
  grant->add_option("--note", a->note, "Why, for whoever approves");
  grant->add_option("--idempotency-key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  grant->callback([&context, a] {
    const json body = {{"money", money_body(context, *a)}, {"expires_at", day_or_instant(a->expires)}, {"reason", a->reason}, {"note", a->note}};
    context.print(context.must(context.client().post("/api/v1/finance/accounts/" + url_encoded(a->account) + "/lots", body, a->key)),
                  [](const json& lot) {
                    if (auto text = waiting(lot)) return *text;
                    return show_lots({{"lots", json::array({lot})}});
                  });
  });
  CLI::App* lots = account.add_subcommand("lots", "Credit and packages that expire, in the order in which they will be spent");
  lots->add_option("account", a->account, "The billing account (acc_…)")->required();
  lots->callback([&context, a] {
    context.print(context.must(context.client().get("/api/v1/accounts/" + url_encoded(a->account) + "/lots")), show_lots);
  });
}

void add_voucher_commands(CLI::App& app, Context& context) {
  CLI::App* voucher = app.add_subcommand("voucher", "Codes that become credit")->require_subcommand(1);
  add_issue(*voucher, context);
  voucher->add_subcommand("list", "Batches of vouchers, newest first, and how many were redeemed")->callback([&context] {
    context.print(context.must(context.client().get("/api/v1/finance/vouchers")), show_batches);
  });
  auto a = std::make_shared<LotArguments>();
  CLI::App* redeem = voucher->add_subcommand("redeem", "Turn a code into credit of your account");
  redeem->add_option("code", a->code, "As you got it; hyphens and case don't matter")->required();
  redeem->add_option("--account", a->account, "The billing account (default: your first)");
  redeem->callback([&context, a] {
    const json body = {{"code", a->code}, {"account", a->account}};
    context.print(context.must(context.client().post("/api/v1/vouchers/redeem", body)),
                  [](const json& lot) { return show_lots({{"lots", json::array({lot})}}); });
  });
}

}  // namespace bourse::cli
