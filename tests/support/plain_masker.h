// The definition of masking (actions.md 9.3), as slow as it is plain: what the masker is held against.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/event/masker.h"
#include "runner/event/secret_forms.h"

namespace buildspec_run {

/// The place behind the sequence that begins at `at` and shows nothing (ECMA-48 5.3 and 5.4, 64 bytes at
/// most); `at` when none does.
inline std::size_t behind_sequence(std::string_view text, std::size_t at) {
  const auto is = [&](std::size_t i, char from, char to) {
    return i < text.size() && text[i] >= from && text[i] <= to;
  };
  std::size_t i = at + 1;
  if (!is(at, '\x1b', '\x1b') || is(i, ']', '_') || is(i, 'P', 'P') || is(i, 'X', 'X')) return at;
  const bool csi = is(i, '[', '[');
  if (csi)
    for (++i; is(i, '0', '?');) ++i;
  while (is(i, ' ', '/')) ++i;
  return is(i, csi ? '@' : '0', '~') && i < at + 64 ? i + 1 : at;
}

/// `secrets` are single lines without blanks at their ends. Overlapping and touching occurrences are one: so
/// every run of bytes that lie in some occurrence is one "***". Occurrences are looked for in the text as it
/// is, and as it is without its sequences.
inline std::string plain_mask(const std::vector<std::string>& secrets, std::string_view text) {
  std::vector<bool> covered(text.size());
  std::string seen;
  std::vector<std::size_t> places, own(text.size());  // of the bytes of `seen`, and of `text`
  for (std::size_t at = 0; at < text.size(); ++at) own[at] = at;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t behind = behind_sequence(text, at); behind > at) {
      at = behind;
      continue;
    }
    seen += text[at];
    places.push_back(at++);
  }
  const auto cover = [&](std::string_view in, const std::vector<std::size_t>& at_places,
                         const std::string& form) {
    for (std::size_t at = in.find(form); at != std::string_view::npos; at = in.find(form, at + 1))
      for (std::size_t i = at; i < at + form.size(); ++i) covered[at_places[i]] = true;
  };
  for (const std::string& secret : secrets) {
    for (const auto forms : {secret_forms, further_secret_forms}) {
      for (const std::string& form : forms(secret)) {
        cover(text, own, form);
        cover(seen, places, form);
      }
    }
  }
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
