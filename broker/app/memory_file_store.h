// A FileStore in memory, for tests.
#pragma once

#include <map>
#include <mutex>
#include <utility>

#include "broker/app/file_store.h"

namespace bourse::broker {

class MemoryFileStore final : public FileStore {
 public:
  MemoryFileStore(FileLimits limits, const Clock& clock) : limits_(limits), clock_(clock) {}

  Result<Received> received(const FileName& file) override;
  Result<Received> write(const FileName& file, std::int64_t offset, std::span<const std::byte> piece) override;
  Result<std::vector<std::byte>> read(const FileName& file, std::int64_t offset, std::size_t most) override;
  Result<bool> use(const FileName& file) override;
  Status put_listing(BillingAccountId account, JobId job, std::string_view bytes) override;
  Result<std::string> listing(BillingAccountId account, JobId job) override;
  Result<Swept> sweep() override;
  const FileLimits& limits() const override { return limits_; }

 private:
  struct Kept {
    std::vector<std::byte> bytes;
    bool complete = false;
    Instant used;
  };
  struct Listing {
    std::string bytes;
    Instant used;
  };
  Status check_room(const FileName& file) const;

  const FileLimits limits_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<FileName, Kept> files_;
  std::map<std::pair<BillingAccountId, JobId>, Listing> listings_;
};

// What every store checks of a piece before it looks at the file. Errors: invalid_argument, too_large.
Status check_piece(const FileName& file, std::int64_t offset, std::size_t bytes, const FileLimits& limits);
// Whether a new file fits into what its account has already. Errors: too_large.
Status check_quota(const FileName& file, std::int64_t bytes, std::int64_t files, const FileLimits& limits);

inline constexpr std::size_t kMaxPieceBytes = 1 << 20;
inline constexpr std::size_t kMaxListingBytes = 4 << 20;

}  // namespace bourse::broker
