// What a Document holds; seen only by the code that builds one.
#pragma once

#include <deque>

#include "runner/yaml/document.h"

namespace buildspec_run {

struct Document::State {
  std::deque<Node> nodes;  // a deque: nodes point to each other, and never move
  Node* root = nullptr;
  bool complete = true;
};

}  // namespace buildspec_run
