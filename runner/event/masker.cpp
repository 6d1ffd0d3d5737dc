// Secrets are found by two machines that share the work.
//
// The automaton (Aho-Corasick over all forms) is exact and linear whatever the text: its state after a byte
// is the longest end of the text that may be the beginning of a form, which is also all that a stream has to
// hold back. It costs some nanoseconds a byte.
//
// The sieve skips text in which nothing begins, and reads only every k-th place of it. A form of at least
// k + q - 1 bytes covers, wherever it lies, one of those places whole with the q bytes there; so when none of
// the q bytes that the forms have at their offsets 0 .. k-1 is found there (a table of hashes says), no form
// has begun in the last k bytes. Where the table says "perhaps", the automaton starts at the first place in
// question and runs until nothing of it is left. The places are k bytes apart whatever is read, so the
// processor reads many of them at once, which a shift table (Wu-Manber) would not let it do. One short form
// makes k small for all, so forms of a like length have a sieve each.
//
// Every byte is seen at most once by each sieve and a constant number of times by the automaton: text made of
// the beginnings of secrets costs what the automaton costs, no more.
//
// What escape sequences cut is looked for in a second pass, over the text without them, but only near to one:
// within the length of the longest form.
//
// MB/s by tests/bench/masker_bench (best of 20, one core of a shared EPYC; a copy alone: 42,000), for a log
// without escape sequences, with one at every hundredth blank and every hundredth line's end, with one at
// every third of them, and for a text of nothing but beginnings of secrets, without and with sequences:
//
//                                    log  few seq.  many seq.  beginnings  with seq.
//   100 tokens of 40 bytes         6,000     2,500        780         190        135
//   100 passwords of 8-32          1,500       900        435         100         66
//   … and one of 4 bytes             980       660        330          97         65
//   … or a JSON key                  700       310        270         104         74
//
// The sieve with a bitmap in place of its table of bytes was slower (6,500 against 6,600, and 1,150 against
// 1,700), the automaton alone much (330, 150).
//
// To make it all takes 0.14 ms for 10 secrets, 1.5 to 2 ms for 100, 4 ms with a key of 1,700 bytes among them,
// nothing for none. That is fast enough for output that is written, too, and so no library (Vectorscan) has to
// be found on the user's machine; none was measured.

#include "runner/event/masker.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <set>
#include <unordered_map>
#include <utility>

#include "runner/base/check.h"
#include "runner/base/text.h"
#include "runner/event/secret_forms.h"

namespace buildspec_run {
namespace {

// White space as .NET trims it.
constexpr std::array<std::string_view, 25> kBlanks = {
    "\t",           "\n",           "\v",           "\f",           "\r",           " ",
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82",
    "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88",
    "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F",
    "\xE3\x80\x80"};

std::string_view trimmed(std::string_view text) {
  const auto blank_at = [&](auto fits) {
    const auto found = std::find_if(kBlanks.begin(), kBlanks.end(), fits);
    return found == kBlanks.end() ? std::size_t{0} : found->size();
  };
  while (const std::size_t bytes = blank_at([&](std::string_view blank) { return text.starts_with(blank); }))
    text.remove_prefix(bytes);
  while (const std::size_t bytes = blank_at([&](std::string_view blank) { return text.ends_with(blank); }))
    text.remove_suffix(bytes);
  return text;
}

// `text` with all its line ends as `line_end`.
std::string with_line_ends(std::string_view text, std::string_view line_end) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (text[i] == '\n')
      result += line_end;
    else
      result += text[i];
  }
  return result;
}

// --- The automaton

// States are numbered level by level, so that the children of one lie side by side, their labels sorted in
// `labels_`.
class Automaton {
 public:
  Automaton() = default;

