#include "actions/store/action_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <tuple>
#include <variant>

#include "actions/store/metadata_files.h"
#include "actions/store/remote_name.h"
#include "actions/store/store_directory.h"
#include "runner/base/check.h"
#include "runner/base/text.h"
#include "runner/sys/url.h"

namespace buildspec_run {
namespace {

constexpr std::uint64_t kLockBytes = 4 << 20;
constexpr int kDepth = 10;  // levels of composite actions (actions.md 1.3): the plan refuses more anyway

/// Where a repository is had from.
struct Place {
  ActionSource* source = nullptr;
  WantedRepository wanted;
  std::string host;  // of the store's directory: empty for github.com
};

/// What became of one "owner/repo@ref".
struct Fetched {
  ActionStore::Used used;
  std::optional<Error> failed;
};

std::string filled(std::string text, std::string_view owner, std::string_view repository) {
  for (const auto& [name, value] : {std::pair("{owner}", owner), std::pair("{repo}", repository)})
    for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += value.size())
      text.replace(at, std::string_view(name).size(), value);
  return text;
}

/// Whether git would take `text` for a URL or a path rather than "owner/repo".
bool is_git_url(std::string_view text) {
  return text.find(':') != std::string_view::npos || text.starts_with("/") || text.starts_with("./") ||
         text.starts_with("../");
}

bool matches(std::string_view pattern, const RepositoryReference& reference) {
  if (pattern == "*") return true;
  if (pattern.ends_with("/*"))
    return equals_ignoring_case(pattern.substr(0, pattern.size() - 2), reference.owner);
  return equals_ignoring_case(pattern, reference.name());
}

/// The host that names a part of the store.
std::string host_of_git_url(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (url.starts_with("/") || url.starts_with("file:") ||
      (scheme == std::string::npos && url.find(':') == url.npos))
    return "file";
  return std::string(authority_of(url).host);
}

class DiskActionStore : public ActionStore {
 public:
  DiskActionStore(ActionStoreOptions options, OnStoreEvent on_event, std::stop_token stop)
      : options_(std::move(options)), on_event_(std::move(on_event)), stop_(std::move(stop)) {
    archives_ =
        make_archive_source(options_.modules, options_.github_url, options_.token, options_.archive_cache,
                            options_.network, options_.retry, options_.limits);
    git_ = make_git_source(options_.modules, git_access(options_), options_.retry, options_.limits);
  }

  void read_lock(Diagnostics& found) {
    if (options_.lock_file.empty()) return;
    Result<std::string> text = read_file(options_.lock_file, kLockBytes);
    if (!text) {
      if (text.error().code != std::errc::no_such_file_or_directory)
        found.add(Severity::error, "lock-file", text.error().message);
      return;
    }
    lock_text_ = std::make_unique<SourceText>(options_.lock_file, std::move(*text));
    lock_ = decode_lock_file(*lock_text_, found);
  }

  Result<FetchedRepository> fetch(const RepositoryReference& reference) override {
    const Fetched fetched = get(reference);
    if (fetched.failed) return *fetched.failed;
    return FetchedRepository{fetched.used.directory, fetched.used.commit};
  }

  void prefetch(std::span<const RepositoryReference> references) override;

  Result<std::optional<MetadataFile>> find_metadata(const std::string& root, const std::string& directory,
                                                    const std::string& shown) override {
    return find_metadata_file(root, directory, shown);
  }

