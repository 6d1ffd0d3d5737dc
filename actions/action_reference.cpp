#include "actions/action_reference.h"

#include <fmt/core.h>

#include <utility>
#include <vector>

#include "runner/base/overloaded.h"

namespace buildspec_run {
namespace {

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> segments;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of("/\\");
    if (const std::string_view segment = text.substr(0, end); !segment.empty()) segments.push_back(segment);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return segments;
}

}  // namespace

Result<ActionReference> parse_action_reference(std::string_view text) {
  constexpr std::string_view kImage = "docker://";
  if (text.starts_with(kImage))
    return ActionReference(ImageReference{std::string(text.substr(kImage.size()))});
  if (text.starts_with("./") || text.starts_with(".\\"))
    return ActionReference(LocalReference{std::string(text)});
  if (text.starts_with("$/")) {
    const std::size_t path = text.find_first_not_of('/', 1);
    if (path != std::string_view::npos) return ActionReference(SelfReference{std::string(text.substr(path))});
  }
  const std::size_t at = text.find('@');
  const auto segments = split(text.substr(0, at));
  const std::string_view ref = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  // Nobody is called so; as the first segment they mean something else, which leading slashes have hidden.
  const auto is_owner = [](std::string_view name) { return name != "." && name != "$"; };
  if (segments.size() < 2 || !is_owner(segments[0]) || ref.empty() || ref.find('@') != std::string_view::npos)
    return Error{fmt::format("Expected format {{org}}/{{repo}}[/path]@ref. Actual '{}'", text), {}};
  RepositoryReference reference{std::string(segments[0]), std::string(segments[1]), {}, std::string(ref)};
  for (std::size_t i = 2; i < segments.size(); ++i) {
    if (i > 2) reference.path += '/';
    reference.path += segments[i];
  }
  return ActionReference(std::move(reference));
}

std::string to_string(const ActionReference& reference) {
  return std::visit(overloaded{[](const RepositoryReference& repository) {
                                 return repository.name() + (repository.path.empty() ? "" : "/") +
                                        repository.path + "@" + repository.ref;
                               },
                               [](const LocalReference& local) { return local.path; },
                               [](const ImageReference& image) { return "docker://" + image.image; },
                               [](const SelfReference& self) { return "$/" + self.path; }},
                    reference);
}

}  // namespace buildspec_run
