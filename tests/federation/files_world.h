// A linked center and a broker that keeps files, for the tests of staging.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "broker/app/memory_file_store.h"
#include "federation-proto/fields.h"
#include "federation-proto/staging.h"
#include "tests/federation/link_world.h"

namespace bourse::testing {

// A store that fails, lies or stands still as the test wants, and remembers what was asked of it.
class FickleStore final : public broker::FileStore {
 public:
  explicit FickleStore(const Clock& clock, broker::FileLimits limits = {}) : real_(limits, clock) {}

  Result<broker::Received> received(const broker::FileName& file) override { return real_.received(file); }
  Result<broker::Received> write(const broker::FileName& file, std::int64_t offset, std::span<const std::byte> piece) override {
    if (failing_writes > 0 && --failing_writes >= 0) return fail(ErrorCode::unavailable, "as asked");
    ++writes;
    return real_.write(file, offset, piece);
  }
  Result<std::vector<std::byte>> read(const broker::FileName& file, std::int64_t offset, std::size_t most) override {
    while (held) held.wait(true);
    ++reads;
    if (good_reads >= 0 && good_reads-- == 0) return fail(ErrorCode::unavailable, "as asked");
    auto bytes = real_.read(file, offset, most);
    if (bytes && lying > 0 && !bytes->empty()) {
      --lying;
      bytes->front() ^= std::byte{1};
    }
    return bytes;
  }
  Result<bool> use(const broker::FileName& file) override { return real_.use(file); }
  Status put_listing(BillingAccountId account, JobId job, std::string_view bytes) override { return real_.put_listing(account, job, bytes); }
  Result<std::string> listing(BillingAccountId account, JobId job) override { return real_.listing(account, job); }
  Result<broker::Swept> sweep() override { return real_.sweep(); }
  const broker::FileLimits& limits() const override { return real_.limits(); }

  std::atomic<int> reads = 0, writes = 0, lying = 0, failing_writes = 0;
  std::atomic<int> good_reads = -1;  // so many more before one fails; below zero: all
  std::atomic<bool> held = false;

 private:
  broker::MemoryFileStore real_;
};

class FilesWorld : public LinkedWorld {
 protected:
  FilesWorld() { files_ = &store_; }
  void TearDown() override {
    store_.held = false;
    store_.held.notify_all();
    LinkedWorld::TearDown();
  }

  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  void upload(const std::string& text, BillingAccountId account = id_of<BillingAccountId>(1)) {
    const broker::FileName file{account, sha256(text), static_cast<std::int64_t>(text.size())};
    for (std::size_t at = 0; at == 0 || at < text.size(); at += 1 << 20)
      ASSERT_TRUE(store_.write(file, static_cast<std::int64_t>(at), std::as_bytes(std::span(std::string_view(text).substr(at, 1 << 20)))));
  }
  struct Input {
    std::string path, text;
    bool executable = false;
  };
  // Errors as the engine's.
  Result<JobId> try_submit(const std::vector<Input>& inputs, const std::vector<std::string>& outputs) {
    wire::Manifest manifest;
    for (const Input& input : inputs) {
      wire::InputFile& file = *manifest.add_inputs();
      file.set_path(input.path);
      file.set_sha256(federation::to_bytes(sha256(input.text)));
      file.set_size(static_cast<std::int64_t>(input.text.size()));
      file.set_executable(input.executable);
    }
    manifest.mutable_outputs()->Add(outputs.begin(), outputs.end());
    CHECK_OK(federation::settle_manifest(manifest));
    const std::string bytes = federation::manifest_bytes(manifest);
    TRY(const Hash256 hash, blobs_.put(broker::BlobKind::manifest, std::as_bytes(std::span(bytes))));
    TRY(const Hash256 script, blobs_.put(broker::BlobKind::script, std::as_bytes(std::span(kScript))));
    const JobId job = id_of<JobId>(++serial_);
    broker::JobSpec spec{.name = "with files", .script = script, .need = {.cores = 1, .nodes = 1, .mem_mib = 1024}, .walltime = hours(1), .manifest = hash};
    TRY(const auto done, engine_->execute({.now = clock_.now(), .body = broker::SubmitJob{job, id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_),
                                                                                         id_of<BillingAccountId>(1), id_of<UserId>(1), {}, spec}}));
    return JobId{done.object};
  }
  JobId submit_with(const std::vector<Input>& inputs, const std::vector<std::string>& outputs = {}) {
    auto job = try_submit(inputs, outputs);
    EXPECT_TRUE(job) << job.error().message();
    return job.value_or(JobId{});
  }
  wire::OutputsTold told(JobId job) {
    wire::OutputsTold out;
    const auto listing = store_.listing(id_of<BillingAccountId>(1), job);
    EXPECT_TRUE(!listing || out.ParseFromString(*listing));
    return out;
  }
  bool handed_over(JobId job) {
    return eventually([&] { return told(job).complete(); });
  }
  const wire::OutputFile* output(const wire::OutputsTold& of, const std::string& path) {
    for (const wire::OutputFile& file : of.files())
      if (file.path() == path && file.log() == path.empty()) return &file;
    return nullptr;
  }
  std::string kept(const wire::OutputFile& file) {
    const auto hash = federation::hash_of(file.sha256(), "sha256");
    std::string all;
    while (hash && static_cast<std::int64_t>(all.size()) < file.size()) {
      const auto bytes = store_.read({id_of<BillingAccountId>(1), *hash, file.size()}, static_cast<std::int64_t>(all.size()), 1 << 20);
      if (!bytes || bytes->empty()) return "not there";
      all.append(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    }
    return all;
  }

  FickleStore store_{clock_};
};

}  // namespace bourse::testing