  // `forms`: sorted, no duplicates, none empty.
  explicit Automaton(const std::vector<std::string_view>& forms) {
    struct Range {
      std::uint32_t begin, end;  // the forms that begin with the state's text
    };
    std::size_t bytes = 1;
    for (const std::string_view form : forms) bytes += form.size();
    check(bytes < std::numeric_limits<std::uint32_t>::max(), "the forms of all secrets fit into 4 GiB");
    std::vector<Range> ranges;
    ranges.push_back({0, static_cast<std::uint32_t>(forms.size())});
    nodes_.emplace_back();
    labels_.push_back(0);
    for (std::uint32_t state = 0; state < nodes_.size(); ++state) {
      auto [begin, end] = ranges[state];
      const std::uint32_t depth = nodes_[state].depth;
      if (begin < end && forms[begin].size() == depth) nodes_[state].ends = true, ++begin;
      nodes_[state].first_child = static_cast<std::uint32_t>(nodes_.size());
      while (begin < end) {
        const char label = forms[begin][depth];
        std::uint32_t last = begin + 1;
        while (last < end && forms[last][depth] == label) ++last;
        nodes_[state].label = static_cast<unsigned char>(label);
        ++nodes_[state].children;
        Node child;
        child.depth = depth + 1;
        nodes_.push_back(child);
        labels_.push_back(static_cast<unsigned char>(label));
        ranges.push_back({begin, last});
        begin = last;
      }
    }
    for (std::uint32_t child = 1; child <= nodes_[0].children; ++child) from_root_[labels_[child]] = child;
    for (std::uint32_t state = 0; state < nodes_.size(); ++state) {
      const Node& parent = nodes_[state];
      for (std::uint32_t child = parent.first_child; child < parent.first_child + parent.children; ++child) {
        Node& node = nodes_[child];
        if (state != 0) node.fail = next(parent.fail, labels_[child]);
        if (node.ends)
          longest_.emplace(child, node.depth);
        else if (nodes_[node.fail].ends)
          node.ends = true, longest_.emplace(child, longest(node.fail));
      }
    }
  }

  // The state behind `state` and `byte`. Linear in the bytes read since the root was left.
  [[nodiscard]] std::uint32_t next(std::uint32_t state, unsigned char byte) const noexcept {
    while (state != 0) {
      const Node& node = nodes_[state];
      if (node.children == 1) {
        if (node.label == byte) return node.first_child;
      } else if (node.children > 1) {
        const void* found = std::memchr(&labels_[node.first_child], byte, node.children);
        if (found != nullptr)
          return static_cast<std::uint32_t>(static_cast<const unsigned char*>(found) - labels_.data());
      }
      state = node.fail;
    }
    return from_root_[byte];
  }

  // Bytes at the end of the text that may be the beginning of a form.
  [[nodiscard]] std::uint32_t depth(std::uint32_t state) const noexcept { return nodes_[state].depth; }
  [[nodiscard]] bool ends(std::uint32_t state) const noexcept { return nodes_[state].ends; }
  // Length of the longest form that ends here, where one `ends`.
  [[nodiscard]] std::uint32_t longest(std::uint32_t state) const { return longest_.find(state)->second; }

 private:
  struct Node {
    std::uint32_t first_child = 0;
    std::uint32_t fail = 0;  // the longest end of the state's text that is a state, too
    std::uint32_t depth = 0;
    std::uint16_t children = 0;
    unsigned char label = 0;  // of the only child, for most have one
    bool ends = false;
  };

  std::vector<Node> nodes_;
  std::vector<unsigned char> labels_;
  std::array<std::uint32_t, 256> from_root_{};
  std::unordered_map<std::uint32_t, std::uint32_t> longest_;
};

// --- The sieve

class Sieve {
 public:
  // `forms`: not empty. When one has less than four bytes, two of each are looked at, and a form of one
  // stands for all pairs that begin with it.
  explicit Sieve(const std::vector<std::string_view>& forms) {
    std::size_t shortest = kLargestStride + kGram - 1;
    for (const std::string_view form : forms) shortest = std::min(shortest, form.size());
    pairs_ = shortest < kGram;
    if (pairs_) {
      perhaps_.resize(std::size_t{1} << 16);
      for (const std::string_view form : forms) {
        for (unsigned second = 0; second < 256; ++second) {
          const char pair[] = {form[0], form.size() > 1 ? form[1] : static_cast<char>(second)};
          perhaps_[pair_at(pair)] = 1;
        }
      }
      return;
    }
    stride_ = shortest - kGram + 1;
    unsigned bits = kFewestBits;
    while (bits < kMostBits && (std::size_t{1} << bits) < forms.size() * stride_ * kSlotsPerGram) ++bits;
    shift_ = 32 - bits;
    second_shift_ = shift_ - kSecondBits;
    perhaps_.resize(std::size_t{1} << bits);
    second_.resize((std::size_t{1} << (bits + kSecondBits)) / 64);
    for (const std::string_view form : forms) {
      for (std::size_t offset = 0; offset < stride_; ++offset) {
        perhaps_[hash_at(form.data() + offset)] = 1;
        const std::uint32_t index = second_hash_at(form.data() + offset);
        second_[index / 64] |= std::uint64_t{1} << index % 64;
      }
    }
  }

