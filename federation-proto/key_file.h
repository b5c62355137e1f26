// Private files: readable by their owner only, written whole or not at all.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/rng.h"
#include "federation-proto/envelope.h"

namespace bourse::federation {

// Makes the folder and its parents; the folder itself 0700. Errors: unavailable, integrity (exists and is open to others).
Status make_private_directory(const std::string& path);

// The whole file, at most 1 MiB. Errors: not_found, integrity (open to group or others, or not a regular file of ours),
// unavailable.
Result<std::string> read_private_file(const std::string& path);

// Replaces `path` atomically and durably (temporary file, fsync, rename, fsync of the folder), mode 0600.
// Errors: unavailable.
Status write_private_file(const std::string& path, std::string_view bytes);

// The Ed25519 pair whose 32-byte seed is in `path`; made with `rng` when the file is absent. Errors: integrity, unavailable.
Result<KeyPair> load_or_create_key_pair(const std::string& path, Rng& rng);
// Errors also: not_found.
Result<KeyPair> load_key_pair(const std::string& path);

}  // namespace bourse::federation
