#include "actions/store/lock_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "actions/action_reference.h"
#include "actions/store/remote_name.h"
#include "runner/base/json.h"
#include "runner/yaml/document.h"
#include "runner/yaml/write_yaml.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kId = "lock-file";

bool is_digest(std::string_view text) {
  return text.starts_with("sha256:") && text.size() == 71 && is_full_commit(text.substr(7)) &&
         std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'F'; });
}

bool is_remote_reference(std::string_view key) {
  const Result<ActionReference> reference = parse_action_reference(key);
  if (!reference) return false;
  const auto* repository = std::get_if<RepositoryReference>(&*reference);
  return repository != nullptr && repository->path.empty() && repository->key() == key;
}

void decode_action(const SourceText& source, const Node& key, const Node& value, LockFile& lock,
                   Diagnostics& found) {
  const std::string name(key.text());
  if (!key.is_scalar() || !is_remote_reference(name)) {
    found.error(source, key.where, kId, "an action is owner/repo@ref");
    return;
  }
  if (!value.is_mapping()) {
    found.error(source, value.where, kId, "an action has a commit and a digest");
    return;
  }
  LockedAction action;
  for (const Node::Entry& entry : value.entries) {
    const std::string_view text = entry.value->is_scalar() ? entry.value->text() : "";
    if (entry.key->text() == "commit") {
      if (is_full_commit(text))
        action.commit = text;
      else
        found.error(source, entry.value->where, kId, "a commit is 40 hexadecimal digits");
    } else if (entry.key->text() == "digest") {
      if (is_digest(text))
        action.digest = text;
      else
        found.error(source, entry.value->where, kId, "a digest is sha256: and 64 hexadecimal digits");
    } else {
      found.error(
          source, entry.key->where, kId,
          fmt::format("unknown key \"{}\" of an action; commit and digest are known", entry.key->text()));
    }
  }
  for (const char* needed : {"commit", "digest"})
    if (value.find(needed) == nullptr)
      found.error(source, key.where, kId, fmt::format("{} has no {}", name, needed));
  if (!action.commit.empty() && !action.digest.empty()) lock.actions[name] = std::move(action);
}

}  // namespace

LockFile decode_lock_file(const SourceText& source, Diagnostics& found) {
  LockFile lock;
  const Document document = parse_document(source, found);
  const Node* root = document.root();
  if (root == nullptr || !root->is_mapping()) {
    if (document.complete())
      found.error(source, {0, 0}, kId, "a lock file is a mapping with version and actions");
    return lock;
  }
  bool has_version = false;
  for (const Node::Entry& entry : root->entries) {
    const std::string_view key = entry.key->text();
    if (key == "version") {
      has_version = true;
      if (!entry.value->is_scalar() || entry.value->text() != "1")
        found.error(source, entry.value->where, kId, "only version 1 of lock files is known");
    } else if (key == "actions") {
      if (entry.value->is_mapping())
        for (const Node::Entry& action : entry.value->entries)
          decode_action(source, *action.key, *action.value, lock, found);
      else if (!entry.value->is_null())
        found.error(source, entry.value->where, kId,
                    "actions is a mapping from owner/repo@ref to commit and digest");
    } else {
      found.error(source, entry.key->where, kId,
                  fmt::format("unknown key \"{}\"; version and actions are known", key));
    }
  }
  if (!has_version && document.complete())
    found.error(source, root->where, kId, "the lock file has no version");
  return lock;
}

std::string to_text(const LockFile& lock) {
  Value::Object actions;
  for (const auto& [key, action] : lock.actions)
    actions.emplace_back(key, Value::Object{{"commit", action.commit}, {"digest", action.digest}});
  return "# Which commit, and which files, each action is. Written by \"buildspec-run actions lock\"; commit "
         "it.\n" +
         write_yaml(Value::Object{{"version", 1}, {"actions", std::move(actions)}});
}

}  // namespace buildspec_run
