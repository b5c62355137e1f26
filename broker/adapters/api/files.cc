// Files of jobs: uploads of inputs, and what a job's run left behind (docs/adr/0025).
#include <fmt/format.h>

#include <algorithm>

#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/api/api.h"
#include "broker/adapters/api/arrays.h"
#include "broker/app/file_store.h"
#include "federation-proto/fields.h"
#include "federation-proto/staging.h"

namespace bourse::broker::api {
namespace {

namespace wire = federation::v1;

constexpr std::int64_t kMostAtOnce = 1 << 20;

std::unexpected<Error> keeps_none() { return fail(ErrorCode::failed_precondition, "This market keeps no files."); }

Result<FileName> file_named(BillingAccountId account, const std::string& sha256, std::int64_t size) {
  auto hash = parse_hash(sha256);
  if (!hash) return fail(ErrorCode::invalid_argument, "sha256 must be 64 hexadecimal digits.");
  if (size < 0) return fail(ErrorCode::invalid_argument, "size must not be negative.");
  return FileName{account, *hash, size};
}

v1::Upload upload_of(const FileName& file, const Received& have) {
  v1::Upload upload;
  upload.set_sha256(to_hex(file.hash));
  upload.set_size(file.size);
  upload.set_offset(have.bytes);
  upload.set_complete(have.complete);
  return upload;
}

std::string_view text_of(const std::vector<std::byte>& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Zero-filled where the center gave none.
Hash256 hash_or_zero(const std::string& bytes) { return federation::hash_of(bytes, "sha256").value_or(Hash256{}); }

Status fill_inputs(v1::JobFiles& out, const wire::Manifest& manifest, BillingAccountId account, FileStore& store) {
  for (const wire::InputFile& in : manifest.inputs()) {
    const FileName name{account, hash_or_zero(in.sha256()), in.size()};
    v1::JobFile& file = *out.add_inputs();
    file.set_path(in.path());
    file.set_sha256(to_hex(name.hash));
    file.set_size(in.size());
    file.set_executable(in.executable());
    TRY(const Received have, store.received(name));
    file.set_arrived(have.complete);
    if (!have.complete) file.set_reason("It was not used for so long that it is no longer kept.");
  }
  return {};
}

Status fill_outputs(v1::JobFiles& out, const wire::OutputsTold& told, BillingAccountId account, FileStore& store) {
  out.set_problem(told.problem());
  for (const wire::OutputFile& in : told.files()) {
    if (in.log()) continue;
    v1::JobFile& file = *out.add_outputs();
    file.set_path(in.path());
    file.set_size(in.size());
    file.set_executable(in.executable());
    file.set_reason(in.reason());
    if (in.sha256().empty()) continue;
    const FileName name{account, hash_or_zero(in.sha256()), in.size()};
    file.set_sha256(to_hex(name.hash));
    TRY(const Received have, store.received(name));
    file.set_arrived(have.complete);
    if (!have.complete) file.set_reason(told.complete() ? "It is no longer kept." : "It has not arrived yet.");
  }
  return {};
}

}  // namespace

struct Api::FilesOf {
  BillingAccountId account;
  Hash256 hash;  // of the manifest; zero = the job has none
  wire::Manifest manifest;
  std::optional<wire::OutputsTold> told;
};

Result<Hash256> Api::keep_manifest(const v1::JobSpec& in) {
  if (in.inputs().empty() && in.outputs().empty()) return Hash256{};
  if (parts_.files == nullptr) return keeps_none();
  wire::Manifest manifest;
  for (const v1::JobInput& input : in.inputs()) {
    TRY(const FileName name, file_named({}, input.sha256(), input.size()));
    wire::InputFile& file = *manifest.add_inputs();
    file.set_path(input.path());
    file.set_sha256(federation::to_bytes(name.hash));
    file.set_size(input.size());
    file.set_executable(input.executable());
  }
  *manifest.mutable_outputs() = in.outputs();
  CHECK_OK(federation::settle_manifest(manifest));
  const std::string bytes = federation::manifest_bytes(manifest);
  return parts_.blobs.put(BlobKind::manifest, std::as_bytes(std::span(bytes)));
}

Status Api::check_inputs(BillingAccountId account, const Hash256& hash) {
  if (hash.is_zero()) return {};
  if (parts_.files == nullptr) return keeps_none();
  TRY(const std::vector<std::byte> bytes, parts_.blobs.get(BlobKind::manifest, hash));
  TRY(const wire::Manifest manifest, federation::read_manifest(text_of(bytes)));
  for (const wire::InputFile& file : manifest.inputs()) {
    TRY(const bool there, parts_.files->use({account, hash_or_zero(file.sha256()), file.size()}));
    if (!there)
      return fail(ErrorCode::failed_precondition, fmt::format("The input {} was not uploaded to this billing account, or is no longer kept.", file.path()));
  }
  return {};
}

// What is accepted is the quote's job; files sent along must be those that were quoted.
Status Api::check_quoted_inputs(QuoteId id, BillingAccountId account, const v1::JobSpec& in) {
  TRY(const Hash256 sent, keep_manifest(in));
  TRY(const std::optional<Hash256> quoted, look([id, account](const Market& market) -> std::optional<Hash256> {
        const Quote* quote = market.quote(id);
        return quote == nullptr || quote->account != account ? std::nullopt : std::optional(quote->spec.manifest);
      }));
  if (!quoted) return {};  // the engine answers
  if (!sent.is_zero() && sent != *quoted) return fail(ErrorCode::failed_precondition, "The files are not those that were quoted.");
  return check_inputs(account, *quoted);
}

Result<v1::Upload> Api::get_upload(const v1::GetUploadRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::user}));
  if (parts_.files == nullptr) return keeps_none();
  TRY(const BillingAccountId account, account_of(caller, request.account()));
  TRY(const FileName file, file_named(account, request.sha256(), request.size()));
  TRY(Received have, parts_.files->received(file));
  if (have.complete) {
    TRY(have.complete, parts_.files->use(file));
  }
  return upload_of(file, have);
}

