#include "ledger/domain/decided.h"

#include <algorithm>

#include "base/assert.h"

namespace bourse::ledger {
namespace {

constexpr std::size_t kLeast = 64;
constexpr std::size_t kMany = 16'384;  // moved in a millisecond
constexpr std::size_t kMost = std::size_t{1} << 29;  // slots are twice as many, and a tag has 31 bits for its home

}  // namespace

void DecidedTransfers::reserve(std::size_t entries) {
  BOURSE_ASSERT(entries <= kMost);
  const std::size_t size = std::bit_ceil(std::max(entries, kLeast));
  if (size <= entries_.size()) return;
  ZeroedArray<Entry> grown(size);
  for (std::uint32_t n = oldest_; n != newest_; ++n) grown[n & (size - 1)] = entries_[n & (entries_.size() - 1)];
  entries_ = std::move(grown);
  slots_ = ZeroedArray<Slot>(2 * size);
  for (std::uint32_t n = oldest_; n != newest_; ++n) place(tag_of(entries_[n & (size - 1)].id), n);
}

const DecidedTransfers::Entry* DecidedTransfers::find(TransferId id) const {
  if (slots_.empty()) return nullptr;
  const std::uint32_t tag = tag_of(id);
  for (std::size_t at = home(tag); slots_[at].tag != 0; at = after(at)) {
    if (slots_[at].tag != tag) continue;
    const Entry& entry = entries_[slots_[at].number & (entries_.size() - 1)];
    if (entry.id == id) return &entry;
  }
  return nullptr;
}

void DecidedTransfers::add(const Entry& entry) {
  if (size() == entries_.size()) reserve(size() < kMany ? size() + 1 : std::max(size() + 1, expected_));
  entries_[newest_ & (entries_.size() - 1)] = entry;
  place(tag_of(entry.id), newest_);
  ++newest_;
}

void DecidedTransfers::forget_newest() {
  BOURSE_ASSERT(size() > 0);
  vacate(--newest_);
}

void DecidedTransfers::forget_oldest() {
  BOURSE_ASSERT(size() > 0);
  vacate(oldest_++);
}

void DecidedTransfers::place(std::uint32_t tag, std::uint32_t number) {
  std::size_t at = home(tag);
  while (slots_[at].tag != 0) at = after(at);
  slots_[at] = {.tag = tag, .number = number};
}

void DecidedTransfers::vacate(std::uint32_t number) {
  const std::uint32_t tag = tag_of(entries_[number & (entries_.size() - 1)].id);
  std::size_t hole = home(tag);
  while (slots_[hole].tag != tag || slots_[hole].number != number) hole = after(hole);
  // Whatever was pushed past the hole moves back into it, as if the vacated entry had never been.
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = after(hole); slots_[at].tag != 0; at = after(at)) {
    const std::size_t pushed = (at - home(slots_[at].tag)) & mask;
    const std::size_t to_hole = (at - hole) & mask;
    if (pushed < to_hole) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = Slot{};
}

}  // namespace bourse::ledger
