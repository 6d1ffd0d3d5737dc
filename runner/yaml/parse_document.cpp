// libyaml's events become nodes here, and nowhere else is libyaml seen. Its parser keeps its own stack on the
// heap, and so do we: no text, however deep, touches the machine's stack.
//
// Three things are ours to get right. Places: libyaml counts characters, we count bytes. Aliases: they share
// nodes, so the tree that a reader walks may be far larger than the text; its size and depth are counted as
// it grows, without growing it. Merge keys and duplicates: resolved when a mapping ends, as go-yaml v2
// resolves them (buildspec.md 1.2).
#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runner/base/check.h"
#include "runner/base/text.h"
#include "runner/yaml/document_state.h"
#include "runner/yaml/syntax_advice.h"

namespace buildspec_run {

namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";
constexpr std::string_view kCloudCode = "YAML_FILE_ERROR";
constexpr std::string_view kMergeTag = "tag:yaml.org,2002:merge";
// libyaml compares each %TAG directive with all before it; more of them than this are no buildspec but an
// attack.
constexpr std::size_t kMostTagDirectives = 1000;
// Of one kind of mistake, so many are listed in full.
constexpr std::size_t kMostOfAKind = 100;

std::string_view view(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(text));
}

bool is_utf16(std::string_view text) { return text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"); }

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_break(char c) { return c == '\n' || c == '\r'; }

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&event_); }
  yaml_event_t& operator*() { return event_; }
  yaml_event_t* operator->() { return &event_; }

 private:
  yaml_event_t event_ = {};
};

// Gives libyaml the text and hands out its events.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {
    check(yaml_parser_initialize(&parser_) == 1, "there is memory for a YAML parser");
    yaml_parser_set_input(&parser_, read, this);
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser() { yaml_parser_delete(&parser_); }

  // False on an error, of which `state` knows the rest.
  bool next(Event& event) { return yaml_parser_parse(&parser_, &*event) == 1; }
  [[nodiscard]] const yaml_parser_t& state() const { return parser_; }

 private:
  // A bad byte is an error as soon as it is read, before what stands in front of it is parsed. So when a text
  // has two mistakes, the size of a piece decides which is told. The Go port reads 512 bytes at a time, into
  // a buffer of 512 that may still hold a few (apic.go, readerc.go); the cloud is such a port, so its pieces
  // are ours.
  static constexpr std::size_t kPiece = 512;
  static constexpr std::size_t kLibraryBuffer = 16384;

  static int read(void* self_pointer, unsigned char* buffer, std::size_t size, std::size_t* size_read) {
    Parser& self = *static_cast<Parser*>(self_pointer);
    const std::size_t held = size < kLibraryBuffer ? kLibraryBuffer - size : 0;
    const std::size_t room = held < kPiece ? kPiece - held : 1;
    const std::size_t count = std::min({size, room, self.rest_.size()});
    if (count > 0) std::memcpy(buffer, self.rest_.data(), count);
    self.rest_.remove_prefix(count);
    *size_read = count;
    return 1;
  }

  yaml_parser_t parser_ = {};
  std::string_view rest_;
};