  // A place such that a form may have begun in the `stride` bytes that it ends: the first one of `from`,
  // `from + stride`, … A place too near to the end of `text` to be read counts as one.
  [[nodiscard]] std::size_t find(std::string_view text, std::size_t from) const noexcept {
    if (pairs_) return find_with<2>(text, from, pair_at, [](const char*) { return true; });
    return find_with<kGram>(
        text, from, [this](const char* at) { return hash_at(at); },
        [this](const char* at) {
          const std::uint32_t index = second_hash_at(at);
          return (second_[index / 64] >> index % 64 & 1) != 0;
        });
  }

  [[nodiscard]] std::size_t stride() const noexcept { return stride_; }

 private:
  static constexpr std::size_t kGram = 4;
  static constexpr std::size_t kLargestStride = 16;
  static constexpr unsigned kFewestBits = 12, kMostBits = 16, kSecondBits = 4;
  static constexpr std::size_t kSlotsPerGram = 16;

  // `slot`: where `perhaps_` speaks of a place; `sure`: asked where it says yes.
  template <std::size_t width, class Slot, class Sure>
  [[nodiscard]] std::size_t find_with(std::string_view text, std::size_t from, Slot slot,
                                      Sure sure) const noexcept {
    const char* const data = text.data();
    const unsigned char* const perhaps = perhaps_.data();
    const std::size_t stride = stride_;
    while (from + 3 * stride + width <= text.size()) {
      const char* const at = data + from;
      const int any = perhaps[slot(at)] | perhaps[slot(at + stride)] | perhaps[slot(at + 2 * stride)] |
                      perhaps[slot(at + 3 * stride)];
      if (any != 0) [[unlikely]]
        for (std::size_t i = 0; i < 4; ++i)
          if (perhaps[slot(at + i * stride)] != 0 && sure(at + i * stride)) return from + i * stride;
      from += 4 * stride;
    }
    for (; from + width <= text.size(); from += stride)
      if (perhaps[slot(data + from)] != 0 && sure(data + from)) return from;
    return from;
  }

  [[nodiscard]] static std::uint32_t pair_at(const char* at) noexcept {
    std::uint16_t pair = 0;
    std::memcpy(&pair, at, sizeof pair);
    return pair;
  }
  [[nodiscard]] static std::uint32_t gram_at(const char* at) noexcept {
    std::uint32_t gram = 0;
    std::memcpy(&gram, at, sizeof gram);
    return gram;
  }
  [[nodiscard]] std::uint32_t hash_at(const char* at) const noexcept {
    return gram_at(at) * 0x9E3779B1u >> shift_;
  }
  [[nodiscard]] std::uint32_t second_hash_at(const char* at) const noexcept {
    return (gram_at(at) ^ gram_at(at) >> 15) * 0x85EBCA6Bu >> second_shift_;
  }
  bool pairs_ = false;
  std::size_t stride_ = 1;  // k
  unsigned shift_ = 0, second_shift_ = 0;
  std::vector<unsigned char> perhaps_;  // bytes, not bits: a shift less for each place
  std::vector<std::uint64_t> second_;   // bits, sixteen times as many: asked only where the first says yes
};

// All that is made from one set of forms.
struct Finder {
  Automaton automaton;
  std::vector<Sieve> sieves;
  std::size_t longest = 0;  // bytes of the longest form

