// A fresh folder with a short path (socket paths end at 107 bytes), gone with the object.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/assert.h"

namespace bourse::testing {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/bourse-gw-XXXXXX";
    BOURSE_ASSERT(::mkdtemp(name) != nullptr);
    std::filesystem::permissions(name, std::filesystem::perms(0777));  // servers that drop root write here too
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace bourse::testing