  std::vector<Used> used() const override {
    const std::lock_guard guard(mutex_);
    std::vector<Used> all;
    for (const auto& [key, fetched] : fetched_)
      if (fetched.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
        all.push_back(fetched.get().used);
    return all;
  }

  const LockFile* lock() const override { return lock_ ? &*lock_ : nullptr; }

  Result<std::string> resolve_anew(const RepositoryReference& reference) override {
    if (std::optional<Error> why = objection(reference)) return std::move(*why);
    if (is_full_commit(reference.ref)) return to_lower(reference.ref);
    const Place place = place_of(reference);
    return place.source->resolve(place.wanted, teller(), stop_);
  }

 private:
  /// Sees to it that each key is worked on once: who asks second waits for the first.
  Fetched get(const RepositoryReference& reference) {
    std::promise<Fetched> promise;
    std::shared_future<Fetched> future;
    bool is_first = false;
    {
      const std::lock_guard guard(mutex_);
      auto [at, added] = fetched_.try_emplace(reference.key());
      is_first = added;
      if (added) at->second = promise.get_future().share();
      future = at->second;
    }
    if (is_first) {
      Fetched fetched;
      fetched.used.reference = reference;
      fetched.used.reference.path.clear();
      fetched.used.pinned = is_full_commit(reference.ref);
      Result<void> done = get_into(fetched.used);
      if (!done) fetched.failed = std::move(done.error());
      promise.set_value(std::move(fetched));
    }
    return future.get();
  }

  Result<void> get_into(Used& used) {
    const RepositoryReference& reference = used.reference;
    for (const ActionReplacement& replacement : options_.replacements) {
      if (!equals_ignoring_case(replacement.name, reference.name())) continue;
      used.replaced = true;
      used.directory = replacement.directory;
      std::error_code failed;
      if (!std::filesystem::is_directory(replacement.directory, failed))
        return Error{
            fmt::format("{} stands for {}, but is no directory", replacement.directory, replacement.name)};
      return {};
    }
    if (std::optional<Error> why = objection(reference)) return std::move(*why);
    if (options_.cache.empty())
      return Error{
          "actions are kept nowhere: neither XDG_CACHE_HOME nor HOME names a place, nor does "
          "--action-cache",
          std::make_error_code(std::errc::no_such_file_or_directory)};
    const Place place = place_of(reference);
    const StoreDirectory store(options_.cache, place.host);

    const LockedAction* locked = nullptr;
    if (lock_)
      if (const auto found = lock_->actions.find(reference.key()); found != lock_->actions.end())
        locked = &found->second;
    used.in_lock = locked != nullptr;
    if (locked == nullptr && options_.locked)
      return Error{fmt::format(
          "'{}' is not in {}, and --locked takes nothing else; \"buildspec-run actions lock\" adds it",
          reference.key(), kLockFileName)};
    Result<std::string> commit =
        locked != nullptr ? Result<std::string>(locked->commit) : commit_of(place, store, used);
    if (!commit) return std::move(commit.error());

    const std::string name = place.wanted.owner + "/" + place.wanted.repository;
    std::optional<StoredAction> stored = store.find(name, *commit);
    const bool was_stored = stored.has_value();
    if (stored) {
      tell({StoreEvent::Kind::debug, reference.key(),
            fmt::format("Action '{}' already downloaded at '{}'.", reference.key(),
                        stored->directory.native())});
    } else if (options_.offline) {
      return Error{
          fmt::format("Unable to resolve action '{}': commit {} has not been fetched before, and --offline "
                      "fetches nothing",
                      reference.key(), *commit)};
    } else {
      tell({StoreEvent::Kind::line, reference.key(),
            fmt::format("Download action repository '{}' (SHA:{})", reference.key(), *commit)});
      std::uint64_t bytes = 0;
      const ActionSource::Tell counting = [&](StoreEvent event) {
        if (event.kind == StoreEvent::Kind::progress) bytes = event.done_bytes;
        tell(std::move(event));
      };
      Result<StoredAction> made = store.get(
          name, *commit, place.source->address(place.wanted, *commit),
          [&](const Path& partial, const Path& files) {
            return place.source->fill(place.wanted, *commit, partial, files, counting, stop_);
          },
          [&] {
            tell({StoreEvent::Kind::debug, reference.key(),
                  fmt::format("'{}' is being fetched by another run.", reference.key())});
          },
          stop_);
      if (bytes > 0)
        tell({made ? StoreEvent::Kind::fetched : StoreEvent::Kind::failed, reference.key(), "", bytes});
      if (!made) return std::move(made.error());
      stored = std::move(*made);
    }
    if (was_stored && locked != nullptr && options_.check_files) {
      Result<std::unique_ptr<Sha256>> sha256 = make_sha256(options_.modules);
      if (!sha256) return std::move(sha256.error());
      Result<TreeSummary> tree = sum_up_tree(stored->directory, **sha256);
      if (!tree) return std::move(tree.error());
      if (tree->digest != stored->tree.digest)
        return Error{fmt::format(
            "'{}' is not what {} says: the files in {} have been changed since they were fetched; "
            "\"buildspec-run actions fetch\" fetches them again",
            reference.key(), kLockFileName, stored->directory.native())};
    }
    if (locked != nullptr && stored->tree.digest != locked->digest)
      return Error{
          fmt::format("'{}' is not what {} says: commit {} has the files {}, locked are {}; \"buildspec-run "
                      "actions verify\" says more",
                      reference.key(), kLockFileName, *commit, stored->tree.digest, locked->digest)};
    used.commit = *commit;
    used.digest = stored->tree.digest;
    used.directory = stored->directory.native();
    return {};
  }

  /// The commit of a reference that is not locked.
  Result<std::string> commit_of(const Place& place, const StoreDirectory& store, const Used& used) {
    const std::string& ref = used.reference.ref;
    if (used.pinned) return to_lower(ref);
    const std::string name = place.wanted.owner + "/" + place.wanted.repository;
    const std::string from = place.source->address(place.wanted, "");
    if (options_.offline) {
      const std::optional<RememberedRef> memory = store.recall(name, ref);
      if (memory && memory->from == from) return memory->commit;
      return Error{fmt::format(
          "Unable to resolve action '{}': it has not been fetched before, and --offline asks nobody",
          used.reference.key())};
    }
    Result<std::string> commit = place.source->resolve(place.wanted, teller(), stop_);
    if (commit) store.remember(name, ref, {*commit, from});
    return commit;
  }

  /// What is wrong with the names in a reference, in the words of a server that does not know them.
  static std::optional<Error> objection(const RepositoryReference& reference) {
    if (!is_remote_name(reference.owner) || !is_remote_name(reference.repository))
      return Error{fmt::format("Unable to resolve action '{}', repository not found", reference.name())};
    if (!is_ref_name(reference.ref))
      return Error{fmt::format("Unable to resolve action '{}', unable to find version '{}'", reference.key(),
                               reference.ref)};
    return std::nullopt;
  }

  [[nodiscard]] Place place_of(const RepositoryReference& reference) const {
    Place place;
    place.wanted = {reference.name(), reference.ref, reference.owner, reference.repository, ""};
    std::string to = options_.url_template;
    for (const ActionRewrite& rewrite : options_.rewrites)
      if (matches(rewrite.from, reference)) {
        to = rewrite.to;
        break;
      }
    to = filled(to, reference.owner, reference.repository);
    if (!to.empty() && is_git_url(to)) {
      place.source = git_.get();
      place.wanted.git_url = to;
      place.host = host_of_git_url(to);
      return place;
    }
    if (!to.empty()) {  // another name on the same server
      place.wanted.owner = to.substr(0, to.find('/'));
      place.wanted.repository = to.substr(place.wanted.owner.size() + 1);
    }
    place.source = archives_.get();
    const std::string origin = origin_of(options_.github_url);
    if (origin != "https://github.com")
      place.host = origin.substr(std::min(origin.find("://") + 3, origin.size()));
    return place;
  }

  /// Whether all of these have been asked for: who walks the plan level by level asks again for what was fetched as part
  /// of a level above.
  bool knows(std::span<const RepositoryReference> references) {
    const std::lock_guard guard(mutex_);
    return std::all_of(references.begin(), references.end(), [this](const RepositoryReference& reference) {
      return fetched_.find(reference.key()) != fetched_.end();
    });
  }

  ActionSource::Tell teller() {
    return [this](StoreEvent event) { tell(std::move(event)); };
  }

  void tell(StoreEvent event) {
    std::unique_lock lock(events_mutex_);
    if (!queueing_) {
      lock.unlock();
      if (on_event_) on_event_(event);
      return;
    }
    // Of progress, the last counts.
    if (event.kind == StoreEvent::Kind::progress && !events_.empty() &&
        events_.back().kind == StoreEvent::Kind::progress && events_.back().action == event.action)
      events_.back() = std::move(event);
    else
      events_.push_back(std::move(event));
    lock.unlock();
    events_arrived_.notify_one();
  }

  const ActionStoreOptions options_;
  const OnStoreEvent on_event_;
  const std::stop_token stop_;
  std::unique_ptr<ActionSource> archives_, git_;
  std::unique_ptr<SourceText> lock_text_;
  std::optional<LockFile> lock_;
  bool prepared_ = false;  // the first line of a job's log about actions has been told

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_future<Fetched>> fetched_;  // by key

  std::mutex events_mutex_;
  std::condition_variable events_arrived_;
  std::deque<StoreEvent> events_;
  bool queueing_ =
      false;  // worker threads are at it: their events are told by the thread that waits for them
};

/// The references still to be fetched, shared by the threads that do so.
class Agenda {
 public:
  struct Item {
    RepositoryReference reference;
    int depth = 0;
  };