  explicit Finder(const std::vector<std::string_view>& forms) : automaton(forms) {
    for (const std::string_view form : forms) longest = std::max(longest, form.size());
    // A class of lengths has a sieve of its own, so that a few short forms do not slow down the rest.
    constexpr std::array<std::size_t, kMostSieves> kLongest = {3, 7, std::numeric_limits<std::size_t>::max()};
    std::array<std::vector<std::string_view>, kMostSieves> classes;
    for (const std::string_view form : forms) {
      std::size_t i = 0;
      while (form.size() > kLongest[i]) ++i;
      classes[i].push_back(form);
    }
    for (const auto& same : classes)
      if (!same.empty()) sieves.emplace_back(same);
  }
  static constexpr std::size_t kMostSieves = 3;
};

// Runs `finder` over `text`, from `state` on (of the automaton, 0 at the beginning of a text) to the state
// that it returns. Calls `found(begin, end)` for the longest form at each end where one ends, in order of the
// ends but for some that are told again. Both count from the beginning of `text`; `begin` is negative for
// what began in an earlier text.
template <class Found>
std::uint32_t scan(const Finder& finder, std::uint32_t state, std::string_view text, Found found) {
  // So little of a beginning is dropped and read again by the sieves: with many forms, nearly every letter
  // begins one.
  constexpr std::size_t kShallow = 2;
  const Automaton& automaton = finder.automaton;
  const std::vector<Sieve>& sieves = finder.sieves;
  std::array<std::size_t, Finder::kMostSieves> next = {};
  for (std::size_t i = 0; i < sieves.size(); ++i) next[i] = sieves[i].find(text, sieves[i].stride() - 1);
  std::size_t at = 0;
  std::size_t settled = 0;  // the automaton has to see what begins before this
  while (at < text.size()) {
    const std::size_t depth = automaton.depth(state);
    if (depth <= kShallow && settled + depth <= at) {
      at -= depth;
      state = 0;
      std::size_t begin = text.size();
      for (std::size_t i = 0; i < sieves.size(); ++i) {
        const std::size_t stride = sieves[i].stride();
        if (next[i] < at)
          next[i] = sieves[i].find(text, next[i] + (at - next[i] + stride - 1) / stride * stride);
        const std::size_t first = std::max(at, next[i] - (stride - 1));
        if (first < begin) begin = first, settled = next[i] + 1;
      }
      at = begin;
      if (at == text.size()) break;
    }
    state = automaton.next(state, static_cast<unsigned char>(text[at++]));
    if (automaton.ends(state)) [[unlikely]] {
      const std::ptrdiff_t end = static_cast<std::ptrdiff_t>(at);
      found(end - static_cast<std::ptrdiff_t>(automaton.longest(state)), end);
    }
  }
  return state;
}

// --- Through escape sequences

// What colours a text (CSI, and the short sequences) shows nothing itself, so a secret that it cuts is still
// there to be read, and whoever drops it joins the secret again: `grep --color=always` cuts what it prints.
constexpr char kEscape = '\x1b';
constexpr std::size_t kLongestSequence = 64;  // longer ones are no colours
constexpr std::size_t kMostInside =
    4096;  // bytes of sequences inside one secret: what a stream may hold back

struct Sequence {
  std::size_t bytes = 0;  // 0: none
  bool unfinished = false;
};

// The sequence that `text`, which begins with ESC, begins with. Source: ECMA-48 5.3, 5.4; those that hold a
// text of their own (OSC, DCS, …) are none of these.
Sequence sequence_at(std::string_view text) noexcept {
  const auto within = [&](std::size_t at, unsigned char from, unsigned char to) {
    const auto byte = static_cast<unsigned char>(text[at]);
    return byte >= from && byte <= to;
  };
  text = text.substr(0, kLongestSequence);
  std::size_t at = 1;
  unsigned char first_final = 0x30;
  if (at < text.size() && text[at] == '[') {
    first_final = 0x40;
    for (++at; at < text.size() && within(at, 0x30, 0x3F);) ++at;
  } else if (at < text.size() && std::string_view("]PX^_").find(text[at]) != std::string_view::npos) {
    return {};
  }
  while (at < text.size() && within(at, 0x20, 0x2F)) ++at;
  if (at == text.size()) return {0, text.size() < kLongestSequence};
  return within(at, first_final, 0x7E) ? Sequence{at + 1} : Sequence{};
}

