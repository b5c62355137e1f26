// Packages of 度: putting them on sale, seeing what is, and buying.
#include "base/unit.h"
#include "cli/client/quantities.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

struct ProductArguments {
  std::string name, du, price, unit = "CNY", until, note, product, account, key;
  int valid_days = 365;
};

std::string show_products(const json& reply) {
  Table table({"product", "name", "DU", "price", "valid", "sold until"});
  for (const json& product : reply.value("products", json::array()))
    table.add({field(product, "id"), field(product, "name"), field(product, "du"), money(product, "price"),
               field(product, "valid_days") + " days", field(product, "until")});
  return table.empty() ? "Nothing is on sale.\n" : table.text();
}

std::string show_bought(const json& lot) {
  return field(lot, "id") + ": " + money(lot, "money") + " for " + money(lot, "price") + ", until " + instant(lot, "expires_at") +
         " UTC. Use them with: bourse submit FILE --pay-with DU\n";
}

void publish(Context& context, const ProductArguments& a) {
  const Amount du = context.must("--du", positive_amount(a.du));
  const Amount price = context.must("--price", positive_amount(a.price));
  const Unit unit = context.must("--unit", parse_unit(a.unit));
  json product = {{"name", a.name}, {"du", to_text(du)}, {"price", {{"amount", to_text(price)}, {"currency", unit.text()}}}, {"valid_days", a.valid_days}};
  if (!a.until.empty()) product["until"] = a.until.size() == 10 ? a.until + "T00:00:00Z" : a.until;
  const json body = {{"products", json::array({product})}, {"note", a.note}};
  context.print(context.must(context.client().post("/api/v1/finance/products", body, a.key)),
                [](const json& reply) { return waiting(reply).value_or("") + show_products(reply); });
}

void add_publish(CLI::App& package, Context& context) {
  auto a = std::make_shared<ProductArguments>();
  CLI::App* command = package.add_subcommand("publish", "Put a package on sale; what is published never changes");
  command->add_option("name", a->name, "What people read: 'Starter, 100 度'")->required();
  command->add_option("--du", a->du, "How many 度")->required();
  command->add_option("--price", a->price, "For all of them, tax included")->required();
  command->add_option("--unit", a->unit, "Currency of the price")->capture_default_str();
  command->add_option("--valid-days", a->valid_days, "They expire so many days after buying")->check(CLI::Range(1, 3650))->capture_default_str();
  command->add_option("--until", a->until, "Sold before this day (2027-01-01) or instant (default: for ever)");
  command->add_option("--note", a->note, "Why, for whoever approves");
  command->add_option("--idempotency-key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  command->footer("Example: bourse package publish 'Starter' --du 100 --price 80.00 --valid-days 180");
  command->callback([&context, a] { publish(context, *a); });
}

}  // namespace

void add_package_commands(CLI::App& app, Context& context) {
  CLI::App* package = app.add_subcommand("package", "Prepaid 度 (DU), the unit of normalised compute")->require_subcommand(1);
  add_publish(*package, context);
  package->add_subcommand("list", "What is on sale")->callback([&context] {
    context.print(context.must(context.client().get("/api/v1/products")), show_products);
  });
  auto a = std::make_shared<ProductArguments>();
  CLI::App* buy = package->add_subcommand("buy", "Buy one with your account's own money, as its owner");
  buy->add_option("product", a->product, "The product (prd_…)")->required();
  buy->add_option("--account", a->account, "The billing account (default: your first)");
  buy->add_option("--idempotency-key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  buy->footer("What you have of them: bourse wallet, and bourse account lots ACCOUNT");
  buy->callback([&context, a] {
    json body = {{"product", a->product}};
    if (!a->account.empty()) body["account"] = a->account;
    context.print(context.must(context.client().post("/api/v1/packages", body, a->key)), show_bought);
  });
}

}  // namespace bourse::cli
