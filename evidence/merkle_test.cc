#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>

#include "base/hex.h"
#include "base/sha256.h"
#include "evidence/merkle.h"

namespace bourse::evidence {
namespace {

// The tree as RFC 6962, 2.1, writes it down: slow and obvious.
Hash256 naive_root(std::span<const Hash256> leaves) {
  if (leaves.empty()) return sha256(std::string_view());
  if (leaves.size() == 1) return leaves[0];
  std::size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  const Hash256 left = naive_root(leaves.first(k)), right = naive_root(leaves.subspan(k));
  std::string bytes("\x01");
  bytes.append(reinterpret_cast<const char*>(left.bytes.data()), 32).append(reinterpret_cast<const char*>(right.bytes.data()), 32);
  return sha256(bytes);
}

struct Tree {
  std::vector<Hash256> leaves;
  std::map<NodeId, Hash256> made;
  Frontier frontier;

  explicit Tree(std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) add("leaf " + std::to_string(i));
  }
  void add(std::string_view bytes) {
    std::vector<Node> nodes;
    leaves.push_back(leaf_hash(bytes));
    frontier.append(leaves.back(), nodes);
    for (const auto& [id, hash] : nodes) EXPECT_TRUE(made.emplace(id, hash).second);
  }
  Nodes nodes() const {
    return [this](NodeId id) { return made.at(id); };
  }
  Hash256 root(std::size_t size) const { return naive_root(std::span(leaves).first(size)); }
};

// The inputs and roots of Certificate Transparency's own tests (github.com/google/certificate-transparency, merkletree).
std::vector<std::string> known_inputs() {
  std::vector<std::string> out;
  for (const char* hex : {"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}) {
    std::string bytes(std::string_view(hex).size() / 2, '\0');
    EXPECT_TRUE(from_hex(hex, std::span(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size())));
    out.push_back(bytes);
  }
  return out;
}
constexpr const char* kKnownRoots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                       "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                       "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                       "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                       "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                       "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                       "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                       "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

Tree known_tree() {
  Tree tree(0);
  for (const std::string& input : known_inputs()) tree.add(input);
  return tree;
}

TEST(Merkle, KnownRoots) {
  EXPECT_EQ(to_hex(empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Frontier().root(), empty_root());
  Frontier frontier;
  std::vector<Node> nodes;
  const auto inputs = known_inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    frontier.append(leaf_hash(inputs[i]), nodes);
    EXPECT_EQ(to_hex(frontier.root()), kKnownRoots[i]) << i + 1;
  }
}

TEST(Merkle, KnownPathsAndConsistency) {
  const Tree tree = known_tree();
  const auto hexes = [](const std::vector<Hash256>& hashes) {
    std::vector<std::string> out;
    for (const Hash256& hash : hashes) out.push_back(to_hex(hash));
    return out;
  };
  EXPECT_EQ(hexes(audit_path(0, 1, tree.nodes())), std::vector<std::string>{});
  EXPECT_EQ(hexes(audit_path(0, 8, tree.nodes())),
            (std::vector<std::string>{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                                      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                                      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
  EXPECT_EQ(hexes(audit_path(5, 8, tree.nodes())),
            (std::vector<std::string>{"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                                      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                                      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
  EXPECT_EQ(hexes(audit_path(2, 3, tree.nodes())),
            (std::vector<std::string>{"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}));
  EXPECT_EQ(hexes(prove_consistency(1, 8, tree.nodes())),
            (std::vector<std::string>{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                                      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                                      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
  EXPECT_EQ(hexes(prove_consistency(6, 8, tree.nodes())),
            (std::vector<std::string>{"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                                      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                                      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
}

RC_GTEST_PROP(Merkle, RootsPathsAndProofsAgreeWithTheNaiveTree, ()) {
  const auto size = *rc::gen::inRange<std::size_t>(1, 90);
  const Tree tree(size);
  RC_ASSERT(tree.frontier.root() == tree.root(size));
  const auto now = *rc::gen::inRange<std::size_t>(1, size + 1);
  RC_ASSERT(root_of(now, tree.nodes()) == tree.root(now));
  std::vector<Hash256> peaks;
  for (const NodeId id : peaks_of(now)) peaks.push_back(tree.made.at(id));
  const auto again = Frontier::of(now, peaks);
  RC_ASSERT(again.has_value() && again->root() == tree.root(now));

  const auto index = *rc::gen::inRange<std::size_t>(0, now);
  const auto path = audit_path(index, now, tree.nodes());
  RC_ASSERT(root_by_path(index, now, tree.leaves[index], path) == tree.root(now));

  const auto then = *rc::gen::inRange<std::size_t>(0, now + 1);
  const auto proof = prove_consistency(then, now, tree.nodes());
  RC_ASSERT(is_consistent(then, tree.root(then), now, tree.root(now), proof));
}

RC_GTEST_PROP(Merkle, ManyLeavesAreProvenAtOnce, ()) {
  const auto size = *rc::gen::inRange<std::size_t>(1, 70);
  const Tree tree(size);
  std::vector<std::uint64_t> indices;
  std::vector<Leaf> leaves;
  for (std::size_t i = 0; i < size; ++i) {
    if (*rc::gen::inRange(0, 3) != 0) continue;
    indices.push_back(i);
    leaves.emplace_back(i, tree.leaves[i]);
  }
  const auto proof = prove(indices, size, tree.nodes());
  RC_ASSERT(root_by(leaves, size, proof) == tree.root(size));
  // One more or one less doesn't fit, and every hash counts.
  auto longer = proof;
  longer.push_back(tree.leaves[0]);
  RC_ASSERT(!root_by(leaves, size, longer));
  for (std::size_t i = 0; i < proof.size(); ++i) {
    auto changed = proof;
    changed[i].bytes[i % 32] ^= 1;
    RC_ASSERT(root_by(leaves, size, changed) != tree.root(size));
    RC_ASSERT(!root_by(leaves, size, std::span(proof).first(i)));
  }
  for (Leaf& leaf : leaves) {
    leaf.second.bytes[7] ^= 1;
    RC_ASSERT(root_by(leaves, size, proof) != tree.root(size));
    leaf.second.bytes[7] ^= 1;
  }
}

RC_GTEST_PROP(Merkle, ARewrittenPastIsNoticed, ()) {
  const auto size = *rc::gen::inRange<std::size_t>(2, 60);
  const Tree honest(size);
  const auto then = *rc::gen::inRange<std::size_t>(1, size);
  const auto altered = *rc::gen::inRange<std::size_t>(0, then);
  Tree other(altered);
  other.add("something else");
  while (other.leaves.size() < size) other.add("leaf " + std::to_string(other.leaves.size()));
  const auto proof = prove_consistency(then, size, other.nodes());
  RC_ASSERT(!is_consistent(then, honest.root(then), size, other.root(size), proof));
  const auto good = prove_consistency(then, size, honest.nodes());
  RC_ASSERT(is_consistent(then, honest.root(then), size, honest.root(size), good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto changed = good;
    changed[i].bytes[3] ^= 8;
    RC_ASSERT(!is_consistent(then, honest.root(then), size, honest.root(size), changed));
    RC_ASSERT(!is_consistent(then, honest.root(then), size, honest.root(size), std::span(good).first(i)));
  }
  RC_ASSERT(!is_consistent(size, honest.root(size), then, honest.root(then), {}));
}

TEST(Merkle, WhatDoesNotFitIsRefused) {
  const Tree tree(5);
  const auto path = audit_path(3, 5, tree.nodes());
  EXPECT_FALSE(root_by_path(5, 5, tree.leaves[3], path));
  EXPECT_FALSE(root_by_path(3, 0, tree.leaves[3], {}));
  EXPECT_FALSE(root_by_path(3, 5, tree.leaves[3], std::span(path).first(1)));
  EXPECT_FALSE(root_by_path(0, kMaxSize + 1, tree.leaves[0], path));
  const std::vector<Leaf> unsorted = {{2, tree.leaves[2]}, {1, tree.leaves[1]}};
  EXPECT_FALSE(root_by(unsorted, 5, {}));
  const std::vector<Leaf> beyond = {{5, tree.leaves[2]}};
  EXPECT_FALSE(root_by(beyond, 5, {}));
  EXPECT_FALSE(Frontier::of(5, std::vector<Hash256>(3)));
  EXPECT_EQ(root_by({}, 0, {}), empty_root());
}

}  // namespace
}  // namespace bourse::evidence
