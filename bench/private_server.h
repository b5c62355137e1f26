// A private PostgreSQL with the migrations applied, in a folder that goes away with it.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "cli/embedded/postgres.h"

namespace bourse::bench {

class PrivateServer {
 public:
  // Errors: unavailable.
  static Result<PrivateServer> start();
  PrivateServer(PrivateServer&&) noexcept = default;
  ~PrivateServer();

  // What months of work would have done: log segments lie ready to be used again, and no commit waits for a new one to be made.
  // Errors: unavailable.
  Status age() const;

  const embedded::Postgres& postgres() const { return *postgres_; }

 private:
  PrivateServer() = default;
  struct Folder {
    std::string path;
    Folder() = default;
    Folder(Folder&& other) noexcept : path(std::exchange(other.path, {})) {}
    ~Folder();
  };
  Folder folder_;  // outlives the server
  std::optional<embedded::Postgres> postgres_;
};

}  // namespace bourse::bench
