// Outputs: what the run left where its patterns say, and the end of what it printed, to the broker.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "base/sha256.h"
#include "connectors/core/stager.h"
#include "connectors/host/confined.h"
#include "connectors/host/files.h"
#include "federation-proto/fields.h"
#include "federation-proto/staging.h"

namespace bourse::connector {

namespace wire = federation::v1;

namespace {

constexpr std::size_t kHashedAtOnce = 1 << 20;
constexpr std::int64_t kLogPiece = 256 << 10;
constexpr const char* kChanged = "it changed while it was read";

bool is_literal(std::string_view pattern) { return pattern.find_first_of("*?[") == std::string_view::npos; }

std::string words_of(const Error& error) { return error.detail.empty() ? std::string(info(error.code).sentence) : error.detail; }

void leave_out(wire::OutputFile& file, std::string reason) {
  file.clear_sha256();
  file.set_reason(std::move(reason));
}

void add_problem(wire::OutputsTold& told, const std::string& problem) {
  if (told.problem().contains(problem)) return;
  told.set_problem(told.problem().empty() ? problem : told.problem() + "; " + problem);
}

// What matches, in the order of names, within the bounds.
void take_match(wire::OutputsTold& told, const host::Found& found, const StagerOptions& options, std::int64_t& sum) {
  if (!federation::check_file_path(found.path)) return add_problem(told, "files whose names have odd characters are left out");
  if (static_cast<std::size_t>(told.files_size()) >= federation::kMaxJobFiles)
    return add_problem(told, "only the first " + std::to_string(federation::kMaxJobFiles) + " files are kept");
  if (told.ByteSizeLong() + found.path.size() + 128 > federation::kMaxOutputsBytes) return add_problem(told, "the files' names are too long together; the last ones are left out");
  wire::OutputFile& file = *told.add_files();
  file.set_path(found.path);
  file.set_size(found.size);
  file.set_executable(found.executable);
  if (found.size > options.file_bytes) return leave_out(file, "it is larger than " + std::to_string(options.file_bytes) + " bytes");
  if (found.size > options.job_bytes - sum) return leave_out(file, "the job's outputs are larger than " + std::to_string(options.job_bytes) + " bytes together");
  sum += found.size;
}

Result<host::OpenFile> open_output(const Staging& staging, const std::string& path) {
  TRY(const host::AsUser user, host::AsUser::take(staging.user.uid, staging.user.gid));
  TRY(const host::ConfinedFolder folder, host::ConfinedFolder::open(staging.workdir, staging.user.uid));
  return folder.open_file(path);
}

Status look_through(const Staging& staging, const wire::Manifest& manifest, const StagerOptions& options, wire::OutputsTold& told,
                    const std::function<bool()>& over) {
  TRY(const host::AsUser user, host::AsUser::take(staging.user.uid, staging.user.gid));
  TRY(const host::ConfinedFolder folder, host::ConfinedFolder::open(staging.workdir, staging.user.uid));
  std::int64_t sum = 0;
  std::vector<std::string> missing;
  std::ranges::copy_if(manifest.outputs(), std::back_inserter(missing), is_literal);
  const auto walked = folder.walk(options.entries, [&](const std::string& path) { return !over() && !path.starts_with(federation::kOwnPrefix); },
                                  [&](const host::Found& found) {
                                    if (found.path.starts_with(federation::kOwnPrefix) || over()) return;
                                    if (std::ranges::none_of(manifest.outputs(), [&](const std::string& p) { return federation::matches(p, found.path); })) return;
                                    std::erase(missing, found.path);
                                    take_match(told, found, options, sum);
                                  });
  if (over()) return fail(ErrorCode::unavailable, "stopped");
  // What a person named is not left out in silence.
  for (const std::string& path : missing) {
    if (static_cast<std::size_t>(told.files_size()) >= federation::kMaxJobFiles) break;
    const auto there = folder.open_file(path);
    wire::OutputFile& file = *told.add_files();
    file.set_path(path);
    leave_out(file, there                                             ? "it was not looked at"
                    : there.error().code == ErrorCode::not_found ? "the job left no such file"
                                                                     : words_of(there.error()));
  }
  return walked;
}

}  // namespace

Result<wire::OutputsTold> Stager::look_for_outputs(const Task& task, const Staging& staging) {
  wire::OutputsTold told;
  told.set_job(federation::to_bytes(staging.job));
  told.set_attempt(federation::to_bytes(staging.attempt));
  if (staging.manifest.is_zero()) return told;
  const auto bytes = host::read_file(manifest_path(staging.attempt), federation::kMaxManifestBytes);
  const auto manifest = bytes ? federation::read_manifest(*bytes) : Result<wire::Manifest>(std::unexpected(bytes.error()));
  if (!manifest) {
    add_problem(told, "the center lost the list of the job's files");
    return told;
  }
  if (manifest->outputs_size() == 0) return told;
  const auto looked = look_through(staging, *manifest, options_, told, [&] { return over(task); });
  if (!looked && looked.error().outcome() != Outcome::rejected) return std::unexpected(looked.error());
  if (!looked) add_problem(told, words_of(looked.error()));
  CHECK_OK(hash_outputs(task, staging, told));
  return told;
}

Status Stager::hash_outputs(const Task& task, const Staging& staging, wire::OutputsTold& told) {
  for (wire::OutputFile& file : *told.mutable_files()) {
    if (!file.reason().empty()) continue;
    const auto from = open_output(staging, file.path());
    if (!from && from.error().outcome() != Outcome::rejected) return std::unexpected(from.error());
    if (!from) {
      leave_out(file, words_of(from.error()));
      continue;
    }
    Sha256 hash;
    std::int64_t at = 0;
    while (at < file.size()) {
      if (over(task)) return fail(ErrorCode::unavailable, "stopped");
      const auto bytes = from->read(at, std::min(kHashedAtOnce, static_cast<std::size_t>(file.size() - at)));
      if (!bytes || bytes->empty()) break;
      hash.add(std::string_view(*bytes));
      at += static_cast<std::int64_t>(bytes->size());
    }
    if (at < file.size()) leave_out(file, kChanged);
    else file.set_sha256(federation::to_bytes(hash.finish()));
  }
  return {};
}

// Told as a file of its own. Without a log there is nothing to tell.
Result<std::string> Stager::log_end(const Staging& staging, wire::OutputsTold& told) {
  const auto first = options_.log_bytes > 0 ? log_(staging.attempt, 0, 0) : fail(ErrorCode::not_found);
  if (!first) return std::string();
  const std::int64_t size = first->size, from = std::max<std::int64_t>(size - options_.log_bytes, 0);
  std::string end;
  while (static_cast<std::int64_t>(end.size()) < size - from) {
    const std::int64_t at = from + static_cast<std::int64_t>(end.size());
    const auto piece = log_(staging.attempt, at, std::min(kLogPiece, size - at));
    if (!piece || piece->data.empty() || piece->offset != at) break;
    end += piece->data.substr(0, static_cast<std::size_t>(size - at));
  }
  wire::OutputFile& file = *told.add_files();
  file.set_log(true);
  file.set_log_offset(from);
  file.set_size(static_cast<std::int64_t>(end.size()));
  file.set_sha256(federation::to_bytes(sha256(std::string_view(end))));
  return end;
}

Status Stager::push_file(const Task& task, const Staging& staging, wire::OutputFile& file, std::int64_t from, const std::string& log) {
  host::OpenFile source;
  if (!file.log()) {
    auto opened = open_output(staging, file.path());
    if (!opened) return leave_out(file, words_of(opened.error())), Status{};
    source = std::move(*opened);
  }
  wire::PushPiece first;
  first.set_job(federation::to_bytes(staging.job));
  first.set_attempt(federation::to_bytes(staging.attempt));
  first.set_sha256(file.sha256());
  first.set_size(file.size());
  first.set_offset(from);
  std::int64_t at = from;
  const auto reply = link_.push(std::move(first), [&]() -> Result<std::string> {
    if (over(task)) return fail(ErrorCode::unavailable, "stopped");
    const std::size_t most = std::min(federation::kPieceBytes, static_cast<std::size_t>(file.size() - at));
    if (most == 0) return std::string();
    TRY(std::string piece, file.log() ? Result<std::string>(log.substr(static_cast<std::size_t>(at), most)) : source.read(at, most));
    at += static_cast<std::int64_t>(piece.size());
    return piece;
  });
  if (!reply && reply.error().outcome() != Outcome::rejected) return std::unexpected(reply.error());
  // What lay there before may have been another's beginning: it is gone now, and the file goes once more from its own.
  if (!reply && reply.error().code == ErrorCode::integrity && from > 0) return fail(ErrorCode::unavailable, "once more from its beginning");
  if (!reply && reply.error().code != ErrorCode::integrity) return leave_out(file, words_of(reply.error())), Status{};
  if (!reply || !reply->arrived()) leave_out(file, kChanged);
  return {};
}

Status Stager::hand(const Task& task, const Staging& staging) {
  TRY(wire::OutputsTold told, look_for_outputs(task, staging));
  TRY(const std::string log, log_end(staging, told));
  if (told.files().empty() && told.problem().empty() && staging.manifest.is_zero()) return {};
  const auto refused = [&](const Error& error) {
    spdlog::info("the broker keeps no files of {}: {}", to_text(staging.attempt), error.message());
    return Status{};
  };
  // Reading and hashing it all is not repeated when the link breaks.
  const auto handed = [&]() -> Status {
    TRY(const wire::OutputsWanted wanted, link_.tell(told));
    if (wanted.files_size() != told.files_size()) return fail(ErrorCode::unavailable, "the broker answered of other files");
    for (int i = 0; i < told.files_size(); ++i) {
      const wire::OutputWanted& answer = wanted.files(i);
      if (!told.files(i).reason().empty()) continue;
      if (!answer.refused().empty()) leave_out(*told.mutable_files(i), answer.refused());
      else if (!answer.arrived()) CHECK_OK(push_file(task, staging, *told.mutable_files(i), std::clamp<std::int64_t>(answer.offset(), 0, told.files(i).size()), log));
    }
    told.set_complete(true);
    auto last = link_.tell(told);
    told.set_complete(false);
    return last ? Status{} : std::unexpected(last.error());
  };
  while (true) {
    const Status done = handed();
    if (done) break;
    if (done.error().outcome() == Outcome::rejected) return refused(done.error());
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(options_.retry.ms), [&] { return stopping_ || task.dropped; });
    if (stopping_ || task.dropped) return fail(ErrorCode::unavailable, "stopped");
  }
  return {};
}

}  // namespace bourse::connector
