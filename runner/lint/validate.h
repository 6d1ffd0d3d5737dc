// One file through everything that reads it.
#pragma once

#include <string_view>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"

namespace buildspec_run {

/// Parses, decodes, lowers and lints `source`, which must outlive `found`. What concerns a run here alone
/// (features nothing executes, settings without local meaning) is not told: `validate` is about what the
/// cloud would do.
/// `strict_parity`: what CodeBuild lacks and GitHub has is an error.
void validate_text(const SourceText& source, Diagnostics& found, bool strict_parity = false);

/// Whether a file of this name is an action's metadata and no buildspec: action.yml or action.yaml.
[[nodiscard]] bool is_action_metadata(std::string_view path) noexcept;
/// Decodes `source` as an action.yml: what GitHub's runner would refuse, at most ten mistakes, with its
/// texts.
void validate_action(const SourceText& source, Diagnostics& found);

}  // namespace buildspec_run