Result<v1::Upload> Api::write_upload(const v1::WriteUploadRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::user}));
  if (parts_.files == nullptr) return keeps_none();
  TRY(const BillingAccountId account, account_of(caller, request.account()));
  TRY(const FileName file, file_named(account, request.sha256(), request.size()));
  TRY(const Received have, parts_.files->write(file, request.offset(), std::as_bytes(std::span(request.data()))));
  return upload_of(file, have);
}

// As logs, files are the user's own: not even operators read them.
Result<Api::FilesOf> Api::files_of(const v1::Principal& principal, const std::string& text) {
  TRY(const Caller caller, caller_of(principal));
  CHECK_OK(require(caller, {Role::user}));
  if (parts_.files == nullptr) return keeps_none();
  TRY(const JobId id, job_id_or_not_found(text));
  Caller owner = caller;
  owner.roles = static_cast<std::uint8_t>(Role::user);
  TRY(const v1::Job job, job_seen_by(owner, id));
  FilesOf out;
  TRY(out.account, parse_id<BillingAccountIdKind>(job.account()));
  TRY(const std::optional<Hash256> live, look([id](const Market& market) -> std::optional<Hash256> {
        const Job* found = market.job(id);
        return found == nullptr ? std::nullopt : std::optional(found->spec.manifest);
      }));
  if (live) {
    out.hash = *live;
  } else {
    TRY(const std::optional<StoredJob> stored, queries_.job(id));
    if (stored) out.hash = stored->job.spec.manifest;
  }
  if (!out.hash.is_zero()) {
    TRY(const std::vector<std::byte> bytes, parts_.blobs.get(BlobKind::manifest, out.hash));
    TRY(out.manifest, federation::read_manifest(text_of(bytes)));
  }
  const auto listing = parts_.files->listing(out.account, id);
  if (!listing && listing.error().code != ErrorCode::not_found) return std::unexpected(listing.error());
  if (listing && !out.told.emplace().ParseFromString(*listing)) return fail(ErrorCode::integrity, "A job's listing is not readable.");
  return out;
}

