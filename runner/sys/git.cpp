#include "runner/sys/git.h"

#include <sys/stat.h>

#include <algorithm>

#include "runner/sys/git_module.h"
#include "runner/sys/module.h"

namespace buildspec_run {
namespace {

struct Answer {
  GitFacts facts;
  std::string why;
};

void take(void* context, int field, const char* text, std::size_t length) {
  auto& [facts, why] = *static_cast<Answer*>(context);
  const std::string_view value(text, length);
  switch (field) {
    case BUILDSPEC_RUN_GIT_WHY:
      why = value;
      break;
    case BUILDSPEC_RUN_GIT_ROOT:
      facts.root = value;
      break;
    case BUILDSPEC_RUN_GIT_COMMIT:
      facts.commit = value;
      break;
    case BUILDSPEC_RUN_GIT_BRANCH:
      facts.branch = value;
      break;
    case BUILDSPEC_RUN_GIT_TAG:
      facts.tag = value;
      break;
    case BUILDSPEC_RUN_GIT_REMOTE_URL:
      facts.remote_url = without_credentials(value);
      break;
    default:
      break;
  }
}

class ModuleGit : public Git {
 public:
  explicit ModuleGit(BuildspecRunGitFacts* function) : function_(function) {}

  GitFacts facts(const Path& directory, std::string* why) override {
    Answer answer;
    function_(directory.c_str(), take, &answer);
    auto& [facts, reason] = answer;
    if (!reason.empty()) {
      facts = {};
    } else if (facts.root.empty() && facts.branch.empty() && facts.commit.empty()) {
      // None found; but what was meant as one may be there, without a HEAD for instance.
      if (const std::optional<Path> root = find_git_root(directory))
        reason = (*root / ".git").native() + " is not a git repository";
    }
    if (why != nullptr) *why = std::move(reason);
    return std::move(facts);
  }

 private:
  BuildspecRunGitFacts* function_;
};

}  // namespace

std::optional<Path> find_git_root(const Path& directory) {
  struct stat start, status;
  std::error_code failed;
  const Path absolute = std::filesystem::canonical(directory, failed);
  if (failed || ::stat(absolute.c_str(), &start) != 0) return std::nullopt;
  for (Path here = absolute;; here = here.parent_path()) {
    if (::stat(here.c_str(), &status) != 0 || status.st_dev != start.st_dev) return std::nullopt;
    if (::stat((here / ".git").c_str(), &status) == 0) return here;
    if (here == here.parent_path()) return std::nullopt;
  }
}

std::string without_credentials(std::string_view url) {
  // As git reads a URL: the authority ends at the first '/', '?' or '#', the user's part at its last '@'.
  const std::size_t scheme_end = url.find("://");
  const std::size_t begin = scheme_end == std::string_view::npos ? 0 : scheme_end + 3;
  const std::string_view scheme = url.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end);
  const std::size_t end = std::min(url.find_first_of("/?#", begin), url.size());
  const std::size_t at = url.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < begin) return std::string(url);
  const std::string_view user = url.substr(begin, at - begin);
  // Without a scheme it is scp's form, user@host:path, for ssh.
  const bool ssh = scheme.empty() || scheme.find("ssh") != std::string_view::npos;
  std::string clean(url.substr(0, begin));
  if (ssh) {
    const std::string_view name = user.substr(0, user.find(':'));
    if (!name.empty()) clean.append(name).append("@");
  }
  return clean.append(url.substr(at + 1));
}

Result<std::unique_ptr<Git>> make_git(const Path& modules) {
  Result<void*> facts = load_module(modules, "git", BUILDSPEC_RUN_GIT_FACTS_NAME);
  if (!facts) return std::move(facts.error());
  return std::unique_ptr<Git>(new ModuleGit(reinterpret_cast<BuildspecRunGitFacts*>(*facts)));
}

}  // namespace buildspec_run
