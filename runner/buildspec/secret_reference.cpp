#include "runner/buildspec/secret_reference.h"

#include <array>
#include <cstddef>

namespace buildspec_run {
namespace {

constexpr std::size_t kArnColons = 6;  // arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME

// Where the id ends: at the first colon, or, for an ARN, at the first one after its own. npos: an ARN cut
// short.
std::size_t end_of_id(std::string_view text) {
  if (!text.starts_with("arn:")) return std::min(text.find(':'), text.size());
  std::size_t at = 0;
  for (std::size_t colon = 0; colon < kArnColons; ++colon) {
    at = text.find(':', at);
    if (at == std::string_view::npos) return at;
    ++at;
  }
  return std::min(text.find(':', at), text.size());
}

}  // namespace

Result<SecretReference> parse_secret_reference(std::string_view text) {
  const std::size_t id_end = end_of_id(text);
  if (id_end == std::string_view::npos)
    return Error{"the ARN is cut short; it has the form arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME"};
  SecretReference reference;
  reference.secret_id = text.substr(0, id_end);
  if (reference.secret_id.empty() || reference.secret_id.ends_with(':'))
    return Error{"the name of the secret is missing"};
  const std::array<std::string*, 3> parts = {&reference.json_key, &reference.version_stage,
                                             &reference.version_id};
  std::string_view rest = text.substr(id_end);
  for (std::string* part : parts) {
    if (rest.empty()) break;
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find(':'), rest.size());
    *part = rest.substr(0, end);
    rest.remove_prefix(end);
  }
  if (!rest.empty()) return Error{"too many parts; the form is secret-id:json-key:version-stage:version-id"};
  if (!reference.version_stage.empty() && !reference.version_id.empty())
    return Error{"a version-stage and a version-id cannot stand together; leave one of them empty"};
  return reference;
}

}  // namespace buildspec_run
