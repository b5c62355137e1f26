// What files a job may have: the names, patterns and bounds that broker and connector check alike, and the manifest's one
// form. Everything here comes from outside: from a user to a center, and from a center to a user.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/result.h"
#include "bourse/federation/v1/federation.pb.h"

namespace bourse::federation {

inline constexpr std::size_t kMaxFilePath = 1'024;        // bytes
inline constexpr std::size_t kMaxPathDepth = 64;          // names
inline constexpr std::size_t kMaxJobFiles = 10'000;       // inputs of a job, and outputs
inline constexpr std::size_t kMaxOutputPatterns = 100;
inline constexpr std::size_t kMaxManifestBytes = 4 << 20; // serialized
inline constexpr std::size_t kMaxOutputsBytes = 3 << 20;  // of a serialized OutputsTold: it travels in one frame
inline constexpr std::int64_t kMostFileBytes = std::int64_t{1} << 43;  // no setting goes beyond it
inline constexpr std::string_view kLogName = "output.log";  // what the job prints goes there
inline constexpr std::string_view kOwnPrefix = ".bourse-";  // files of ours in a job's folder
inline constexpr std::size_t kPieceBytes = 256 << 10;     // of a file on the link

// A file's name below the job's folder: UTF-8, relative, no empty name, "." or "..", no control characters, within the bounds.
// Errors: invalid_argument, saying what is wrong (the path itself is not repeated).
Status check_file_path(std::string_view path);
// The same of a pattern, which may have *, ?, [a-z] and [!a-z] within a name, and ** for any folders.
Status check_output_pattern(std::string_view pattern);
// Bounded: linear in pattern × path. "results/**" matches all below results.
bool matches(std::string_view pattern, std::string_view path);

// Sorts the inputs and checks all: paths, sizes, nothing named twice, no file where another needs a folder. Errors:
// invalid_argument, too_large.
Status settle_manifest(v1::Manifest& manifest);
// What a hash named: checked again, for it may be another version's. Errors: invalid_argument, too_large.
Result<v1::Manifest> read_manifest(std::string_view bytes);
// The bytes whose hash orders name. Of a settled manifest.
std::string manifest_bytes(const v1::Manifest& manifest);

}  // namespace bourse::federation
