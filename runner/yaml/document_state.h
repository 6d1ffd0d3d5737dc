// What a Document holds; seen only by the code that builds one.
#pragma once

#include <algorithm>
#include <vector>

#include "runner/yaml/document.h"

namespace buildspec_run {

// Nodes point to each other, so they never move: they are made in blocks that are never resized. (The blocks
// of a std::deque hold two of them, which costs more than to fill them.)
class NodeStore {
 public:
  Node& add() {
    if (blocks_.empty() || blocks_.back().size() == blocks_.back().capacity()) {
      const std::size_t last = blocks_.empty() ? kFirstBlock / 2 : blocks_.back().capacity();
      blocks_.emplace_back().reserve(std::min(last * 2, kLargestBlock));
    }
    ++size_;
    return blocks_.back().emplace_back();
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t kFirstBlock = 64;
  static constexpr std::size_t kLargestBlock = 4096;
  std::vector<std::vector<Node>> blocks_;
  std::size_t size_ = 0;
};

struct Document::State {
  NodeStore nodes;
  Node* root = nullptr;
  bool complete = true;
};

}  // namespace buildspec_run
