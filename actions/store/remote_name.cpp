#include "actions/store/remote_name.h"

#include <algorithm>

namespace buildspec_run {
namespace {

bool is_hex(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

bool is_remote_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 100 || name == "." || name == ".." || name.front() == '-') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_ref_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 250 || name == "@" || name.front() == '-' || name.front() == '/' ||
      name.back() == '/' || name.back() == '.')
    return false;
  for (const std::string_view bad : {"..", "//", "@{", "/.", ".lock/"})
    if (name.find(bad) != std::string_view::npos) return false;
  if (name.front() == '.' || name.ends_with(".lock")) return false;
  return std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f ||
           std::string_view(" ~^:?*[\\").find(c) != std::string_view::npos;
  });
}

bool is_full_commit(std::string_view text) noexcept {
  return (text.size() == 40 || text.size() == 64) && std::all_of(text.begin(), text.end(), is_hex);
}

bool is_short_commit(std::string_view text) noexcept {
  return text.size() >= 7 && text.size() < 40 && std::all_of(text.begin(), text.end(), is_hex);
}

}  // namespace buildspec_run
