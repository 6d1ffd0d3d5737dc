// Actions out of memory: repositories and a workspace as maps of paths to texts.
#pragma once

#include <fmt/core.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "actions/action_provider.h"

namespace buildspec_run {

class FakeActions : public ActionProvider {
 public:
  /// A file of `repository` ("o/r@v1"), which is at /actions/o/r/v1.
  FakeActions& add(const std::string& repository, const std::string& path, std::string text) {
    files_[directory_of(repository) + "/" + path] = std::move(text);
    known_.insert(repository);
    return *this;
  }
  /// A file of the workspace, which is at /work.
  FakeActions& add_local(const std::string& path, std::string text) {
    files_["/work/" + path] = std::move(text);
    return *this;
  }

  Result<FetchedRepository> fetch(const RepositoryReference& reference) override {
    fetched.push_back(reference.key());
    if (reference.owner == "offline")
      return Error{"no network", std::make_error_code(std::errc::network_unreachable)};
    if (!known_.contains(reference.key()))
      return Error{fmt::format("Unable to resolve action '{}', unable to find version '{}'", reference.key(),
                               reference.ref)};
    return FetchedRepository{directory_of(reference.key()), "commit of " + reference.key()};
  }

  void prefetch(std::span<const RepositoryReference> references) override {
    std::string level;
    for (const RepositoryReference& reference : references)
      level += (level.empty() ? "" : " ") + reference.key();
    prefetched.push_back(level);
  }

  Result<std::optional<MetadataFile>> find_metadata(const std::string& root, const std::string& directory,
                                                    const std::string& shown) override {
    roots.push_back(root);
    for (const char* name : {"action.yml", "action.yaml", "Dockerfile", "dockerfile"}) {
      const std::string path = (std::filesystem::path(directory) / name).lexically_normal().native();
      const auto file = files_.find(path);
      if (file == files_.end()) continue;
      MetadataFile found;
      found.path = path;
      found.is_dockerfile = std::string(name).find("ockerfile") != std::string::npos;
      if (!found.is_dockerfile)
        found.text = std::make_shared<const SourceText>(shown + "/" + name, file->second);
      return std::optional<MetadataFile>(std::move(found));
    }
    return std::optional<MetadataFile>();
  }

  std::vector<std::string> fetched, prefetched, roots;

 private:
  static std::string directory_of(std::string repository) {
    repository[repository.find('@')] = '/';
    return "/actions/" + repository;
  }
  std::map<std::string, std::string> files_;
  std::set<std::string> known_;
};

}  // namespace buildspec_run
