// The definition of masking (actions.md 9.3), as slow as it is plain: what the masker is held against.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/event/masker.h"

namespace buildspec_run {

/// `secrets` are single lines without blanks at their ends. Overlapping and touching occurrences are one: so
/// every run of bytes that lie in some occurrence is one "***".
inline std::string plain_mask(const std::vector<std::string>& secrets, std::string_view text) {
  std::vector<bool> covered(text.size());
  for (const std::string& secret : secrets)
    for (const std::string& form : secret_forms(secret))
      for (std::size_t at = text.find(form); at != std::string_view::npos; at = text.find(form, at + 1))
        for (std::size_t i = at; i < at + form.size(); ++i) covered[i] = true;
  std::string masked;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!covered[i])
      masked += text[i];
    else if (i == 0 || !covered[i - 1])
      masked += "***";
  }
  return masked;
}

}  // namespace buildspec_run
