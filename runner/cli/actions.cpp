#include "runner/cli/actions.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <variant>

#include "actions/action_reference.h"
#include "actions/store/action_store.h"
#include "actions/store/metadata_files.h"
#include "actions/store/store_directory.h"
#include "runner/base/text.h"
#include "runner/cli/action_options.h"
#include "runner/cli/input.h"
#include "runner/cli/report.h"
#include "runner/cli/terminal_text.h"
#include "runner/cli/view_summary.h"
#include "runner/sys/digest.h"
#include "runner/sys/interrupts.h"
#include "runner/yaml/document.h"

namespace buildspec_run {
namespace {

using Takes = OptionSpec::Takes;

constexpr std::chrono::hours kUnused{30 * 24};
constexpr OptionSpec kOptions[] = {
    kSourceDirOption,
    kOfflineOption,
    kGithubUrlOption,
    kActionsUrlTemplateOption,
    kActionsRewriteOption,
    kReplaceOption,
    kActionCacheOption,
    {"--unused", "", Takes::value, "DURATION",
     "prune: remove what no run has used for so long, such as 12h; default: 720h (30 days)"},
    {"--all", "", Takes::nothing, "", "prune: remove everything that is not being fetched"},
    kColorOption,
};

/// An action that a buildspec names.
struct Use {
  RepositoryReference reference;
  const SourceText* source;
  SourceRange where;
};

/// Buildspecs in one directory, which have one lock.
struct Group {
  Path lock_file;
  std::vector<std::unique_ptr<SourceText>> sources;
  std::vector<Use> uses;

  [[nodiscard]] std::vector<RepositoryReference> references() const {
    std::vector<RepositoryReference> all;
    for (const Use& use : uses) all.push_back(use.reference);
    return all;
  }
};

/// What the steps of a buildspec use, and what the local actions among them use that are there already.
void collect_uses(const SourceText& source, const Document& document, const Path& source_dir, Group& group,
                  Diagnostics& found) {
  const Node* phases = document.root() == nullptr ? nullptr : document.root()->find("phases");
  if (phases == nullptr || !phases->is_mapping()) return;
  for (const Node::Entry& phase : phases->entries) {
    const Node* steps = phase.value->find("steps");
    if (steps == nullptr || !steps->is_sequence()) continue;
    for (const Node* step : steps->items) {
      const Node* uses = step->find("uses");
      if (uses == nullptr || !uses->is_scalar() || uses->is_null()) continue;
      const Result<ActionReference> reference = parse_action_reference(uses->text());
      if (!reference) {
        found.error(source, uses->where, "step-uses", reference.error().message);
      } else if (const auto* repository = std::get_if<RepositoryReference>(&*reference)) {
        group.uses.push_back({*repository, &source, uses->where});
      } else if (const auto* local = std::get_if<LocalReference>(&*reference)) {
        for (RepositoryReference& used : references_of_action(
                 source_dir.native(), (source_dir / local->path).lexically_normal().native()))
          group.uses.push_back({std::move(used), &source, uses->where});
      }
    }
  }
}

/// The buildspecs that are named, by their locks.
std::map<Path, Group> read_groups(const Invocation& invocation, const Path& source_dir, Diagnostics& found) {
  std::map<Path, Group> groups;
  std::vector<std::string> files(invocation.arguments.operands.begin() + 1,
                                 invocation.arguments.operands.end());
  if (files.empty()) files.emplace_back();
  for (const std::string& file : files) {
    std::unique_ptr<SourceText> source = read_buildspec(invocation, source_dir, file, found);
    if (source == nullptr) continue;
    const Path lock_file = lock_file_of(source->name(), source_dir);
    Group& group = groups[lock_file];
    group.lock_file = lock_file;
    const Document document = parse_document(*source, found);
    collect_uses(*source, document, source_dir, group, found);
    group.sources.push_back(std::move(source));
  }
  return groups;
}

/// One call of the command, with what all its actions need.
struct Call {
  const Invocation& invocation;
  const Interrupts& interrupts;