  /// Adds what was not there before. How many.
  std::size_t add(std::span<const RepositoryReference> references, int depth) {
    const std::lock_guard guard(mutex_);
    std::size_t added = 0;
    for (const RepositoryReference& reference : references) {
      if (!seen_.insert(reference.key() + "\n" + reference.path).second) continue;
      items_.push_back({reference, depth});
      ++open_;
      ++added;
    }
    changed_.notify_all();
    return added;
  }
  /// The next one; nullopt when all is done. Waits while others may still add some.
  std::optional<Item> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !items_.empty() || open_ == 0; });
    if (items_.empty()) return std::nullopt;
    Item item = std::move(items_.front());
    items_.pop_front();
    return item;
  }
  /// One that was taken is done.
  void done() {
    const std::lock_guard guard(mutex_);
    if (--open_ == 0) changed_.notify_all();
  }
  bool all_done() {
    const std::lock_guard guard(mutex_);
    return open_ == 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  std::set<std::string> seen_;
  std::size_t open_ = 0;
};

void DiskActionStore::prefetch(std::span<const RepositoryReference> references) {
  if (references.empty()) return;
  Agenda agenda;
  const auto line = [&](const char* text) { tell({StoreEvent::Kind::line, "", text}); };
  if (!prepared_) line("Prepare all required actions");
  prepared_ = true;
  if (!knows(references)) line("Getting action download info");
  agenda.add(references, 0);
  {
    const std::lock_guard guard(events_mutex_);
    queueing_ = true;
  }
  const auto work = [&] {
    while (std::optional<Agenda::Item> item = agenda.take()) {
      const Fetched fetched = get(item->reference);
      if (!fetched.failed && item->depth < kDepth && !stop_.stop_requested()) {
        const Path directory = Path(fetched.used.directory) / item->reference.path;
        const std::vector<RepositoryReference> more =
            references_of_action(fetched.used.directory, directory.native());
        if (!knows(more)) line("Getting action download info");
        agenda.add(more, item->depth + 1);
      }
      agenda.done();
      if (agenda.all_done()) {
        const std::lock_guard guard(events_mutex_);
        events_arrived_.notify_one();
      }
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, options_.parallel); ++i) threads.emplace_back(work);
  std::unique_lock lock(events_mutex_);
  for (;;) {
    events_arrived_.wait(lock, [&] { return !events_.empty() || agenda.all_done(); });
    if (events_.empty()) break;
    const StoreEvent event = std::move(events_.front());
    events_.pop_front();
    lock.unlock();
    if (on_event_) on_event_(event);
    lock.lock();
  }
  queueing_ = false;
  lock.unlock();
  threads.clear();
}

}  // namespace

