#include "runner/exec/step_files.h"

#include <fmt/core.h>

#include <system_error>

#include "runner/exec/environment.h"

namespace buildspec_run {

Result<void> make_job_directories(const Path& temp) {
  for (const std::string_view name : {std::string_view(), kEnvironmentFileFolder,
                                      std::string_view("_github_workflow"), std::string_view("_github_home")})
    if (Result<void> made = make_directories(name.empty() ? temp : temp / name, 0700); !made) return made;
  return {};
}

bool SpareFiles::take(const Path& to) {
  while (!paths_.empty()) {
    const Path from = std::move(paths_.back());
    paths_.pop_back();
    if (take_over_file(from, to)) return true;
  }
  return false;
}

Result<void> write_event_file(const Path& temp, std::string_view json) {
  const Path directory = temp / "_github_workflow";
  const Path file = directory / "event.json";
  std::error_code ignored;  // what is in the way, writing tells
  const std::filesystem::file_status status = std::filesystem::symlink_status(file, ignored);
  if (std::filesystem::is_directory(status)) {
    if (Result<void> removed = remove_tree(file); !removed) return removed;
  } else if (std::filesystem::exists(status)) {
    if (std::filesystem::is_regular_file(status)) {
      const Result<std::string> there = read_file(file, json.size());
      if (there && *there == json) return {};
    }
    std::filesystem::remove(file, ignored);
  }
  if (Result<void> written = write_new_file(file, json); written) return written;
  if (Result<void> made = make_directories(directory, 0700); !made) return made;
  return write_new_file(file, json);
}

Result<Path> write_step_script(const Path& temp, std::string_view extension, std::string_view contents,
                               SpareFiles& spare) {
  Path path = temp / (make_uuid() + std::string(extension));
  if (spare.take(path)) {
    if (Result<void> written = rewrite_file(path, contents, 0600); !written)
      return std::move(written.error());
    return path;
  }
  if (Result<void> written = write_new_file(path, contents); !written) {
    // A step may have removed the whole directory, as `rm -rf "$RUNNER_TEMP"` does.
    if (Result<void> made = make_job_directories(temp); !made) return std::move(made.error());
    if (Result<void> again = write_new_file(path, contents); !again) return std::move(again.error());
  }
  return path;
}

Result<FileCommands> FileCommands::make(const Path& temp, SpareFiles& spare) {
  FileCommands files;
  const std::string id = make_uuid();
  for (std::size_t i = 0; i < std::size(kEnvironmentFiles); ++i) {
    files.paths_[i] = temp / kEnvironmentFileFolder / (std::string(kEnvironmentFiles[i].prefix) + id);
    if (spare.take(files.paths_[i]) || write_new_file(files.paths_[i], "")) continue;
    if (Result<void> made = make_job_directories(temp); !made) return std::move(made.error());
    if (Result<void> again = write_new_file(files.paths_[i], ""); !again) return std::move(again.error());
  }
  return files;
}

void FileCommands::give_to(SpareFiles& spare) const {
  for (const Path& path : paths_) spare.give(path);
}

void FileCommands::add_to(DatumObject& github) const {
  for (std::size_t i = 0; i < paths_.size(); ++i)
    github.set(kEnvironmentFiles[i].context_name, paths_[i].native());
}

std::uint64_t FileCommands::size(EnvironmentFile file) const {
  std::error_code failed;
  const std::uintmax_t bytes = std::filesystem::file_size(paths_[static_cast<std::size_t>(file)], failed);
  return failed ? 0 : bytes;
}

Result<std::string> FileCommands::read(EnvironmentFile file) const {
  const Path& path = paths_[static_cast<std::size_t>(file)];
  std::error_code failed;
  const std::filesystem::file_status status = std::filesystem::status(path, failed);
  if (!std::filesystem::exists(status)) return std::string();
  // A pipe would be waited for without end.
  if (!std::filesystem::is_regular_file(status))
    return Error{fmt::format("{} is no file", path.native()), {}};
  if (size(file) > kLargest)
    return Error{fmt::format("{} is larger than {} MiB", path.native(), kLargest >> 20), {}};
  if (size(file) == 0) return std::string();
  return read_file(path, kLargest);
}

}  // namespace buildspec_run
