// Inputs: from the broker into the job's folder, each complete and with its hash before the job is submitted.
#include <algorithm>
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

constexpr std::size_t kReadBytes = 1 << 20;

// Of `size` bytes, whatever the file has grown to meanwhile: its folder is another job's of the same user, too.
Result<Hash256> hash_of(const host::OpenFile& file, std::int64_t size, const std::function<bool()>& over) {
  Sha256 hash;
  for (std::int64_t at = 0; at < size;) {
    if (over()) return fail(ErrorCode::unavailable, "stopped");
    TRY(const std::string bytes, file.read(at, std::min(kReadBytes, static_cast<std::size_t>(size - at))));
    if (bytes.empty()) break;
    hash.add(std::string_view(bytes));
    at += static_cast<std::int64_t>(bytes.size());
  }
  return hash.finish();
}

Status check_bounds(const wire::Manifest& manifest, const StagerOptions& options) {
  std::int64_t sum = 0;
  for (const wire::InputFile& file : manifest.inputs()) {
    if (file.size() > options.file_bytes)
      return fail(ErrorCode::too_large, "the center takes no file above " + std::to_string(options.file_bytes) + " bytes: " + file.path());
    if (file.size() > options.job_bytes - sum)
      return fail(ErrorCode::too_large, "the center takes at most " + std::to_string(options.job_bytes) + " bytes of inputs for a job");
    sum += file.size();
  }
  return {};
}

// What kind of failure it was stays; whose it was is added.
std::unexpected<Error> of_file(const std::string& path, Error error) {
  error.detail = "input " + path + ": " + (error.detail.empty() ? std::string(info(error.code).sentence) : error.detail);
  return std::unexpected(std::move(error));
}

}  // namespace

Status Stager::bring(const Task& task, const Staging& staging) {
  std::string bytes;
  TRY(const std::int64_t size, link_.pull(staging.job, staging.attempt, staging.manifest, 0, [&](std::string_view piece) -> Status {
        if (bytes.size() + piece.size() > federation::kMaxManifestBytes) return fail(ErrorCode::too_large, "the list of the job's files is too long");
        bytes.append(piece);
        return {};
      }));
  if (size != static_cast<std::int64_t>(bytes.size())) return fail(ErrorCode::unavailable, "the list of the job's files broke off");
  if (sha256(std::string_view(bytes)) != staging.manifest) return fail(ErrorCode::integrity, "the list of the job's files is not the one that was ordered");
  TRY(const wire::Manifest manifest, federation::read_manifest(bytes));
  CHECK_OK(check_bounds(manifest, options_));
  CHECK_OK(host::write_durably(manifest_path(staging.attempt), bytes));
  for (const wire::InputFile& file : manifest.inputs()) {
    if (over(task)) return fail(ErrorCode::unavailable, "stopped");
    if (auto brought = bring_file(task, staging, file); !brought) return of_file(file.path(), std::move(brought.error()));
  }
  return {};
}

// What lies there already is taken for the file's beginning; if the whole turns out not to be the file, it comes once more from its
// beginning.
Status Stager::bring_file(const Task& task, const Staging& staging, const wire::InputFile& file) {
  TRY(const Hash256 wanted, federation::hash_of(file.sha256(), "sha256"));
  host::OpenFile to;
  {
    TRY(const host::AsUser user, host::AsUser::take(staging.user.uid, staging.user.gid));
    TRY(const host::ConfinedFolder folder, host::ConfinedFolder::open(staging.workdir, staging.user.uid));
    TRY(to, folder.make_file(file.path()));
  }
  for (const bool again : {false, true}) {
    TRY(std::int64_t have, to.size());
    if (have > file.size() || again) {
      CHECK_OK(to.truncate(0));
      have = 0;
    }
    if (have < file.size()) {
      TRY(const std::int64_t size, link_.pull(staging.job, staging.attempt, wanted, have, [&](std::string_view piece) -> Status {
            if (over(task)) return fail(ErrorCode::unavailable, "stopped");
            if (static_cast<std::int64_t>(piece.size()) > file.size() - have) return fail(ErrorCode::integrity, "more came than was ordered");
            CHECK_OK(to.write(piece, have));
            have += static_cast<std::int64_t>(piece.size());
            return {};
          }));
      if (size != file.size()) return fail(ErrorCode::integrity, "it has another size than was ordered");
      if (have < file.size()) return fail(ErrorCode::unavailable, "it broke off");
    }
    TRY(const Hash256 hash, hash_of(to, file.size(), [&] { return over(task); }));
    TRY(const std::int64_t size, to.size());
    if (hash != wanted || size != file.size()) continue;
    TRY(const host::AsUser user, host::AsUser::take(staging.user.uid, staging.user.gid));
    return to.set_mode(file.executable() ? 0700 : 0600);
  }
  return fail(ErrorCode::integrity, "it came with another SHA-256 than was ordered, twice");
}

}  // namespace bourse::connector
