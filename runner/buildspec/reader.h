// What the decoders read nodes with: typed access, and a finding with its place where a node is of another
// type. Internal to runner/buildspec.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/buildspec/model.h"
#include "runner/buildspec/severity.h"
#include "runner/yaml/document.h"

namespace buildspec_run {

class Reader;

/// Which versions of the buildspec have a key.
enum class Since { any_version, only_0_1, only_0_2 };

/// One key of a section, and what reads its value. Tables of these are the decoders.
template <class T>
struct Key {
  std::string_view name;
  void (*read)(Reader& reader, const Node::Entry& entry, T& into);
  Since since = Since::any_version;
};

/// A kind of mapping, for messages: `unknown key "x" in env`.
struct Section {
  std::string_view name;    // as in known_keys(), and in UnknownKey unless the caller names another
  std::string_view phrase;  // "in env"
  bool cloud_reports = true;
};

class Reader {
 public:
  /// `complete`: the whole text was read. Where it was not, nothing is said of what is missing.
  Reader(const SourceText& source, bool complete, Weighing weighing, Diagnostics& found, Buildspec& spec)
      : source_(source), complete_(complete), weighing_(weighing), found_(found), spec_(spec) {}

  [[nodiscard]] const SourceText& source() const noexcept { return source_; }
  [[nodiscard]] Buildspec& spec() noexcept { return spec_; }

  /// Reports `id` with the weight the table of severities gives it. Past a thousand findings they are only
  /// counted, and `finish` says how many.
  Diagnostic& report(SourceRange where, std::string_view id, std::string message);
  /// Reports that something is not there, in a text that was read to its end.
  void report_absence(SourceRange where, std::string_view id, std::string message) {
    if (complete_) report(where, id, std::move(message));
  }
  /// "a list is due here, and this is a mapping". Below `batch` it is the id `batch-wrong-type`.
  void wrong_type(const Node& node, std::string_view due);
  void unknown_key(const Node& key, const Section& section, std::string_view section_name,
                   std::span<const std::string_view> known);
  void finish();

  /// `text` as it may stand in a message: quoted, short, nothing a terminal would act on.
  [[nodiscard]] static std::string quoted(std::string_view text);
  /// A copy for the model. What aliases repeat is bounded: past 64 MiB in all, once an error, and
  /// what does not fit is empty.
  std::string copy(std::string_view text, SourceRange where);
  /// Whether all texts below `node` may be copied by somebody else; they count as if `copy` had made them.
  bool may_copy(const Node& node);

  /// A scalar; nullopt for null and, reported, for another kind.
  std::optional<PlacedString> string(const Node& node);
  std::optional<Placed<bool>> boolean(const Node& node);
  void boolean(const Node& node, bool& into);
  /// A list of scalars. A lone scalar is a list of one: public files have it, and the cloud takes it
  /// (buildspec.md 1.2, 2.10); `lone_is_documented` keeps it from being mentioned.
  std::vector<PlacedString> strings(const Node& node, bool lone_is_documented = false);
  /// A map of scalars; null is the empty string.
  std::vector<PlacedEntry> named(const Node& node);

  /// Decodes the mapping `node` by its table of keys. Null is an empty mapping.
  template <class T>
  void map(const Node& node, std::span<const Key<T>> keys, const Section& section, T& into,
           std::string_view section_name = {}) {
    if (node.is_null()) return;
    if (!node.is_mapping()) return wrong_type(node, "a mapping");
    for (const Node::Entry& entry : node.entries) {
      if (entry.key == nullptr || entry.value == nullptr) continue;  // reading stopped here
      const Key<T>* known = find_key(keys, *entry.key);
      if (known != nullptr) {
        known->read(*this, entry, into);
      } else {
        unknown_key(*entry.key, section, section_name.empty() ? section.name : section_name, names(keys));
      }
    }
  }

  template <class T>
  [[nodiscard]] const Key<T>* find_key(std::span<const Key<T>> keys, const Node& key) const noexcept {
    if (!key.is_scalar()) return nullptr;
    for (const Key<T>& known : keys)
      if (known.name == key.scalar && in_version(known.since)) return &known;
    return nullptr;
  }

  bool in_batch = false;                // what is wrong here does not concern an ordinary build
  std::set<std::string_view> parities;  // the `parity-…` ids that have been reported: each once in a file

 private:
  template <class T>
  [[nodiscard]] std::vector<std::string_view> names(std::span<const Key<T>> keys) const {
    std::vector<std::string_view> all;
    for (const Key<T>& key : keys)
      if (in_version(key.since)) all.push_back(key.name);
    return all;
  }
  [[nodiscard]] bool in_version(Since since) const noexcept {
    if (since == Since::any_version) return true;
    return (since == Since::only_0_1) == (spec_.version == Buildspec::Version::v0_1);
  }

  // False, and told once, when there is no more room for so much text.
  bool charge(std::size_t bytes, SourceRange where);

  const SourceText& source_;
  bool complete_;
  Weighing weighing_;
  Diagnostics& found_;
  Buildspec& spec_;
  std::size_t reported_ = 0;
  std::size_t unshown_errors_ = 0;
  Diagnostic unshown_;
  std::size_t copied_bytes_ = 0;
  bool too_large_ = false;
};

/// Where a key that is unknown in one place would be right: "it belongs at the top level"; empty when
/// nowhere.
[[nodiscard]] std::string where_it_belongs(std::string_view key, std::string_view section);

/// `batch`. Its findings are warnings in a run.
void decode_batch(Reader& reader, const Node::Entry& entry, Buildspec& spec);

/// The sections of `batch`, for known_keys().
struct SectionKeys;
void add_batch_keys(std::vector<SectionKeys>& sections);

/// The names in a table of keys, whatever their version.
template <class Keys>
[[nodiscard]] std::vector<std::string_view> key_names(const Keys& keys) {
  std::vector<std::string_view> names;
  for (const auto& key : keys) names.push_back(key.name);
  return names;
}

}  // namespace buildspec_run
