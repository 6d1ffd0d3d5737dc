#include "actions/step_names.h"

#include <fmt/core.h>

#include <algorithm>

#include "actions/step_display.h"
#include "runner/base/overloaded.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kLongestId = 100;  // an explicit one is shorter
constexpr int kMostAttempts = 999;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_id_character(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-'; }

}  // namespace

std::optional<std::string> StepIds::take(std::string_view id, Check check) {
  const bool well_formed =
      !id.empty() && is_letter(id[0]) && std::all_of(id.begin(), id.end(), is_id_character);
  const bool is_refused = check == Check::service ? !well_formed || id.size() >= kLongestId
                                                  : !well_formed && id.size() < kLongestId;
  if (is_refused)
    return fmt::format(
        "The identifier '{}' is invalid. IDs may only contain alphanumeric characters, '_', and '-'. IDs "
        "must start with a letter or '_' and must be less than {} characters.",
        id, kLongestId);
  if (check == Check::service && id.starts_with("__"))
    return fmt::format("The identifier '{}' is invalid. IDs starting with '__' are reserved.", id);
  if (!taken_.insert(to_lower(id)).second)
    return fmt::format("The identifier '{}' may not be used more than once within the same scope.", id);
  return std::nullopt;
}

std::optional<std::string> StepIds::generate(std::string_view base) {
  std::string name = "__";
  for (const char c : base)
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80)  // one for each character, not for each byte
      name += is_id_character(c) ? c : '_';
  for (int attempt = 1; attempt <= kMostAttempts; ++attempt) {
    const std::string suffix = attempt == 1 ? "" : fmt::format("_{}", attempt);
    std::string candidate = name.substr(0, kLongestId - suffix.size()) + suffix;
    if (taken_.insert(to_lower(candidate)).second) return candidate;
  }
  return std::nullopt;
}

std::string id_base(const ActionReference& reference) {
  return std::visit(
      overloaded{[](const RepositoryReference& repository) { return repository.name(); },
                 [](const LocalReference&) { return std::string("self"); },
                 [](const ImageReference& image) { return image.image.empty() ? "run" : image.image; },
                 [](const SelfReference&) { return std::string("selfRepository"); }},
      reference);
}

std::string default_name(const ActionReference& reference) {
  const auto* image = std::get_if<ImageReference>(&reference);
  return default_display_name(image != nullptr ? image->image : to_string(reference));
}

}  // namespace buildspec_run
