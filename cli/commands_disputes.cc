// bourse dispute: claims on what jobs were charged, and what speaks for and against them.
#include <charconv>
#include <filesystem>

#include "cli/client/table.h"
#include "cli/context.h"

namespace bourse::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kLargestEvidence = 1 << 20;
constexpr const char* kDisputeKeyHelp = "Repeat with the same key after an unknown outcome (default: a new one)";

struct DisputeArguments {
  std::string id, amount, reason, to_user, state, cursor, key;
  bool for_center = false;
  // of evidence
  std::string file, name, media_type = "application/octet-stream", note, which, save;
};

std::string path_of(const DisputeArguments& a, const std::string& below = {}) { return "/api/v1/disputes/" + url_encoded(a.id) + below; }

std::string show_disputes(const json& disputes) {
  Table table({"dispute", "job", "center", "opened by", "amount", "in escrow", "opened", "state", "to the user", "evidence", "reason", "resolution"});
  for (const json& d : disputes)
    table.add({field(d, "id"), field(d, "job"), field(d, "center_name"), field(d, "side"), money(d, "amount"), money(d, "escrow"), instant(d, "opened_at"),
               field(d, "state"), money(d, "to_user"), field(d, "files"), field(d, "reason"), field(d, "resolution")});
  return table.empty() ? "No disputes.\n" : table.text();
}

std::string show_one_dispute(const json& dispute) {
  if (auto text = waiting(dispute)) return *text;
  return show_disputes(json::array({dispute}));
}

std::string show_evidence(const json& dispute) {
  Table table({"no.", "side", "by", "at", "file", "bytes", "type", "note", "sha256"});
  int n = 0;
  for (const json& e : dispute.value("evidence", json::array()))
    table.add({std::to_string(++n), field(e, "side"), field(e, "by_name"), instant(e, "at"), field(e, "file"), field(e, "size"), field(e, "media_type"),
               field(e, "note"), field(e, "sha256")});
  return table.empty() ? "No evidence.\n" : table.text();
}

std::string show_whole_dispute(const json& d) {
  const bool open = field(d, "state") == "open";
  return list_of({{"dispute", field(d, "id")},
                  {"job", field(d, "job")},
                  {"account", field(d, "account")},
                  {"center", field(d, "center_name")},
                  {"opened by", "the " + field(d, "side") + "'s side at " + instant(d, "opened_at") + " UTC"},
                  {"reason", field(d, "reason")},
                  {"amount", money(d, "amount")},
                  {open ? "in escrow" : "was in escrow", money(d, "escrow")},
                  {"state", field(d, "state")},
                  {"to the user", money(d, "to_user")},
                  {"resolution", field(d, "resolution")},
                  {"resolved", open ? "" : instant(d, "resolved_at") + " UTC"}}) +
         "\n" + show_evidence(d);
}

// The evidence that was meant: by its number in the list, or its hash.
std::string hash_of_evidence(Context& context, const DisputeArguments& a) {
  std::size_t n = 0;
  const auto read = std::from_chars(a.which.data(), a.which.data() + a.which.size(), n);
  if (a.which.size() > 4 || read.ec != std::errc{} || read.ptr != a.which.data() + a.which.size()) return a.which;
  const json dispute = context.must(context.client().get(path_of(a)));
  const json all = dispute.value("evidence", json::array());
  if (n < 1 || n > all.size())
    Context::end_with({ErrorCode::not_found, "the dispute has " + std::to_string(all.size()) + " files of evidence"});
  return field(all[n - 1], "sha256");
}

