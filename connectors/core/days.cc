#include "connectors/core/days.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/codec.h"
#include "bourse/federation/v1/federation.pb.h"
#include "federation-proto/fields.h"

namespace bourse::connector {

namespace wire = federation::v1;
using evidence::Day;
using evidence::DayReading;

namespace {

constexpr std::uint16_t kEntryRecord = 1;
constexpr std::uint64_t kMinRewrite = 4 << 20;
constexpr Day kKept = 40;                 // as long as the broker books late usage
constexpr Duration kSayAgain = hours(1);  // what was disagreed with

enum class EntryKind : std::uint8_t { since = 1, reading = 2, said = 3, answered = 4 };

}  // namespace

struct Days::Entry {
  EntryKind kind{};
  Day day = 0;
  AttemptId attempt;
  DayReading reading;
  std::uint32_t revision = 0;
  std::uint64_t seq = 0;
  Instant at;
  bool flag = false;  // of `said`: with entries; of `answered`: agreed
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.kind, self.day, self.attempt, self.reading, self.revision, self.seq, self.at, self.flag);
  }
};

Result<Days> Days::open(const std::string& path, Instant now, bool fresh) {
  Days days;
  days.path_ = path;
  bool known = false;
  TRY(days.log_, RecordLog::open(path, [&](std::uint64_t, std::string_view payload) -> Status {
        std::span<const std::byte> in = std::as_bytes(std::span(payload));
        const auto record = codec::next_record(in);
        Entry entry;
        if (!record || record->type != kEntryRecord) return fail(ErrorCode::integrity, "days: malformed record");
        codec::Reader reader(record->body);
        reader.read_record(entry);
        if (!reader.ok()) return fail(ErrorCode::integrity, "days: malformed record");
        known = true;
        days.apply(entry);
        return {};
      }));
  if (!known) days.since_ = evidence::day_of(now) + (fresh ? 0 : 1);
  CHECK_OK(days.rewrite());
  return days;
}

void Days::apply(const Entry& entry) {
  if (entry.kind == EntryKind::since) {
    since_ = entry.day;
    return;
  }
  State& state = days_[entry.day];
  if (entry.kind == EntryKind::reading) {
    DayReading& known = state.readings[entry.attempt];
    state.dirty = state.dirty || known != entry.reading || state.readings.size() == 1;
    known = entry.reading;
  } else if (entry.kind == EntryKind::said && entry.revision > state.revision) {
    state.revision = entry.revision;
    state.said_seq = entry.seq;
    state.said_at = entry.at;
    state.with_entries = entry.flag;
    state.dirty = state.answered = state.agreed = false;
  } else if (entry.kind == EntryKind::answered && entry.revision == state.revision) {
    state.answered = true;
    state.agreed = entry.flag;
  }
}

