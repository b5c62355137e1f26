#include "broker/daemon/file_sweeper.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <set>
#include <utility>

#include "federation-proto/fields.h"
#include "federation-proto/staging.h"

namespace bourse::broker {

void FileSweeper::start() {
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, std::chrono::hours(1), [this] { return stopping_; })) {
      lock.unlock();
      const auto swept = sweep();
      if (!swept) spdlog::warn("files are not cleared up: {}", swept.error().message());
      else if (swept->files > 0) spdlog::info("{} files of {} bytes were not used for their time and are removed", swept->files, swept->bytes);
      lock.lock();
    }
  });
}

void FileSweeper::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<Swept> FileSweeper::sweep() {
  using Lists = std::set<std::pair<BillingAccountId, Hash256>>;
  const auto lists = std::make_shared<Lists>();
  CHECK_OK(engine_.read_wait(
      [lists](const Market& market) { *lists = market.manifests_in_use(); },
      seconds(30)));
  for (const auto& [account, hash] : *lists) {
    const auto bytes = blobs_.get(BlobKind::manifest, hash);
    if (!bytes && bytes.error().outcome() != Outcome::rejected) return std::unexpected(bytes.error());
    const auto manifest = bytes ? federation::read_manifest({reinterpret_cast<const char*>(bytes->data()), bytes->size()}) : std::unexpected(bytes.error());
    if (!manifest) {  // its job can't be staged any more either
      spdlog::error("the list of files {} of {} is not readable: {}", to_hex(hash), to_text(account), manifest.error().message());
      continue;
    }
    for (const auto& file : manifest->inputs())
      CHECK_OK(files_.use({account, federation::hash_of(file.sha256(), "sha256").value_or(Hash256{}), file.size()}));
  }
  return files_.sweep();
}

}  // namespace bourse::broker
