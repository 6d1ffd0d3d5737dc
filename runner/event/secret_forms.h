// How a secret may stand in a text: as it is, and as encoders and shells write it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace buildspec_run {

/// All forms of actions.md 9.2 for one value, without duplicates.
[[nodiscard]] std::vector<std::string> secret_forms(std::string_view value);

/// What shells, JSON, URL, XML and base64 writers make of a value beyond those, and without them: our own, as
/// 9.2 is the least that is masked.
[[nodiscard]] std::vector<std::string> further_secret_forms(std::string_view value);

}  // namespace buildspec_run
