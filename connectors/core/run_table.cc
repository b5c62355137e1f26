#include "connectors/core/run_table.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace bourse::connector {
namespace {

constexpr std::uint16_t kRunRecord = 1;
constexpr std::uint64_t kMinRewriteBytes = 4 << 20;

std::string encoded(const Run& run) {
  std::vector<std::byte> bytes;
  codec::write_record(bytes, kRunRecord, run);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<Run> decoded(std::string_view payload) {
  std::span<const std::byte> in = std::as_bytes(std::span(payload));
  const auto record = codec::next_record(in);
  Run run;
  if (!record || record->type != kRunRecord || !in.empty()) return fail(ErrorCode::integrity, "run table: malformed record");
  codec::Reader reader(record->body);
  reader.read_record(run);
  if (!reader.ok()) return fail(ErrorCode::integrity, "run table: malformed record");
  return run;
}

}  // namespace

Result<RunTable> RunTable::open(const std::string& path) {
  RunTable table;
  table.path_ = path;
  TRY(table.log_, RecordLog::open(path, [&](std::uint64_t, std::string_view payload) -> Status {
        TRY(Run run, decoded(payload));
        const AttemptId attempt = run.attempt;
        table.runs_.insert_or_assign(attempt, std::move(run));
        return {};
      }));
  CHECK_OK(table.rewrite());
  return table;
}

const Run* RunTable::find(AttemptId attempt) const {
  const auto found = runs_.find(attempt);
  return found == runs_.end() ? nullptr : &found->second;
}

Run* RunTable::find(AttemptId attempt) {
  const auto found = runs_.find(attempt);
  return found == runs_.end() ? nullptr : &found->second;
}

Run& RunTable::add(Run run) {
  const AttemptId attempt = run.attempt;
  return runs_.insert_or_assign(attempt, std::move(run)).first->second;
}

Status RunTable::save(std::span<const AttemptId> attempts) {
  if (attempts.empty()) return {};
  for (const AttemptId attempt : attempts)
    if (const Run* run = find(attempt)) CHECK_OK(log_.append(encoded(*run)));
  CHECK_OK(log_.sync());
  if (log_.bytes() > std::max(kMinRewriteBytes, 4 * rewritten_bytes_)) return rewrite();
  return {};
}

Status RunTable::rewrite() {
  const std::string temporary = path_ + ".new";
  std::error_code error;
  std::filesystem::remove(temporary, error);
  const auto none = [](std::uint64_t, std::string_view) -> Status { return fail(ErrorCode::integrity, "not empty"); };
  TRY(RecordLog fresh, RecordLog::open(temporary, none));
  for (const auto& [attempt, run] : runs_) CHECK_OK(fresh.append(encoded(run)));
  CHECK_OK(fresh.sync());
  if (std::rename(temporary.c_str(), path_.c_str()) != 0)
    return fail(ErrorCode::unavailable, path_ + ": " + std::strerror(errno));
  CHECK_OK(sync_directory(std::filesystem::path(path_).parent_path().string()));
  log_ = std::move(fresh);
  rewritten_bytes_ = log_.bytes();
  return {};
}

}  // namespace bourse::connector
