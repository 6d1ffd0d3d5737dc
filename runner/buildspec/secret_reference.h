// A Secrets Manager reference key: secret-id[:json-key[:version-stage[:version-id]]]. Source:
// buildspec.md 2.4.
#pragma once

#include <string>
#include <string_view>

#include "runner/base/result.h"

namespace buildspec_run {

struct SecretReference {
  std::string secret_id;  // a name, or a whole ARN with its own colons
  std::string json_key;   // empty: the whole secret
  std::string version_stage, version_id;
  bool operator==(const SecretReference&) const = default;
};

/// Splits `text`. An Error says what is wrong with its form: no secret id, an ARN cut short, a stage together
/// with an id, or more than four parts.
Result<SecretReference> parse_secret_reference(std::string_view text);

}  // namespace buildspec_run
