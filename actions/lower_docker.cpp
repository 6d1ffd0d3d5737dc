// Docker actions. The build context is the directory of the Dockerfile, not the repository (actions.md 8.2).
#include <filesystem>

#include "actions/lower_action.h"

namespace buildspec_run {
namespace {

ContainerProgram::Built built(const std::string& dockerfile, const ActionPlace& place) {
  return {dockerfile, std::filesystem::path(dockerfile).parent_path().native(), place.root};
}

}  // namespace

Result<void> lower_docker(const ContainerRuns& runs, const ActionPlace& place, LoweredAction& action) {
  ContainerProgram program;
  if (runs.is_registry_image) {
    program.image = ContainerProgram::Registry{runs.image};
  } else {
    Result<std::string> dockerfile = join_below(place, runs.image, "image");
    if (!dockerfile) return std::move(dockerfile.error());
    program.image = built(*dockerfile, place);
  }
  program.args = runs.args;
  program.env = runs.env;
  const auto stage = [&](const std::string& entrypoint) {
    ContainerProgram other = program;
    other.entrypoint = entrypoint;
    other.is_main = false;
    return Program{std::move(other)};
  };
  if (!runs.pre_entrypoint.empty()) action.pre = stage(runs.pre_entrypoint);
  if (!runs.post_entrypoint.empty()) action.post = stage(runs.post_entrypoint);
  program.entrypoint = runs.entrypoint;
  action.main = Program{std::move(program)};
  return {};
}

void lower_dockerfile(const std::string& dockerfile, const ActionPlace& place, LoweredAction& action) {
  ContainerProgram program;
  program.image = built(dockerfile, place);
  action.main = Program{std::move(program)};
}

std::shared_ptr<const LoweredAction> lower_image(const std::string& image) {
  ContainerProgram program;
  program.image = ContainerProgram::Registry{image};
  auto action = std::make_shared<LoweredAction>();
  action->main = Program{std::move(program)};
  return action;
}

}  // namespace buildspec_run