Result<v1::JobFiles> Api::list_job_files(const v1::ListJobFilesRequest& request) {
  TRY(const FilesOf of, files_of(request.principal(), request.job()));
  v1::JobFiles out;
  out.set_kept_ms(parts_.files->limits().retention.ms);
  CHECK_OK(fill_inputs(out, of.manifest, of.account, *parts_.files));
  *out.mutable_patterns() = of.manifest.outputs();
  out.set_state(of.manifest.outputs().empty() ? "none" : !of.told ? "awaited" : of.told->complete() ? "complete" : "arriving");
  if (of.told) CHECK_OK(fill_outputs(out, *of.told, of.account, *parts_.files));
  return out;
}

Result<v1::JobFilePiece> Api::read_job_file(const v1::ReadJobFileRequest& request) {
  TRY(const FilesOf of, files_of(request.principal(), request.job()));
  if (request.offset() < 0 || request.max_bytes() < 0) return fail(ErrorCode::invalid_argument, "offset and max_bytes must not be negative.");
  std::optional<FileName> name;
  for (const wire::InputFile& file : of.manifest.inputs())
    if (file.path() == request.path()) name = {of.account, hash_or_zero(file.sha256()), file.size()};
  if (of.told) {
    const auto output = std::ranges::find_if(of.told->files(), [&](const wire::OutputFile& file) { return !file.log() && file.path() == request.path(); });
    if (output != of.told->files().end() && output->sha256().empty()) return fail(ErrorCode::not_found, fmt::format("It is not to be had: {}.", output->reason()));
    if (output != of.told->files().end()) name = {of.account, hash_or_zero(output->sha256()), output->size()};
  }
  if (!name) return fail(ErrorCode::not_found, "The job has no such file.");
  const std::int64_t most = request.max_bytes() == 0 ? kMostAtOnce : std::min(request.max_bytes(), kMostAtOnce);
  if (request.offset() == 0) (void)parts_.files->use(*name);  // a fetch begins: not to be cleared away under it
  const auto bytes = parts_.files->read(*name, request.offset(), static_cast<std::size_t>(most));
  if (!bytes && bytes.error().code == ErrorCode::not_found) return fail(ErrorCode::not_found, "The file has not arrived, or is no longer kept.");
  if (!bytes) return std::unexpected(bytes.error());
  v1::JobFilePiece piece;
  piece.set_data(bytes->data(), bytes->size());
  piece.set_offset(std::min(request.offset(), name->size));
  piece.set_size(name->size);
  piece.set_sha256(to_hex(name->hash));
  return piece;
}

Result<LogSlice> Api::kept_log(const LogTarget& target, std::int64_t offset, std::int64_t most) {
  if (parts_.files == nullptr) return fail(ErrorCode::not_found);
  TRY(const std::string listing, parts_.files->listing(target.account, target.job));
  wire::OutputsTold told;
  if (!told.ParseFromString(listing)) return fail(ErrorCode::integrity, "A job's listing is not readable.");
  const auto log = std::ranges::find_if(told.files(), [](const wire::OutputFile& file) { return file.log(); });
  if (log == told.files().end() || log->sha256().empty() || told.attempt() != federation::to_bytes(target.attempt)) return fail(ErrorCode::not_found);
  // What lies before the end that was kept is gone: reading goes on with the end.
  const std::int64_t from = std::max(offset, log->log_offset());
  TRY(const std::vector<std::byte> bytes,
      parts_.files->read({target.account, hash_or_zero(log->sha256()), log->size()}, from - log->log_offset(), static_cast<std::size_t>(most)));
  return LogSlice{std::string(text_of(bytes)), from, log->log_offset() + log->size()};
}

}  // namespace bourse::broker::api