// Runs `finder` over `text` as it is to be seen, without sequences, and calls `found(begin, end)` for every
// piece of `text` that is part of a form cut by some. Returns how many bytes at the end of `text` have to be
// looked at again together with what follows.
/// `ended`: nothing follows, so that the beginning of a sequence at the end of `text` is none.
template <class Found>
std::size_t scan_seen(const Finder& finder, std::string_view text, bool ended, Found found) {
  struct Cut {
    std::size_t at;       // in `seen`
    std::size_t removed;  // bytes of `text` up to there that are not in `seen`
  };
  std::string seen;
  seen.reserve(text.size());
  std::vector<Cut> cuts = {{0, 0}};
  std::size_t end = 0;  // of what is whole
  while (end < text.size()) {
    const std::size_t escape = std::min(text.find(kEscape, end), text.size());
    seen.append(text, end, escape - end);
    end = escape;
    if (escape == text.size()) break;
    const Sequence sequence = sequence_at(text.substr(escape));
    if (sequence.unfinished && !ended) break;
    if (sequence.bytes == 0) seen += kEscape;
    end += std::max<std::size_t>(sequence.bytes, 1);
    if (sequence.bytes > 0) cuts.push_back({seen.size(), cuts.back().removed + sequence.bytes});
  }
  // The last cut at or before a place in `seen`.
  const auto cut_before = [&](std::size_t place) {
    return std::prev(std::upper_bound(cuts.begin(), cuts.end(), place,
                                      [](std::size_t at, const Cut& cut) { return at < cut.at; }));
  };
  std::size_t near = 0;  // the last cut before the end of the last form found: the next is found close by
  const std::uint32_t state = scan(finder, 0, seen, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
    const auto form_begin = static_cast<std::size_t>(first), form_end = static_cast<std::size_t>(last);
    while (near + 1 < cuts.size() && cuts[near + 1].at < form_end) ++near;
    while (cuts[near].at >= form_end) --near;
    if (cuts[near].at <= form_begin) return;  // whole
    auto cut = cut_before(form_begin);
    if (cuts[near].removed - cut->removed > kMostInside) return;
    for (std::size_t at = form_begin; at < form_end; ++cut) {
      const std::size_t next =
          std::next(cut) == cuts.end() ? form_end : std::min(std::next(cut)->at, form_end);
      if (next > at) found(at + cut->removed, next + cut->removed);
      at = next;
    }
  });
  std::size_t begun = seen.size() - finder.automaton.depth(state);
  while (begun < seen.size() && cuts.back().removed - cut_before(begun)->removed > kMostInside) ++begun;
  return text.size() - (begun == seen.size() ? end : begun + cut_before(begun)->removed);
}

// The same for what is near to a sequence, which is where a form can be cut by one: at most the longest form
// less one byte lies before it, and as much behind it.
template <class Found>
std::size_t scan_around_escapes(const Finder& finder, std::string_view text, bool ended, Found found) {
  const std::size_t reach = finder.longest - 1;
  std::size_t begun = 0;
  for (std::size_t escape = text.find(kEscape); escape != std::string_view::npos;) {
    const std::size_t begin = escape - std::min(escape, reach);
    std::size_t end = 0;
    for (std::size_t last = escape;;) {
      end = std::min(last + kLongestSequence + reach, text.size());
      // Sequences so near to each other that the places around them meet are looked at together.
      const std::size_t next = text.substr(0, end + reach).rfind(kEscape);
      if (next == last) break;
      last = next;
    }
    escape = text.find(kEscape, end);
    const std::size_t unsettled =
        scan_seen(finder, text.substr(begin, end - begin), ended && end == text.size(),
                  [&](std::size_t from, std::size_t to) { found(begin + from, begin + to); });
    if (end == text.size()) begun = unsettled;
  }
  return begun;
}

// How many bytes before `place` belong to a sequence that goes on there.
std::size_t bytes_before_in_sequence(std::string_view text, std::size_t place) noexcept {
  const std::size_t escape = place == 0 ? std::string_view::npos : text.rfind(kEscape, place - 1);
  if (escape == std::string_view::npos || place - escape >= kLongestSequence) return 0;
  return sequence_at(text.substr(escape)).bytes > place - escape ? place - escape : 0;
}

