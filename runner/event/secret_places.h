// Texts that are kept for a later process, without the secrets in them: each stands there by its name, and comes back when
// the same secret is given again. Not for what people see; that is the masker's.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"

namespace buildspec_run {

class SecretPlaces {
 public:
  /// Names hold no NUL byte. An empty value is none.
  void add(const std::string& name, const std::string& value);
  [[nodiscard]] bool empty() const noexcept { return values_.empty(); }

  /// `text` with each secret replaced, where it stands as it is or as `export -p` of a shell quotes it. Of secrets that
  /// overlap, the one that begins first is, and of these the longest. A secret in another form (in base64, say) stays: whether
  /// one has is for the masker to say.
  [[nodiscard]] std::string lift(std::string_view text) const;
  /// What `lift` made of a text, with the secrets that are known now, in the form they had. An Error names the secrets that
  /// are missing, or says that `text` comes from no `lift`.
  [[nodiscard]] Result<std::string> put_back(std::string_view text) const;

 private:
  struct Pattern {
    std::string text, reference;
  };
  std::map<std::string, std::string> values_;
  std::vector<Pattern> patterns_;  // the longest first
};

}  // namespace buildspec_run