Result<ActionRewrite> parse_action_rewrite(std::string_view text) {
  const std::size_t equals = text.find('=');
  ActionRewrite rewrite;
  rewrite.from = text.substr(0, equals);
  if (equals != std::string_view::npos) rewrite.to = text.substr(equals + 1);
  const std::size_t slash = rewrite.from.find('/');
  const std::string_view owner = std::string_view(rewrite.from).substr(0, slash);
  const std::string_view repository =
      slash == std::string::npos ? std::string_view() : std::string_view(rewrite.from).substr(slash + 1);
  const bool from_all = rewrite.from == "*";
  const bool from_owner = is_remote_name(owner) && repository == "*";
  if (!from_all && !from_owner && !(is_remote_name(owner) && is_remote_name(repository)))
    return Error{fmt::format("\"{}\": OWNER/REPO=TO, OWNER/*=TO or *=TO is expected", text)};
  if (rewrite.to.empty()) return Error{fmt::format("\"{}\": nothing stands behind the \"=\"", text)};
  if ((from_all || from_owner) && rewrite.to.find("{repo}") == std::string::npos)
    return Error{fmt::format("\"{}\": a pattern needs {{repo}} in what it leads to", text)};
  if (!is_git_url(rewrite.to)) {
    const std::string name = filled(rewrite.to, "o", "r");
    const std::size_t at = name.find('/');
    if (at == std::string::npos || !is_remote_name(name.substr(0, at)) ||
        !is_remote_name(name.substr(at + 1)))
      return Error{fmt::format("\"{}\": TO is a URL, a path, or OWNER/REPO", text)};
  }
  return rewrite;
}

Result<std::vector<ActionRewrite>> parse_action_rewrites(std::string_view text) {
  std::vector<ActionRewrite> rewrites;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t'))
      line.remove_suffix(1);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    if (line.empty() || line.front() == '#') continue;
    Result<ActionRewrite> rewrite = parse_action_rewrite(line);
    if (!rewrite) return std::move(rewrite.error()).in(fmt::format("line {}", number));
    rewrites.push_back(std::move(*rewrite));
  }
  return rewrites;
}