bool has_escape(std::string_view text) noexcept { return text.find(kEscape) != std::string_view::npos; }

}  // namespace

// --- The masker

struct Masker::State {
  std::set<std::string, std::less<>> forms;
  std::uint64_t version = 0;  // counts the changes of `forms`

  // The finder of the forms as they are now; nullptr when there are none.
  const Finder* finder() {
    if (made_of != version) {
      made = std::make_unique<Finder>(std::vector<std::string_view>(forms.begin(), forms.end()));
      made_of = version;
    }
    return made.get();
  }

 private:
  std::unique_ptr<Finder> made;
  std::uint64_t made_of = 0;
};

// Positions count from the beginning of the stream's text.
struct Masker::Stream::State {
  explicit State(Masker::State& known) : masker(known) {}

  void write(std::string_view chunk, std::string& out) {
    const Finder* finder = masker.finder();
    if (finder == nullptr) {
      out.append(chunk);
      return;
    }
    if (version != masker.version) look_again(*finder);
    state = scan(*finder, state, chunk, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
      add({at + static_cast<std::uint64_t>(begin), at + static_cast<std::uint64_t>(end)});
    });
    // What begins a form from here on may still become one, or be taken in by one.
    std::size_t begun = finder->automaton.depth(state);
    if (has_escape(chunk) || has_escape(std::string_view(held).substr(held_from)))
      begun = look_through_escapes(*finder, chunk, begun);
    say(at + chunk.size() - begun, chunk, out);
    if (begun <= chunk.size()) {
      held.assign(chunk.substr(chunk.size() - begun));
      held_from = 0;
    } else {
      held_from += held.size() - held_from + chunk.size() - begun;
      if (held_from > held.size() / 2) held.erase(0, std::exchange(held_from, 0));
      held.append(chunk);
    }
    at += chunk.size();
  }

  void finish(std::string& out) {
    if (const Finder* finder = masker.finder();
        finder != nullptr && has_escape(std::string_view(held).substr(held_from)))
      look_through_escapes(*finder, {}, 0, true);
    say(at, {}, out);
    held.clear();
    covered.clear();
    held_from = 0;
    state = 0;
    at = said = 0;
    masked_before = false;
  }

 private:
  struct Covered {
    std::uint64_t begin, end;
  };

  // New secrets: what is held back is read again from its beginning.
  void look_again(const Finder& finder) {
    const std::string_view text = std::string_view(held).substr(held_from);
    const std::uint64_t from = at - text.size();
    version = masker.version;
    covered.clear();  // found again, whole: it begins in what is held back
    state = scan(finder, 0, text, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
      add({from + static_cast<std::uint64_t>(begin), from + static_cast<std::uint64_t>(end)});
    });
  }

  // Covers what of the held text and `chunk` is secret when sequences are not seen. Returns how many bytes at
  // the end have to be held back for it: at least `begun`, and no sequence is split, for its end would be read as text
  // the next time. All that was held is read again: it is short.
  std::size_t look_through_escapes(const Finder& finder, std::string_view chunk, std::size_t begun,
                                   bool ended = false) {
    const std::size_t before = held.size() - held_from;
    const std::string joined = before == 0 ? std::string() : held.substr(held_from).append(chunk);
    const std::string_view text = before == 0 ? chunk : joined;
    const std::uint64_t from = at - before;
    const std::size_t known = covered.size();
    begun = std::max(begun, scan_around_escapes(finder, text, ended, [&](std::size_t begin, std::size_t end) {
                       covered.push_back({from + begin, from + end});
                     }));
    begun += bytes_before_in_sequence(text, text.size() - begun);
    if (covered.size() == known) return begun;
    std::vector<Covered> all = std::exchange(covered, {});
    std::sort(all.begin(), all.end(), [](const Covered& a, const Covered& b) { return a.begin < b.begin; });
    for (const Covered& each : all) add(each);
    return begun;
  }

  // Takes in an occurrence; what it overlaps or touches becomes one with it.
  void add(Covered found) {
    while (!covered.empty() && covered.back().end >= found.begin) {
      found.begin = std::min(found.begin, covered.back().begin);
      found.end = std::max(found.end, covered.back().end);
      covered.pop_back();
    }
    covered.push_back(found);
  }

  // Appends all before `limit`, behind which alone anything can still begin; `chunk` is what follows the held
  // text. A mask that goes beyond it is said whole.
  void say(std::uint64_t limit, std::string_view chunk, std::string& out) {
    std::size_t done = 0;
    for (; done < covered.size() && covered[done].begin <= limit; ++done) {
      const Covered& next = covered[done];
      if (next.begin > said) say_plainly(next.begin, chunk, out);
      if (!masked_before) out += "***";
      masked_before = true;
      said = std::max(said, next.end);
    }
    covered.erase(covered.begin(), covered.begin() + static_cast<std::ptrdiff_t>(done));
    if (limit > said) say_plainly(limit, chunk, out);
  }

  void say_plainly(std::uint64_t end, std::string_view chunk, std::string& out) {
    const std::uint64_t held_begin = at - (held.size() - held_from);
    if (said < at)
      out.append(held, held_from + static_cast<std::size_t>(said - held_begin),
                 static_cast<std::size_t>(std::min(end, at) - said));
    const std::uint64_t from = std::max(said, at);
    if (end > from)
      out.append(chunk.substr(static_cast<std::size_t>(from - at), static_cast<std::size_t>(end - from)));
    said = end;
    masked_before = false;
  }

  Masker::State& masker;
  std::uint64_t version = 0;
  std::uint32_t state = 0;  // of the automaton
  std::string held;         // its end from `held_from` on is the text that has not been said
  std::size_t held_from = 0;
  std::uint64_t at = 0;    // end of the text read
  std::uint64_t said = 0;  // all before has been said; more than the text without `held` after a long mask
  bool masked_before = false;    // the byte before `said` was masked
  std::vector<Covered> covered;  // what is masked and has not been said, in order, none touching another
};

