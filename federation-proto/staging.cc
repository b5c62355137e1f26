#include "federation-proto/staging.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <vector>

#include "federation-proto/envelope.h"

namespace bourse::federation {
namespace {

std::vector<std::string_view> names_of(std::string_view path) {
  std::vector<std::string_view> names;
  for (std::size_t at = 0;;) {
    const std::size_t slash = path.find('/', at);
    names.push_back(path.substr(at, slash - at));
    if (slash == std::string_view::npos) return names;
    at = slash + 1;
  }
}

// Well-formed as RFC 3629 has it: no overlong forms, no surrogates.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t more = lead < 0x80 ? 0 : lead >= 0xC2 && lead < 0xE0 ? 1 : lead >= 0xE0 && lead < 0xF0 ? 2 : lead >= 0xF0 && lead < 0xF5 ? 3 : 9;
    if (more == 9 || i + more >= text.size()) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      const unsigned least = k > 1 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
      const unsigned most = k > 1 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
      if (next < least || next > most) return false;
    }
    i += more + 1;
  }
  return true;
}

std::unexpected<Error> bad(const char* what) { return fail(ErrorCode::invalid_argument, what); }

Status check_names(std::string_view path) {
  if (path.empty()) return bad("A file's path is empty.");
  if (path.size() > kMaxFilePath) return bad("A file's path is longer than 1024 bytes.");
  if (path.front() == '/') return bad("A file's path begins with '/': it must be below the job's folder.");
  if (!std::ranges::all_of(path, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; }))
    return bad("A file's path has a control character in it.");
  if (!is_utf8(path)) return bad("A file's path is not UTF-8.");
  const auto names = names_of(path);
  if (names.size() > kMaxPathDepth) return bad("A file's path has more than 64 folders.");
  for (const std::string_view name : names) {
    if (name.empty()) return bad("A file's path has an empty name in it ('//', or '/' at its end).");
    if (name == "." || name == "..") return bad("A file's path has '.' or '..' in it.");
    if (name.size() > 255) return bad("A name in a file's path is longer than 255 bytes.");
  }
  return {};
}

// Where a class that opens at `at` ends (the index after ']'); npos if it doesn't. A ']' that stands first is one of its own.
std::size_t class_end(std::string_view pattern, std::size_t at) {
  std::size_t i = at + 1;
  if (i < pattern.size() && pattern[i] == '!') ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;
  const std::size_t close = pattern.find(']', i);
  return close == std::string_view::npos ? close : close + 1;
}

bool in_class(std::string_view inside, char c) {
  const bool negated = inside.starts_with('!');
  if (negated) inside.remove_prefix(1);
  bool found = false;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (i + 2 < inside.size() && inside[i + 1] == '-') {
      found = found || (static_cast<unsigned char>(inside[i]) <= static_cast<unsigned char>(c) && static_cast<unsigned char>(c) <= static_cast<unsigned char>(inside[i + 2]));
      i += 2;
    } else {
      found = found || inside[i] == c;
    }
  }
  return found != negated;
}

