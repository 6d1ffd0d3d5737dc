#include "runner/sys/git.h"

#include <fmt/core.h>

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "runner/sys/git_module.h"
#include "runner/sys/module.h"
#include "runner/sys/url.h"

#ifdef BUILDSPEC_RUN_THREAD_SANITIZER
// libgit2 asks for the time in each of its threads. glibc locks what it keeps of the time zone, where tsan does not see it.
extern "C" const char* __tsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __tsan_default_suppressions() { return "race:tzset_internal\n"; }
#endif

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

/// libgit2 would wait without end for who writes into a pipe in the place of one of its files: what is there instead of a file,
/// below the work tree `root`. Empty: nothing.
std::string pipe_in_repository(const Path& root) {
  for (const char* name :
       {".git/HEAD", ".git/config", ".git/config.worktree", ".git/index", ".git/packed-refs",
        ".git/commondir", ".git/shallow", ".git/info/exclude", ".git/info/attributes",
        ".git/objects/info/alternates", ".gitignore", ".gitattributes", ".gitmodules"}) {
    struct stat status;
    const Path path = root / name;
    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
      return path.native() + " is no regular file";
  }
  return {};
}

/// Of what libgit2 says: how to make of an index that it cannot read one that it can.
std::string_view advice_on(std::string_view why) {
  if (why.find("extension: 'link'") != std::string_view::npos)
    return "; the index is split: git update-index --no-split-index makes one of it";
  if (why.find("extension: 'sdir'") != std::string_view::npos)
    return "; the index is sparse: git sparse-checkout reapply --no-sparse-index makes it a full one";
  return {};
}

class ModuleGit : public Git {
 public:
  ModuleGit(BuildspecRunGitFacts* function, BuildspecRunGitFiles* list) : function_(function), files_(list) {}

  Result<GitFiles> files(const Path& root, bool with_ignored) override {
    GitFiles found;
    char why[512] = "";
    if (const std::string pipe = pipe_in_repository(root); !pipe.empty())
      return Error{fmt::format("list the files of {}: {}", root.native(), pipe), {}};
    const auto say = [](void* context, const char* path, BuildspecRunGitFileKind kind) {
      auto& [files, submodules, repositories, ignored] = *static_cast<GitFiles*>(context);
      (kind == BUILDSPEC_RUN_GIT_PLAIN_FILE          ? files
       : kind == BUILDSPEC_RUN_GIT_SUBMODULE         ? submodules
       : kind == BUILDSPEC_RUN_GIT_IGNORED_DIRECTORY ? ignored
                                                     : repositories)
          .emplace_back(path);
    };
    if (files_(root.c_str(), with_ignored ? 1 : 0, say, &found, why, sizeof why) == 0)
      return Error{fmt::format("list the files of {}: {}{}", root.native(), why, advice_on(why)), {}};
    return found;
  }

  GitFacts facts(const Path& directory, std::string* why) override {
    const std::optional<Path> found = find_git_root(directory);
    if (std::string pipe = found ? pipe_in_repository(*found) : std::string(); !pipe.empty()) {
      if (why != nullptr) *why = std::move(pipe);
      return {};
    }
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
  BuildspecRunGitFiles* files_;
};

/// What the callbacks of one operation work on.
struct Operation {
  const GitFetcher::OnProgress* on_progress = nullptr;
  std::stop_token stop;
};

int is_stopped(void* context) { return static_cast<Operation*>(context)->stop.stop_requested() ? 1 : 0; }

void progress(void* context, std::size_t objects, std::size_t total, std::size_t bytes) {
  const auto* on_progress = static_cast<Operation*>(context)->on_progress;
  if (on_progress != nullptr && *on_progress) (*on_progress)(objects, total, bytes);
}

/// Whether `url` is a path to nothing; libgit2 takes that for a protocol it does not know.
bool is_missing_directory(const std::string& url) {
  struct stat status;
  return url.starts_with("/") && ::stat(url.c_str(), &status) != 0 && errno == ENOENT;
}

Error git_error(BuildspecRunGitEnd end, const char* why) {
  std::error_code code = std::make_error_code(std::errc::io_error);
  if (end == BUILDSPEC_RUN_GIT_STOPPED) code = std::make_error_code(std::errc::operation_canceled);
  if (end == BUILDSPEC_RUN_GIT_TIMED_OUT) code = std::make_error_code(std::errc::timed_out);
  if (end == BUILDSPEC_RUN_GIT_REFUSED) code = std::make_error_code(std::errc::connection_refused);
  if (end == BUILDSPEC_RUN_GIT_NOT_FOUND) code = std::make_error_code(std::errc::no_such_file_or_directory);
  return Error{why, code};
}

/// Hands what a tree has to a TreeWriter, and keeps its Error.
struct Receiver {
  TreeWriter& tree;
  std::optional<Error> failed;