Masker::Masker() : state_(std::make_unique<State>()) {}
Masker::~Masker() = default;
Masker::Masker(Masker&&) noexcept = default;
Masker& Masker::operator=(Masker&&) noexcept = default;

void Masker::add(std::string_view secret) {
  const auto add_forms = [&](std::string_view value) {
    for (const auto forms : {secret_forms, further_secret_forms})
      for (std::string& form : forms(value))
        if (state_->forms.insert(std::move(form)).second) ++state_->version;
  };
  const std::string_view whole = trimmed(secret);
  add_forms(whole);
  if (whole.find_first_of("\r\n") == std::string_view::npos) return;
  // A text that passes through a terminal or a Windows tool comes out with other line ends.
  add_forms(with_line_ends(whole, "\n"));
  add_forms(with_line_ends(whole, "\r\n"));
  for (std::size_t begin = 0; begin < whole.size();) {
    const std::size_t end = std::min(whole.find_first_of("\r\n", begin), whole.size());
    add_forms(trimmed(whole.substr(begin, end - begin)));
    begin = end + 1;
  }
}

bool Masker::empty() const noexcept { return state_->forms.empty(); }

std::string Masker::mask(std::string_view text) const {
  std::string masked;
  masked.reserve(text.size());
  Stream::State stream(*state_);
  stream.write(text, masked);
  stream.finish(masked);
  return masked;
}

bool Masker::contains_secret(std::string_view text) const {
  const Finder* finder = state_->finder();
  bool contains = false;
  if (finder == nullptr) return false;
  scan(*finder, 0, text, [&](std::ptrdiff_t, std::ptrdiff_t) { contains = true; });
  scan_around_escapes(*finder, text, true, [&](std::size_t, std::size_t) { contains = true; });
  return contains;
}

Masker::Stream::Stream(const Masker& masker) : state_(std::make_unique<State>(*masker.state_)) {}
Masker::Stream::~Stream() = default;
Masker::Stream::Stream(Stream&&) noexcept = default;
void Masker::Stream::write(std::string_view chunk, std::string& out) { state_->write(chunk, out); }
void Masker::Stream::finish(std::string& out) { state_->finish(out); }

}  // namespace buildspec_run