// One name against one part of a pattern, going back to the last '*' only: that is enough, and bounds the work.
bool matches_name(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, after = 0;
  while (n < name.size()) {
    std::size_t next = 0;
    bool fits = false;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after = n;
      continue;
    }
    if (p < pattern.size()) {
      const std::size_t end = pattern[p] == '[' ? class_end(pattern, p) : std::string_view::npos;
      next = end == std::string_view::npos ? p + 1 : end;
      fits = end != std::string_view::npos ? in_class(pattern.substr(p + 1, end - p - 2), name[n]) : pattern[p] == '?' || pattern[p] == name[n];
    }
    if (fits) {
      p = next;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++after;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Status check_input(const v1::InputFile& file) {
  CHECK_OK(check_file_path(file.path()));
  if (file.path() == kLogName || file.path().starts_with(kOwnPrefix))
    return fail(ErrorCode::invalid_argument, "The job's folder has a file of its own named " + file.path() + "; name the input otherwise.");
  if (file.sha256().size() != 32) return bad("An input's SHA-256 has not 32 bytes.");
  if (file.size() < 0) return bad("An input's size is negative.");
  if (file.size() > kMostFileBytes) return fail(ErrorCode::too_large, "An input is larger than any file may be.");
  return {};
}

Status check_settled(const v1::Manifest& manifest) {
  if (manifest.version() != 1) return bad("The manifest is of another version.");
  if (static_cast<std::size_t>(manifest.inputs_size()) > kMaxJobFiles) return fail(ErrorCode::too_large, "A job may have at most 10000 inputs.");
  if (static_cast<std::size_t>(manifest.outputs_size()) > kMaxOutputPatterns) return fail(ErrorCode::too_large, "A job may have at most 100 patterns of outputs.");
  for (const v1::InputFile& file : manifest.inputs()) CHECK_OK(check_input(file));
  for (const std::string& pattern : manifest.outputs()) CHECK_OK(check_output_pattern(pattern));
  // In the order of bytes with '/' as the least, a folder's files follow it directly.
  const auto name_before = [](const std::string& a, const std::string& b) {
    return std::ranges::lexicographical_compare(a, b, {}, [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c); },
                                                [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c); });
  };
  for (int i = 1; i < manifest.inputs_size(); ++i) {
    const std::string& before = manifest.inputs(i - 1).path();
    const std::string& path = manifest.inputs(i).path();
    if (path == before) return fail(ErrorCode::invalid_argument, "Two inputs have the path " + path + ".");
    if (path.starts_with(before + "/")) return fail(ErrorCode::invalid_argument, "The input " + before + " is a file, and a folder of another input.");
    if (!name_before(before, path)) return bad("The manifest's inputs are not in order.");
  }
  return {};
}

}  // namespace

Status check_file_path(std::string_view path) { return check_names(path); }

Status check_output_pattern(std::string_view pattern) {
  CHECK_OK(check_names(pattern));
  for (const std::string_view name : names_of(pattern))
    if (name != "**" && name.contains("**")) return bad("In a pattern, ** must stand for whole folders: 'results/**'.");
  return {};
}

bool matches(std::string_view pattern, std::string_view path) {
  const auto parts = names_of(pattern), names = names_of(path);
  std::size_t p = 0, n = 0, star = std::string_view::npos, after = 0;
  while (n < names.size()) {
    if (p < parts.size() && parts[p] == "**") {
      star = p++;
      after = n;
    } else if (p < parts.size() && matches_name(parts[p], names[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++after;
    } else {
      return false;
    }
  }
  while (p < parts.size() && parts[p] == "**") ++p;
  return p == parts.size();
}

Status settle_manifest(v1::Manifest& manifest) {
  manifest.set_version(1);
  const auto order = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c); };
  std::ranges::sort(*manifest.mutable_inputs(), [&](const v1::InputFile& a, const v1::InputFile& b) {
    return std::ranges::lexicographical_compare(a.path(), b.path(), {}, order, order);
  });
  CHECK_OK(check_settled(manifest));
  if (manifest.ByteSizeLong() > kMaxManifestBytes) return fail(ErrorCode::too_large, "The names of the job's files are longer than 4 MiB together.");
  return {};
}

Result<v1::Manifest> read_manifest(std::string_view bytes) {
  if (bytes.size() > kMaxManifestBytes) return fail(ErrorCode::too_large, "A manifest has at most 8 MiB.");
  v1::Manifest manifest;
  CHECK_OK(parse_strict(bytes, manifest));
  CHECK_OK(check_settled(manifest));
  return manifest;
}

std::string manifest_bytes(const v1::Manifest& manifest) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream out(&bytes);
    google::protobuf::io::CodedOutputStream coded(&out);
    coded.SetSerializationDeterministic(true);
    manifest.SerializeToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace bourse::federation
