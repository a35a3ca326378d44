// The tree of boxes of one iteration. Nodes are numbered in the order they appear; the children
// of a node are four consecutive numbers, and a node splits once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ops/regions/split.h"
#include "search/rex/settings.h"

namespace suffice::rex {

using NodeId = std::uint32_t;
constexpr NodeId kRoot = 0;

struct Node {
  Box box;
  std::uint64_t path = 1;  // base 4, most significant digit = child of the root, leading 1
  std::int32_t depth = 0;
  std::int32_t parent = -1;
  std::optional<NodeId> children;  // number of child 0
  bool tried = false;
};

// Split positions by path that replace the random ones; a missing path does not split.
using InjectedSplits = std::unordered_map<std::uint64_t, std::int64_t>;

class BoxTree {
 public:
  BoxTree(std::int32_t height, std::int32_t width, PhiloxKey key, std::uint64_t iteration);

  // Number of child 0 of `id`, splitting it now if it may and was not tried before.
  std::optional<NodeId> split(NodeId id, const Settings& settings, const SplitRule& rule);

  void inject(InjectedSplits splits) { injected_ = std::move(splits); }

  const Node& operator[](NodeId id) const { return nodes_[id]; }
  std::int64_t splits() const { return static_cast<std::int64_t>((nodes_.size() - 1) / 4); }

  // rex-xai's name of a node: "R", "R:0", "R:0:3".
  std::string name(NodeId id) const;
  // The node of such a name. Throws invalid_argument when there is none.
  NodeId find(std::string_view name) const;

 private:
  std::optional<std::int64_t> position(const Node& node, const Settings& settings,
                                       const SplitRule& rule) const;

  std::vector<Node> nodes_;
  PhiloxKey key_;
  std::uint64_t iteration_;
  std::optional<InjectedSplits> injected_;
};

}  // namespace suffice::rex
