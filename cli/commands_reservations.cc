// Reserved capacity: nodes or cards of a pool by the month or year.
#include "cli/books.h"
#include "cli/client/quantities.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kLargestPrices = 1 << 20;

struct WantedArguments {
  std::string center, pool, what = "node", term = "month", account, first_day, price, key;
  std::int64_t quantity = 1;
  int terms = 1;
  bool renew = false;
};

std::string what_of(const json& r) {
  const std::string quantity = field(r, "quantity");
  return quantity + " " + field(r, "what") + (quantity == "1" ? "" : "s") + " of " + field(r, "center_name") + "/" + field(r, "pool");
}

std::string term_of(const json& r) { return field(r, "terms") + " " + field(r, "term") + (field(r, "terms") == "1" ? "" : "s"); }

std::string show_reservation(const json& r) {
  std::string jobs;
  for (const json& job : r.value("jobs", json::array())) jobs += (jobs.empty() ? "" : ", ") + job.get<std::string>();
  return list_of({{"reservation", field(r, "id")},
                  {"state", field(r, "state")},
                  {"what", what_of(r)},
                  {"account", field(r, "account_name")},
                  {"for", term_of(r) + ", " + field(r, "days") + " days"},
                  {"from", instant(r, "from") + " UTC"},
                  {"until", instant(r, "until") + " UTC"},
                  {"price", money(r, "price")},
                  {"price row", field(r, "price_row")},
                  {"early end keeps", field(r, "early_end_bps") + " bps of the rest"},
                  {"at its end", r.value("renew", false) ? "bought again at the price of that time" : "it is over"},
                  {"goes on from", field(r, "renews")},
                  {"days over", field(r, "days_over")},
                  {"earned", money(r, "earned")},
                  {"not earned yet", money(r, "deferred")},
                  {"given back", field(r, "state") == "ended_early" ? money(r, "returned") : ""},
                  {"fee", field(r, "state") == "ended_early" ? money(r, "fee") : ""},
                  {"ended", instant(r, "ended_at")},
                  {"because", field(r, "reason")},
                  {"in use", field(r, "state") == "active" ? field(r, "in_use") + " of " + field(r, "quantity") : ""},
                  {"jobs", jobs}});
}

std::string show_reservations(const json& reply) {
  Table table({"reservation", "state", "what", "from (UTC)", "until (UTC)", "price", "earned", "in use", "renews"});
  for (const json& r : reply.value("reservations", json::array()))
    table.add({field(r, "id"), field(r, "state"), what_of(r), instant(r, "from"), instant(r, "until"), money(r, "price"), money(r, "earned"), field(r, "in_use"),
               r.value("renew", false) ? "yes" : "no"});
  if (table.empty()) return "No reservations.\n";
  const std::string next = field(reply, "next_cursor");
  return table.text() + (next.empty() ? "" : "More: bourse reservation list --cursor " + next + "\n");
}

std::string show_reserved_prices(const json& reply) {
  Table table({"where", "what", "term", "price", "early end keeps", "from (UTC)", "until (UTC)", "for", "id"});
  for (const json& p : reply.value("prices", json::array()))
    table.add({field(p, "center_name") + "/" + field(p, "pool"), field(p, "what"), field(p, "term"), money(p, "price"), field(p, "early_end_bps") + " bps",
               instant(p, "valid_from"), instant(p, "valid_until"), field(p, "tenant"), field(p, "id")});
  return table.empty() ? "Nothing is sold by the month or year.\n" : table.text();
}

json body_of(Context& context, const WantedArguments& a) {
  json body = {{"center", a.center}, {"pool", a.pool}, {"what", a.what}, {"quantity", a.quantity}, {"term", a.term}, {"terms", a.terms}, {"renew", a.renew}};
  if (!a.account.empty()) body["account"] = a.account;
  if (!a.first_day.empty()) body["first_day"] = a.first_day;
  if (!a.price.empty()) body["price"] = to_text(context.must("--price", positive_amount(a.price)));
  return body;
}

void add_wanted(CLI::App& command, const std::shared_ptr<WantedArguments>& a) {
  command.add_option("center", a->center, "Name or id")->required();
  command.add_option("pool", a->pool, "Its pool")->required();
  command.add_option("--what", a->what, "What is reserved")->check(CLI::IsMember({"node", "card"}))->capture_default_str();
  command.add_option("--quantity", a->quantity, "How many")->check(CLI::Range(1, 1'000'000))->capture_default_str();
  command.add_option("--term", a->term, "By the")->check(CLI::IsMember({"month", "year"}))->capture_default_str();
  command.add_option("--terms", a->terms, "How many months or years")->check(CLI::Range(1, 120))->capture_default_str();
  command.add_option("--from", a->first_day, "Its first day, such as 2027-01-31, on the account's calendar (default: today)");
  command.add_option("--account", a->account, "The billing account that pays (default: your first)");
}