// Byte offsets of libyaml's marks. Marks come almost in order, so one cursor that walks to and fro makes it
// linear. The lines of a mark are of no use: libyaml ends lines at U+0085, U+2028 and U+2029 too.
class Places {
 public:
  explicit Places(const SourceText& source)
      : source_(source),
        text_(source.text()),
        utf16_(is_utf16(text_)),
        offset_(text_.starts_with(kBom) ? kBom.size() : 0) {
    bom_ = offset_;
    ascii_ = std::none_of(text_.begin() + static_cast<std::ptrdiff_t>(bom_), text_.end(),
                          [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  }

  [[nodiscard]] std::size_t at(const yaml_mark_t& mark) {
    if (utf16_) return source_.line_begin(mark.line + 1);
    if (ascii_) return std::min(mark.index + bom_, text_.size());
    while (index_ < mark.index && offset_ < text_.size()) {
      ++offset_;
      while (offset_ < text_.size() && continues(text_[offset_])) ++offset_;
      ++index_;
    }
    while (index_ > mark.index && offset_ > bom_) {
      --offset_;
      while (offset_ > bom_ && continues(text_[offset_])) --offset_;
      --index_;
    }
    return offset_;
  }
  [[nodiscard]] bool exact() const { return !utf16_; }

 private:
  static bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

  const SourceText& source_;
  std::string_view text_;
  bool utf16_;
  bool ascii_ = false;
  std::size_t bom_ = 0;
  std::size_t offset_;
  std::size_t index_ = 0;
};

// The size of what an alias would repeat, and how deep it goes.
struct Extent {
  std::size_t nodes = 0;
  std::size_t height = 0;
};

struct Anchor {
  Node* node = nullptr;
  Extent extent;
  bool closed = false;  // an alias to an anchor that is still open would make a cycle
};

// A `<<` entry of a mapping that is being read.
struct Merge {
  Node* key = nullptr;
  Node* value = nullptr;
  bool value_is_alias = false;
};

// A collection that is being read.
struct Frame {
  Node* node = nullptr;
  Anchor* anchor = nullptr;
  Node* key = nullptr;  // of a mapping: read, and waiting for its value
  bool key_merges = false;
  std::size_t nodes_before = 0;
  std::size_t height = 1;
  std::vector<Merge> merges;
};

class Reader {
 public:
  Reader(const SourceText& source, Diagnostics& found, const YamlLimits& limits, YamlDialect dialect,
         Document::State& state)
      : source_(source),
        text_(source.text()),
        found_(found),
        limits_(limits),
        is_manifest_(dialect == YamlDialect::manifest),
        state_(state),
        places_(source) {}

  void read() {
    if (!fits()) return;
    Parser parser(text_);
    bool in_document = false;
    for (;;) {
      Event event;
      if (!parser.next(event)) {
        syntax_error(parser.state());
        break;
      }
      if (event->type == YAML_STREAM_END_EVENT) break;
      if (event->type == YAML_DOCUMENT_START_EVENT) in_document = true;
      if (event->type == YAML_DOCUMENT_END_EVENT) {
        in_document = false;
        look_behind_document(parser);
        break;
      }
      if (in_document && !take(*event)) break;
    }
    leave_open_collections();
  }

 private:
  bool fits() {
    if (text_.size() > limits_.text_bytes) {
      state_.complete = false;
      error({}, "yaml-too-large",
            fmt::format("the text has {} bytes, more than the {} that are read", text_.size(),
                        limits_.text_bytes));
      return false;
    }
    if (text_.size() > limits_.warn_text_bytes && !is_manifest_) {
      found_.warning(
          source_, {}, "buildspec-large",
          fmt::format(
              "the text has {} bytes; the cloud's limit is not published, and more than {} is unusual",
              text_.size(), limits_.warn_text_bytes));
    }
    std::size_t directives = 0;
    for (std::size_t at = text_.find("%TAG"); at != std::string_view::npos; at = text_.find("%TAG", at + 4)) {
      if ((at == 0 || is_break(text_[at - 1])) && ++directives > kMostTagDirectives) {
        state_.complete = false;
        error({at, at + 4}, "yaml-too-large",
              fmt::format("there are more than {} %TAG directives", kMostTagDirectives));
        return false;
      }
    }
    return true;
  }

  // One event inside the document. False when a limit is reached, or the dialect does not go on.
  bool take(yaml_event_t& event) {
    if (is_manifest_ && !is_allowed_in_manifest(event)) return false;
    switch (event.type) {
      case YAML_SCALAR_EVENT:
        return take_scalar(event);
      case YAML_ALIAS_EVENT:
        return take_alias(event);
      case YAML_SEQUENCE_START_EVENT:
        return open(NodeKind::sequence, event, event.data.sequence_start.anchor,
                    event.data.sequence_start.tag,
                    event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
      case YAML_MAPPING_START_EVENT:
        return open(NodeKind::mapping, event, event.data.mapping_start.anchor, event.data.mapping_start.tag,
                    event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return close(event);
      default:
        return true;
    }
  }

  bool is_allowed_in_manifest(const yaml_event_t& event) {
    if (event.type == YAML_ALIAS_EVENT)
      return stop_manifest(event, "Unexpected parsing event type: AnchorAlias");
    const std::string_view anchor =
        view(event.type == YAML_SCALAR_EVENT           ? event.data.scalar.anchor
             : event.type == YAML_SEQUENCE_START_EVENT ? event.data.sequence_start.anchor
             : event.type == YAML_MAPPING_START_EVENT  ? event.data.mapping_start.anchor
                                                       : nullptr);
    return anchor.empty() ||
           stop_manifest(event,
                         fmt::format("Anchors are not currently supported. Remove the anchor '{}'", anchor));
  }

  bool stop_manifest(const yaml_event_t& event, std::string message) {
    state_.complete = false;
    error(one_character(places_.at(event.start_mark)), "yaml-manifest", std::move(message));
    return false;
  }

  bool take_scalar(const yaml_event_t& event) {
    const auto& data = event.data.scalar;
    Node* node = make_node(NodeKind::scalar, event.start_mark);
    if (node == nullptr) return false;
    node->scalar.assign(reinterpret_cast<const char*>(data.value), data.length);
    node->style = style_of(data.style);
    node->where.end = places_.at(event.end_mark);
    skip_properties(*node, data.anchor, data.tag);
    if (places_.exact()) trim(*node);
    last_end_ = std::max(last_end_, node->where.end);
    note_tag(*node);
    if (data.anchor != nullptr) {
      Anchor& anchor = new_anchor(data.anchor, *node);
      anchor.extent = {1, 1};
      anchor.closed = true;
    }
    const bool merges =
        !is_manifest_ && node->scalar == "<<" && (data.plain_implicit != 0 || node->tag == kMergeTag);
    return place(*node, 1, merges, false);
  }

  bool take_alias(const yaml_event_t& event) {
    const std::string_view name = view(event.data.alias.anchor);
    const SourceRange where = {places_.at(event.start_mark), places_.at(event.end_mark)};
    last_end_ = std::max(last_end_, where.end);
    const auto anchor = anchors_.find(std::string(name));
    if (anchor == anchors_.end() || !anchor->second->closed) {
      state_.complete = false;
      if (anchor == anchors_.end()) {
        fail_as_cloud(
            where, "yaml-undefined-alias",
            fmt::format("the alias \"*{}\" names no anchor before it; if it is part of a command, quote the "
                        "whole entry",
                        name),
            fmt::format("found undefined alias at line {}", event.start_mark.line));
      } else {
        fail_as_cloud(where, "yaml-recursive-alias",
                      fmt::format("the alias \"*{}\" stands inside the very thing it names, in line {}", name,
                                  line_of(anchor->second->node->where.begin)),
                      fmt::format("anchor '{}' value contains itself", name));
      }
      // The rest is read as if the text of the alias stood there, to find what else is wrong.
      Node* node = make_node(NodeKind::scalar, event.start_mark);
      if (node == nullptr) return false;
      node->where = where;
      node->scalar = fmt::format("*{}", name);
      node->incomplete = true;
      return place(*node, 1, false, false);
    }
    const Extent extent = anchor->second->extent;
    expanded_ += extent.nodes;
    if (expanded_ > limits_.expanded_nodes) {
      state_.complete = false;
      error(where, "yaml-alias-bomb",
            fmt::format("with every alias written out the text has more than {} nodes",
                        limits_.expanded_nodes));
      return false;
    }
    if (frames_.size() + extent.height > limits_.depth) return too_deep(where);
    return place(*anchor->second->node, extent.height, false, true);
  }

  bool open(NodeKind kind, const yaml_event_t& event, const yaml_char_t* anchor, const yaml_char_t* tag,
            bool flow) {
    const std::size_t nodes_before = expanded_;
    Node* node = make_node(kind, event.start_mark);
    if (node == nullptr) return false;
    node->flow = flow;
    // Only an opening bracket has an end of its own; a block collection ends with the last thing in it.
    node->where.end = flow ? places_.at(event.end_mark) : node->where.begin;
    skip_properties(*node, anchor, tag);
    node->where.end = std::max(node->where.end, node->where.begin);
    note_tag(*node);
    if (frames_.size() + 1 > limits_.depth) return too_deep(one_character(node->where.begin));
    Frame frame;
    frame.node = node;
    frame.nodes_before = nodes_before;
    if (anchor != nullptr) frame.anchor = &new_anchor(anchor, *node);
    frames_.push_back(std::move(frame));
    return true;
  }

  bool close(const yaml_event_t& event) {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (frame.node->flow) {
      frame.node->where.end = std::max(frame.node->where.end, places_.at(event.end_mark));
      last_end_ = std::max(last_end_, frame.node->where.end);
    }
    finish(frame);
    return place(*frame.node, frame.height, false, false);
  }

  void finish(Frame& frame) {
    if (frame.node->is_mapping() && !is_manifest_) resolve_entries(frame);
    if (frame.anchor != nullptr) {
      frame.anchor->extent = {expanded_ - frame.nodes_before, frame.height};
      frame.anchor->closed = true;
    }
  }

  // Puts a node that is complete where it belongs: into the collection that is open, or at the root.
  bool place(Node& node, std::size_t height, bool merges, bool alias) {
    if (frames_.empty()) {
      state_.root = &node;
      return true;
    }
    Frame& frame = frames_.back();
    // The entries of a mapping that is merged in stand no deeper than those of its new place.
    const bool flattened = frame.key != nullptr && frame.key_merges && node.is_mapping();
    frame.height = std::max(frame.height, flattened ? height : height + 1);
    // An alias stands elsewhere; of it counts what `take_alias` saw, in `last_end_`.
    frame.node->where.end = std::max(frame.node->where.end, alias ? last_end_ : node.where.end);
    if (frame.node->is_sequence()) {
      frame.node->items.push_back(&node);
    } else if (frame.key == nullptr) {
      frame.key = &node;
      frame.key_merges = merges;
      if (!node.is_scalar() && !is_manifest_ && count(non_scalar_keys_, node.where, "yaml-key"))
        error(node.where, "yaml-key",
              fmt::format("a {} stands as a key, and a key must be a scalar; if it is text, quote it",
                          to_string(node.kind)));
    } else {
      if (frame.key_merges)
        frame.merges.push_back({frame.key, &node, alias});
      else
        frame.node->entries.push_back({frame.key, &node, false});
      frame.key = nullptr;
    }
    return true;
  }

  // When reading stops early, what is open is closed as it stands.
  void leave_open_collections() {
    while (!frames_.empty()) {
      state_.complete = false;
      if (frames_.back().key != nullptr) {
        Node& nothing = state_.nodes.add();
        nothing.source = &source_;
        nothing.where = {last_end_, last_end_};
        nothing.incomplete = true;
        place(nothing, 1, false, false);
      }
      Frame frame = std::move(frames_.back());
      frames_.pop_back();
      frame.node->incomplete = true;
      finish(frame);
      place(*frame.node, frame.height, false, false);
    }
  }

  // Duplicates and merge keys. go-yaml puts the entries of a mapping into a Go map one after the other, so
  // the last one of a key stays; a list of merged mappings it applies from its end, so there the first one
  // stays. It also lets a `<<` that follows a key overwrite it; there we keep to YAML's own rule (an own key
  // wins) and say so.
  void resolve_entries(Frame& frame) {
    std::vector<Node::Entry>& entries = frame.node->entries;
    drop_duplicates(entries);
    if (frame.merges.empty()) return;
    Keys keys(entries);
    const std::size_t own = entries.size();
    for (std::size_t i = 1; i < frame.merges.size(); ++i) {
      if (count(duplicates_, frame.merges[i].key->where, "duplicate-key"))
        found_.warning(
            source_, frame.merges[i].key->where, "duplicate-key",
            fmt::format(
                "\"<<\" is already in this mapping, in line {}; where both bring a key, this one counts",
                line_of(frame.merges[i - 1].key->where.begin)));
    }
    for (auto merge = frame.merges.rbegin(); merge != frame.merges.rend(); ++merge) {
      if (merge->value->is_mapping()) {
        merge_in(*merge, *merge->value, frame, keys, own);
      } else if (merge->value->is_sequence() && !merge->value_is_alias &&
                 std::all_of(merge->value->items.begin(), merge->value->items.end(),
                             [](const Node* item) { return item->is_mapping(); })) {
        for (const Node* item : merge->value->items) merge_in(*merge, *item, frame, keys, own);
      } else if (!merge->value->incomplete) {
        state_.complete = false;
        fail_as_cloud(merge->key->where, "yaml-merge",
                      "map merge requires map or sequence of maps as the value; write \"<<: *name\" or "
                      "\"<<: [*one, *two]\", each the alias of a mapping",
                      "map merge requires map or sequence of maps as the value");
      }
    }
  }

  // The entries of a mapping by key. A handful is compared one by one; more are hashed.
  class Keys {
   public:
    explicit Keys(std::vector<Node::Entry>& entries) : entries_(entries) {
      if (entries_.size() > kFew) hash();
    }
    // Index of the entry with the scalar key `key`, or npos.
    [[nodiscard]] std::size_t find(std::string_view key) const {
      if (!hashed_) {
        for (std::size_t i = 0; i < entries_.size(); ++i) {
          if (entries_[i].key->is_scalar() && entries_[i].key->text() == key) return i;
        }
        return npos;
      }
      const auto at = by_key_.find(key);
      return at == by_key_.end() ? npos : at->second;
    }
    void add(const Node::Entry& entry) {
      entries_.push_back(entry);
      if (hashed_)
        note(entries_.size() - 1);
      else if (entries_.size() > kFew)
        hash();
    }
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);

   private:
    static constexpr std::size_t kFew = 12;
    void hash() {
      hashed_ = true;
      for (std::size_t i = 0; i < entries_.size(); ++i) note(i);
    }
    void note(std::size_t i) {
      if (entries_[i].key->is_scalar()) by_key_.insert_or_assign(entries_[i].key->text(), i);
    }
    std::vector<Node::Entry>& entries_;
    std::unordered_map<std::string_view, std::size_t> by_key_;
    bool hashed_ = false;
  };

  void drop_duplicates(std::vector<Node::Entry>& entries) {
    scratch_.clear();
    scratch_.swap(entries);
    entries.reserve(scratch_.size());
    Keys keys(entries);
    for (const Node::Entry& entry : scratch_) {
      const std::size_t there = entry.key->is_scalar() ? keys.find(entry.key->text()) : Keys::npos;
      if (there == Keys::npos) {
        keys.add(entry);
        continue;
      }
      if (count(duplicates_, entry.key->where, "duplicate-key"))
        found_.warning(
            source_, entry.key->where, "duplicate-key",
            fmt::format("the key \"{}\" is already in this mapping, in line {}; the last one counts",
                        to_valid_utf8(entry.key->text()), line_of(entries[there].key->where.begin)));
      entries[there] = entry;
    }
  }

  void merge_in(const Merge& merge, const Node& from, Frame& frame, Keys& keys, std::size_t own) {
    // Copied by index: a mapping cannot merge itself (its anchor is still open), so `from` does not grow.
    for (const Node::Entry& entry : from.entries) {
      if (entry.key->is_scalar()) {
        const std::size_t there = keys.find(entry.key->text());
        if (there != Keys::npos) {
          const Node& key = *frame.node->entries[there].key;
          if (there < own && key.where.begin < merge.key->where.begin &&
              count(merges_behind_, merge.key->where, "merge-order"))
            found_.warning(
                source_, merge.key->where, "merge-order",
                fmt::format("\"<<\" brings the key \"{}\", which stands before it in line {}; the one in the "
                            "mapping counts, but some readers take the merged one: put \"<<\" first",
                            to_valid_utf8(entry.key->text()), line_of(key.where.begin)));
          continue;
        }
      }
      keys.add({entry.key, entry.value, true});
    }
  }

  Node* make_node(NodeKind kind, const yaml_mark_t& start) {
    const std::size_t begin = places_.at(start);
    ++expanded_;
    if (state_.nodes.size() >= limits_.nodes || expanded_ > limits_.expanded_nodes) {
      state_.complete = false;
      if (state_.nodes.size() >= limits_.nodes)
        error(one_character(begin), "yaml-too-large",
              fmt::format("the text has more than {} nodes", limits_.nodes));
      else
        error(one_character(begin), "yaml-alias-bomb",
              fmt::format("with every alias written out the text has more than {} nodes",
                          limits_.expanded_nodes));
      return nullptr;
    }
    Node& node = state_.nodes.add();
    node.kind = kind;
    node.source = &source_;
    node.where = {begin, begin};
    return &node;
  }

  // Moves the node's begin behind its anchor and tag, which libyaml counts in.
  void skip_properties(Node& node, const yaml_char_t* anchor, const yaml_char_t* tag) {
    node.tag = view(tag);
    if (!places_.exact() || (anchor == nullptr && tag == nullptr)) return;
    std::size_t at = node.where.begin;
    int left = (anchor != nullptr ? 1 : 0) + (tag != nullptr ? 1 : 0);
    while (left-- > 0) {
      at = skip_space(at);
      if (at >= text_.size()) break;
      const std::size_t begin = at;
      if (text_[at] == '&') {
        ++at;
        while (at < text_.size() && is_anchor_character(text_[at])) ++at;
      } else if (text_.substr(at).starts_with("!<")) {
        while (at < text_.size() && text_[at] != '>') ++at;
        at = std::min(at + 1, text_.size());
      } else {
        while (at < text_.size() && !is_blank(text_[at]) && !is_break(text_[at]) && text_[at] != ',' &&
               !starts_wide_break(at))
          ++at;
      }
      if (text_[begin] == '!') node.tag_where = {begin, at};
    }
    // A node with nothing behind its properties ends with them.
    const bool empty = node.is_scalar() && at >= node.where.end;
    const std::size_t content = empty ? at : skip_space(at);
    node.where.begin = content;
    node.where.end = std::max(node.where.end, content);
  }

  static bool is_anchor_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
  }
  // U+0085, U+2028 or U+2029, where libyaml ends a line.
  [[nodiscard]] std::size_t wide_break(std::size_t at) const {
    const std::string_view rest = text_.substr(at);
    if (rest.starts_with("\xC2\x85")) return 2;
    return rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9") ? 3 : 0;
  }
  [[nodiscard]] bool starts_wide_break(std::size_t at) const {
    return static_cast<unsigned char>(text_[at]) >= 0x80 && wide_break(at) > 0;
  }
  // Behind blanks, line breaks and comments.
  [[nodiscard]] std::size_t skip_space(std::size_t at) const {
    while (at < text_.size()) {
      if (is_blank(text_[at]) || is_break(text_[at])) {
        ++at;
      } else if (starts_wide_break(at)) {
        at += wide_break(at);
      } else if (text_[at] == '#') {
        while (at < text_.size() && !is_break(text_[at]) && !starts_wide_break(at)) ++at;
      } else {
        break;
      }
    }
    return at;
  }

  // The end of a scalar as people see it. libyaml counts the empty lines behind a block scalar in; an entry
  // that is not there at all it may place at whatever comes next.
  void trim(Node& node) {
    SourceRange& where = node.where;
    if (node.style == ScalarStyle::literal || node.style == ScalarStyle::folded) {
      std::size_t end = where.end;
      while (end > where.begin && (is_blank(text_[end - 1]) || is_break(text_[end - 1]))) --end;
      const bool in_header =
          text_.substr(where.begin, end - where.begin).find_first_of("\r\n") == std::string_view::npos;
      while (!in_header && end < where.end && is_blank(text_[end])) ++end;
      where.end = end;
    } else if (where.begin == where.end && node.tag.empty() && where.begin > last_end_ && !frames_.empty() &&
               !frames_.back().node->flow && text_[where.begin - 1] != ':' && text_[where.begin - 1] != '-' &&
               text_[where.begin - 1] != '?') {
      where = {last_end_, last_end_};
    }
  }

  void note_tag(const Node& node) {
    if (node.tag.empty() || is_manifest_) return;
    if (node.tag == "!") {
      if (count(negations_, node.tag_where, "tag-not-negation"))
        found_.warning(source_, node.tag_where, "tag-not-negation",
                       "an unquoted ! is a YAML tag, not a negation, and is not part of the value; quote the "
                       "whole entry");
      return;
    }
    constexpr std::string_view kCore = "tag:yaml.org,2002:";
    static constexpr std::string_view kKnown[] = {"str", "int", "float", "bool",     "null",
                                                  "map", "seq", "merge", "timestamp"};
    const std::string_view tag = node.tag;
    if (tag.starts_with(kCore) && std::ranges::find(kKnown, tag.substr(kCore.size())) != std::end(kKnown))
      return;
    if (count(ignored_tags_, node.tag_where, "tag-ignored"))
      found_.warning(
          source_, node.tag_where, "tag-ignored",
          fmt::format("the tag {} means nothing here and is not part of the value; if it is text, quote the "
                      "whole entry",
                      to_valid_utf8(places_.exact() ? source_.slice(node.tag_where) : tag)));
  }

  static ScalarStyle style_of(yaml_scalar_style_t style) {
    switch (style) {
      case YAML_SINGLE_QUOTED_SCALAR_STYLE:
        return ScalarStyle::single_quoted;
      case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        return ScalarStyle::double_quoted;
      case YAML_LITERAL_SCALAR_STYLE:
        return ScalarStyle::literal;
      case YAML_FOLDED_SCALAR_STYLE:
        return ScalarStyle::folded;
      default:
        return ScalarStyle::plain;
    }
  }

  Anchor& new_anchor(const yaml_char_t* name, Node& node) {
    Anchor& anchor = anchor_store_.emplace_back();
    anchor.node = &node;
    anchors_[std::string(view(name))] = &anchor;
    return anchor;
  }

  bool too_deep(SourceRange where) {
    state_.complete = false;
    error(where, "yaml-too-deep", fmt::format("collections are nested more than {} deep", limits_.depth));
    return false;
  }

  // go-yaml and we read the first document only, and nothing behind it is an error. But nobody writes it to
  // be ignored.
  void look_behind_document(Parser& parser) {
    Event event;
    if (!parser.next(event)) {
      const yaml_parser_t& state = parser.state();
      if (is_manifest_) return syntax_error(state);
      const std::size_t at = state.error == YAML_READER_ERROR ? std::min(state.problem_offset, text_.size())
                                                              : places_.at(state.problem_mark);
      found_.warning(source_, one_character(at), "more-documents",
                     "the document ends before this, and what follows is not read");
    } else if (event->type == YAML_DOCUMENT_START_EVENT && is_manifest_) {
      stop_manifest(*event, "Expected stream end parse event");
    } else if (event->type == YAML_DOCUMENT_START_EVENT) {
      found_.warning(source_, one_character(places_.at(event->start_mark)), "more-documents",
                     "a second document begins here, and only the first is read");
    }
  }

  void syntax_error(const yaml_parser_t& parser) {
    state_.complete = false;
    if (parser.error == YAML_MEMORY_ERROR) {
      error({}, "yaml-too-large", "libyaml has no memory for this text");
      return;
    }
    const std::string_view problem = parser.problem == nullptr ? "unknown problem" : parser.problem;
    SyntaxProblem about;
    about.problem = problem;
    about.context = parser.context == nullptr ? "" : parser.context;
    // The reader below the scanner knows a byte offset and no line; the cloud's text then names line 0.
    about.where = parser.error == YAML_READER_ERROR ? std::min(parser.problem_offset, text_.size())
                                                    : places_.at(parser.problem_mark);
    if (parser.context != nullptr) about.started = places_.at(parser.context_mark);
    fail_as_cloud(one_character(about.where), "yaml-syntax",
                  places_.exact() ? syntax_advice(source_, about) : std::string(problem),
                  fmt::format("{} at line {}", problem, parser.problem_mark.line));
  }

  // The character at `at`, or nothing at the end of a line.
  [[nodiscard]] SourceRange one_character(std::size_t at) const {
    if (at >= text_.size() || is_break(text_[at])) return {at, at};
    std::size_t end = at + 1;
    while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80 && end < at + 4)
      ++end;
    return {at, end};
  }

  [[nodiscard]] std::size_t line_of(std::size_t offset) const { return source_.place(offset).line; }

  Diagnostic& error(SourceRange where, std::string_view id, std::string message) {
    return found_.error(source_, where, id, std::move(message));
  }
  void fail_as_cloud(SourceRange where, std::string_view id, std::string message, std::string cloud_message) {
    Diagnostic& diagnostic = error(where, id, std::move(message));
    diagnostic.cloud_message = std::move(cloud_message);
    diagnostic.cloud_code = kCloudCode;
  }

  // Whether one more of a kind is still listed. The first that is not, is the last word about its kind.
  bool count(std::size_t& so_far, SourceRange where, std::string_view id) {
    if (so_far == kMostOfAKind)
      found_.add(Severity::note, source_, where, id,
                 fmt::format("more than {} of these; the others are not listed", kMostOfAKind));
    return so_far++ < kMostOfAKind;
  }

  const SourceText& source_;
  std::string_view text_;
  Diagnostics& found_;
  const YamlLimits& limits_;
  bool is_manifest_;
  Document::State& state_;
  Places places_;
  std::vector<Frame> frames_;
  std::vector<Node::Entry> scratch_;
  std::deque<Anchor> anchor_store_;
  std::unordered_map<std::string, Anchor*> anchors_;
  std::size_t expanded_ = 0;  // nodes so far, with every alias written out
  std::size_t last_end_ = 0;  // behind the last content so far
  std::size_t duplicates_ = 0, merges_behind_ = 0, negations_ = 0, ignored_tags_ = 0, non_scalar_keys_ = 0;
};

}  // namespace

Document parse_document(const SourceText& source, Diagnostics& found, const YamlLimits& limits,
                        YamlDialect dialect) {
  auto state = std::make_unique<Document::State>();
  Reader(source, found, limits, dialect, *state).read();
  return Document(std::move(state));
}

}  // namespace buildspec_run
