// A name and what it stands for.
#pragma once

#include <string>

namespace buildspec_run {

struct NamedValue {
  std::string name, value;
  bool operator==(const NamedValue&) const = default;
};

}  // namespace buildspec_run
