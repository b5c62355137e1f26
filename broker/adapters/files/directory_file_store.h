// The FileStore on a folder of the broker's disk. See the README for its layout.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "broker/app/file_store.h"

namespace bourse::broker {

class DirectoryFileStore final : public FileStore {
 public:
  // Makes the folder (0700). Errors: unavailable.
  static Result<std::unique_ptr<DirectoryFileStore>> open(std::string directory, FileLimits limits, const Clock& clock);

  Result<Received> received(const FileName& file) override;
  Result<Received> write(const FileName& file, std::int64_t offset, std::span<const std::byte> piece) override;
  Result<std::vector<std::byte>> read(const FileName& file, std::int64_t offset, std::size_t most) override;
  Result<bool> use(const FileName& file) override;
  Status put_listing(BillingAccountId account, JobId job, std::string_view bytes) override;
  Result<std::string> listing(BillingAccountId account, JobId job) override;
  Result<Swept> sweep() override;
  const FileLimits& limits() const override { return limits_; }

 private:
  struct Usage {
    std::int64_t bytes = 0, files = 0;  // parts count whole
  };
  // Keeps other writers off a file while one is at it.
  class Turn;

  DirectoryFileStore(std::string directory, FileLimits limits, const Clock& clock)
      : directory_(std::move(directory)), limits_(limits), clock_(clock) {}
  std::string folder(BillingAccountId account) const;
  std::string path(const FileName& file, const char* kind) const;
  Status begin(const FileName& file);
  Result<Received> finish(const FileName& file);
  Result<Usage*> usage(BillingAccountId account);  // with the lock
  void forget(const FileName& file);
  Result<Swept> sweep_folder(BillingAccountId account, const char* kind, Duration life);

  const std::string directory_;
  const FileLimits limits_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<BillingAccountId, Usage> usage_;
  std::set<FileName> busy_;
};

}  // namespace bourse::broker
