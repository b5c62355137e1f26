// How a center becomes a member, on the operators' side: invite, compare fingerprints, admit.
#include <iostream>

#include "cli/client/quantities.h"
#include "cli/client/table.h"
#include "cli/context.h"
#include "federation-proto/bundle.h"
#include "federation-proto/key_file.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

struct MembershipArguments {
  std::string center, output, currency = "CNY", valid = "10m", fingerprint, note, reason;
};

std::string invitation_path(const std::string& center, const char* what) { return "/api/v1/invitations/" + url_encoded(center) + "/" + what; }

std::string show_invitations(const json& reply) {
  Table table({"center", "name", "settled in", "invited by", "at", "until", "joined", "keys' fingerprint"});
  for (const json& one : reply.value("invitations", json::array()))
    table.add({field(one, "center"), field(one, "name"), field(one, "unit"), field(one, "by_name"), instant(one, "at"), instant(one, "expires_at"),
               instant(one, "joined_at"), field(one, "fingerprint")});
  return table.empty() ? "No invitation is open. Make one: bourse center invite --help\n" : table.text();
}

// The bundle goes to the file alone: whoever reads its token may join.
void invite(Context& context, const MembershipArguments& a) {
  const json body = {{"name", a.center}, {"unit", a.currency}, {"validity_ms", context.must("--valid", parse_duration(a.valid)).ms}};
  const json bundle = context.must(context.client().post("/api/v1/invitations", body));
  if (const Status written = federation::write_private_file(a.output, bundle.dump(2) + "\n"); !written) {
    // Nobody will ever see its token.
    context.must(context.client().post(invitation_path(field(bundle, "center"), "withdraw"), {{"reason", "its bundle could not be written"}}));
    Context::end_with({ErrorCode::unavailable, "can't write " + a.output + ", so the invitation was withdrawn again (" + written.error().detail + ")"});
  }
  const json made = {{"center", bundle.value("center", "")}, {"name", bundle.value("center_name", "")}, {"expires_at", bundle.value("expires_at", "")}, {"bundle", a.output}};
  context.print(made, [](const json& m) {
    const std::string name = field(m, "name"), file = harmless(field(m, "bundle"));
    return "Invited " + name + " as " + field(m, "center") + ", until " + instant(m, "expires_at") + " UTC.\n" +
           "1. Give " + file + " to the center's people by a way that nobody else reads: whoever has it joins as " + name + ".\n" +
           "2. There: bourse-connector join " + file + " --dir DIR\n" +
           "3. They read their keys' fingerprint out to you; then: bourse center admit " + name + "\n";
  });
}

// The open invitation of that name or id; ends the program when there is none.
json invitation_named(Context& context, const std::string& name) {
  const json reply = context.must(context.client().get("/api/v1/invitations"));
  for (const json& one : reply.value("invitations", json::array()))
    if (field(one, "name") == name || field(one, "center") == name) return one;
  Context::end_with({ErrorCode::not_found, "no invitation for " + name + " is open"});
}

// What the people of the center read out, as whoever sits here says.
std::string compared_fingerprint(Context& context, const MembershipArguments& a) {
  if (!on_terminal())
    Context::end_with({ErrorCode::invalid_argument, "--fingerprint is required where nobody can be asked: it is what the center's people read out"});
  const json invitation = invitation_named(context, a.center);
  const std::string fingerprint = field(invitation, "fingerprint");
  if (fingerprint.empty())
    Context::end_with({ErrorCode::failed_precondition, "nobody has joined as " + field(invitation, "name") + " yet; there: bourse-connector join BUNDLE --dir DIR"});
  std::cerr << "Joined as " << field(invitation, "name") << " at " << instant(invitation, "joined_at") << " UTC, to be settled in " << field(invitation, "unit")
            << ", with keys of the fingerprint\n\n    " << harmless(fingerprint) << "\n\n"
            << "Let the center's people read theirs out, by telephone or face to face: 'bourse-connector join' showed it to them.\n";
  if (!agreed("Is it the same, digit by digit?"))
    Context::end_with({ErrorCode::failed_precondition,
                       "nobody was let in. If the fingerprints differ, somebody else has used the bundle: bourse center withdraw " + field(invitation, "name")});
  return fingerprint;
}

void admit(Context& context, const MembershipArguments& a) {
  const std::string fingerprint = a.fingerprint.empty() ? compared_fingerprint(context, a)
                                                        : federation::shown_fingerprint(context.must("--fingerprint", federation::read_fingerprint(a.fingerprint)));
  const json reply = context.must(context.client().post(invitation_path(a.center, "admit"), {{"fingerprint", fingerprint}, {"note", a.note}}));
  context.print(reply, [](const json& done) {
    if (auto text = waiting(done)) return *text;
    const std::string name = field(done, "name");
    return name + " (" + field(done, "center") + ") is in. It sells once it has terms and prices: bourse contract set " + name + ", bourse prices publish\n";
  });
}

void withdraw(Context& context, const MembershipArguments& a) {
  const json reply = context.must(context.client().post(invitation_path(a.center, "withdraw"), {{"reason", a.reason}}));
  context.print(reply, [&](const json&) { return "Withdrawn: nobody joins as " + harmless(a.center) + " by that bundle, or is let in.\n"; });
}

}  // namespace

void add_membership_commands(CLI::App& app, Context& context) {
  auto a = std::make_shared<MembershipArguments>();
  CLI::App* center = app.get_subcommand("center");
  CLI::App* made = center->add_subcommand("invite", "Invite a center: a bundle with which one connector joins");
  made->add_option("name", a->center, "What the center is called: a-z, 0-9 and -")->required();
  made->add_option("--output", a->output, "Where the bundle goes, readable by you alone")->required();
  made->add_option("--currency", a->currency, "What it is settled in, for good")->capture_default_str();
  made->add_option("--valid", a->valid, "For how long somebody may join by it, at most 7d")->capture_default_str();
  made->callback([&context, a] { invite(context, *a); });

  center->add_subcommand("invitations", "Open invitations, and who has joined by them")->callback([&context] {
    context.print(context.must(context.client().get("/api/v1/invitations")), show_invitations);
  });

  CLI::App* withdrawn = center->add_subcommand("withdraw", "Withdraw an invitation");
  withdrawn->add_option("center", a->center, "Name or id")->required();
  withdrawn->add_option("--reason", a->reason, "For the record");
  withdrawn->callback([&context, a] { withdraw(context, *a); });

  CLI::App* let_in = center->add_subcommand("admit", "Let in who has joined, once its keys' fingerprint is what the center's people read out");
  let_in->add_option("center", a->center, "Name or id")->required();
  let_in->add_option("--fingerprint", a->fingerprint, "What they read out; else you are shown what joined, and asked");
  let_in->add_option("--note", a->note, "Why, for whoever approves");
  let_in->callback([&context, a] { admit(context, *a); });
}

}  // namespace bourse::cli
