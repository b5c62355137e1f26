// The Folders port: the folders that the jobs of a conformance run work in.
#pragma once

#include <string>

#include "base/result.h"
#include "connectors/core/identity.h"

namespace bourse::conformance {

class Folders {
 public:
  virtual ~Folders() = default;
  // A new working folder `name`, 0700, `user`'s. Returns its path. Errors: unavailable, forbidden.
  virtual Result<std::string> make(const std::string& name, const connector::LocalUser& user) = 0;
  // A folder `name` that jobs of `user` may not look into, with a file `secret` in it: `owner`'s, or without one the connector's own.
  // Errors: unavailable; forbidden (the connector runs jobs as its own user, so no folder is closed to them).
  virtual Result<std::string> make_closed(const std::string& name, const connector::LocalUser& user, const connector::LocalUser* owner) = 0;
  // An empty file `name` in a working folder. Errors: unavailable.
  virtual Status put(const std::string& folder, const std::string& name) = 0;
  // Removes a folder with all that is in it. Errors: unavailable.
  virtual Status remove(const std::string& folder) = 0;
};

// On this machine, below `root`, which is made (0711) and must be the connector's own.
class SystemFolders final : public Folders {
 public:
  explicit SystemFolders(std::string root) : root_(std::move(root)) {}
  Result<std::string> make(const std::string& name, const connector::LocalUser& user) override;
  Result<std::string> make_closed(const std::string& name, const connector::LocalUser& user, const connector::LocalUser* owner) override;
  Status put(const std::string& folder, const std::string& name) override;
  Status remove(const std::string& folder) override;

 private:
  std::string root_;
};

}  // namespace bourse::conformance
