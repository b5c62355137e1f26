#include "evidence/merkle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <string>

#include "base/assert.h"
#include "base/sha256.h"

namespace bourse::evidence {
namespace {

// The left part of n > 1 leaves.
std::uint64_t left_of(std::uint64_t n) { return std::bit_floor(n - 1); }

// The root over the leaves [first, first + count): `first` is a multiple of the power of two that holds them.
Hash256 range_root(std::uint64_t first, std::uint64_t count, const Nodes& nodes) {
  if (std::has_single_bit(count)) {
    const auto level = static_cast<std::uint8_t>(std::countr_zero(count));
    return nodes({level, first >> level});
  }
  const std::uint64_t left = left_of(count);
  return node_hash(range_root(first, left, nodes), range_root(first + left, count - left, nodes));
}

void prove_range(std::uint64_t first, std::uint64_t count, std::span<const std::uint64_t> indices, const Nodes& nodes,
                 std::vector<Hash256>& proof) {
  if (indices.empty()) return proof.push_back(range_root(first, count, nodes));
  if (count == 1) return;
  const std::uint64_t left = left_of(count);
  const auto split = std::ranges::lower_bound(indices, first + left);
  const auto at = static_cast<std::size_t>(split - indices.begin());
  prove_range(first, left, indices.first(at), nodes, proof);
  prove_range(first + left, count - left, indices.subspan(at), nodes, proof);
}

std::optional<Hash256> proven_range(std::uint64_t first, std::uint64_t count, std::span<const Leaf> leaves,
                                    std::span<const Hash256>& proof) {
  if (leaves.empty()) {
    if (proof.empty()) return std::nullopt;
    const Hash256 next = proof.front();
    proof = proof.subspan(1);
    return next;
  }
  if (count == 1) return leaves.size() == 1 ? std::optional(leaves.front().second) : std::nullopt;
  const std::uint64_t left = left_of(count);
  const auto split = std::ranges::lower_bound(leaves, first + left, {}, &Leaf::first);
  const auto at = static_cast<std::size_t>(split - leaves.begin());
  const auto left_root = proven_range(first, left, leaves.first(at), proof);
  if (!left_root) return std::nullopt;
  const auto right_root = proven_range(first + left, count - left, leaves.subspan(at), proof);
  if (!right_root) return std::nullopt;
  return node_hash(*left_root, *right_root);
}

void audit_range(std::uint64_t index, std::uint64_t first, std::uint64_t count, const Nodes& nodes, std::vector<Hash256>& path) {
  if (count == 1) return;
  const std::uint64_t left = left_of(count);
  if (index < first + left) {
    audit_range(index, first, left, nodes, path);
    path.push_back(range_root(first + left, count - left, nodes));
  } else {
    audit_range(index, first + left, count - left, nodes, path);
    path.push_back(range_root(first, left, nodes));
  }
}

// RFC 6962's SUBPROOF(m, D[first:first+count], whole).
void subproof(std::uint64_t m, std::uint64_t first, std::uint64_t count, bool whole, const Nodes& nodes, std::vector<Hash256>& proof) {
  if (m == count) {
    if (!whole) proof.push_back(range_root(first, count, nodes));
    return;
  }
  const std::uint64_t left = left_of(count);
  if (m <= left) {
    subproof(m, first, left, whole, nodes, proof);
    proof.push_back(range_root(first + left, count - left, nodes));
  } else {
    subproof(m - left, first + left, count - left, false, nodes, proof);
    proof.push_back(range_root(first, left, nodes));
  }
}

}  // namespace

Hash256 leaf_hash(std::string_view bytes) { return sha256(std::string(1, '\x00').append(bytes)); }

Hash256 node_hash(const Hash256& left, const Hash256& right) {
  std::array<std::byte, 65> bytes{std::byte{1}};
  std::ranges::copy(std::as_bytes(std::span(left.bytes)), bytes.begin() + 1);
  std::ranges::copy(std::as_bytes(std::span(right.bytes)), bytes.begin() + 33);
  return sha256(std::span<const std::byte>(bytes));
}

Hash256 empty_root() { return sha256(std::string_view()); }

std::vector<NodeId> peaks_of(std::uint64_t size) {
  std::vector<NodeId> peaks;
  std::uint64_t first = 0;
  for (std::uint64_t left = size; left > 0;) {
    const std::uint64_t count = std::bit_floor(left);
    const auto level = static_cast<std::uint8_t>(std::countr_zero(count));
    peaks.push_back({level, first >> level});
    first += count;
    left -= count;
  }
  return peaks;
}

Result<Frontier> Frontier::of(std::uint64_t size, std::vector<Hash256> peaks) {
  if (size > kMaxSize || peaks.size() != static_cast<std::size_t>(std::popcount(size)))
    return fail(ErrorCode::invalid_argument, "a tree of " + std::to_string(size) + " leaves has other subtrees");
  Frontier out;
  out.size_ = size;
  out.peaks_ = std::move(peaks);
  return out;
}

Hash256 Frontier::root() const {
  if (peaks_.empty()) return empty_root();
  Hash256 root = peaks_.back();
  for (std::size_t i = peaks_.size() - 1; i > 0; --i) root = node_hash(peaks_[i - 1], root);
  return root;
}

void Frontier::append(const Hash256& leaf, std::vector<Node>& made) {
  BOURSE_ASSERT(size_ < kMaxSize);
  Hash256 hash = leaf;
  made.push_back({{0, size_}, leaf});
  std::uint8_t level = 0;
  // As in counting: each subtree that was full and waiting is joined with the one that is full now.
  for (std::uint64_t full = size_; (full & 1U) != 0; full >>= 1U) {
    hash = node_hash(peaks_.back(), hash);
    peaks_.pop_back();
    ++level;
    made.push_back({{level, full >> 1U}, hash});
  }
  peaks_.push_back(hash);
  ++size_;
}

Hash256 root_of(std::uint64_t size, const Nodes& nodes) { return size == 0 ? empty_root() : range_root(0, size, nodes); }

std::vector<Hash256> audit_path(std::uint64_t index, std::uint64_t size, const Nodes& nodes) {
  BOURSE_ASSERT(index < size && size <= kMaxSize);
  std::vector<Hash256> path;
  audit_range(index, 0, size, nodes, path);
  return path;
}

std::optional<Hash256> root_by_path(std::uint64_t index, std::uint64_t size, const Hash256& leaf, std::span<const Hash256> path) {
  if (size > kMaxSize || index >= size) return std::nullopt;
  // RFC 9162, 2.1.3.2: fn and sn are the leaf's and the last leaf's place on the level at hand.
  std::uint64_t fn = index, sn = size - 1;
  Hash256 hash = leaf;
  for (const Hash256& sibling : path) {
    if (sn == 0) return std::nullopt;
    if ((fn & 1U) != 0 || fn == sn) {
      hash = node_hash(sibling, hash);
      while ((fn & 1U) == 0 && fn != 0) fn >>= 1U, sn >>= 1U;
    } else {
      hash = node_hash(hash, sibling);
    }
    fn >>= 1U;
    sn >>= 1U;
  }
  return sn == 0 ? std::optional(hash) : std::nullopt;
}

std::vector<Hash256> prove(std::span<const std::uint64_t> indices, std::uint64_t size, const Nodes& nodes) {
  BOURSE_ASSERT(size <= kMaxSize && (indices.empty() || indices.back() < size));
  std::vector<Hash256> proof;
  if (size > 0) prove_range(0, size, indices, nodes, proof);
  return proof;
}

std::optional<Hash256> root_by(std::span<const Leaf> leaves, std::uint64_t size, std::span<const Hash256> proof) {
  if (size > kMaxSize || (!leaves.empty() && leaves.back().first >= size)) return std::nullopt;
  for (std::size_t i = 1; i < leaves.size(); ++i)
    if (leaves[i].first <= leaves[i - 1].first) return std::nullopt;
  if (size == 0) return proof.empty() ? std::optional(empty_root()) : std::nullopt;
  const auto root = proven_range(0, size, leaves, proof);
  return proof.empty() ? root : std::nullopt;
}

std::vector<Hash256> prove_consistency(std::uint64_t first, std::uint64_t second, const Nodes& nodes) {
  BOURSE_ASSERT(first <= second && second <= kMaxSize);
  std::vector<Hash256> proof;
  if (first > 0 && first < second) subproof(first, 0, second, true, nodes, proof);
  return proof;
}

bool is_consistent(std::uint64_t first, const Hash256& first_root, std::uint64_t second, const Hash256& second_root,
                   std::span<const Hash256> proof) {
  if (first > second || second > kMaxSize) return false;
  if (first == second) return proof.empty() && first_root == second_root;
  if (first == 0) return proof.empty() && first_root == empty_root();
  // RFC 9162, 2.1.4.2: both roots are made from the proof at once.
  std::uint64_t fn = first - 1, sn = second - 1;
  while ((fn & 1U) != 0) fn >>= 1U, sn >>= 1U;
  const bool whole = std::has_single_bit(first);  // the old tree is itself the first piece
  if (!whole && proof.empty()) return false;
  Hash256 old_hash = whole ? first_root : proof.front();
  Hash256 new_hash = old_hash;
  for (const Hash256& piece : whole ? proof : proof.subspan(1)) {
    if (sn == 0) return false;
    if ((fn & 1U) != 0 || fn == sn) {
      old_hash = node_hash(piece, old_hash);
      new_hash = node_hash(piece, new_hash);
      while ((fn & 1U) == 0 && fn != 0) fn >>= 1U, sn >>= 1U;
    } else {
      new_hash = node_hash(new_hash, piece);
    }
    fn >>= 1U;
    sn >>= 1U;
  }
  return sn == 0 && old_hash == first_root && new_hash == second_root;
}

}  // namespace bourse::evidence
