// Steps and the actions they use, to the plan. All actions are found first, level by level, so that those of
// one level can be fetched at once; then each is lowered, the innermost first.
#include "actions/lower.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "actions/action_metadata.h"
#include "actions/lower_action.h"
#include "runner/base/check.h"
#include "runner/base/overloaded.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr int kDeepest = 9;  // of a list of steps; those of a phase are at 0
constexpr std::string_view kTooDeep = "Composite action depth exceeded max depth 9";
constexpr std::string_view kNoSelf =
    "Unable to resolve self-reference '$/'. This can occur when the server does not support this syntax, the "
    "feature flag "
    "is disabled, or the workflow context (repository/SHA) is unavailable.";

// Why an action cannot be had: the lines the runner prints, and the id of the diagnostic.
struct Failure {
  std::string_view id;
  std::vector<std::string> lines;
};

Failure failure_of(const Error& error, std::string_view id_without_code) {
  return {error.code ? "action-unavailable" : id_without_code, {error.message}};
}

// An action on its way into the plan.
struct Found {
  RepositoryReference reference;
  std::string commit;
  ActionPlace place;
  MetadataFile file;
  ActionMetadata metadata;
  std::optional<Failure> failure;
  bool is_read = false;
  bool is_being_lowered = false;
  std::shared_ptr<const LoweredAction> lowered;  // owners: the steps that use it
  int height = 0;                                // levels of composite actions, with this one
};

class Resolver {
 public:
  explicit Resolver(ActionProvider& provider) : provider_(provider) {}

  /// Reads everything that lists of steps at `depth` need. `self`: the repository they come from, if any.
  void find(std::span<const std::vector<StepTask>* const> lists, const RepositoryReference* self, int depth) {
    std::vector<Found*> level;
    for (const std::vector<StepTask>* steps : lists) list(*steps, self, level);
    for (; !level.empty() && depth <= kDeepest; ++depth) {
      prefetch(level);
      std::vector<Found*> next;
      for (Found* action : level) {
        read(*action);
        if (const auto* composite = std::get_if<CompositeRuns>(&action->metadata.runs);
            composite != nullptr && !action->failure)
          list(composite->steps, &action->reference, next);
      }
      level = std::move(next);
    }
  }

  /// Sets the actions of `steps`, whose list is at `depth`, and hands what is wrong with one to `fail(step,
  /// failure)`. Returns how many levels of composite actions there are below.
  template <class Fail>
  int set_actions(std::vector<StepTask>& steps, const RepositoryReference* self, int depth,
                  const Fail& fail) {
    int height = 0;
    for (StepTask& step : steps) {
      auto* action = std::get_if<ActionStep>(&step.body);
      if (action == nullptr || step.left_out) continue;
      const Result<ActionReference> reference = parse_action_reference(action->uses);
      if (!reference) {
        fail(step, Failure{"action-reference", {reference.error().message}});
        continue;
      }
      if (std::holds_alternative<LocalReference>(*reference)) continue;
      if (const auto* image = std::get_if<ImageReference>(&*reference)) {
        action->action = lower_image(image->image);
        continue;
      }
      const std::optional<RepositoryReference> remote = remote_reference(*reference, self);
      if (!remote) {
        fail(step, Failure{"action-self-reference", {std::string(kNoSelf)}});
        continue;
      }
      Found& found = actions_.at(to_string(*remote));
      lower(found);
      if (!found.failure && depth + found.height > kDeepest)
        fail(step, Failure{"action-depth", {std::string(kTooDeep)}});
      else if (found.failure)
        fail(step, *found.failure);
      action->action = found.failure ? nullptr : found.lowered;
      height = std::max(height, found.height);
    }
    return height;
  }

  /// Reads the metadata in the action's directory.
  std::optional<Failure> read_metadata(Found& action, const std::string& shown, std::string not_there) {
    Result<std::optional<MetadataFile>> file =
        provider_.find_metadata(action.place.root, action.place.directory, shown);
    if (!file) return failure_of(file.error(), "action-path-outside");
    if (!*file) return Failure{"action-not-found", {std::move(not_there)}};
    action.file = **std::move(file);
    if (action.file.is_dockerfile) return std::nullopt;
    check(action.file.text != nullptr, "metadata that was found has a text");
    const std::string& name = action.file.text->name();
    DecodedAction decoded = decode_action(*action.file.text, name);
    if (decoded.errors.empty()) {
      action.metadata = std::move(decoded.metadata);
      return std::nullopt;
    }
    Failure failure{"action-metadata", {}};
    for (const ManifestError& error : decoded.errors) failure.lines.push_back(render(error, name));
    return failure;
  }

