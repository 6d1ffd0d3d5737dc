// A name and what it stands for.
#pragma once

#include <string>

namespace buildspec_run {

struct NameValue {
  std::string name, value;
  bool operator==(const NameValue&) const = default;
};

}  // namespace buildspec_run
