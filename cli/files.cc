#include "cli/files.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "cli/client/table.h"
#include "federation-proto/staging.h"

namespace bourse::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::size_t kPiece = 1 << 20;
constexpr int kPatience = 20;  // tries in a row that bring nothing

// How far a transfer is, where somebody looks.
class Progress {
 public:
  Progress(std::string name, std::int64_t size) : name_(std::move(name)), size_(size), shown_(isatty(STDERR_FILENO) != 0) {}
  ~Progress() {
    if (shown_ && percent_ >= 0) std::cerr << "\r\x1b[K" << std::flush;
  }
  void at(std::int64_t bytes) {
    constexpr int kWidth = 30;
    const int percent = size_ == 0 ? 100 : static_cast<int>(bytes * 100 / size_);
    if (!shown_ || percent == percent_) return;
    percent_ = percent;
    const int full = percent * kWidth / 100;
    std::cerr << "\r\x1b[K[" << std::string(static_cast<std::size_t>(full), '#') << std::string(static_cast<std::size_t>(kWidth - full), ' ') << "] " << percent << " % of "
              << size_ << " bytes  " << harmless(name_) << std::flush;
  }

 private:
  const std::string name_;
  const std::int64_t size_;
  const bool shown_;
  int percent_ = -1;
};

std::unexpected<Error> unreadable(const std::string& path) { return fail(ErrorCode::unavailable, path + " can't be read"); }

struct Measured {
  Hash256 hash;
  std::int64_t size = 0;
};

Result<Measured> measure(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return unreadable(path);
  Sha256 hash;
  Measured out;
  std::string buffer(kPiece, '\0');
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.add(std::string_view(buffer.data(), static_cast<std::size_t>(in.gcount())));
    out.size += in.gcount();
  }
  if (in.bad()) return unreadable(path);
  out.hash = hash.finish();
  return out;
}

Status add_folder(const std::string& local, const std::string& base, std::vector<LocalInput>& out) {
  std::error_code error;
  for (fs::recursive_directory_iterator at(local, error), end; !error && at != end; at.increment(error)) {
    if (at->is_directory(error)) continue;
    if (!at->is_regular_file(error)) return fail(ErrorCode::invalid_argument, at->path().string() + " is neither a file nor a folder");
    if (out.size() >= federation::kMaxJobFiles) return fail(ErrorCode::too_large, "a job may have at most " + std::to_string(federation::kMaxJobFiles) + " inputs; pack them into an archive");
    out.push_back({at->path().string(), (fs::path(base) / at->path().lexically_relative(local)).generic_string()});
  }
  if (error) return fail(ErrorCode::unavailable, local + ": " + error.message());
  return {};
}

// One piece; where the file goes on is what the market says.
Result<json> send_piece(Context& context, const std::string& where, std::ifstream& in, std::int64_t offset, std::int64_t size) {
  std::string piece(static_cast<std::size_t>(std::min<std::int64_t>(kPiece, size - offset)), '\0');
  in.clear();
  in.seekg(offset);
  in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
  if (static_cast<std::size_t>(in.gcount()) != piece.size()) return fail(ErrorCode::integrity, "the file changed while it was uploaded");
  return context.client().post_file(where + "&offset=" + std::to_string(offset), piece, "application/octet-stream");
}

Status upload(Context& context, const LocalInput& input, const Measured& file, const std::string& account) {
  const std::string where = "/api/v1/uploads/" + to_hex(file.hash) + "?size=" + std::to_string(file.size) + (account.empty() ? "" : "&account=" + url_encoded(account));
  TRY(json have, context.client().get(where));
  std::ifstream in(input.local, std::ios::binary);
  if (!in) return unreadable(input.local);
  Progress progress(input.path, file.size);
  for (int tries = 0; !have.value("complete", false);) {
    const std::int64_t offset = have.value("offset", std::int64_t{0});
    progress.at(offset);
    auto sent = send_piece(context, where, in, offset, file.size);
    if (sent) {
      have = std::move(*sent);
      tries = 0;
      continue;
    }
    // Another one may be uploading it too, or the market was busy: it is asked how far the file is by now.
    const bool again = sent.error().code == ErrorCode::conflict || (sent.error().code == ErrorCode::integrity && offset > 0) || sent.error().outcome() != Outcome::rejected;
    if (!again || ++tries == kPatience) return std::unexpected(sent.error());
    poll(nullptr, 0, 200 * tries);
    if (auto now = context.client().get(where)) have = std::move(*now);
  }
  return {};
}