void add_buying(CLI::App& reservation, Context& context) {
  auto asked = std::make_shared<WantedArguments>();
  CLI::App* quote = reservation.add_subcommand("quote", "What it would cost now, and whether there is room");
  add_wanted(*quote, asked);
  quote->callback([&context, asked] { context.print(context.must(context.client().post("/api/v1/reservations/quote", body_of(context, *asked))), show_reservation); });

  auto a = std::make_shared<WantedArguments>();
  CLI::App* buy = reservation.add_subcommand("buy", "Reserve it; the whole price is paid at once");
  add_wanted(*buy, a);
  buy->add_flag("--renew", a->renew, "Buy it again at its end, at the price of that time");
  buy->add_option("--price", a->price, "What you agreed to; refused if it costs more");
  buy->add_option("--key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  buy->footer("By the account's owner or finance, out of its own money: credit lots pay for usage only.\n"
              "Jobs of the account in that pool then cost nothing, as many at once as were reserved.\n"
              "Example: bourse reservation buy alpha gpu --what card --quantity 4 --term month --renew --price 3600");
  buy->callback([&context, a] { context.print(context.must(context.client().post("/api/v1/reservations", body_of(context, *a), a->key)), show_reservation); });
}

void add_looking(CLI::App& reservation, Context& context) {
  auto account = std::make_shared<std::string>(), cursor = std::make_shared<std::string>();
  CLI::App* list = reservation.add_subcommand("list", "Reservations, newest first");
  list->add_option("--account", *account, "Of this billing account only");
  list->add_option("--cursor", *cursor, "Go on after the page before");
  list->callback([&context, account, cursor] {
    context.print(context.must(context.client().get("/api/v1/reservations" + query_of({{"account", *account}, {"cursor", *cursor}}))), show_reservations);
  });
  auto id = std::make_shared<std::string>();
  CLI::App* show = reservation.add_subcommand("show", "One reservation: what of it is earned, and the jobs that it carries");
  show->add_option("reservation", *id, "rsv_…")->required();
  show->callback([&context, id] { context.print(context.must(context.client().get("/api/v1/reservations/" + url_encoded(*id))), show_reservation); });
}

void add_changing(CLI::App& reservation, Context& context) {
  auto id = std::make_shared<std::string>(), key = std::make_shared<std::string>(), when = std::make_shared<std::string>();
  CLI::App* end = reservation.add_subcommand("end", "End it early: of what is left the agreed fee is kept, the rest goes back");
  end->add_option("reservation", *id, "rsv_…")->required();
  end->add_option("--key", *key, "Repeat with the same key after an unknown outcome (default: a new one)");
  end->footer("Refused while jobs that it carries are not over.");
  end->callback([&context, id, key] {
    context.print(context.must(context.client().post("/api/v1/reservations/" + url_encoded(*id) + "/end", json::object(), *key)), show_reservation);
  });
  CLI::App* renew = reservation.add_subcommand("renew", "Whether it is bought again at its end");
  renew->add_option("reservation", *id, "rsv_…")->required();
  renew->add_option("when", *when, "on or off")->required()->check(CLI::IsMember({"on", "off"}));
  renew->callback([&context, id, when] {
    context.print(context.must(context.client().put("/api/v1/reservations/" + url_encoded(*id) + "/renewal", {{"renew", *when == "on"}})), show_reservation);
  });
}

}  // namespace

void add_reservation_commands(CLI::App& app, Context& context) {
  CLI::App* reservation = app.add_subcommand("reservation", "Nodes or cards of a pool by the month or year")->require_subcommand(1);
  add_buying(*reservation, context);
  add_looking(*reservation, context);
  add_changing(*reservation, context);
  reservation->add_subcommand("prices", "What is sold by the month or year, and for how much")->callback([&context] {
    context.print(context.must(context.client().get("/api/v1/reserved-prices")), show_reserved_prices);
  });
  auto file = std::make_shared<std::string>(), note = std::make_shared<std::string>();
  CLI::App* publish = reservation->add_subcommand("publish", "Add prices (operators); what is published never changes");
  publish->add_option("file", *file,
                      R"(JSON: {"prices":[{"center":"alpha","pool":"gpu","what":"card","term":"month","price":{"amount":"900","currency":"CNY"},"early_end_bps":1000}]})")
      ->required();
  publish->add_option("--note", *note, "Why, for whoever approves");
  publish->footer("How many may be reserved, and what the center gets, is in its contract: bourse contract set … --reservable gpu:card:16:month=800");
  publish->callback([&context, file, note] {
    json body = json::parse(read_input(*file, kLargestPrices), nullptr, false);
    if (!body.is_object()) context.end_with({ErrorCode::invalid_argument, *file + " is not a JSON object"});
    if (!note->empty()) body["note"] = *note;
    context.print(context.must(context.client().post("/api/v1/reserved-prices", body)), [](const json& reply) {
      if (auto text = waiting(reply)) return *text;
      return show_reserved_prices(reply);
    });
  });
}

}  // namespace bourse::cli
