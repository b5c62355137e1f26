// A Merkle tree that only grows, as RFC 6962 (Certificate Transparency) section 2.1 defines it: SHA-256, a leaf's input
// begins with 0x00 and a node's with 0x01, and the left part of n leaves are the largest power of two below n.
//
// Pure. Who keeps the tree keeps its *perfect* subtrees, which never change once they are full: a leaf adds itself and on
// average one more. A root or any proof needs O(log n) of them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/result.h"

namespace bourse::evidence {

inline constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 62;

Hash256 leaf_hash(std::string_view bytes);
Hash256 node_hash(const Hash256& left, const Hash256& right);
Hash256 empty_root();  // SHA-256 of nothing

// The perfect subtree over the leaves [index << level, (index + 1) << level). Level 0 is a leaf's hash.
struct NodeId {
  std::uint8_t level = 0;
  std::uint64_t index = 0;
  constexpr auto operator<=>(const NodeId&) const = default;
};
using Node = std::pair<NodeId, Hash256>;
// Gives the hash of a perfect subtree that lies within the tree.
using Nodes = std::function<Hash256(NodeId)>;

// The perfect subtrees that a tree of this size consists of, largest first: all that is needed to go on appending.
std::vector<NodeId> peaks_of(std::uint64_t size);

// A tree's growing edge. A value.
class Frontier {
 public:
  Frontier() = default;
  // `peaks`: the hashes of peaks_of(size). Errors: invalid_argument (another number of them).
  static Result<Frontier> of(std::uint64_t size, std::vector<Hash256> peaks);

  std::uint64_t size() const { return size_; }
  Hash256 root() const;
  // Puts the subtrees that became full into `made`, the leaf itself first.
  void append(const Hash256& leaf, std::vector<Node>& made);

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash256> peaks_;
};

Hash256 root_of(std::uint64_t size, const Nodes& nodes);

// ── one leaf: RFC 6962, 2.1.1, audit paths, from the leaf up. index < size ──
std::vector<Hash256> audit_path(std::uint64_t index, std::uint64_t size, const Nodes& nodes);
// The root that leaf and path make; nothing if the path hasn't the length it must have.
std::optional<Hash256> root_by_path(std::uint64_t index, std::uint64_t size, const Hash256& leaf, std::span<const Hash256> path);

// ── many leaves at once: the roots of all largest ranges without any of them, left to right ──
using Leaf = std::pair<std::uint64_t, Hash256>;
// `indices`: rising, each below size.
std::vector<Hash256> prove(std::span<const std::uint64_t> indices, std::uint64_t size, const Nodes& nodes);
// The root that leaves (rising by index) and proof make; nothing if they don't fit each other.
std::optional<Hash256> root_by(std::span<const Leaf> leaves, std::uint64_t size, std::span<const Hash256> proof);

// ── the tree then and now: RFC 6962, 2.1.2. first <= second ──
std::vector<Hash256> prove_consistency(std::uint64_t first, std::uint64_t second, const Nodes& nodes);
// Whether the tree of `second` leaves begins with all that the tree of `first` had.
bool is_consistent(std::uint64_t first, const Hash256& first_root, std::uint64_t second, const Hash256& second_root,
                   std::span<const Hash256> proof);

}  // namespace bourse::evidence
