// A private PostgreSQL for `bourse up` and for tests: one cluster in one folder, on a Unix socket only, durable settings on.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace bourse::embedded {

// Starts with construction, stops (fast shutdown) with destruction unless released. Run by root, the server runs as the
// user "postgres" and owns its folder. Not thread-safe.
class Postgres {
 public:
  // `directory` is absolute and short (the socket path has 107 bytes); it is created and, when empty, initialised (about a
  // second). Creates the database "bourse" and nothing in it. Errors: unavailable, with the server's log in the detail.
  static Result<Postgres> start(const std::string& directory);
  Postgres(Postgres&& other) noexcept;
  Postgres& operator=(Postgres&& other) noexcept;
  ~Postgres();

  // libpq connection string of a role (superuser "postgres" by default) on database "bourse".
  std::string conninfo(const std::string& role = "postgres") const;
  pid_t pid() const { return pid_; }
  bool running() const;
  Status stop();          // fast shutdown and wait
  void kill();            // SIGKILL to the postmaster and its children, as a crash would; start() again recovers
  void release();         // leave it running

 private:
  Postgres() = default;
  std::string directory_;
  pid_t pid_ = -1;
};

}  // namespace bourse::embedded