  /// Fills `action.lowered`, or `action.failure`.
  void lower(Found& action) {
    if (action.failure || action.lowered != nullptr) return;
    // An action that uses itself, or one below the deepest level, which was not read.
    if (action.is_being_lowered || !action.is_read) {
      action.failure = Failure{"action-depth", {std::string(kTooDeep)}};
      return;
    }
    action.is_being_lowered = true;
    auto lowered = std::make_shared<LoweredAction>();
    lowered->directory = action.place.directory;
    if (!action.reference.owner.empty()) {
      lowered->repository = action.reference.name();
      lowered->ref = action.reference.ref;
    }
    lowered->commit = action.commit;
    lowered->metadata = action.file.text;
    lowered->declares_inputs = true;
    lowered->inputs = std::move(action.metadata.inputs);
    lowered->pre_if = action.metadata.pre_if;
    lowered->post_if = action.metadata.post_if;
    Result<void> done;
    if (action.file.is_dockerfile)
      lower_dockerfile(action.file.path, action.place, *lowered);
    else
      done = std::visit(
          overloaded{[&](const NodeRuns& runs) { return lower_javascript(runs, action.place, *lowered); },
                     [&](const ContainerRuns& runs) { return lower_docker(runs, action.place, *lowered); },
                     [&](CompositeRuns& runs) {
                       lower_steps(action, runs);
                       lower_composite(std::move(runs), *lowered);
                       return Result<void>();
                     }},
          action.metadata.runs);
    if (!done) action.failure = Failure{"action-path-outside", {done.error().message}};
    action.is_being_lowered = false;
    if (!action.failure) action.lowered = std::move(lowered);
  }

 private:
  static std::optional<RepositoryReference> remote_reference(const ActionReference& reference,
                                                             const RepositoryReference* self) {
    if (const auto* repository = std::get_if<RepositoryReference>(&reference)) return *repository;
    const auto* self_reference = std::get_if<SelfReference>(&reference);
    if (self_reference == nullptr || self == nullptr) return std::nullopt;
    return RepositoryReference{self->owner, self->repository, self_reference->path, self->ref};
  }

  // Adds what `steps` use and is not known yet.
  void list(const std::vector<StepTask>& steps, const RepositoryReference* self, std::vector<Found*>& level) {
    for (const StepTask& step : steps) {
      const auto* action = std::get_if<ActionStep>(&step.body);
      if (action == nullptr || step.left_out) continue;
      const Result<ActionReference> reference = parse_action_reference(action->uses);
      if (!reference) continue;
      const std::optional<RepositoryReference> remote = remote_reference(*reference, self);
      if (!remote) continue;
      const auto [at, is_new] = actions_.try_emplace(to_string(*remote));
      if (!is_new) continue;
      at->second.reference = *remote;
      level.push_back(&at->second);
    }
  }

  void prefetch(const std::vector<Found*>& level) {
    std::vector<RepositoryReference> references;
    std::set<std::string> keys;
    for (const Found* action : level)
      if (is_safe(action->reference) && !repositories_.contains(action->reference.key()) &&
          keys.insert(action->reference.key()).second)
        references.push_back(action->reference);
    if (!references.empty()) provider_.prefetch(references);
  }

  // Names that a directory, or an address, would take for something else.
  static bool is_safe(const RepositoryReference& reference) {
    const auto is_name = [](const std::string& name) { return name != "." && name != ".."; };
    return is_name(reference.owner) && is_name(reference.repository) &&
           stays_below("/r", "/r", reference.path);
  }

