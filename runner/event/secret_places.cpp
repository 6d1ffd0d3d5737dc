#include "runner/event/secret_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "runner/base/check.h"
#include "runner/event/secret_forms.h"

namespace buildspec_run {
namespace {

// A reference is NUL, the letter of the form, the name, NUL. A NUL byte of the text itself stands twice.
constexpr char kMark = '\0';

constexpr std::string_view kForms = "rdqsa";

std::string in_form(char form, std::string_view value) {
  switch (form) {
    case 'd':  // bash: "…"
      return double_quoted(value);
    case 'q':  // dash, busybox: '…'"'"'…'
      return replaced(value, '\'', "'\"'\"'");
    case 's':  // ksh, zsh, bash -o posix of old: '…'\''…'
      return replaced(value, '\'', "'\\''");
    case 'a':  // bash: $'…'
      return ansi_c_quoted(value, false);
    default:
      return std::string(value);
  }
}

}  // namespace

void SecretPlaces::add(const std::string& name, const std::string& value) {
  check(!name.empty() && name.find(kMark) == std::string::npos, "the name of a secret can be written");
  if (value.empty() || !values_.emplace(name, value).second) return;
  std::set<std::string> known;
  for (const char form : kForms) {
    std::string text = in_form(form, value);
    if (!known.insert(text).second) continue;
    std::string reference(1, kMark);
    reference.append(1, form).append(name).append(1, kMark);
    patterns_.push_back({std::move(text), std::move(reference)});
  }
  std::stable_sort(patterns_.begin(), patterns_.end(),
                   [](const Pattern& a, const Pattern& b) { return a.text.size() > b.text.size(); });
}

std::string SecretPlaces::lift(std::string_view text) const {
  std::string out;
  std::vector<std::size_t> next(patterns_.size(), 0);  // where each is found next, from the position on
  for (std::size_t i = 0; i < patterns_.size(); ++i) next[i] = text.find(patterns_[i].text);
  const auto copy = [&](std::string_view plain) {
    if (plain.find(kMark) == std::string_view::npos) return void(out += plain);
    for (const char c : plain) out.append(c == kMark ? 2 : 1, c);
  };
  for (std::size_t at = 0;;) {
    std::size_t first = std::string_view::npos, which = 0;
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      if (next[i] < at) next[i] = text.find(patterns_[i].text, at);
      if (next[i] < first) first = next[i], which = i;
    }
    if (first == std::string_view::npos) {
      copy(text.substr(at));
      return out;
    }
    copy(text.substr(at, first - at));
    out += patterns_[which].reference;
    at = first + patterns_[which].text.size();
  }
}

Result<std::string> SecretPlaces::put_back(std::string_view text) const {
  std::string out;
  std::set<std::string> missing;
  const Error foreign{"the kept text is damaged", {}};
  for (;;) {
    const std::size_t mark = text.find(kMark);
    out += text.substr(0, mark);
    if (mark == std::string_view::npos) break;
    text.remove_prefix(mark + 1);
    if (text.starts_with(kMark)) {
      out += kMark;
      text.remove_prefix(1);
      continue;
    }
    const std::size_t end = text.find(kMark);
    if (end == std::string_view::npos || end < 2 || kForms.find(text.front()) == std::string_view::npos)
      return foreign;
    const std::string name(text.substr(1, end - 1));
    if (const auto found = values_.find(name); found != values_.end())
      out += in_form(text.front(), found->second);
    else
      missing.insert(name);
    text.remove_prefix(end + 1);
  }
  if (missing.empty()) return out;
  return Error{fmt::format("it needs the secret{} {}, which {} not given", missing.size() == 1 ? "" : "s",
                           fmt::join(missing, ", "), missing.size() == 1 ? "is" : "are"),
               {}};
}

}  // namespace buildspec_run
