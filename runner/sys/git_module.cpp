// What a repository says, asked of libgit2. A shared module of its own, as libgit2 brings fifteen libraries
// with it. (What fetches is in git_fetch_module.cpp.)
//
// Nothing is written, and no configuration read but the repository's own: a broken ~/.gitconfig is not in the
// way, and `safe.directory` not needed, as nothing of a repository is ever executed here.

#include "runner/sys/git_module.h"
#include "runner/sys/git_start.h"

#include <git2.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/handle.h"

namespace buildspec_run {
namespace {

using Repository = Handle<git_repository, git_repository_free>;
using Reference = Handle<git_reference, git_reference_free>;
using Object = Handle<git_object, git_object_free>;
using Config = Handle<git_config, git_config_free>;
using ConfigIterator = Handle<git_config_iterator, git_config_iterator_free>;
using ReferenceIterator = Handle<git_reference_iterator, git_reference_iterator_free>;

std::string id_text(const git_oid& id) {
  char text[GIT_OID_HEXSZ + 1];
  return git_oid_tostr(text, sizeof text, &id);
}

/// The values of the variable `name`, in the order of the file.
std::vector<std::string> config_values(git_config* config, const std::string& name) {
  std::vector<std::string> values;
  git_config_iterator* raw = nullptr;
  if (git_config_multivar_iterator_new(&raw, config, name.c_str(), nullptr) < 0) return values;
  const ConfigIterator iterator(raw);
  git_config_entry* entry = nullptr;
  while (git_config_next(&entry, iterator.get()) == 0)
    if (entry->value != nullptr) values.emplace_back(entry->value);
  return values;
}

/// Of several URLs git fetches from the first.
std::string url_of(git_config* config, const std::string& remote) {
  const std::vector<std::string> urls = config_values(config, "remote." + remote + ".url");
  return urls.empty() ? "" : urls.front();
}

/// The URL of the only remote that has one. Not by git_remote_list, whose regular expressions leak in
/// libgit2 1.5.
std::string only_remote_url(git_config* config) {
  git_config_iterator* raw = nullptr;
  if (git_config_iterator_new(&raw, config) < 0) return {};
  const ConfigIterator iterator(raw);
  std::set<std::string, std::less<>> names;
  git_config_entry* entry = nullptr;
  while (git_config_next(&entry, iterator.get()) == 0) {
    std::string_view name = entry->name;
    constexpr std::string_view kBegin = "remote.", kEnd = ".url";
    if (name.size() <= kBegin.size() + kEnd.size() || !name.starts_with(kBegin) || !name.ends_with(kEnd))
      continue;
    name.remove_prefix(kBegin.size());
    name.remove_suffix(kEnd.size());
    names.emplace(name);
  }
  return names.size() == 1 ? url_of(config, *names.begin()) : "";
}

std::string remote_url(git_repository* repository, const std::string& branch) {
  git_config* raw = nullptr;
  if (git_repository_config_snapshot(&raw, repository) < 0) return {};
  const Config config(raw);
  if (!branch.empty()) {
    const std::vector<std::string> upstream = config_values(config.get(), "branch." + branch + ".remote");
    if (!upstream.empty() && upstream.back() != ".") {  // "." is this repository
      if (std::string url = url_of(config.get(), upstream.back()); !url.empty()) return url;
      if (upstream.back().find_first_of(":/") != std::string::npos)
        return upstream.back();  // git allows a URL there
    }
  }
  if (std::string url = url_of(config.get(), "origin"); !url.empty()) return url;
  return only_remote_url(config.get());
}

/// Whether the tag `reference` stands for `commit`: as it is, or peeled.
bool points_at(git_repository* repository, const git_reference* reference, const git_oid& commit) {
  if (git_reference_type(reference) != GIT_REFERENCE_DIRECT) return false;
  if (git_oid_equal(git_reference_target(reference), &commit) != 0) return true;
  if (const git_oid* peeled = git_reference_target_peel(reference))
    return git_oid_equal(peeled, &commit) != 0;
  // Not written down in packed-refs: an annotated tag that is a file of its own, or a plain one of another
  // commit.
  git_object* raw = nullptr;
  if (git_object_lookup(&raw, repository, git_reference_target(reference), GIT_OBJECT_TAG) < 0) return false;
  const Object tag(raw);
  if (git_tag_peel(&raw, reinterpret_cast<const git_tag*>(tag.get())) < 0) return false;
  const Object target(raw);
  return git_oid_equal(git_object_id(target.get()), &commit) != 0;
}

std::string tag_at(git_repository* repository, const git_oid& commit) {
  git_reference_iterator* raw = nullptr;
  if (git_reference_iterator_glob_new(&raw, repository, "refs/tags/*") < 0) return {};
  const ReferenceIterator iterator(raw);
  std::string first;
  git_reference* next = nullptr;
  while (git_reference_next(&next, iterator.get()) == 0) {
    const Reference reference(next);
    const std::string name = git_reference_shorthand(reference.get());
    if ((first.empty() || name < first) && points_at(repository, reference.get(), commit)) first = name;
  }
  return first;
}

struct Head {
  std::string branch;             // empty: detached
  std::optional<git_oid> commit;  // none: before the first commit
};

/// Nullopt: HEAD cannot be read, and libgit2 has said why.
std::optional<Head> head_of(git_repository* repository) {
  git_reference* raw = nullptr;
  if (git_reference_lookup(&raw, repository, "HEAD") < 0) return std::nullopt;
  const Reference head(raw);
  if (git_reference_type(head.get()) == GIT_REFERENCE_DIRECT)
    return Head{"", *git_reference_target(head.get())};
  Head found;
  std::string_view target = git_reference_symbolic_target(head.get());
  constexpr std::string_view kHeads = "refs/heads/";
  if (target.starts_with(kHeads)) found.branch = target.substr(kHeads.size());
  const int failed = git_reference_resolve(&raw, head.get());
  if (failed == GIT_ENOTFOUND) return found;
  if (failed < 0) return std::nullopt;
  const Reference resolved(raw);
  found.commit = *git_reference_target(resolved.get());
  return found;
}

}  // namespace
}  // namespace buildspec_run