Result<ActionReplacement> parse_action_replacement(std::string_view text, const Path& base) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const std::size_t slash = name.find('/');
  if (equals == std::string_view::npos || equals + 1 == text.size() || slash == std::string_view::npos ||
      !is_remote_name(name.substr(0, slash)) || !is_remote_name(name.substr(slash + 1)))
    return Error{fmt::format("\"{}\": OWNER/REPO=DIR is expected", text)};
  const Path directory = (base / text.substr(equals + 1)).lexically_normal();
  std::error_code failed;
  if (!std::filesystem::is_directory(directory, failed))
    return Error{fmt::format("\"{}\": {} is no directory", text, directory.native())};
  return ActionReplacement{std::string(name), std::filesystem::canonical(directory, failed).native()};
}

std::string default_action_cache(const std::map<std::string, std::string>& environment) {
  const auto variable = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  // A relative one says nothing (XDG Base Directory Specification).
  std::string home = variable("XDG_CACHE_HOME");
  if (!home.starts_with("/")) home = variable("HOME").empty() ? "" : variable("HOME") + "/.cache";
  return home.empty() ? "" : home + "/buildspec-run/actions";
}

ActionStoreOptions action_store_options(const std::map<std::string, std::string>& environment) {
  const auto variable = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  ActionStoreOptions options;
  options.cache = default_action_cache(environment);
  options.token = variable("GITHUB_TOKEN");
  options.archive_cache = variable("ACTIONS_RUNNER_ACTION_ARCHIVE_CACHE");
  options.home = variable("HOME");
  options.ssh_agent = !variable("SSH_AUTH_SOCK").empty();
  options.network = http_settings(environment);
  if (!variable("_GITHUB_ACTION_DOWNLOAD_NO_BACKOFF").empty())
    options.retry.wait_least = options.retry.wait_most = std::chrono::milliseconds(0);
  return options;
}

GitAccess git_access(const ActionStoreOptions& options) {
  return {options.token,     options.github_url, options.home,
          options.ssh_agent, options.network,    options.retry.resolve_timeout};
}

std::vector<std::string> secrets_of(const ActionStoreOptions& options) {
  std::vector<std::string> secrets;
  if (!options.token.empty()) secrets = {options.token, basic_credential(options.token)};
  const auto add_those_of = [&](std::string_view url) {
    if (const std::string_view secret = secret_of_url(url); !secret.empty()) secrets.emplace_back(secret);
  };
  add_those_of(options.github_url);
  add_those_of(options.url_template);
  for (const ActionRewrite& rewrite : options.rewrites) add_those_of(rewrite.to);
  return secrets;
}

std::unique_ptr<ActionStore> make_action_store(ActionStoreOptions options, OnStoreEvent on_event,
                                               Diagnostics& found, std::stop_token stop) {
  auto store = std::make_unique<DiskActionStore>(std::move(options), std::move(on_event), std::move(stop));
  store->read_lock(found);
  return store;
}

void report_unpinned(const std::vector<StepTask>& steps, const ActionStore& store, Diagnostics& found) {
  std::map<std::string, ActionStore::Used> used;
  for (ActionStore::Used& one : store.used()) used.emplace(one.reference.key(), std::move(one));
  std::set<std::string> told;
  for (const StepTask& step : steps) {
    const auto* action = std::get_if<ActionStep>(&step.body);
    if (action == nullptr || step.source == nullptr || step.left_out) continue;
    const Result<ActionReference> reference = parse_action_reference(action->uses);
    const auto* repository = reference ? std::get_if<RepositoryReference>(&*reference) : nullptr;
    if (repository == nullptr) continue;
    const auto one = used.find(repository->key());
    if (one == used.end() || one->second.pinned || one->second.in_lock || one->second.replaced ||
        one->second.commit.empty() || !told.insert(repository->key()).second)
      continue;
    found.warning(*step.source, action->where, "action-unpinned",
                  fmt::format("{} may be other code tomorrow; \"buildspec-run actions lock\" pins it to {}",
                              repository->key(), one->second.commit));
  }
}

Result<LockFile> lock_of(const ActionStore& store) {
  LockFile lock;
  for (const ActionStore::Used& used : store.used()) {
    if (used.replaced) continue;
    if (used.commit.empty()) return Error{fmt::format("{} could not be fetched", used.reference.key())};
    lock.actions[used.reference.key()] = {used.commit, used.digest};
  }
  return lock;
}

}  // namespace buildspec_run
