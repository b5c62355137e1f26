// A shared wallet's rules: freezing, credit, and what each member may commit.
#include "base/unit.h"
#include "cli/client/quantities.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

struct AccountArguments {
  std::string account, user, reason, zone, amount, note, key, when_empty, pause_limit, until;
  std::string total, per_day, per_month, per_job, name, unit = "CNY", issuer;
};

std::string path_of(const AccountArguments& a, const std::string& rest) {
  return "/api/v1/" + rest.substr(0, rest.find('#')) + url_encoded(a.account) + rest.substr(rest.find('#') + 1);
}

std::string show_members(const json& reply) {
  Table table({"user", "name", "held", "spent", "today", "this month", "limit in all", "a day", "a month", "a job", "currency"});
  for (const json& m : reply.value("members", json::array())) {
    const json limits = m.value("limits", json::object());
    table.add({field(m, "user") + (m.value("owner", false) ? " (owner)" : ""), field(m, "name"), field(m, "held"), field(m, "spent"),
               field(m, "spent_today"), field(m, "spent_this_month"), field(limits, "total"), field(limits, "per_day"),
               field(limits, "per_month"), field(limits, "per_job"), field(m, "currency")});
  }
  return table.text();
}

void add_policy_commands(CLI::App& account, Context& context) {
  auto a = std::make_shared<AccountArguments>();
  for (const bool frozen : {true, false}) {
    CLI::App* policy = account.add_subcommand(frozen ? "freeze" : "thaw", frozen ? "Take no new jobs; what runs goes on" : "Take new jobs again");
    policy->add_option("account", a->account, "The billing account (acc_…)")->required();
    auto* reason = policy->add_option("--reason", a->reason, "For the record; shown to whoever is refused");
    if (frozen) reason->required();
    policy->callback([&context, a, frozen] {
      const json body = {{"frozen", frozen}, {"reason", a->reason}};
      context.print(context.must(context.client().put(path_of(*a, "finance/accounts/#/policy"), body)), [frozen](const json& w) {
        return field(w, "account") + (frozen ? " is frozen.\n" : " takes new jobs.\n");
      });
    });
  }
  CLI::App* rules = account.add_subcommand("policy", "What becomes of running jobs when the money runs out, and the account's calendar");
  rules->footer("Jobs with a hold window (bourse submit --hold-window) have money held for a part of their run at a time. When the next part\n"
                "can't be held they are warned of ('bourse job'), and shortly before the money is used up stopped, or paused until there is more.");
  rules->add_option("account", a->account, "The billing account (acc_…)")->required();
  rules->add_option("--when-empty", a->when_empty, "stop or pause")->check(CLI::IsMember({"stop", "pause"}));
  rules->add_option("--pause-limit", a->pause_limit, "How long a job is kept paused before it is stopped (72h)");
  rules->add_option("--zone", a->zone, "Time zone of its days and months, such as Asia/Shanghai");
  rules->callback([&context, a] {
    json body = json::object();
    if (!a->when_empty.empty()) body["when_empty"] = a->when_empty;
    if (!a->zone.empty()) body["zone"] = a->zone;
    if (!a->pause_limit.empty()) body["pause_limit_ms"] = context.must("--pause-limit", parse_duration(a->pause_limit)).ms;
    context.print(context.must(context.client().put(path_of(*a, "accounts/#/policy"), body)), [](const json& w) {
      return "Jobs whose money runs out are " + std::string(field(w, "when_empty") == "pause" ? "paused, for " + show_duration(number(w, "pause_limit_ms")) + " at most" : "stopped") +
             "; days and months are those of " + field(w, "zone") + ".\n";
    });
  });
  const auto set_credit = [&context, a](json body) {
    body["limit"] = {{"amount", to_text(context.must("amount", parse_amount(a->amount)))}};
    body["note"] = a->note;
    context.print(context.must(context.client().put(path_of(*a, "finance/accounts/#/credit-limit"), body)), [](const json& w) {
      if (auto text = waiting(w)) return *text;
      const json listed = w.value("whitelisting", json::object());
      return field(w, "account") + " may go " + (field(w, "credit_limit").empty() ? "0" : field(w, "credit_limit")) + " " + field(w, "currency") + " below zero" +
             (listed.empty() ? "" : " until " + instant(listed, "until") + ", then " + field(listed, "afterwards")) + "; " + field(w, "available") + " are free.\n";
    });
  };
  CLI::App* credit = account.add_subcommand("credit", "How far below zero a post-paid account may go; ends a whitelisting");
  credit->add_option("account", a->account, "The billing account (acc_…)")->required();
  credit->add_option("amount", a->amount, "Such as 1000.00; 0 = prepaid")->required();
  credit->add_option("--note", a->note, "Why, for whoever approves");
  credit->callback([set_credit] { set_credit(json::object()); });
  CLI::App* whitelist = account.add_subcommand("whitelist", "Let an account work on below zero for a time; what held before holds again afterwards");
  whitelist->add_option("account", a->account, "The billing account (acc_…)")->required();
  whitelist->add_option("amount", a->amount, "How far below zero, such as 500.00")->required();
  whitelist->add_option("--until", a->until, "A day (2027-01-31, its first instant in UTC) or an instant")->required();
  whitelist->add_option("--reason", a->reason, "For the record; its members see it")->required();
  whitelist->add_option("--note", a->note, "Why, for whoever approves");
  whitelist->footer("Earlier: bourse account credit ACCOUNT AMOUNT. A wallet that is further below zero than it then may be takes no new jobs\n"
                    "until money came in; what runs goes on within its hold.\n"
                    "Example: bourse account whitelist acc_… 500.00 --until 2027-01-31 --reason 'grant is on its way'");
  whitelist->callback([a, set_credit] { set_credit({{"until", day_or_instant(a->until)}, {"reason", a->reason}}); });
}