extern "C" __attribute__((visibility("default"))) void buildspec_run_git_facts_1(
    const char* directory, void (*say)(void* context, int field, const char* text, size_t length),
    void* context) {
  using namespace buildspec_run;
  const auto tell = [&](BuildspecRunGitField field, const std::string& text) {
    if (!text.empty()) say(context, field, text.data(), text.size());
  };
  if (!start_libgit2()) return tell(BUILDSPEC_RUN_GIT_WHY, "start libgit2: " + last_git_error());
  git_repository* raw = nullptr;
  // Without FROM_ENV, GIT_DIR and its kin say nothing.
  const int failed = git_repository_open_ext(&raw, directory, 0, nullptr);
  if (failed == GIT_ENOTFOUND) return;
  if (failed < 0) return tell(BUILDSPEC_RUN_GIT_WHY, "open the repository: " + last_git_error());
  const Repository repository(raw);

  const std::optional<Head> head = head_of(repository.get());
  if (!head) return tell(BUILDSPEC_RUN_GIT_WHY, "read HEAD: " + last_git_error());
  if (const char* root = git_repository_workdir(repository.get())) {
    std::string text = root;
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    tell(BUILDSPEC_RUN_GIT_ROOT, text);
  }
  tell(BUILDSPEC_RUN_GIT_BRANCH, head->branch);
  if (head->commit) {
    tell(BUILDSPEC_RUN_GIT_COMMIT, id_text(*head->commit));
    tell(BUILDSPEC_RUN_GIT_TAG, tag_at(repository.get(), *head->commit));
  }
  tell(BUILDSPEC_RUN_GIT_REMOTE_URL, remote_url(repository.get(), head->branch));
}