void add_evidence_of_disputes(CLI::App& dispute, Context& context) {
  auto a = std::make_shared<DisputeArguments>();
  CLI::App* evidence = dispute.add_subcommand("evidence", "Files for or against an open dispute, of either side or finance")->require_subcommand(1);
  CLI::App* add = evidence->add_subcommand("add", "Add a file of at most 1 MiB; it stays, and both sides and finance can read it");
  add->add_option("dispute", a->id, "The dispute (dsp_…)")->required();
  add->add_option("file", a->file, "The file; '-' for standard input")->required();
  add->add_option("--note", a->note, "What it shows");
  add->add_option("--name", a->name, "Under another name (default: the file's)");
  add->add_option("--media-type", a->media_type, "What it is, such as text/plain")->capture_default_str();
  add->add_option("--idempotency-key", a->key, kDisputeKeyHelp);
  add->callback([&context, a] {
    const std::string bytes = read_input(a->file, kLargestEvidence);
    if (bytes.empty()) Context::end_with({ErrorCode::invalid_argument, a->file + " is empty"});
    const std::string name = !a->name.empty() ? a->name : a->file == "-" ? "standard-input" : std::filesystem::path(a->file).filename().string();
    std::string query = "?file=" + url_encoded(name) + "&media_type=" + url_encoded(a->media_type);
    if (!a->note.empty()) query += "&note=" + url_encoded(a->note);
    context.print(context.must(context.client().post_file(path_of(*a, "/evidence") + query, bytes, "application/octet-stream", a->key)), [](const json& e) {
      return harmless(field(e, "file") + ": " + field(e, "size") + " bytes, sha256 " + field(e, "sha256")) + "\n";
    });
  });
  CLI::App* list = evidence->add_subcommand("list", "What was given, in order");
  list->add_option("dispute", a->id, "The dispute (dsp_…)")->required();
  list->callback([&context, a] { context.print(context.must(context.client().get(path_of(*a))), show_evidence); });
  CLI::App* get = evidence->add_subcommand("get", "Save a file of evidence; its hash is checked");
  get->add_option("dispute", a->id, "The dispute (dsp_…)")->required();
  get->add_option("which", a->which, "Its SHA-256, or its number in the list")->required();
  get->add_option("--save", a->save, "File; '-' for standard output")->required();
  get->callback([&context, a] {
    const std::string hash = hash_of_evidence(context, *a);
    save_checked(context, path_of(*a, "/evidence/" + url_encoded(hash)), hash, a->save);
  });
}

void add_dispute_list(CLI::App& dispute, Context& context, const std::shared_ptr<DisputeArguments>& a) {
  CLI::App* list = dispute.add_subcommand("list", "Disputes of your accounts and of the centers you speak for; finance and operators see all");
  list->add_option("--state", a->state, "open, accepted, split or rejected");
  list->add_option("--cursor", a->cursor, "From the page before");
  list->callback([&context, a] {
    std::string query;
    for (const auto& [name, value] : {std::pair("state", &a->state), std::pair("cursor", &a->cursor)})
      if (!value->empty()) query += (query.empty() ? "?" : "&") + std::string(name) + "=" + url_encoded(*value);
    context.print(context.must(context.client().get("/api/v1/disputes" + query)), [](const json& reply) {
      const std::string more = field(reply, "next_cursor").empty() ? "" : "More: --cursor " + field(reply, "next_cursor") + "\n";
      return show_disputes(reply.value("disputes", json::array())) + more;
    });
  });
}

}  // namespace

void add_dispute_commands(CLI::App& app, Context& context) {
  auto a = std::make_shared<DisputeArguments>();
  CLI::App* dispute = app.add_subcommand("dispute", "Claims on what a job was charged")->require_subcommand(1);
  CLI::App* open = dispute->add_subcommand("open", "Dispute a charge; the center's part is kept back until it is resolved");
  open->add_option("job", a->id, "The job (job_…)")->required();
  open->add_option("--amount", a->amount, "Such as 1.50 (default: all that is left of the charge)");
  open->add_option("--reason", a->reason, "What is wrong")->required();
  open->add_flag("--for-center", a->for_center, "In the center's name, by one of its people or an operator");
  open->add_option("--idempotency-key", a->key, kDisputeKeyHelp);
  open->callback([&context, a] {
    const json body = {{"amount", a->amount}, {"reason", a->reason}, {"for_center", a->for_center}};
    context.print(context.must(context.client().post("/api/v1/jobs/" + url_encoded(a->id) + "/disputes", body, a->key)), show_one_dispute);
  });
  add_dispute_list(*dispute, context, a);
  CLI::App* show = dispute->add_subcommand("show", "One dispute: its reason, its money, the evidence and how it ended");
  show->add_option("dispute", a->id, "The dispute (dsp_…)")->required();
  show->callback([&context, a] { context.print(context.must(context.client().get(path_of(*a))), show_whole_dispute); });
  CLI::App* resolve = dispute->add_subcommand("resolve", "End a dispute");
  resolve->add_option("dispute", a->id, "The dispute (dsp_…)")->required();
  resolve->add_option("--to-user", a->to_user, "all, none, or an amount that goes back to the user")->required();
  resolve->add_option("--reason", a->reason, "For both sides")->required();
  resolve->add_option("--idempotency-key", a->key, kDisputeKeyHelp);
  resolve->callback([&context, a] {
    const json body = {{"to_user", a->to_user}, {"reason", a->reason}};
    context.print(context.must(context.client().post(path_of(*a, "/resolve"), body, a->key)), show_one_dispute);
  });
  add_evidence_of_disputes(*dispute, context);
}

}  // namespace bourse::cli