  int take(Result<void> done) {
    if (!done) failed = std::move(done.error());
    return done ? 1 : 0;
  }
  static Receiver& of(void* context) { return *static_cast<Receiver*>(context); }
  static int directory(void* context, const char* path) {
    return of(context).take(of(context).tree.directory(path));
  }
  static int file(void* context, const char* path, int executable, const void* bytes, std::size_t size) {
    Receiver& self = of(context);
    return self.take(self.tree.begin_file(path, executable != 0)) != 0 &&
           self.take(self.tree.write({static_cast<const char*>(bytes), size})) != 0 &&
           self.take(self.tree.end_file()) != 0;
  }
  static int link(void* context, const char* path, const char* target, std::size_t length) {
    return of(context).take(of(context).tree.link(path, {target, length}));
  }
};

class ModuleGitFetcher : public GitFetcher {
 public:
  explicit ModuleGitFetcher(const BuildspecRunGitFetch& functions) : functions_(functions) {}

  Result<std::map<std::string, std::string>> references(const GitRemote& remote,
                                                        std::stop_token stop) override {
    Operation operation{nullptr, std::move(stop)};
    const BorderRemote border(remote, operation);
    std::map<std::string, std::string> references;
    char why[512] = "";
    const auto say = [](void* context, const char* name, const char* id) {
      (*static_cast<std::map<std::string, std::string>*>(context))[name] = id;
    };
    const BuildspecRunGitEnd end = functions_.list(&border.remote, say, &references, why, sizeof why);
    if (end != BUILDSPEC_RUN_GIT_DONE) return failed(remote, end, why);
    return references;
  }

  Result<void> fetch(const GitRemote& remote, const std::string& source, const Path& directory,
                     const OnProgress& on_progress, std::stop_token stop) override {
    Operation operation{&on_progress, std::move(stop)};
    const BorderRemote border(remote, operation);
    char why[512] = "";
    const BuildspecRunGitEnd end =
        functions_.fetch(&border.remote, source.c_str(), directory.c_str(), why, sizeof why);
    if (end != BUILDSPEC_RUN_GIT_DONE) return failed(remote, end, why);
    return {};
  }

  Result<std::string> clone(const GitRemote& remote, const std::string& version, const Path& directory,
                            const OnProgress& on_progress, std::stop_token stop) override {
    Operation operation{&on_progress, std::move(stop)};
    const BorderRemote border(remote, operation);
    char why[512] = "", commit[41] = "";
    const BuildspecRunGitEnd end =
        functions_.clone(&border.remote, without_credentials(remote.url).c_str(), version.c_str(),
                         directory.c_str(), commit, why, sizeof why);
    if (end != BUILDSPEC_RUN_GIT_DONE) return failed(remote, end, why);
    return std::string(commit);
  }

  Result<void> write_tree(const Path& repository, const std::string& commit, TreeWriter& tree) override {
    Receiver receiver{tree, std::nullopt};
    const BuildspecRunGitTree border{&receiver, Receiver::directory, Receiver::file, Receiver::link};
    char why[512] = "";
    const BuildspecRunGitEnd end =
        functions_.export_tree(repository.c_str(), commit.c_str(), &border, why, sizeof why);
    if (receiver.failed) return std::move(*receiver.failed);
    if (end != BUILDSPEC_RUN_GIT_DONE) return git_error(end, why).in("commit " + commit);
    return {};
  }

 private:
  static Error failed(const GitRemote& remote, BuildspecRunGitEnd end, const char* why) {
    if (is_missing_directory(remote.url)) return system_error(remote.url, ENOENT);
    return git_error(end, why).in(without_credentials(remote.url));
  }

  /// A GitRemote as the border has it; lives as long as its strings.
  struct BorderRemote {
    BorderRemote(const GitRemote& from, Operation& operation)
        : proxy(proxy_for(from.url, from.settings)),
          remote{from.url.c_str(),
                 from.user.c_str(),
                 from.password.c_str(),
                 proxy.c_str(),
                 from.settings.ca_file.c_str(),
                 from.settings.ca_directory.c_str(),
                 from.home.c_str(),
                 from.ssh_agent ? 1 : 0,
                 from.connect_timeout.count(),
                 from.stall_timeout.count(),
                 &operation,
                 is_stopped,
                 progress} {}
    std::string proxy;
    BuildspecRunGitRemote remote;
  };

  const BuildspecRunGitFetch& functions_;
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

Result<std::unique_ptr<Git>> make_git(const Path& modules) {
  Result<void*> facts = load_module(modules, "git", BUILDSPEC_RUN_GIT_FACTS_NAME);
  if (!facts) return std::move(facts.error());
  Result<void*> files = load_module(modules, "git", BUILDSPEC_RUN_GIT_FILES_NAME);
  if (!files) return std::move(files.error());
  return std::unique_ptr<Git>(new ModuleGit(reinterpret_cast<BuildspecRunGitFacts*>(*facts),
                                            reinterpret_cast<BuildspecRunGitFiles*>(*files)));
}

bool may_pass(const Error& error) {
  return error.code != std::errc::no_such_file_or_directory && error.code != std::errc::connection_refused;
}

Result<std::unique_ptr<GitFetcher>> make_git_fetcher(const Path& modules) {
  Result<void*> functions = load_module(modules, "git", BUILDSPEC_RUN_GIT_FETCH_NAME);
  if (!functions) return std::move(functions.error());
  return std::unique_ptr<GitFetcher>(
      new ModuleGitFetcher(*static_cast<const BuildspecRunGitFetch*>(*functions)));
}

}  // namespace buildspec_run
