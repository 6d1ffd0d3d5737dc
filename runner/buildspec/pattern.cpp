#include "runner/buildspec/pattern.h"

#include <re2/re2.h>

namespace buildspec_run {
namespace {

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

RE2::Options options() {
  RE2::Options quiet;
  quiet.set_log_errors(false);
  return quiet;
}

}  // namespace

std::optional<std::string> pattern_error(std::string_view pattern) {
  const RE2 compiled(piece(pattern), options());
  if (compiled.ok()) return std::nullopt;
  return compiled.error();
}

bool pattern_matches(std::string_view pattern, std::string_view text) {
  const RE2 compiled(piece(pattern), options());
  return compiled.ok() && RE2::PartialMatch(piece(text), compiled);
}

}  // namespace buildspec_run
