#include "search/rex/tree.h"

#include <utility>

namespace suffice::rex {

namespace {
constexpr std::uint64_t kSplitStreamId = 0;
}

BoxTree::BoxTree(std::int32_t height, std::int32_t width, PhiloxKey key, std::uint64_t iteration)
    : key_(key), iteration_(iteration) {
  Node root;
  root.box = {0, height, 0, width};
  nodes_.push_back(root);
}

std::optional<std::int64_t> BoxTree::position(const Node& node, const Settings& settings,
                                              const SplitRule& rule) const {
  if (node.box.area() < 1 || node.depth > settings.tree_depth ||
      node.box.area() < settings.min_box_size) {
    return std::nullopt;
  }
  if (injected_) {
    const auto found = injected_->find(node.path);
    if (found == injected_->end()) return std::nullopt;
    return found->second;
  }
  return draw_split(node.box, rule, SplitStream{key_, iteration_, node.path, kSplitStreamId});
}

std::optional<NodeId> BoxTree::split(NodeId id, const Settings& settings, const SplitRule& rule) {
  if (nodes_[id].tried) return nodes_[id].children;
  nodes_[id].tried = true;
  const auto at = position(nodes_[id], settings, rule);
  if (!at) return std::nullopt;
  const auto boxes = split_box(nodes_[id].box, *at);
  const auto first = static_cast<NodeId>(nodes_.size());
  for (std::uint64_t i = 0; i < boxes.size(); ++i) {
    Node child;
    child.box = boxes[i];
    child.path = nodes_[id].path * 4 + i;
    child.depth = nodes_[id].depth + 1;
    child.parent = static_cast<std::int32_t>(id);
    nodes_.push_back(child);
  }
  nodes_[id].children = first;
  return first;
}

std::string BoxTree::name(NodeId id) const {
  std::string digits;
  for (std::uint64_t path = nodes_[id].path; path > 1; path /= 4) {
    digits.insert(0, 1, static_cast<char>('0' + path % 4));
    digits.insert(0, 1, ':');
  }
  return "R" + digits;
}

NodeId BoxTree::find(std::string_view name) const {
  NodeId id = kRoot;
  bool known = !name.empty() && name[0] == 'R' && name.size() % 2 == 1;
  for (std::size_t i = 1; known && i + 1 < name.size(); i += 2) {
    known = name[i] == ':' && name[i + 1] >= '0' && name[i + 1] <= '3' &&
            nodes_[id].children.has_value();
    if (known) id = *nodes_[id].children + static_cast<NodeId>(name[i + 1] - '0');
  }
  SUFFICE_EXPECT(known, "no box of the tree is called " + std::string(name));
  return id;
}

}  // namespace suffice::rex
