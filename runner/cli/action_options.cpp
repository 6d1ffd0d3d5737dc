#include "runner/cli/action_options.h"

#include <fmt/format.h>

#include "runner/cli/input.h"
#include "runner/sys/files.h"

namespace buildspec_run {

std::variant<ActionStoreOptions, std::string> action_store_options_of(const Invocation& invocation,
                                                                      const Path& lock_file) {
  const Arguments& arguments = invocation.arguments;
  ActionStoreOptions options = action_store_options(invocation.environment);
  options.modules = modules_of(invocation.program).native();
  options.lock_file = lock_file.native();
  options.offline = arguments.has("--offline");
  options.locked = arguments.has("--locked");
  if (const auto directory = arguments.value("--action-cache"))
    options.cache = absolute_path(*directory, invocation.working_directory).native();
  if (const auto url = arguments.value("--github-url")) {
    if (origin_of(*url).empty())
      return fmt::format("--github-url \"{}\": a URL with http or https is expected", *url);
    options.github_url = *url;
  }
  if (const auto url = arguments.value("--actions-url-template")) {
    if (url->find("{repo}") == std::string::npos)
      return fmt::format("--actions-url-template \"{}\": {{repo}} is missing in it", *url);
    options.url_template = *url;
  }
  for (const std::string& text : arguments.values("--actions-rewrite")) {
    if (text.starts_with("@")) {
      const Path file = absolute_path(text.substr(1), invocation.working_directory);
      const Result<std::string> lines = read_named_file(file, 1 << 20);
      if (!lines) return "--actions-rewrite: " + lines.error().message;
      Result<std::vector<ActionRewrite>> rewrites = parse_action_rewrites(*lines);
      if (!rewrites) return fmt::format("--actions-rewrite: {}: {}", file.native(), rewrites.error().message);
      for (ActionRewrite& rewrite : *rewrites) options.rewrites.push_back(std::move(rewrite));
      continue;
    }
    Result<ActionRewrite> rewrite = parse_action_rewrite(text);
    if (!rewrite) return "--actions-rewrite " + rewrite.error().message;
    options.rewrites.push_back(std::move(*rewrite));
  }
  for (const std::string& text : arguments.values("--replace")) {
    Result<ActionReplacement> replacement = parse_action_replacement(text, invocation.working_directory);
    if (!replacement) return "--replace " + replacement.error().message;
    options.replacements.push_back(std::move(*replacement));
  }
  return options;
}

Path lock_file_of(const std::string& buildspec_name, const Path& source_dir) {
  if (buildspec_name.empty() || buildspec_name.starts_with("<")) return source_dir / kLockFileName;
  return absolute_path(buildspec_name, source_dir).parent_path() / kLockFileName;
}

Path modules_of(const Path& program) {
  return program.parent_path().parent_path() / "libexec" / "buildspec-run";
}

}  // namespace buildspec_run
