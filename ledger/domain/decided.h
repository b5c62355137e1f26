// DecidedTransfers: which transfer ids were decided, and how. Bounded: the oldest are forgotten first.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "base/id.h"
#include "base/zeroed_array.h"

namespace bourse::ledger {

// A ring of decisions in the order they were made, and an open-addressed table that finds them. Millions of entries,
// one looked up and one added a transfer: so a lookup touches one cache line, which `prefetch` can bring ahead of time,
// and forgetting leaves no tombstones that would have to be swept in one go. One thread.
class DecidedTransfers {
 public:
  struct Entry {
    TransferId id;
    std::uint64_t fingerprint = 0;  // of the payload
    ErrorCode error{};              // 0 = posted
    static constexpr void fields(auto& self, auto&& visit) { visit(self.id, self.fingerprint, self.error); }
  };

  // How many there will be in the end. Once there are many it takes the address space of all, and none of them is moved any
  // more; their memory comes when it is touched.
  void expect(std::size_t entries) { expected_ = entries; }

  // Brings near what find and add will touch for `id`, and forget_oldest when it has reached the nth oldest.
  void prefetch(TransferId id, std::size_t n) const {
    if (slots_.empty()) return;
    __builtin_prefetch(&slots_[home(tag_of(id))]);
    if (n < size()) __builtin_prefetch(&slots_[home(tag_of((*this)[n].id))]);
  }
  // Valid until the next add or forget.
  const Entry* find(TransferId id) const;
  void add(const Entry& entry);  // an id that find doesn't know
  void forget_newest();          // takes back the last add
  void forget_oldest();

  std::size_t size() const { return newest_ - oldest_; }
  // The nth oldest; n < size().
  const Entry& operator[](std::size_t n) const { return entries_[(oldest_ + n) & (entries_.size() - 1)]; }

 private:
  // What find needs of an entry without going there. A tag has its top bit set; 0 is an empty slot.
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t number = 0;  // the entry's, counted from the first add, modulo 2^32
  };
  static std::uint32_t tag_of(TransferId id) {
    return static_cast<std::uint32_t>(std::hash<TransferId>{}(id)) | 0x8000'0000;
  }
  std::size_t home(std::uint32_t tag) const { return tag & (slots_.size() - 1); }
  std::size_t after(std::size_t slot) const { return (slot + 1) & (slots_.size() - 1); }
  void reserve(std::size_t entries);
  void place(std::uint32_t tag, std::uint32_t number);
  void vacate(std::uint32_t number);

  ZeroedArray<Entry> entries_;  // a power of two; entry n lies at n modulo its size
  ZeroedArray<Slot> slots_;     // twice as many, so probing stays short
  std::size_t expected_ = 0;
  std::uint32_t oldest_ = 0;
  std::uint32_t newest_ = 0;  // one past it
};

}  // namespace bourse::ledger
