// Secrets leave no trace in what the runner says. Source: actions.md section 9.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace buildspec_run {

/// Knows the secrets and replaces them. Values may be added while it is in use. Not thread-safe.
class Masker {
 public:
  Masker();
  ~Masker();
  Masker(Masker&&) noexcept;
  Masker& operator=(Masker&&) noexcept;

  /// Adds a secret in every encoding of actions.md 9.2 and of our own, trimmed, and each of its lines (9.1).
  /// One of several lines is known with LF and with CR LF as well, whatever it is written with. Empty:
  /// nothing. Holds from the next `mask` or `write` on, for what a stream holds back, too; what makes finding
  /// fast is made then, in about two milliseconds for 100 secrets.
  void add(std::string_view secret);
  [[nodiscard]] bool empty() const noexcept;

  /// `text` with every occurrence of every registered form replaced: overlapping and touching ones by one
  /// "***". One that is cut by sequences which show nothing, such as colours, is replaced piece by piece, and
  /// the sequences stay.
  [[nodiscard]] std::string mask(std::string_view text) const;
  /// Whether `mask` would change `text`.
  [[nodiscard]] bool contains_secret(std::string_view text) const;

  /// Masks a stream cut anywhere: the result of `write` pieces and one `finish` joined equals `mask` of the
  /// whole, whatever the cuts. What may be the beginning of a secret is held back (never more than the
  /// longest form less one byte, and the sequences inside it, 4 KiB at most) until more comes or `finish` is
  /// called; so is a sequence whose end has not come, or which what is held back would split.
  class Stream {
   public:
    explicit Stream(const Masker& masker);
    ~Stream();
    Stream(Stream&&) noexcept;
    /// Appends to `out` what can be said now.
    void write(std::string_view chunk, std::string& out);
    /// Appends the rest, and is ready for a new text.
    void finish(std::string& out);

   private:
    friend class Masker;
    struct State;
    std::unique_ptr<State> state_;
  };

 private:
  friend class Stream;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace buildspec_run
