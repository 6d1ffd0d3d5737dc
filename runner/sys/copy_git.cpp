#include "runner/sys/copy_git.h"

#include <fmt/core.h>

#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "runner/base/text.h"
#include "runner/sys/copy_tree.h"

namespace buildspec_run {
namespace {

constexpr std::uint64_t kLargestText = std::uint64_t{1} << 32;  // an index has about 100 bytes a file

bool is_folder(const Path& path) {
  std::error_code failed;
  return std::filesystem::is_directory(path, failed);
}

bool is_file(const Path& path) {
  std::error_code failed;
  return std::filesystem::is_regular_file(path, failed);
}

// The first line of a small file that git writes; nullopt when it is not there.
std::optional<std::string> line_of(const Path& path) {
  Result<std::string> text = read_file(path, 1 << 16);
  if (!text) return std::nullopt;
  std::string line = text->substr(0, text->find('\n'));
  while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
  return line;
}

// Where the repository of a work tree is: what is its own there, and what it shares with others.
struct GitDirectories {
  Path own, common;
};

std::optional<GitDirectories> directories_of(const Path& work_tree) {
  Path own = work_tree / ".git";
  if (is_file(own)) {
    constexpr std::string_view kBegin = "gitdir: ";
    const std::optional<std::string> line = line_of(own);
    if (!line || !line->starts_with(kBegin)) return std::nullopt;
    own = (work_tree / line->substr(kBegin.size())).lexically_normal();
  }
  if (!is_folder(own)) return std::nullopt;
  GitDirectories found{own, own};
  if (const std::optional<std::string> common = line_of(own / "commondir"))
    found.common = (own / *common).lexically_normal();
  return found;
}

// The configuration without what ties it to a place: where the work tree is, that there is none, as where a bare repository has
// linked ones, and that there are more of them.
std::string untied(std::string_view text) {
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string_view line = text.substr(begin, end - begin);
    begin = end;
    const std::size_t word = std::min(line.find_first_not_of(" \t"), line.size());
    const std::size_t behind = line.find_first_of(" \t=", word);
    const std::string name =
        to_lower(line.substr(word, behind == std::string_view::npos ? behind : behind - word));
    if (name == "worktree" || name == "worktreeconfig" || name == "bare") continue;
    out += line;
  }
  return out;
}

// What the copy's configuration ends with, so that it holds: a work tree may still be named behind a section's name on the same
// line, or in a file that is included, and whatever git does there it would do in the source. Relative to .git.
std::string_view own_work_tree(std::string_view config) {
  const std::string text = to_lower(config);
  if (text.find("worktree") == std::string::npos && text.find("include") == std::string::npos) return {};
  return "\n[core]\n\tworktree = ..\n";
}

// A line of objects/info/alternates. Quoted, C-like, where the path has a line break; git takes every other as it is.
std::string alternate(const Path& objects) {
  const std::string& path = objects.native();
  if (path.find('\n') == std::string::npos) return path + "\n";
  std::string line = "\"";
  for (const char c : path) {
    if (c == '\n')
      line += "\\n";
    else if (c == '"' || c == '\\')
      line.append(1, '\\').append(1, c);
    else
      line += c;
  }
  return line + "\"\n";
}

Result<void> copy_text(const Path& from, const Path& to) {
  if (!is_file(from)) return {};
  Result<std::string> text = read_file(from, kLargestText);
  if (!text) return std::move(text.error());
  return write_new_file(to, *text, 0644);
}

}  // namespace

bool has_repository(const Path& work_tree) {
  const std::optional<GitDirectories> found = directories_of(work_tree);
  std::error_code failed;
  return found && std::filesystem::exists(std::filesystem::symlink_status(found->own / "HEAD", failed));
}

Result<void> copy_git(const Path& from, const Path& to) {
  if (!has_repository(from)) return {};
  const std::optional<GitDirectories> source = directories_of(from);
  const Path git = to / ".git";
  for (const Path& directory :
       {git, git / "objects", git / "objects/info", git / "objects/pack", git / "refs"})
    if (Result<void> made = make_directories(directory); !made) return made;
  Result<void> done =
      write_new_file(git / "objects/info/alternates", alternate(source->common / "objects"), 0644);
  for (const char* name : {"HEAD", "index"})
    if (done) done = copy_text(source->own / name, git / name);
  for (const char* name : {"packed-refs", "shallow"})
    if (done) done = copy_text(source->common / name, git / name);
  if (done && is_file(source->common / "config")) {
    Result<std::string> config = read_file(source->common / "config", kLargestText);
    if (!config) return std::move(config.error());
    std::string text = untied(*config);
    // What this work tree alone has set, sparse-checkout for one, where git reads it.
    if (const Path more = source->own / "config.worktree";
        is_file(more) && to_lower(*config).find("worktreeconfig") != std::string::npos) {
      Result<std::string> own = read_file(more, kLargestText);
      if (!own) return std::move(own.error());
      text += "\n" + untied(*own);
    }
    text += own_work_tree(text);
    done = write_new_file(git / "config", text, 0644);
  }
  for (const char* name : {"refs", "info"}) {
    const Path directory = source->common / name;
    if (!done || !is_folder(directory)) continue;
    Result<std::vector<std::string>> paths = list_tree(directory, {});
    if (!paths) return std::move(paths.error());
    if (done = make_directories(git / name); !done) return done;
    Result<CopiedTree> copied = copy_tree(directory, git / name, std::move(*paths), {});
    done = copied ? finish_directories(*copied) : Result<void>(std::move(copied.error()));
  }
  // A linked work tree has its own sparse-checkout there.
  if (done && source->own != source->common && is_file(source->own / "info/sparse-checkout")) {
    std::error_code ignored;
    std::filesystem::remove(git / "info/sparse-checkout", ignored);
    done = make_directories(git / "info");
    if (done) done = copy_text(source->own / "info/sparse-checkout", git / "info/sparse-checkout");
  }
  return done;
}

}  // namespace buildspec_run