Status Days::append(const Entry& entry) {
  std::vector<std::byte> bytes;
  codec::write_record(bytes, kEntryRecord, entry);
  TRY(const std::uint64_t at, log_.append({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  static_cast<void>(at);
  return {};
}

// What it comes to, without what was superseded or is too old to change.
Status Days::rewrite() {
  const std::string temporary = path_ + ".new";
  std::error_code error;
  std::filesystem::remove(temporary, error);
  TRY(log_, RecordLog::open(temporary, [](std::uint64_t, std::string_view) -> Status { return fail(ErrorCode::integrity, "not empty"); }));
  if (!days_.empty()) {
    const Day newest = days_.rbegin()->first;
    days_.erase(days_.begin(), days_.lower_bound(newest - kKept));
  }
  CHECK_OK(append({.kind = EntryKind::since, .day = since_}));
  for (const auto& [day, state] : days_) {
    // A day that is to be said again is dirty after it was read, as long as its readings come last.
    const auto said = [&]() -> Status {
      if (state.revision == 0) return {};
      CHECK_OK(append({.kind = EntryKind::said, .day = day, .revision = state.revision, .seq = state.said_seq, .at = state.said_at, .flag = state.with_entries}));
      return state.answered ? append({.kind = EntryKind::answered, .day = day, .revision = state.revision, .flag = state.agreed}) : Status{};
    };
    if (state.dirty) CHECK_OK(said());
    for (const auto& [attempt, reading] : state.readings)
      CHECK_OK(append({.kind = EntryKind::reading, .day = day, .attempt = attempt, .reading = reading}));
    if (!state.dirty) CHECK_OK(said());
  }
  CHECK_OK(log_.sync());
  if (std::rename(temporary.c_str(), path_.c_str()) != 0) return fail(ErrorCode::unavailable, path_ + ": " + std::strerror(errno));
  rewritten_bytes_ = log_.bytes();
  return sync_directory(std::filesystem::path(path_).parent_path().string());
}

Status Days::note(const wire::Report& report) {
  bool changed = false;
  const auto take = [&](const Entry& entry) -> Status {
    apply(entry);
    changed = true;
    return append(entry);
  };
  for (const wire::Record& record : report.records()) {
    if (record.has_usage()) {
      const wire::UsageRecord& usage = record.usage();
      TRY(const AttemptId attempt, federation::id_of<AttemptId>(usage.attempt(), "attempt"));
      const Day day = evidence::day_of({usage.end_ms()});
      if (day < since_) continue;
      CHECK_OK(take({.kind = EntryKind::reading, .day = day, .attempt = attempt,
                     .reading = {usage.final(), usage.core_ms(), usage.gpu_ms(), usage.node_ms(), usage.mem_mib_s()}}));
    } else if (record.has_day()) {
      CHECK_OK(take({.kind = EntryKind::said, .day = record.day().day(), .revision = record.day().revision(), .seq = report.seq(),
                     .at = {report.created_ms()}, .flag = record.day().entries_size() > 0}));
    }
  }
  if (!changed) return {};
  CHECK_OK(log_.sync());
  return log_.bytes() > std::max(kMinRewrite, 4 * rewritten_bytes_) ? rewrite() : Status{};
}

bool Days::is_due(const State& state, Instant now, bool over, Duration interval) const {
  if (!over && (interval.ms == 0 || state.readings.empty() || now < state.said_at + interval)) return false;
  if (state.dirty) return true;
  if (!state.answered || state.agreed) return false;
  return (!state.with_entries && !state.readings.empty()) || now >= state.said_at + kSayAgain;
}

std::optional<wire::DayDigest> Days::due(Instant now, Duration interval) {
  const Day today = evidence::day_of(now);
  for (Day day = std::max(since_, today - kKept + 1); day <= today; ++day) {
    const State& state = days_[day];
    if (!is_due(state, now, day < today, interval)) continue;
    const evidence::DaySum sum = evidence::sum_of(state.readings);
    wire::DayDigest out;
    out.set_day(day);
    out.set_revision(state.revision + 1);
    wire::DaySum& to = *out.mutable_sum();
    to.set_attempts(sum.attempts);
    to.set_finals(sum.finals);
    to.set_core_ms(sum.core_ms);
    to.set_gpu_ms(sum.gpu_ms);
    to.set_node_ms(sum.node_ms);
    to.set_mem_mib_s(sum.mem_mib_s);
    to.set_digest(federation::to_bytes(sum.digest));
    if (state.answered && !state.agreed) {
      for (const auto& [attempt, reading] : state.readings) {
        if (static_cast<std::size_t>(out.entries_size()) == evidence::kMaxDayEntries) break;
        wire::DayEntry& entry = *out.add_entries();
        entry.set_attempt(federation::to_bytes(attempt));
        entry.set_final(reading.final);
        entry.set_core_ms(reading.core_ms);
        entry.set_gpu_ms(reading.gpu_ms);
        entry.set_node_ms(reading.node_ms);
        entry.set_mem_mib_s(reading.mem_mib_s);
      }
    }
    return out;
  }
  return std::nullopt;
}

Status Days::answered(const wire::DayAnswer& answer) {
  const Entry entry{.kind = EntryKind::answered, .day = answer.day(), .revision = answer.revision(), .flag = answer.agreed()};
  apply(entry);
  if (!answer.agreed()) {
    spdlog::warn("the broker booked otherwise on {}: {} attempts, {} of them differ as far as was compared",
                 evidence::to_text(answer.day()), answer.booked().attempts(), answer.differences_size());
  }
  // Not synced: what is lost of it is asked for again.
  return append(entry);
}

void Days::acknowledged(std::uint64_t seq, bool now) {
  for (auto& [day, state] : days_) {
    if (state.revision == 0 || state.answered || state.dirty || state.said_seq > seq) continue;
    if (now) state.dirty = true;
    else state.answered = state.with_entries = true;
  }
}

}  // namespace bourse::connector