std::string named(const std::string& local) {
  const std::string name = fs::path(local).filename().string();
  return name.empty() ? fs::path(local).parent_path().filename().string() : name;
}

}  // namespace

Result<std::vector<LocalInput>> expand_inputs(const std::vector<std::string>& typed) {
  std::vector<LocalInput> out;
  for (const std::string& text : typed) {
    std::error_code error;
    const std::size_t equals = fs::exists(text, error) ? std::string::npos : text.find('=');
    const std::string local = text.substr(0, equals);
    std::string path = equals == std::string::npos ? named(fs::absolute(local, error).lexically_normal().string()) : text.substr(equals + 1);
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (!fs::exists(local, error)) return fail(ErrorCode::not_found, "there is no file " + local);
    if (fs::is_directory(local, error)) {
      CHECK_OK(add_folder(local, path, out));
    } else if (fs::is_regular_file(local, error)) {
      out.push_back({local, path});
    } else {
      return fail(ErrorCode::invalid_argument, local + " is neither a file nor a folder");
    }
  }
  for (const LocalInput& input : out)
    if (auto good = federation::check_file_path(input.path); !good) return fail(good.error().code, input.local + ": " + good.error().detail);
  return out;
}

json upload_inputs(Context& context, const std::vector<LocalInput>& inputs, const std::string& account) {
  json list = json::array();
  for (const LocalInput& input : inputs) {
    auto file = measure(input.local);
    Status done = file ? upload(context, input, *file, account) : std::unexpected(file.error());
    if (!done) {
      done.error().detail.insert(0, input.local + ": ");
      Context::end_with(done.error());
    }
    json entry = {{"path", input.path}, {"sha256", to_hex(file->hash)}, {"size", file->size}};
    if (::access(input.local.c_str(), X_OK) == 0) entry["executable"] = true;
    list.push_back(std::move(entry));
  }
  return list;
}

Status fetch_file(Context& context, const std::string& job, const json& file, const std::string& to, bool replace) {
  const std::string path = file.value("path", ""), wanted = file.value("sha256", "");
  const std::int64_t size = file.value("size", std::int64_t{0});
  std::error_code error;
  if (const auto there = measure(to); there && to_hex(there->hash) == wanted) return {};
  if (!replace && fs::exists(fs::symlink_status(to, error))) return fail(ErrorCode::conflict, "another file of that name is here; --replace takes its place");
  fs::create_directories(fs::path(to).parent_path(), error);
  const std::string part = (fs::path(to).parent_path() / (".bourse-part-" + wanted)).string();
  const auto begun = fs::file_size(part, error);
  std::int64_t offset = error || static_cast<std::int64_t>(begun) > size ? 0 : static_cast<std::int64_t>(begun);
  std::ofstream out(part, std::ios::binary | (offset > 0 ? std::ios::app : std::ios::trunc));
  if (!out) return fail(ErrorCode::unavailable, part + " can't be written");
  Progress progress(path, size);
  const std::string where = "/api/v1/jobs/" + url_encoded(job) + "/files/content?path=" + url_encoded(path);
  while (offset < size) {
    progress.at(offset);
    TRY(const Reply piece, context.client().get_part(where, offset));
    if (piece.body.empty()) return fail(ErrorCode::unavailable, "the market sent nothing");
    out.write(piece.body.data(), static_cast<std::streamsize>(piece.body.size()));
    if (!out.flush()) return fail(ErrorCode::unavailable, part + " can't be written");
    offset += static_cast<std::int64_t>(piece.body.size());
  }
  out.close();
  TRY(const Measured came, measure(part));
  if (to_hex(came.hash) != wanted) {
    fs::remove(part, error);
    return fail(ErrorCode::integrity, "what came has another SHA-256 than the market names; it is thrown away");
  }
  if (file.value("executable", false)) ::chmod(part.c_str(), 0755);
  fs::rename(part, to, error);
  if (error) return fail(ErrorCode::unavailable, to + ": " + error.message());
  return {};
}

}  // namespace bourse::cli
