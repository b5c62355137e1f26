#include <cstdlib>
#include <iostream>
#include <spawn.h>
#include <sys/wait.h>

#include "cli/client/login.h"
#include "cli/client/session.h"
#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

struct LoginArguments {
  std::string url, ca, issuer;
  bool no_browser = false;
};

// Opens the user's browser; whether that worked shows by their coming back.
void open_browser(const std::string& url) {
  std::string program = "xdg-open";
  std::string argument = url;
  char* argv[] = {program.data(), argument.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1, 0);
  pid_t pid = 0;
  (void)posix_spawnp(&pid, program.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
}

void login(Context& context, const LoginArguments& arguments) {
  if (!arguments.url.empty()) setenv("BOURSE_URL", arguments.url.c_str(), 1);
  if (!arguments.ca.empty()) setenv("BOURSE_CA", arguments.ca.c_str(), 1);
  LoginOptions options;
  options.issuer = arguments.issuer;
  options.show = [&](const std::string& url) {
    std::cerr << "Sign in at this address in your browser:\n\n  " << url << "\n\nWaiting for you to come back…\n";
    if (!arguments.no_browser) open_browser(url);
  };
  Endpoint endpoint = context.client().endpoint();
  endpoint.token = context.must(log_in(context.client(), options, context.clock(), context.rng()));
  context.must(remember(endpoint));
  Client signed_in(endpoint, context.rng());
  const json me = context.must(signed_in.get("/api/v1/me"));
  context.print(me, [](const json& reply) { return "Signed in as " + harmless(field(reply, "name")) + ".\n"; });
}

void logout(Context& context) {
  Client& client = context.client();
  if (!client.endpoint().token.empty())
    (void)client.post_form("/oauth/revoke", {{"client_id", "bourse-cli"}, {"token", client.endpoint().token}});
  std::cout << (forget_token() ? "Signed out.\n" : "You were not signed in here.\n");
}

std::string joined(const json& list) {
  std::string out;
  for (const json& item : list) out += (out.empty() ? "" : ", ") + item.get<std::string>();
  return out;
}

std::string show_me(const json& me) {
  return list_of({{"name", field(me, "name")},
                  {"user", field(me, "user")},
                  {"tenant", field(me, "tenant")},
                  {"roles", joined(me.value("roles", json::array()))},
                  {"accounts", joined(me.value("accounts", json::array()))}});
}

// Of a wallet's running jobs whose holds are renewed; `in`: the wallet, or its packages.
std::string show_forecast(const json& w, const std::string& unit, const char* in = nullptr) {
  const json forecast = (in == nullptr ? w : w.value(in, json::object())).value("forecast", json::object());
  if (forecast.empty()) return "";
  const std::string until = instant(forecast, "runs_out_at");
  return field(w, "account") + ": " + field(forecast, "jobs") + " running jobs are held for a part at a time and cost " + field(forecast, "an_hour") + " " +
         unit + " an hour; the money lasts " + (until.empty() ? "for more than a year" : "until " + until + " UTC") + ".\n";
}

std::string show_packages(const json& w) {
  const json du = w.value("du", json::object());
  if (du.empty()) return "";
  const std::string expiry = field(du, "next_expiry");
  return field(w, "account") + ": " + field(du, "available") + " DU of packages available, " + field(du, "held") + " held; " + field(du, "deferred") + " " +
         field(w, "currency") + " of their price not used yet" +
         (expiry.empty() ? "" : "; " + field(du, "expiring") + " DU expire on " + expiry.substr(0, 10)) + ".\n" + show_forecast(w, "DU", "du");
}

}  // namespace

void add_people_commands(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<LoginArguments>();
  CLI::App* in = app.add_subcommand("login", "Sign in with your browser");
  in->add_option("--url", arguments->url, "The market's address; remembered");
  in->add_option("--ca", arguments->ca, "Trust anchor (PEM) of the market's certificate; remembered")->check(CLI::ExistingFile);
  in->add_option("--issuer", arguments->issuer, "Your organisation's identity provider, when the market has several");
  in->add_flag("--no-browser", arguments->no_browser, "Only print the address");
  in->footer("Example: bourse login --url https://127.0.0.1:8443 --ca /var/lib/bourse/edge/root.pem");
  in->callback([&context, arguments] { login(context, *arguments); });

  app.add_subcommand("logout", "Sign out and forget the token")->callback([&context] { logout(context); });
  app.add_subcommand("whoami", "Who you are here, and your roles")->callback([&context] {
    context.print(context.must(context.client().get("/api/v1/me")), show_me);
  });
  app.add_subcommand("wallet", "Your wallets: balance, held, available, and what of it expires")->callback([&context] {
    context.print(context.must(context.client().get("/api/v1/wallets")), [](const json& reply) {
      Table table({"account", "name", "balance", "held", "available", "granted", "next expiry", "currency", "claim code"});
      for (const json& w : reply.value("wallets", json::array()))
        table.add({field(w, "account"), field(w, "name"), field(w, "balance"), field(w, "held"), field(w, "available"), field(w, "granted"),
                   field(w, "next_expiry").empty() ? "" : field(w, "expiring") + " on " + field(w, "next_expiry").substr(0, 10),
                   field(w, "currency"), field(w, "claim_code")});
      std::string text = table.text();
      for (const json& w : reply.value("wallets", json::array())) {
        text += show_forecast(w, field(w, "currency")) + show_packages(w);
      }
      return text;
    });
  });
}

}  // namespace bourse::cli
