#include "connectors/core/spool.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/codec.h"

namespace bourse::connector {
namespace {

constexpr std::uint64_t kMaxAckLogBytes = 64 << 20;

struct ReportHead {
  std::uint64_t seq = 0;
  Hash256 hash;
};
constexpr std::size_t kHeadBytes = 40;

std::string with_head(const ReportHead& head, std::string_view rest) {
  std::string bytes(kHeadBytes, '\0');
  std::memcpy(bytes.data(), &head.seq, 8);
  std::memcpy(bytes.data() + 8, head.hash.bytes.data(), 32);
  return bytes.append(rest);
}

Result<ReportHead> head_of(std::string_view bytes) {
  ReportHead head;
  if (bytes.size() < kHeadBytes) return fail(ErrorCode::integrity, "spool: a record is too short");
  std::memcpy(&head.seq, bytes.data(), 8);
  std::memcpy(head.hash.bytes.data(), bytes.data() + 8, 32);
  return head;
}

std::string segment_name(std::uint64_t first_seq) {
  char name[48];
  std::snprintf(name, sizeof name, "reports-%020llu.log", static_cast<unsigned long long>(first_seq));
  return name;
}

// The segments in the folder, by first sequence number.
Result<std::map<std::uint64_t, std::string>> segments_in(const std::string& directory) {
  std::map<std::uint64_t, std::string> found;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = file.path().filename().string();
    unsigned long long seq = 0;
    if (std::sscanf(name.c_str(), "reports-%20llu.log", &seq) == 1 && name == segment_name(seq)) found[seq] = file.path();
  }
  if (error) return fail(ErrorCode::unavailable, directory + ": " + error.message());
  return found;
}

}  // namespace

Result<Spool> Spool::open(SpoolOptions options) {
  Spool spool;
  spool.options_ = std::move(options);
  const std::string& directory = spool.options_.directory;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(ErrorCode::unavailable, directory + ": " + error.message());
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);

  TRY(const auto paths, segments_in(directory));
  if (!paths.empty()) spool.first_seq_ = paths.begin()->first;
  for (const auto& [first_seq, path] : paths) CHECK_OK(spool.open_segment(path, first_seq));
  CHECK_OK(spool.open_acks());
  for (std::uint64_t seq = std::max(spool.acked_seq_ + 1, spool.first_seq_); seq <= spool.last_seq(); ++seq)
    spool.unacked_bytes_ += spool.entries_[seq - spool.first_seq_].bytes;
  return spool;
}

Status Spool::open_segment(const std::string& path, std::uint64_t first_seq) {
  auto segment = std::make_unique<Segment>();
  segment->first_seq = first_seq;
  if (first_seq != last_seq() + 1) return fail(ErrorCode::integrity, path + ": reports before it are missing");
  TRY(segment->log, RecordLog::open(path, [&](std::uint64_t offset, std::string_view payload) -> Status {
        TRY(const ReportHead head, head_of(payload));
        if (head.seq != last_seq() + 1) return fail(ErrorCode::integrity, path + ": a report is missing");
        entries_.push_back({head.hash, segment.get(), offset, static_cast<std::uint32_t>(payload.size())});
        return {};
      }));
  segments_.push_back(std::move(segment));
  return {};
}

Status Spool::open_acks() {
  const std::string path = options_.directory + "/acks.log";
  std::error_code error;
  // Acknowledgements are evidence for disputes and may be asked for again: the file is renewed rather than grown for ever.
  if (std::filesystem::file_size(path, error) > kMaxAckLogBytes && !error)
    std::filesystem::rename(path, options_.directory + "/acks-old.log", error);
  TRY(acks_, RecordLog::open(path, [&](std::uint64_t, std::string_view payload) -> Status {
        TRY(const ReportHead head, head_of(payload));
        acked_seq_ = std::max(acked_seq_, head.seq);
        return {};
      }));
  acked_seq_ = std::min(acked_seq_, last_seq());
  return {};
}

Hash256 Spool::last_hash() const { return entries_.empty() ? Hash256{} : entries_.back().hash; }

Result<Hash256> Spool::hash(std::uint64_t seq) const {
  if (seq < first_seq_ || seq > last_seq()) return fail(ErrorCode::not_found, "no report with this number is kept");
  return entries_[seq - first_seq_].hash;
}

Status Spool::append(const Hash256& payload_hash, std::string_view envelope) {
  const std::uint64_t seq = last_seq() + 1;
  if (segments_.empty() || segments_.back()->log.bytes() >= options_.segment_bytes) {
    auto segment = std::make_unique<Segment>();
    segment->first_seq = seq;
    const std::string path = options_.directory + "/" + segment_name(seq);
    const auto nothing = [&](std::uint64_t, std::string_view) -> Status { return fail(ErrorCode::integrity, path + ": not empty"); };
    TRY(segment->log, RecordLog::open(path, nothing));
    segments_.push_back(std::move(segment));
    drop_archive();
  }
  Segment& segment = *segments_.back();
  const std::string record = with_head({seq, payload_hash}, envelope);
  TRY(const std::uint64_t offset, segment.log.append(record));
  CHECK_OK(segment.log.sync());
  entries_.push_back({payload_hash, &segment, offset, static_cast<std::uint32_t>(record.size())});
  unacked_bytes_ += record.size();
  return {};
}

Result<std::string> Spool::envelope(std::uint64_t seq) const {
  if (seq < first_seq_ || seq > last_seq()) return fail(ErrorCode::not_found, "no report with this number is kept");
  const Entry& entry = entries_[seq - first_seq_];
  TRY(std::string record, entry.segment->log.read(entry.offset));
  TRY(const ReportHead head, head_of(record));
  if (head.seq != seq || head.hash != entry.hash) return fail(ErrorCode::integrity, "spool: another report lies here");
  record.erase(0, kHeadBytes);
  return record;
}

Status Spool::acknowledge(std::uint64_t seq, std::string_view ack) {
  if (seq > last_seq()) return fail(ErrorCode::invalid_argument, "acknowledges a report that was never made");
  if (seq <= acked_seq_) return {};
  const Hash256 hash = seq >= first_seq_ ? entries_[seq - first_seq_].hash : Hash256{};
  // Not synced: what is lost here, the next welcome tells again.
  CHECK_OK(acks_.append(with_head({seq, hash}, ack)));
  for (std::uint64_t s = std::max(acked_seq_ + 1, first_seq_); s <= seq; ++s) unacked_bytes_ -= entries_[s - first_seq_].bytes;
  acked_seq_ = seq;
  return {};
}

void Spool::drop_archive() {
  std::uint64_t archived = 0;
  std::size_t whole = 0;  // segments from the front that are acknowledged to their end
  while (whole + 1 < segments_.size() && segments_[whole + 1]->first_seq <= acked_seq_ + 1) archived += segments_[whole++]->log.bytes();
  for (; whole > 0 && archived > options_.archive_bytes; --whole) {
    archived -= segments_.front()->log.bytes();
    const std::uint64_t next = segments_[1]->first_seq;
    std::error_code error;
    std::filesystem::remove(segments_.front()->log.path(), error);
    if (error) return;
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(next - first_seq_));
    first_seq_ = next;
    segments_.pop_front();
  }
}

}  // namespace bourse::connector
