#include "actions/store/metadata_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <system_error>
#include <variant>

#include "runner/base/text.h"
#include "runner/sys/files.h"
#include "runner/yaml/document.h"

namespace buildspec_run {
namespace {

constexpr std::uint64_t kMetadataBytes = 16 << 20;

struct Name {
  const char* name;
  bool is_dockerfile;
};
// Source: actions.md 1.7.
constexpr Name kNames[] = {
    {"action.yml", false}, {"action.yaml", false}, {"Dockerfile", true}, {"dockerfile", true}};

bool lies_below(const Path& path, const Path& root) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

}  // namespace

Result<std::optional<MetadataFile>> find_metadata_file(const std::string& root, const std::string& directory,
                                                       const std::string& shown) {
  std::error_code failed;
  const Path real_root = std::filesystem::canonical(root, failed);
  if (failed) return std::optional<MetadataFile>();
  for (const auto& [name, is_dockerfile] : kNames) {
    const Path path = Path(directory) / name;
    if (!std::filesystem::is_regular_file(path, failed)) continue;
    const Path real = std::filesystem::canonical(path, failed);
    if (failed) continue;
    const std::string shown_file = shown.empty() ? name : fmt::format("{}/{}", shown, name);
    if (!lies_below(real, real_root)) return Error{fmt::format("{} leads out of {}", shown_file, root)};
    MetadataFile file;
    file.path = path.native();
    file.is_dockerfile = is_dockerfile;
    if (!is_dockerfile) {
      Result<std::string> text = read_file(path, kMetadataBytes);
      if (!text) return std::move(text.error());
      file.text = std::make_shared<const SourceText>(shown_file, std::move(*text));
    }
    return std::optional<MetadataFile>(std::move(file));
  }
  return std::optional<MetadataFile>();
}

std::vector<RepositoryReference> references_of_action(const std::string& root, const std::string& directory) {
  std::vector<RepositoryReference> references;
  const Result<std::optional<MetadataFile>> file = find_metadata_file(root, directory, "");
  if (!file || !*file || (*file)->text == nullptr) return references;
  // Most actions are no composites, and need no more than this.
  if ((*file)->text->text().find("uses") == std::string_view::npos) return references;
  Diagnostics ignored;
  const Document document = parse_document(*(*file)->text, ignored);
  if (document.root() == nullptr) return references;
  const Node* runs = document.root()->find("runs");
  const Node* using_ = runs == nullptr ? nullptr : runs->find("using");
  const Node* steps = runs == nullptr ? nullptr : runs->find("steps");
  if (using_ == nullptr || !using_->is_scalar() || !equals_ignoring_case(using_->text(), "composite") ||
      steps == nullptr || !steps->is_sequence())
    return references;
  for (const Node* step : steps->items) {
    const Node* uses = step->find("uses");
    if (uses == nullptr || !uses->is_scalar()) continue;
    const Result<ActionReference> reference = parse_action_reference(uses->text());
    if (!reference) continue;
    if (const auto* repository = std::get_if<RepositoryReference>(&*reference))
      if (std::find(references.begin(), references.end(), *repository) == references.end())
        references.push_back(*repository);
  }
  return references;
}

}  // namespace buildspec_run