  /// What the store tells, as it comes, on stderr.
  [[nodiscard]] OnStoreEvent teller() const {
    return [this](const StoreEvent& event) {
      if (event.kind == StoreEvent::Kind::line || event.kind == StoreEvent::Kind::warning)
        invocation.write_err(plain_line(event.text) + "\n");
      else if (event.kind == StoreEvent::Kind::fetched)
        invocation.write_err(fetched_line(event.action, event.done_bytes) + "\n");
    };
  }
  [[nodiscard]] ExitCode stopped() const {
    return interrupts.first_signal() == SIGINT ? ExitCode::interrupted : ExitCode::terminated;
  }
};

/// Tells what could not be had, each at its place. What comes of it: `machine` when the machine or the network was at
/// fault, `invalid` when a reference was, `success` when all is there.
ExitCode report_failures(const Call& call, const Group& group, ActionStore& store) {
  Diagnostics found;
  ExitCode worst = ExitCode::success;
  const auto error_of = [&](const RepositoryReference& reference) -> std::string {
    const Result<FetchedRepository> fetched = store.fetch(reference);
    if (fetched) return {};
    worst = std::max(worst, fetched.error().code ? ExitCode::machine : ExitCode::invalid);
    return fetched.error().message;
  };
  std::set<std::string> named;
  for (const Use& use : group.uses) {
    named.insert(use.reference.key());
    if (std::string why = error_of(use.reference); !why.empty())
      found.error(*use.source, use.where, "action-not-fetched", std::move(why));
  }
  for (const ActionStore::Used& used : store.used()) {
    if (named.count(used.reference.key()) != 0) continue;
    if (const std::string why = error_of(used.reference); !why.empty())
      found.add(Severity::error, "action-not-fetched",
                fmt::format("{}, which an action uses: {}", used.reference.key(), why));
  }
  write_diagnostics(call.invocation, found.all());
  return worst;
}

/// The store for a group. nullptr: its lock is wrong, and that has been told.
std::unique_ptr<ActionStore> open_store(const Call& call, ActionStoreOptions options, bool quiet = false) {
  Diagnostics found;
  std::unique_ptr<ActionStore> store = make_action_store(
      std::move(options), quiet ? OnStoreEvent() : call.teller(), found, call.interrupts.stop());
  write_diagnostics(call.invocation, found.all());
  return found.has_errors() ? nullptr : std::move(store);
}

std::string shown_path(const Call& call, const Path& path) {
  const Path relative = path.lexically_relative(call.invocation.working_directory);
  return relative.empty() || relative.native().starts_with("..") ? path.native() : relative.native();
}

/// A line for each action that is not as it was.
std::string changes(const LockFile& before, const LockFile& after) {
  std::string text;
  for (const auto& [key, action] : after.actions) {
    const auto old = before.actions.find(key);
    if (old == before.actions.end())
      text += fmt::format("  {} is {}\n", key, action.commit);
    else if (old->second != action)
      text += fmt::format("  {} is {}, was {}\n", key, action.commit, old->second.commit);
  }
  for (const auto& [key, action] : before.actions)
    if (after.actions.count(key) == 0) text += fmt::format("  {} is no longer used\n", key);
  return text;
}

/// `anew`: what is locked is asked again.
ExitCode write_lock(const Call& call, const Group& group, ActionStoreOptions options, bool anew) {
  LockFile before;
  {
    const std::unique_ptr<ActionStore> old = open_store(call, options);
    if (old == nullptr) return ExitCode::invalid;
    if (old->lock() != nullptr) before = *old->lock();
  }
  if (anew) options.lock_file.clear();
  const std::unique_ptr<ActionStore> store = open_store(call, std::move(options));
  if (store == nullptr) return ExitCode::invalid;
  const std::vector<RepositoryReference> references = group.references();
  store->prefetch(references);
  if (call.interrupts.stop().stop_requested()) return call.stopped();
  if (const ExitCode failed = report_failures(call, group, *store); failed != ExitCode::success)
    return failed;
  const Result<LockFile> lock = lock_of(*store);
  if (!lock) return call.invocation.fail(ExitCode::machine, lock.error().message);
  if (Result<void> written = replace_file(group.lock_file, to_text(*lock)); !written)
    return call.invocation.fail(ExitCode::machine, written.error().message);
  return call.invocation.write_out(fmt::format("{}: {}\n{}", shown_path(call, group.lock_file),
                                               counted(lock->actions.size(), "action"),
                                               changes(before, *lock)));
}

/// The digest of what is on disk now.
Result<std::string> digest_on_disk(const ActionStoreOptions& options, const std::string& directory) {
  Result<std::unique_ptr<Sha256>> sha256 = make_sha256(options.modules);
  if (!sha256) return std::move(sha256.error());
  Result<TreeSummary> tree = sum_up_tree(directory, **sha256);
  if (!tree) return std::move(tree.error());
  return tree->digest;
}

ExitCode verify(const Call& call, const Group& group, ActionStoreOptions options) {
  const Invocation& invocation = call.invocation;
  options.locked = true;
  const std::unique_ptr<ActionStore> store = open_store(call, options);
  if (store == nullptr) return ExitCode::invalid;
  const std::string lock_name = shown_path(call, group.lock_file);
  if (store->lock() == nullptr)
    return invocation.fail(
        ExitCode::invalid,
        fmt::format("there is no {}; \"buildspec-run actions lock\" writes it", lock_name));
  const std::vector<RepositoryReference> references = group.references();
  store->prefetch(references);
  if (call.interrupts.stop().stop_requested()) return call.stopped();
  ExitCode worst = report_failures(call, group, *store);
  std::set<std::string> used_keys;
  for (const ActionStore::Used& used : store->used()) {
    const std::string key = used.reference.key();
    used_keys.insert(key);
    if (used.replaced || used.commit.empty()) continue;
    const Result<std::string> digest = digest_on_disk(options, used.directory);
    if (!digest) return invocation.fail(ExitCode::machine, digest.error().message);
    if (*digest != used.digest) {
      worst = std::max(worst, ExitCode::invalid);
      invocation.fail(
          ExitCode::invalid,
          fmt::format("{}: the files in {} have been changed; \"buildspec-run actions fetch\" fetches them "
                      "again",
                      key, used.directory));
    }
    if (options.offline || used.pinned) continue;
    const Result<std::string> now = store->resolve_anew(used.reference);
    if (call.interrupts.stop().stop_requested()) return call.stopped();
    if (!now)
      invocation.fail(ExitCode::success,
                      fmt::format("{}: what it is now is not known: {}", key, now.error().message));
    else if (*now != used.commit)
      invocation.fail(ExitCode::success,
                      fmt::format("{} is {} now, locked is {}; \"buildspec-run actions update\" "
                                  "takes the new one",
                                  key, *now, used.commit));
  }
  for (const auto& [key, action] : store->lock()->actions)
    if (used_keys.count(key) == 0)
      invocation.fail(ExitCode::success, fmt::format("{} is in {}, but nothing uses it", key, lock_name));
  if (worst != ExitCode::success) return worst;
  return invocation.write_out(
      fmt::format("{} as {} says\n",
                  counted(used_keys.size(), "action") + (used_keys.size() == 1 ? " is" : " are"), lock_name));
}

ExitCode list(const Call& call, const Group& group, ActionStoreOptions options) {
  options.offline = true;
  const std::unique_ptr<ActionStore> store = open_store(call, options, true);
  if (store == nullptr) return ExitCode::invalid;
  store->prefetch(group.references());  // what cannot be had offline is part of the list
  std::string text;
  for (const ActionStore::Used& used : store->used()) {
    const std::string state = used.replaced  ? fmt::format("replaced by {}", used.directory)
                              : used.in_lock ? "locked"
                              : used.pinned  ? "pinned"
                                             : "not pinned";
    const std::string commit = used.in_lock  ? store->lock()->actions.at(used.reference.key()).commit
                               : used.pinned ? used.reference.ref
                                             : used.commit;
    text += plain_line(fmt::format("{:<40} {:<40} {}{}", used.reference.key(), commit.empty() ? "-" : commit,
                                   state, used.replaced || !used.commit.empty() ? "" : ", not fetched")) +
            "\n";
  }
  return call.invocation.write_out(text);
}

ExitCode fetch(const Call& call, const Group& group, const ActionStoreOptions& options) {
  const std::vector<RepositoryReference> references = group.references();
  std::unique_ptr<ActionStore> store = open_store(call, options);
  if (store == nullptr) return ExitCode::invalid;
  store->prefetch(references);
  // What has been changed since it was fetched is fetched again.
  bool again = false;
  for (const ActionStore::Used& used : store->used()) {
    if (used.replaced || used.commit.empty() || call.interrupts.stop().stop_requested()) continue;
    const Result<std::string> digest = digest_on_disk(options, used.directory);
    if (digest && *digest == used.digest) continue;
    if (Result<void> gone = discard_stored(used.directory); !gone)
      return call.invocation.fail(ExitCode::machine, gone.error().message);
    again = true;
  }
  if (again) {
    store = open_store(call, options);
    if (store == nullptr) return ExitCode::invalid;
    store->prefetch(references);
  }
  if (call.interrupts.stop().stop_requested()) return call.stopped();
  if (const ExitCode failed = report_failures(call, group, *store); failed != ExitCode::success)
    return failed;
  return call.invocation.write_out(
      fmt::format("{} in {}\n", counted(store->used().size(), "action"), options.cache));
}

ExitCode prune(const Call& call, const ActionStoreOptions& options) {
  const Invocation& invocation = call.invocation;
  std::chrono::seconds unused = kUnused;
  if (const auto text = invocation.arguments.value("--unused")) {
    const auto duration = parse_duration(*text);
    if (!duration)
      return invocation.fail(ExitCode::invalid, fmt::format("--unused \"{}\" is no duration", *text));
    unused = std::chrono::duration_cast<std::chrono::seconds>(*duration);
  }
  if (invocation.arguments.has("--all")) unused = -std::chrono::hours(24);
  const Result<Pruned> pruned = prune_store(options.cache, unused);
  if (!pruned) return invocation.fail(ExitCode::machine, pruned.error().message);
  return invocation.write_out(fmt::format("removed {}, {:.1f} MB\n", counted(pruned->entries, "action"),
                                          static_cast<double>(pruned->bytes) / 1e6));
}

constexpr std::string_view kActions[] = {"lock", "update", "verify", "list", "fetch", "prune"};

ExitCode run_actions(const Invocation& invocation) {
  const std::vector<std::string>& operands = invocation.arguments.operands;
  if (operands.empty())
    return invocation.fail(ExitCode::invalid,
                           "one of lock, update, verify, list, fetch and prune is expected");
  const std::string& action = operands.front();
  if (std::find(std::begin(kActions), std::end(kActions), action) == std::end(kActions))
    return invocation.fail(ExitCode::invalid,
                           fmt::format("unknown action \"{}\"{}", action, did_you_mean(action, kActions)));
  const Result<Path> source_dir = source_directory(invocation);
  if (!source_dir) return invocation.fail(ExitCode::invalid, source_dir.error().message);
  std::variant<ActionStoreOptions, std::string> read = action_store_options_of(invocation, {});
  if (const auto* wrong = std::get_if<std::string>(&read)) return invocation.fail(ExitCode::invalid, *wrong);
  ActionStoreOptions& options = std::get<ActionStoreOptions>(read);
  if (options.cache.empty())
    return invocation.fail(
        ExitCode::invalid,
        "actions are kept nowhere: neither XDG_CACHE_HOME nor HOME names a place, nor does --action-cache");
  const Interrupts interrupts;
  const Call call{invocation, interrupts};
  if (action == "prune") {
    if (operands.size() > 1) return invocation.fail(ExitCode::invalid, "prune takes no file");
    return prune(call, options);
  }
  Diagnostics found;
  const std::map<Path, Group> groups = read_groups(invocation, *source_dir, found);
  write_diagnostics(invocation, found.all());
  if (found.has_errors()) return ExitCode::invalid;
  ExitCode worst = ExitCode::success;
  for (const auto& [lock_file, group] : groups) {
    options.lock_file = lock_file.native();
    const ExitCode code = action == "lock"     ? write_lock(call, group, options, false)
                          : action == "update" ? write_lock(call, group, options, true)
                          : action == "verify" ? verify(call, group, options)
                          : action == "list"   ? list(call, group, options)
                                               : fetch(call, group, options);
    worst = std::max(worst, code);
  }
  return worst;
}

constexpr Subcommand kSubcommand = {
    "actions",
    "fetch, list and lock the GitHub actions that buildspecs use",
    "lock|update|verify|list|fetch|prune [FILE…]",
    1000,
    "  lock     writes buildspec.lock beside FILE: commit and digest of every action, and of those that they "
    "use.\n"
    "           What is locked already stays as it is\n"
    "  update   the same, but asks again what each tag and branch is\n"
    "  verify   compares FILE, buildspec.lock and the files that were fetched; says which tags have moved. "
    "Exit 2 when\n"
    "           they do not agree\n"
    "  list     shows each action with its commit, and whether something pins it; asks nobody\n"
    "  fetch    fetches all of them, so that --offline has them; again, where fetched files have been "
    "changed\n"
    "  prune    removes from the cache what no run has used for long\n"
    "\n"
    "FILE defaults to buildspec.yml of the source directory. GITHUB_TOKEN is used when a server wants one.",
    kOptions,
    run_actions,
};

}  // namespace

const Subcommand& actions_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
