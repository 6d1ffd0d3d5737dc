// Any text as `uses:`. The laws: what is accepted is printed as it was meant, so that reading it again gives
// the same; no segment of a repository is empty; the id made of it is one that contexts can name.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "actions/action_reference.h"
#include "actions/step_names.h"

using namespace buildspec_run;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<ActionReference> reference = parse_action_reference(text);
  if (!reference) {
    require(reference.error().message.starts_with("Expected format {org}/{repo}[/path]@ref. Actual '"));
    return 0;
  }
  const Result<ActionReference> again = parse_action_reference(to_string(*reference));
  require(static_cast<bool>(again) && *again == *reference);
  if (const auto* repository = std::get_if<RepositoryReference>(&*reference)) {
    require(!repository->owner.empty() && !repository->repository.empty() && !repository->ref.empty());
    const std::string whole = "/" + repository->name() + "/" + repository->path;
    require(whole.find("//") == std::string::npos && whole.find('\\') == std::string::npos);
  }
  StepIds ids;
  for (int i = 0; i < 3; ++i) {
    const std::optional<std::string> id = ids.generate(id_base(*reference));
    require(id.has_value() && id->starts_with("__") && id->size() <= 100);
    require(std::all_of(id->begin(), id->end(), is_id_character));
  }
  require(default_name(*reference).starts_with("Run "));
  require(default_name(*reference).find_first_of("\r\n") == std::string::npos);
  return 0;
}
