// What a single job finds where it runs, and what comes back of it.
#include <vector>

#include "connectors/conformance/checks.h"
#include "connectors/conformance/scripts.h"

namespace bourse::conformance {
namespace {

using connector::RunState;
using connector::RunStatus;

constexpr int kMany = 8;

// The words of a line that begins with `label`.
bool line_has_word(const std::string& log, const std::string& label, const std::string& word) {
  const std::size_t from = ("\n" + log).find("\n" + label);
  if (from == std::string::npos) return false;
  const std::string line = " " + log.substr(from + label.size(), log.find('\n', from) - from - label.size()) + " ";
  return line.contains(" " + word + " ");
}

// "CapEff:\t0000000000000000"; a node without /proc tells nothing.
void expect_no_rights(Bench& bench, const std::string& log) {
  for (const char* set : {"CapInh:", "CapPrm:", "CapEff:", "CapAmb:"}) {
    const std::size_t at = log.find(set);
    if (at == std::string::npos) continue;
    const std::string value = log.substr(at, log.find('\n', at) - at);
    bench.expect(value.find_first_not_of("0\t ", std::string(set).size()) == std::string::npos, "the job has rights of its own: " + value);
  }
}

void expect_clean(Bench& bench, const connector::SubmitRequest& asked, const std::string& log) {
  const std::string& user = bench.setting().user.name;
  bench.has_line(log, "user:" + user);
  bench.expect(!line_has_word(log, "groups:", "root"), "the job is in root's group");
  bench.has_line(log, asked.workdir);
  bench.has_line(log, "0077");
  bench.has_line(log, "err");
  bench.has_line(log, "args:0");
  bench.has_line(log, "HOME=" + (asked.user.home.empty() ? asked.workdir : asked.user.home));
  bench.has_line(log, "USER=" + user);
  bench.has_line(log, "BOURSE_JOB_ID=" + asked.marker);
  bench.has_line(log, "BOURSE_CORES=1");
  bench.has_line(log, "PATH=/usr/local/bin:/usr/bin:/bin");
  for (const std::string& stranger : bench.setting().strangers) bench.expect(!log.contains(stranger), "the job's environment has '" + stranger + "'");
  expect_no_rights(bench, log);
}

}  // namespace

Status check_environment(Bench& bench) {
  TRY(const auto asked, bench.request(scripts::tells_environment()));
  TRY(const std::string id, bench.submit(asked));
  TRY(const RunStatus over, bench.wait_over(id));
  bench.expect(over.state == RunState::ended, "it did not end by itself");
  bench.equal("the exit code", over.exit_code, 0);
  bench.expect(over.reason.empty(), "a job that went well has a reason: " + over.reason);
  bench.expect(!over.raw.empty(), "there is no accounting row");
  if (bench.expect(over.started && over.ended, "start or end are not told"))
    bench.expect(*over.started + over.running <= *over.ended + seconds(1), "it ran for longer than from its start to its end");
  bench.expect(over.allocation.cores >= 1, "it had no core");
  bench.expect(over.allocation.nodes >= 1, "it had no node");
  if (over.allocation.mem_mib != 0 || !bench.driver().capabilities().silent_of_cards_and_memory)
    bench.expect(over.allocation.mem_mib >= 200, fmt::format("it had {} MiB where 200 were asked for", over.allocation.mem_mib));
  expect_clean(bench, asked, bench.log_of(id));
  return {};
}

Status check_exit_codes(Bench& bench) {
  TRY(const std::string three, bench.run(scripts::exits(3)));
  TRY(const std::string killed, bench.run(scripts::kills_itself()));
  TRY(const RunStatus of_three, bench.wait_over(three));
  TRY(const RunStatus of_killed, bench.wait_over(killed));
  bench.equal("the exit code of 'exit 3'", of_three.exit_code, 3);
  bench.equal("the exit code of a job that SIGKILL ended", of_killed.exit_code, 137);
  bench.expect(of_three.state == RunState::ended, "a job that failed by itself counts as cancelled");
  return {};
}

Status check_script_bytes(Bench& bench) {
  TRY(auto asked, bench.request(""));
  asked.script = scripts::calculates(asked.workdir);
  TRY(const std::string id, bench.submit(asked));
  TRY(const RunStatus over, bench.wait_over(id));
  bench.equal("the exit code of an awk script", over.exit_code, 0);
  const std::string log = bench.log_of(id);
  bench.has_line(log, "sum 42");
  bench.expect(!("\n" + log).contains("\nevil\n"), "a line of the script, or the job's name, has made the file 'evil'");
  TRY(const auto found, bench.driver().find_by_marker(asked.marker));
  bench.expect(found == id, "a line of the script has changed the job's name: its marker is not found");

  const std::string script = scripts::prints_itself();
  TRY(const std::string itself, bench.run(script));
  TRY(const RunStatus printed, bench.wait_over(itself));
  bench.equal("the exit code of a script that prints itself", printed.exit_code, 0);
  bench.expect(bench.log_of(itself) == script, "the script has other bytes on the node");
  return {};
}

Status check_log_in_pieces(Bench& bench) {
  TRY(const auto asked, bench.request(scripts::prints_digits()));
  const auto none = bench.driver().read_log("1", asked.user, asked.stdout_path, 0, 10);
  bench.expect(!none && none.error().code == ErrorCode::not_found, "before it ran the job has a log");
  TRY(const std::string id, bench.submit(asked));
  CHECK_OK(bench.wait_over(id));
  TRY(const auto piece, bench.driver().read_log(id, asked.user, asked.stdout_path, 4, 3));
  bench.equal("three bytes from the fourth", piece.data, "456");
  bench.equal("the log's size", piece.size, 10);
  TRY(const auto past, bench.driver().read_log(id, asked.user, asked.stdout_path, 10, 3));
  bench.equal("what is past the end", past.data, "");
  return {};
}

Status check_files_apart(Bench& bench) {
  const auto closed = bench.closed_folder();
  if (!closed && closed.error().code == ErrorCode::forbidden) return bench.not_supported(closed.error().detail), Status{};
  if (!closed) return std::unexpected(closed.error());
  TRY(const std::string id, bench.run(scripts::pries(*closed)));
  CHECK_OK(bench.wait_over(id));
  const std::string log = bench.log_of(id);
  bench.has_line(log, "done");
  bench.expect(!log.contains("a secret"), "it has read another's file");
  const auto could = [&](const char* act, const char* what) { bench.expect(!("\n" + log).contains(std::string("\n") + act + "\n"), what); };
  could("read", "it could open another's file");
  could("listed", "it could list another's folder");
  could("wrote", "it could write into another's folder");
  could("listed-above", "it could list the folder above its own, so it sees who else has jobs");
  could("wrote-above", "it could write into the folder above its own");
  bench.expect(log.contains("drwx------"), "its own folder is open to others");
  return {};
}

Status check_many_at_once(Bench& bench) {
  std::vector<std::string> ids;
  for (int i = 1; i <= kMany; ++i) {
    TRY(std::string id, bench.run(scripts::numbered(i)));
    ids.push_back(std::move(id));
  }
  std::map<std::string, std::string> all;
  for (const std::string& id : ids) all[id] = bench.request_of(id).marker;
  bench.equal("the number of ids", all.size(), ids.size());
  TRY(const auto together, bench.driver().poll(all));
  bench.equal("the number of answers to one question for all", together.size(), all.size());
  for (int i = 1; i <= kMany; ++i) {
    const std::string& id = ids[static_cast<std::size_t>(i - 1)];
    TRY(const RunStatus over, bench.wait_over(id, bench.setting().patience + seconds(5 * kMany)));
    bench.equal(fmt::format("the exit code of number {}", i), over.exit_code, i);
    bench.equal(fmt::format("the log of number {}", i), bench.log_of(id), fmt::format("number {}\n", i));
    TRY(const auto found, bench.driver().find_by_marker(all[id]));
    bench.expect(found == id, fmt::format("number {} has the marker of another", i));
  }
  return {};
}

}  // namespace bourse::conformance