  void read(Found& action) {
    action.is_read = true;
    if (!is_safe(action.reference)) {
      action.failure =
          Failure{"action-path-outside",
                  {fmt::format("the path of {} leaves its repository, where no action is looked for",
                               to_string(action.reference))}};
      return;
    }
    auto repository = repositories_.find(action.reference.key());
    if (repository == repositories_.end())
      repository = repositories_.emplace(action.reference.key(), provider_.fetch(action.reference)).first;
    if (!repository->second) {
      action.failure = failure_of(repository->second.error(), "action-unresolvable");
      return;
    }
    const FetchedRepository& fetched = *repository->second;
    action.commit = fetched.commit;
    action.place = {fetched.directory, fetched.directory};
    std::string shown = action.reference.name() + "/" + action.reference.ref;
    if (!action.reference.path.empty()) {
      action.place.directory += "/" + action.reference.path;
      shown += "/" + action.reference.path;
    }
    action.failure =
        read_metadata(action, shown,
                      fmt::format("Can't find 'action.yml', 'action.yaml' or 'Dockerfile' for action '{}'.",
                                  to_string(action.reference)));
  }

  void lower_steps(Found& action, CompositeRuns& runs) {
    const RepositoryReference* self = action.reference.owner.empty() ? nullptr : &action.reference;
    // How deep this one is used is not known here; whoever uses it adds its own depth.
    const int below = set_actions(runs.steps, self, 0, [&](const StepTask&, const Failure& failure) {
      if (!action.failure) action.failure = failure;
    });
    action.height = runs.steps.empty() ? 0 : below + 1;
  }

  ActionProvider& provider_;
  std::map<std::string, Found> actions_;  // by reference; nodes do not move
  std::map<std::string, Result<FetchedRepository>> repositories_;
};

}  // namespace

bool stays_below(const std::string& root, const std::string& directory, std::string_view path) {
  const std::filesystem::path base = std::filesystem::path(root).lexically_normal();
  const std::filesystem::path joined = (std::filesystem::path(directory) / path).lexically_normal();
  const std::filesystem::path from_root = joined.lexically_relative(base);
  return !from_root.empty() && *from_root.begin() != "..";
}

Result<std::string> join_below(const ActionPlace& place, std::string_view path, std::string_view what) {
  if (!stays_below(place.root, place.directory, path))
    return Error{fmt::format("{} \"{}\" leaves the directory {}, outside of which an action has no files",
                             what, to_valid_utf8(path), place.root),
                 {}};
  if (path.starts_with('/')) return std::string(path);
  return place.directory + "/" + std::string(path);
}

void resolve_actions(Plan& plan, ActionProvider& provider, Diagnostics& found) {
  Resolver resolver(provider);
  std::vector<const std::vector<StepTask>*> lists;
  for (const Phase& phase : plan.phases) lists.push_back(&phase.steps);
  resolver.find(lists, nullptr, 0);
  for (Phase& phase : plan.phases)
    resolver.set_actions(phase.steps, nullptr, 0, [&](const StepTask& step, const Failure& failure) {
      const auto& action = std::get<ActionStep>(step.body);
      for (const std::string& line : failure.lines)
        found.error(*step.source, action.where, failure.id, to_printable(line));
    });
}

Result<std::shared_ptr<const LoweredAction>> lower_local_action(const std::string& workspace,
                                                                const LocalReference& reference,
                                                                ActionProvider& provider, int depth) {
  Found action;
  action.is_read = true;
  action.place = {workspace, workspace + "/" + reference.path};
  if (!stays_below(workspace, workspace, reference.path))
    return Error{fmt::format("{} leaves the source directory, where no action is looked for", reference.path),
                 {}};
  Resolver resolver(provider);
  action.failure = resolver.read_metadata(
      action, action.place.directory,
      fmt::format("Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '{}'. Did you forget to run "
                  "actions/checkout before running your local action?",
                  action.place.directory));
  if (auto* composite = std::get_if<CompositeRuns>(&action.metadata.runs);
      composite != nullptr && !action.failure)
    resolver.find(std::vector<const std::vector<StepTask>*>{&composite->steps}, nullptr, depth + 1);
  resolver.lower(action);
  if (!action.failure && depth + action.height > kDeepest)
    action.failure = Failure{"action-depth", {std::string(kTooDeep)}};
  if (action.failure) {
    if (action.failure->id == "action-metadata")
      action.failure->lines.push_back(fmt::format("Failed to load {}", action.file.text->name()));
    return Error{fmt::format("{}", fmt::join(action.failure->lines, "\n")), {}};
  }
  return action.lowered;
}

}  // namespace buildspec_run
