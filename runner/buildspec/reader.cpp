#include "runner/buildspec/reader.h"

#include <fmt/core.h>

#include <utility>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kMostFindings = 1000;
constexpr std::size_t kMostCopiedBytes = 64u << 20;
constexpr std::size_t kLongestQuoted = 60;

// A mapping may come as an alias from far away; the place of a finding is still where its text stands.
std::string_view article(NodeKind kind) {
  switch (kind) {
    case NodeKind::scalar:
      return "text";
    case NodeKind::sequence:
      return "a list";
    case NodeKind::mapping:
      return "a mapping";
  }
  return "text";
}

}  // namespace

Diagnostic& Reader::report(SourceRange where, std::string_view id, std::string message) {
  const Severity severity = severity_of(id, weighing_);
  if (++reported_ > kMostFindings) {
    unshown_errors_ += severity == Severity::error ? 1 : 0;
    return unshown_ = {};
  }
  return found_.add(severity, source_, where, id, std::move(message));
}

void Reader::finish() {
  if (reported_ <= kMostFindings) return;
  found_.add(unshown_errors_ > 0 ? Severity::error : Severity::warning, source_, {}, "more-findings",
             fmt::format("{} more in this file, not shown", counted(reported_ - kMostFindings, "finding")));
}

void Reader::wrong_type(const Node& node, std::string_view due) {
  if (node.incomplete) return;  // the error that stopped the reading has been told
  const std::string_view found = node.is_null() ? "nothing" : article(node.kind);
  Diagnostic& wrong = report(node.where, in_batch ? "batch-wrong-type" : "wrong-type",
                             fmt::format("{} is due here, and this is {}", due, found));
  if (!in_batch) wrong.cloud_code = "YAML_FILE_ERROR";
}

std::string Reader::quoted(std::string_view text) {
  std::string out = "\"";
  std::size_t characters = 0;
  const std::string valid = to_valid_utf8(text.substr(0, 4 * kLongestQuoted));
  for (const char c : valid) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80 && ++characters > kLongestQuoted) return out + "…\"";
    if (byte < 0x20 || byte == 0x7F)
      out += "\xEF\xBF\xBD";
    else
      out += c;
  }
  return out + "\"";
}

bool Reader::charge(std::size_t bytes, SourceRange where) {
  if (bytes <= kMostCopiedBytes - copied_bytes_) {
    copied_bytes_ += bytes;
    return true;
  }
  if (!too_large_)
    report(where, "text-too-large", "the aliases of this file repeat more than 64 MiB of text");
  too_large_ = true;
  return false;
}

std::string Reader::copy(std::string_view text, SourceRange where) {
  return charge(text.size(), where) ? std::string(text) : "";
}

bool Reader::may_copy(const Node& node) {
  if (node.is_scalar()) return charge(node.scalar.size(), node.where);
  for (const Node* item : node.items)
    if (!may_copy(*item)) return false;
  for (const auto& [key, value, merged] : node.entries)
    if ((key != nullptr && !may_copy(*key)) || (value != nullptr && !may_copy(*value))) return false;
  return true;
}

void Reader::unknown_key(const Node& key, const Section& section, std::string_view section_name,
                         std::span<const std::string_view> known) {
  const std::string_view id = section.cloud_reports ? "unknown-key" : "unknown-key-unchecked";
  if (!key.is_scalar()) {
    report(key.where, id, fmt::format("{} as a key {}; keys are text", article(key.kind), section.phrase));
    return;
  }
  std::string hint;
  if (reported_ < kMostFindings) {
    hint = where_it_belongs(key.scalar, section.name);
    if (hint.empty()) hint = did_you_mean(key.scalar, known);
    spec_.unknown_keys.push_back(
        {std::string(section_name), {copy(key.scalar, key.where), key.where}, section.cloud_reports});
  }
  report(key.where, id, fmt::format("unknown key {} {}{}", quoted(key.scalar), section.phrase, hint));
}

std::optional<PlacedString> Reader::string(const Node& node) {
  if (!node.is_scalar()) return wrong_type(node, "text"), std::nullopt;
  if (node.is_null()) return std::nullopt;
  return PlacedString{copy(node.text(), node.where), node.where};
}

std::optional<Placed<bool>> Reader::boolean(const Node& node) {
  if (node.is_scalar() && node.is_null()) return std::nullopt;
  const std::optional<bool> value = node.is_scalar() ? node.boolean() : std::nullopt;
  if (!value) return wrong_type(node, "yes or no"), std::nullopt;
  return Placed<bool>{*value, node.where};
}

void Reader::boolean(const Node& node, bool& into) {
  if (const std::optional<Placed<bool>> value = boolean(node)) into = value->value;
}

std::vector<PlacedString> Reader::strings(const Node& node, bool lone_is_documented) {
  std::vector<PlacedString> all;
  if (node.is_null()) return all;
  if (node.is_scalar()) {
    if (!lone_is_documented)
      report(node.where, "scalar-for-list",
             "a lone value where a list is documented; it is taken as a list of one");
    all.push_back({copy(node.text(), node.where), node.where});
    return all;
  }
  if (!node.is_sequence()) return wrong_type(node, "a list"), all;
  for (const Node* item : node.items) {
    if (item->is_null()) {
      report(item->where, "empty-entry", "an empty entry, which stands for nothing");
    } else if (std::optional<PlacedString> text = string(*item)) {
      all.push_back(std::move(*text));
    }
  }
  return all;
}

std::vector<PlacedEntry> Reader::named(const Node& node) {
  std::vector<PlacedEntry> all;
  if (node.is_null()) return all;
  if (!node.is_mapping()) return wrong_type(node, "a mapping of names to values"), all;
  for (const auto& [key, value, merged] : node.entries) {
    if (key == nullptr || value == nullptr) continue;
    if (!key->is_scalar()) {
      wrong_type(*key, "a name");
    } else if (!value->is_scalar()) {
      wrong_type(*value, "text");
    } else {
      all.push_back(
          {{copy(key->scalar, key->where), key->where}, {copy(value->text(), value->where), value->where}});
    }
  }
  return all;
}

}  // namespace buildspec_run
