// Who speaks for a center, and what they set in its name.
#include "cli/client/quantities.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

struct AdminArguments {
  std::string center, user, issuer, file, valid_from, note;
};

std::string path_of(const AdminArguments& a, const std::string& rest) { return "/api/v1/centers/" + url_encoded(a.center) + "/" + rest; }

std::string show_admins(const json& admins) {
  Table table({"user", "name", "center", "since", "added by"});
  for (const json& one : admins)
    table.add({field(one, "user"), field(one, "name"), field(one, "center_name"), instant(one, "added_at"), field(one, "added_by_name")});
  return table.empty() ? "Nobody speaks for the center.\n" : table.text();
}

void add_settlement_prices(CLI::App& contract, Context& context) {
  auto a = std::make_shared<AdminArguments>();
  CLI::App* set = contract.add_subcommand("settlement-prices", "For a center's admin: what the center gets from now or a date on, where its contract lets it say so");
  set->add_option("center", a->center, "Name or id")->required();
  set->add_option("file", a->file, "JSON {\"rows\":[…]} as for 'prices publish'; they take the place of all that hold then")->required();
  set->add_option("--valid-from", a->valid_from, "RFC 3339 (default: now)");
  set->add_option("--note", a->note, "Why, for whoever approves");
  set->footer("It makes the center's next contract, in which nothing else is new. An operator approves it where two people are asked for.");
  set->callback([&context, a] {
    const json file = json::parse(read_input(a->file, 4 << 20), nullptr, false);
    if (!file.is_object()) context.end_with({ErrorCode::invalid_argument, a->file + " is not a JSON object"});
    json body = {{"rows", file.value("rows", json::array())}, {"note", a->note}};
    if (!a->valid_from.empty()) body["valid_from"] = to_text(context.must("--valid-from", parse_instant(a->valid_from)));
    context.print(context.must(context.client().post(path_of(*a, "settlement-prices"), body)), [](const json& c) {
      if (auto text = waiting(c)) return *text;
      return "Contract " + field(c, "id") + ": the center gets its own prices (" + std::to_string(c.value("settlement", json::array()).size()) + " rows) from " +
             instant(c, "valid_from") + " UTC.\n";
    });
  });
}

}  // namespace

void add_center_admin_commands(CLI::App& app, Context& context) {
  add_settlement_prices(*app.get_subcommand("contract"), context);
  CLI::App* admin = app.get_subcommand("center")->add_subcommand("admin", "Who speaks for a center: sees its contract, periods, statements and breaks, and sets prices\nwhere the contract says so")
                        ->require_subcommand(1);
  auto a = std::make_shared<AdminArguments>();
  CLI::App* add = admin->add_subcommand("add", "Let a person speak for a center (operators)");
  add->add_option("center", a->center, "Name or id")->required();
  add->add_option("user", a->user, "The person (usr_…, as 'bourse whoami' shows), or with --issuer the subject there")->required();
  add->add_option("--issuer", a->issuer, "The person's identity provider");
  add->footer("The person must have signed in once, and needs the role center-admin (by the groups of the identity provider) besides.\n"
              "Example: bourse center admin add hpc-north carla --issuer https://id.example.edu");
  add->callback([&context, a] {
    context.print(context.must(context.client().post(path_of(*a, "admins"), {{"user", a->user}, {"issuer", a->issuer}})),
                  [](const json& one) { return show_admins(json::array({one})); });
  });
  CLI::App* remove = admin->add_subcommand("remove", "The person speaks for it no longer (operators)");
  remove->add_option("center", a->center, "Name or id")->required();
  remove->add_option("user", a->user, "The person (usr_…)")->required();
  remove->callback([&context, a] {
    context.print(context.must(context.client().post(path_of(*a, "admins/" + url_encoded(a->user) + "/remove"), json::object())),
                  [a](const json&) { return harmless(a->user) + " speaks for " + harmless(a->center) + " no longer.\n"; });
  });
  CLI::App* list = admin->add_subcommand("list", "Who does");
  list->add_option("center", a->center, "Name or id")->required();
  list->callback([&context, a] {
    context.print(context.must(context.client().get(path_of(*a, "admins"))), [](const json& reply) { return show_admins(reply.value("admins", json::array())); });
  });
}

}  // namespace bourse::cli