void add_member_commands(CLI::App& account, Context& context) {
  auto a = std::make_shared<AccountArguments>();
  CLI::App* open = account.add_subcommand("open", "Open another billing account of your own, in any currency");
  open->add_option("--name", a->name, "What people read")->required();
  open->add_option("--currency", a->unit, "Such as USD")->capture_default_str();
  open->add_option("--idempotency-key", a->key, "Repeat with the same key after an unknown outcome (default: a new one)");
  open->footer("Only centers that are settled in its currency sell to it. A person owns at most 100 accounts.");
  open->callback([&context, a] {
    const Unit unit = context.must("--currency", parse_unit(a->unit));
    context.print(context.must(context.client().post("/api/v1/accounts", {{"name", a->name}, {"unit", unit.text()}}, a->key)), [](const json& w) {
      return field(w, "account") + " (" + field(w, "name") + ") is kept in " + field(w, "currency") + "; who pays into it writes " + field(w, "claim_code") + " on the transfer.\n";
    });
  });
  CLI::App* member = account.add_subcommand("member", "Who shares an account (its owner)")->require_subcommand(1);
  CLI::App* add = member->add_subcommand("add", "Let a person spend its money; 'bourse account limit' says how much");
  add->add_option("account", a->account, "The billing account (acc_…)")->required();
  add->add_option("user", a->user, "The person (usr_…, as 'bourse whoami' shows), or with --issuer the subject there")->required();
  add->add_option("--issuer", a->issuer, "The person's identity provider");
  add->footer("The person must have signed in once, in the account's tenant.\nExample: bourse account member add acc_… carla --issuer https://id.example.edu");
  add->callback([&context, a] {
    context.print(context.must(context.client().post(path_of(*a, "accounts/#/members"), {{"user", a->user}, {"issuer", a->issuer}})),
                  [](const json& m) { return show_members({{"members", json::array({m})}}); });
  });
  CLI::App* remove = member->add_subcommand("remove", "No new jobs of his on it; what he runs goes on and is paid");
  remove->add_option("account", a->account, "The billing account (acc_…)")->required();
  remove->add_option("user", a->user, "The member (usr_…)")->required();
  remove->callback([&context, a] {
    context.print(context.must(context.client().post(path_of(*a, "accounts/#/members/") + url_encoded(a->user) + "/remove", json::object())),
                  [a](const json&) { return harmless(a->user) + " shares " + harmless(a->account) + " no longer.\n"; });
  });
  CLI::App* list = member->add_subcommand("list", "Who shares it, what each spent and may spend (its owner, and finance)");
  list->add_option("account", a->account, "The billing account (acc_…)")->required();
  list->callback([&context, a] { context.print(context.must(context.client().get(path_of(*a, "accounts/#/members"))), show_members); });
}

}  // namespace

void add_account_rule_commands(CLI::App& account, Context& context) {
  add_policy_commands(account, context);
  auto a = std::make_shared<AccountArguments>();
  CLI::App* members = account.add_subcommand("members", "Who shares it, what each spent and may spend (its owner, and finance)");
  members->add_option("account", a->account, "The billing account (acc_…)")->required();
  members->callback([&context, a] { context.print(context.must(context.client().get(path_of(*a, "accounts/#/members"))), show_members); });

  add_member_commands(account, context);

  CLI::App* limit = account.add_subcommand("limit", "What a member may commit; what is left out has no limit");
  limit->add_option("account", a->account, "The billing account (acc_…)")->required();
  limit->add_option("user", a->user, "The member (usr_…)")->required();
  limit->add_option("--total", a->total, "In all, such as 500.00");
  limit->add_option("--per-day", a->per_day, "A day");
  limit->add_option("--per-month", a->per_month, "A month");
  limit->add_option("--per-job", a->per_job, "A job");
  limit->callback([&context, a] {
    const json limits = {{"total", a->total}, {"per_day", a->per_day}, {"per_month", a->per_month}, {"per_job", a->per_job}};
    const std::string path = path_of(*a, "accounts/#/members/") + url_encoded(a->user) + "/limits";
    context.print(context.must(context.client().put(path, {{"limits", limits}})),
                  [](const json& m) { return show_members({{"members", json::array({m})}}); });
  });
}

}  // namespace bourse::cli
