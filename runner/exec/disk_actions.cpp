#include "runner/exec/disk_actions.h"

#include <fmt/core.h>

#include <filesystem>

#include "runner/sys/files.h"

namespace buildspec_run {
namespace {

constexpr std::uint64_t kLargestMetadata = 10 << 20;

bool is_below(const Path& path, const Path& root) {
  const auto [at_root, at_path] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return at_root == root.end();
}

}  // namespace

Result<FetchedRepository> DiskActions::fetch(const RepositoryReference& reference) {
  if (const auto found = replaced_.find(reference.name()); found != replaced_.end())
    return FetchedRepository{found->second, {}};
  return Error{fmt::format("Unable to resolve action `{}`, repository not found", reference.key()), {}};
}

Result<std::optional<MetadataFile>> DiskActions::find_metadata(const std::string& root,
                                                               const std::string& directory,
                                                               const std::string& shown) {
  std::error_code failed;
  const Path real_root = std::filesystem::canonical(root, failed);
  if (failed) return std::optional<MetadataFile>();
  for (const std::string_view name : {"action.yml", "action.yaml", "Dockerfile", "dockerfile"}) {
    const Path path = Path(directory) / name;
    if (!std::filesystem::exists(path, failed)) continue;
    const Path real = std::filesystem::canonical(path, failed);
    if (failed || !is_below(real, real_root))
      return Error{fmt::format("{}/{} leads out of {}", shown, name, real_root.native()), {}};
    MetadataFile file;
    file.path = path.native();
    file.is_dockerfile = name.ends_with("ockerfile");
    if (!file.is_dockerfile) {
      Result<std::string> text = read_file(path, kLargestMetadata);
      if (!text) return std::move(text.error());
      file.text = std::make_shared<const SourceText>(fmt::format("{}/{}", shown, name), std::move(*text));
    }
    return std::optional(std::move(file));
  }
  return std::optional<MetadataFile>();
}

}  // namespace buildspec_run
