// Any bytes as an action.yml, and as that of every action it uses. The laws: nothing crashes; at most ten
// mistakes, each with words and places in the text; twice read is the same; without a mistake it becomes a
// plan, or an error says why, and what it becomes names no file outside of its repository.
#include <fmt/core.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "actions/action_metadata.h"
#include "actions/lower.h"
#include "runner/base/overloaded.h"

using namespace buildspec_run;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// Every action there is has the same metadata.
class OneManifest : public ActionProvider {
 public:
  explicit OneManifest(std::string text) : text_(std::move(text)) {}
  Result<FetchedRepository> fetch(const RepositoryReference& reference) override {
    return FetchedRepository{"/actions/" + std::to_string(reference.key().size()), "c0ffee"};
  }
  Result<std::optional<MetadataFile>> find_metadata(const std::string& root, const std::string& directory,
                                                    const std::string& shown) override {
    require(directory.starts_with(root));
    return std::optional<MetadataFile>(MetadataFile{
        directory + "/action.yml", false, std::make_shared<const SourceText>(shown + "/action.yml", text_)});
  }

 private:
  std::string text_;
};

void require_below(const std::string& path) {
  require((std::filesystem::path(path).lexically_normal().native() + "/").starts_with("/work/"));
}

void look_at(const Program& program) {
  std::visit(overloaded{[](const NodeProgram& node) { require_below(node.script); },
                        [](const ContainerProgram& container) {
                          if (const auto* built = std::get_if<ContainerProgram::Built>(&container.image))
                            require_below(built->dockerfile);
                        },
                        [](const std::shared_ptr<const StepGroup>& group) {
                          for (const StepTask& step : group->steps) {
                            require(step.source != nullptr && !step.id.empty());
                            require(step.where.end <= step.source->text().size());
                          }
                        }},
             program.body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const SourceText source("o/r/v1/action.yml", text);
  const DecodedAction decoded = decode_action(source, source.name());
  require(decoded.errors.size() <= 10);
  for (const ManifestError& error : decoded.errors) {
    require(!error.text.empty() && !error.id.empty());
    require(error.where.begin <= error.where.end && error.where.end <= text.size());
    require(!render(error, source.name()).empty());
  }
  Diagnostics found;
  report(decoded.errors, source, found);
  for (const Diagnostic& diagnostic : found.all()) (void)render(diagnostic);
  require(dump(decoded.metadata) == dump(decode_action(source, source.name()).metadata));

  OneManifest actions(text);
  const auto action = lower_local_action("/work", LocalReference{"./x"}, actions);
  require(!action || decoded.errors.empty());
  require(static_cast<bool>(action) || !action.error().message.empty());
  if (!action) return 0;
  look_at((*action)->main);
  if ((*action)->pre) look_at(*(*action)->pre);
  if ((*action)->post) look_at(*(*action)->post);
  (void)dump(**action);
  return 0;
}
