#include "actions/store/store_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "actions/store/remote_name.h"
#include "runner/base/check.h"
#include "runner/base/encoding.h"
#include "runner/base/json.h"

namespace buildspec_run {
namespace {

constexpr std::uint64_t kRecordBytes = 64 << 10;

Path with(const Path& base, std::string_view ending) { return base.native() + std::string(ending); }

std::string text_of(const Value& value, std::string_view name) {
  const Value* found = value.find(name);
  return found != nullptr && found->string() != nullptr ? *found->string() : "";
}
std::uint64_t number_of(const Value& value, std::string_view name) {
  const Value* found = value.find(name);
  return found != nullptr && found->integer() != nullptr && *found->integer() > 0
             ? static_cast<std::uint64_t>(*found->integer())
             : 0;
}

/// What is written down about an entry; nullopt when it is not there or no record.
std::optional<StoredAction> read_record(const Path& directory, std::string name, std::string host) {
  struct stat status;
  if (::lstat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return std::nullopt;
  const Path record = with(directory, ".json");
  if (::stat(record.c_str(), &status) != 0) return std::nullopt;
  const Result<std::string> text = read_file(record, kRecordBytes);
  if (!text) return std::nullopt;
  const Result<Value> value = parse_json(*text);
  if (!value) return std::nullopt;
  StoredAction stored;
  stored.directory = directory;
  stored.name = std::move(name);
  stored.host = std::move(host);
  stored.commit = directory.filename().native();
  stored.tree.digest = text_of(*value, "digest");
  stored.tree.files = static_cast<std::size_t>(number_of(*value, "files"));
  stored.tree.bytes = number_of(*value, "bytes");
  stored.from = text_of(*value, "from");
  stored.used = std::chrono::system_clock::from_time_t(status.st_mtim.tv_sec);
  if (!stored.tree.digest.starts_with("sha256:")) return std::nullopt;
  return stored;
}

void mark_used(const Path& directory) { ::utimensat(AT_FDCWD, with(directory, ".json").c_str(), nullptr, 0); }

/// Takes the lock, waiting for it.
Result<FileLock> wait_for(const Path& path, const std::function<void()>& waiting,
                          const std::stop_token& stop) {
  for (bool told = false;;) {
    Result<std::optional<FileLock>> lock = FileLock::take(path);
    if (!lock) return std::move(lock.error());
    if (*lock) return std::move(**lock);
    if (!told && waiting) waiting();
    told = true;
    if (stop.stop_requested()) return Error{"stopped", std::make_error_code(std::errc::operation_canceled)};
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::vector<std::string> names_in(const Path& directory) {
  std::vector<std::string> names;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(directory, failed), end; !failed && at != end;
       at.increment(failed))
    names.push_back(at->path().filename().native());
  std::sort(names.begin(), names.end());
  return names;
}

struct RepositoryDirectory {
  Path path;
  std::string name, host;
};

std::vector<RepositoryDirectory> repositories_below(const Path& root) {
  std::vector<RepositoryDirectory> found;
  const auto add = [&](const Path& base, const std::string& host) {
    for (const std::string& owner : names_in(base))
      if (is_remote_name(owner))
        for (const std::string& repository : names_in(base / owner))
          if (is_remote_name(repository))
            found.push_back({base / owner / repository, owner + "/" + repository, host});
  };
  add(root, "");
  for (const std::string& host : names_in(root))
    if (host.starts_with("@")) add(root / host, host.substr(1));
  return found;
}

}  // namespace

StoreDirectory::StoreDirectory(Path root, std::string_view host) : root_(std::move(root)) {
  for (const char c : host)
    host_ += is_remote_name(std::string_view(&c, 1)) || c == '.' || c == '-' ? c : '_';
  if (!host_.empty()) root_ /= "@" + host_;
}

Path StoreDirectory::directory_of(const std::string& name) const {
  const std::size_t slash = name.find('/');
  check(slash != std::string::npos && is_remote_name(name.substr(0, slash)) &&
            is_remote_name(name.substr(slash + 1)),
        "only names that were looked at become paths");
  return root_ / name;
}

std::optional<StoredAction> StoreDirectory::find(const std::string& name, const std::string& commit) const {
  check(is_full_commit(commit), "only commits become paths");
  const Path directory = directory_of(name) / commit;
  std::optional<StoredAction> found = read_record(directory, name, host_);
  if (found) mark_used(directory);
  return found;
}

Result<StoredAction> StoreDirectory::get(const std::string& name, const std::string& commit,
                                         const std::string& from, const Fill& fill,
                                         const std::function<void()>& waiting, std::stop_token stop) const {
  if (std::optional<StoredAction> found = find(name, commit)) return std::move(*found);
  const Path directory = directory_of(name) / commit, partial = with(directory, ".partial");
  if (Result<void> made = make_directories(directory_of(name)); !made) return std::move(made.error());
  Result<FileLock> lock = wait_for(with(directory, ".lock"), waiting, stop);
  if (!lock) return std::move(lock.error());
  if (std::optional<StoredAction> found = find(name, commit)) return std::move(*found);  // another made it

  // From here on the names that begin with this commit are ours. What has them was left by a kill.
  for (const Path& left : {partial, directory})
    if (Result<void> gone = remove_tree(left); !gone) return std::move(gone.error());
  const Path files = partial / "files";
  const auto clean = [&](Error why) {
    (void)remove_tree(partial);  // the first error counts
    return why;
  };
  if (Result<void> made = make_directories(files); !made) return clean(std::move(made.error()));
  Result<TreeSummary> tree = fill(partial, files);
  if (!tree) return clean(std::move(tree.error()));
  // Before it is an entry: who finds one looks no further.
  for (const std::string& left : names_in(partial))
    if (partial / left != files)
      if (Result<void> gone = remove_tree(partial / left); !gone) return clean(std::move(gone.error()));
  const Value record = Value::Object{{"digest", tree->digest},
                                     {"files", static_cast<std::int64_t>(tree->files)},
                                     {"bytes", static_cast<std::int64_t>(tree->bytes)},
                                     {"from", from}};
  if (Result<void> written = replace_file(with(directory, ".json"), to_pretty_json(record) + "\n"); !written)
    return clean(std::move(written.error()));
  if (::rename(files.c_str(), directory.c_str()) != 0)
    return clean(system_error("put " + directory.native() + " in its place", errno));
  (void)remove_tree(partial);
  std::optional<StoredAction> made = read_record(directory, name, host_);
  if (!made) return Error{"read " + with(directory, ".json").native() + ": it is not what was written"};
  return std::move(*made);
}

void StoreDirectory::remember(const std::string& name, const std::string& ref,
                              const RememberedRef& what) const {
  const std::string file = percent_encoded(ref);
  if (file.size() > 200) return;  // a memory is a help, no more
  const Path directory = directory_of(name) / "refs";
  if (!make_directories(directory)) return;
  const Value record = Value::Object{{"commit", what.commit}, {"from", what.from}};
  (void)replace_file(directory / (file + ".json"), to_json(record) + "\n");
}

std::optional<RememberedRef> StoreDirectory::recall(const std::string& name, const std::string& ref) const {
  const std::string file = percent_encoded(ref);
  if (file.size() > 200) return std::nullopt;
  const Result<std::string> text = read_file(directory_of(name) / "refs" / (file + ".json"), kRecordBytes);
  if (!text) return std::nullopt;
  const Result<Value> value = parse_json(*text);
  if (!value) return std::nullopt;
  RememberedRef what{text_of(*value, "commit"), text_of(*value, "from")};
  if (!is_full_commit(what.commit)) return std::nullopt;
  return what;
}

std::vector<StoredAction> stored_actions(const Path& root) {
  std::vector<StoredAction> found;
  for (const auto& [path, name, host] : repositories_below(root))
    for (const std::string& commit : names_in(path))
      if (is_full_commit(commit))
        if (std::optional<StoredAction> stored = read_record(path / commit, name, host))
          found.push_back(std::move(*stored));
  return found;
}

Result<void> discard_stored(const Path& directory) {
  Result<std::optional<FileLock>> lock = FileLock::take(with(directory, ".lock"));
  if (!lock) return std::move(lock.error());
  if (!*lock) return {};
  ::unlink(with(directory, ".json").c_str());  // first: without it the rest is no entry
  return remove_tree(directory);
}

Result<Pruned> prune_store(const Path& root, std::chrono::seconds unused) {
  Pruned pruned;
  const auto limit = std::chrono::system_clock::now() - unused;
  for (const auto& [path, name, host] : repositories_below(root)) {
    std::vector<std::string> commits;
    for (const std::string& entry : names_in(path)) {
      const std::string commit = entry.substr(0, entry.find('.'));
      if (is_full_commit(commit) && (commits.empty() || commits.back() != commit)) commits.push_back(commit);
    }
    for (const std::string& commit : commits) {
      const Path directory = path / commit;
      Result<std::optional<FileLock>> lock = FileLock::take(with(directory, ".lock"));
      if (!lock) return std::move(lock.error());
      if (!*lock) continue;  // is being fetched
      if (Result<void> gone = remove_tree(with(directory, ".partial")); !gone) return std::move(gone.error());
      if (const std::optional<StoredAction> stored = read_record(directory, name, host)) {
        if (stored->used > limit) continue;
        ++pruned.entries;
        pruned.bytes += stored->tree.bytes;
      }
      // The record first: without it the rest is no entry.
      ::unlink(with(directory, ".json").c_str());
      if (Result<void> gone = remove_tree(directory); !gone) return std::move(gone.error());
      // The lock's file stays: to remove it while another waits for it would give two of them the lock.
    }
    bool any = false;
    for (const std::string& entry : names_in(path)) any = any || is_full_commit(entry);
    if (!any) (void)remove_tree(path / "refs");
  }
  return pruned;
}

}  // namespace buildspec_run
