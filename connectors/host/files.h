// Small files that survive a power cut, and reads that can't be made endless.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/result.h"

namespace bourse::host {

struct Access {
  mode_t mode = 0600;
  uid_t uid = static_cast<uid_t>(-1);  // -1 = unchanged
  gid_t gid = static_cast<gid_t>(-1);
};

// Replaces the file as a whole: a reader sees the old or the new one, also after a crash; when it returns, the new one is
// on the disk. The new content is never visible under another mode or owner. Errors: unavailable (disk full, no rights…).
Status write_durably(const std::string& path, std::string_view content, Access access = {});

// A new file in a folder that `access.uid` may control: whatever stands there by that name is removed, never followed.
// Returns the descriptor (close-on-exec, appending), which the caller closes. Errors: unavailable.
Result<int> create_new(const std::string& path, Access access);
// The same, with `content`, closed and synced.
Status write_new(const std::string& path, std::string_view content, Access access);

// The whole file. Follows no symbolic link at the end of the path. Errors: not_found, too_large (above `max_bytes`),
// unavailable.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes);

// Bytes [offset, offset + max_bytes) and the size of a file that may still grow. Same errors as read_file.
struct FilePart {
  std::string data;
  std::int64_t size = 0;
};
Result<FilePart> read_part(const std::string& path, std::int64_t offset, std::size_t max_bytes);

// Makes one directory with exactly this mode and owner and syncs its parent. Errors: conflict (it exists), unavailable.
Status make_directory(const std::string& path, Access access);

// Flushes a directory's entries. Errors: unavailable.
Status sync_directory(const std::string& path);

}  // namespace bourse::host
