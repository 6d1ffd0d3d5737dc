#include "runner/exec/environment.h"

#include <fmt/core.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <random>

#include "runner/base/json.h"
#include "runner/base/overloaded.h"
#include "runner/buildspec/secret_reference.h"
#include "runner/sys/url.h"
#include "runner/sys/user.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::string_view kDefaultRegion = "us-east-1";  // Source: buildspec.md 7.3, the local agent
constexpr std::string_view kAccount = "000000000000";     // the same

std::string region_of(const Request& request) {
  for (const auto* variables :
       {&request.override_variables, &request.project_variables, &request.host_environment})
    for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
      if (const auto found = variables->find(name); found != variables->end() && !found->second.empty())
        return found->second;
  return std::string(kDefaultRegion);
}

std::string file_url(std::string_view path) {
  std::string url = "file://";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7F || c == '%' || c == '?' || c == '#')
      url += fmt::format("%{:02X}", byte);
    else
      url += c;
  }
  return url;
}

/// What a reference came to: the value, or why there is none.
struct LookedUp {
  std::optional<std::string> value;
  std::string why, cloud_message;
};

const std::string* find_value(const Request& request, const std::string& name) {
  const auto found = request.secret_lookup.find(name);
  return found == request.secret_lookup.end() ? nullptr : &found->second;
}

LookedUp look_up_parameter(const Request& request, const std::string& name) {
  if (const std::string* value = find_value(request, name)) return {*value, {}, {}};
  return {std::nullopt, fmt::format("parameter-store: there is no value for \"{}\"", name),
          fmt::format("parameter does not exist: {}", name)};
}

/// A member that is no string counts as its JSON text. Source: buildspec.md 2.4.
LookedUp look_up_member(const std::string& secret, const SecretReference& reference) {
  const Result<Value> json = parse_json(secret);
  const Value* member = json ? json->find(reference.json_key) : nullptr;
  if (member == nullptr) {
    const std::string why =
        json ? fmt::format("secrets-manager: secret \"{}\" has no member \"{}\"", reference.secret_id,
                           reference.json_key)
             : fmt::format("secrets-manager: secret \"{}\" is no JSON object, so it has no member \"{}\"",
                           reference.secret_id, reference.json_key);
    return {std::nullopt, why,
            fmt::format("key {} does not exist in secret {}", reference.json_key, reference.secret_id)};
  }
  if (const std::string* text = member->string()) return {*text, {}, {}};
  return {to_json(*member), {}, {}};
}

/// The whole reference as it is written first (so one version can be given on its own), then the secret it
/// names.
LookedUp look_up_secret(const Request& request, const std::string& text) {
  if (const std::string* value = find_value(request, text)) return {*value, {}, {}};
  const Result<SecretReference> reference = parse_secret_reference(text);
  if (!reference)
    return {std::nullopt, fmt::format("secrets-manager: {}", reference.error().message),
            reference.error().message};
  const std::string* secret = find_value(request, reference->secret_id);
  if (secret == nullptr)
    return {std::nullopt, fmt::format("secrets-manager: there is no value for \"{}\"", reference->secret_id),
            "ResourceNotFoundException: Secrets Manager can't find the specified secret."};
  if (reference->json_key.empty()) return {*secret, {}, {}};
  return look_up_member(*secret, *reference);
}

}  // namespace

std::string make_uuid() {
  std::array<std::uint32_t, 4> words{};
  // libstdc++'s random_device asks the processor, which a hypervisor may answer slowly.
  if (::getentropy(words.data(), sizeof words) != 0) {
    std::random_device random;
    for (std::uint32_t& word : words) word = random();
  }
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:04x}{:08x}", words[0], words[1] >> 16, words[1] & 0xFFFu,
                     0x8000u | (words[2] >> 16 & 0x3FFFu), words[2] & 0xFFFFu, words[3]);
}

std::string build_id(const Request& request, const BuildIdentity& build) {
  return fmt::format("{}:{}", request.project, build.uuid);
}

Path clean_home(const Path& script_dir) { return script_dir / "home"; }

std::map<std::string, std::string> agent_variables(const Request& request, const GitFacts& git,
                                                   const BuildIdentity& build, const Path& script_dir) {
  const std::string region = region_of(request);
  const std::string arn = fmt::format("arn:aws:codebuild:{}:{}:", region, kAccount);
  const auto started =
      std::chrono::duration_cast<std::chrono::milliseconds>(build.started.time_since_epoch());
  std::map<std::string, std::string> variables = {
      {"AWS_DEFAULT_REGION", region},
      {"AWS_REGION", region},
      {"CODEBUILD_BUILD_ARN", fmt::format("{}build/{}", arn, build_id(request, build))},
      {"CODEBUILD_BUILD_ID", build_id(request, build)},
      {"CODEBUILD_BUILD_IMAGE", "local"},
      {"CODEBUILD_BUILD_NUMBER", std::to_string(build.attempt)},
      {"CODEBUILD_BUILD_SUCCEEDING", "1"},
      {"CODEBUILD_BUILD_URL", request.log_file.empty() ? std::string() : file_url(request.log_file)},
      {"CODEBUILD_CI", "false"},          // Source: buildspec.md 7.3, as the local agent says it
      {"CODEBUILD_LOCAL_BUILD", "true"},  // the same
      {"CODEBUILD_CONTAINER_NAME", "default"},
      {"CODEBUILD_INITIATOR", request.initiator},
      {"CODEBUILD_KMS_KEY_ID", "alias/aws/s3"},
      {"CODEBUILD_LOG_PATH", build.uuid},
      {"CODEBUILD_PROJECT_ARN", fmt::format("{}project/{}", arn, request.project)},
      {"CODEBUILD_SCRIPT_DIR", script_dir.native()},
      {"CODEBUILD_SOURCE_REPO_URL", git.remote_url},
      {"CODEBUILD_SRC_DIR", request.source_dir},
      {"CODEBUILD_START_TIME", std::to_string(started.count())},
  };
  for (const auto& [id, source] : request.secondary_sources) {
    variables[fmt::format("CODEBUILD_SRC_DIR_{}", id)] = source.directory;
    if (source.url.empty()) continue;
    variables[fmt::format("CODEBUILD_SOURCE_REPO_URL_{}", id)] = without_credentials(source.url);
    variables[fmt::format("CODEBUILD_SOURCE_VERSION_{}", id)] =
        source.version.empty() ? source.commit : source.version;
    variables[fmt::format("CODEBUILD_RESOLVED_SOURCE_VERSION_{}", id)] = source.commit;
  }
  if (request.clean_home) variables["HOME"] = clean_home(script_dir).native();
  if (!git.commit.empty()) {
    variables["CODEBUILD_RESOLVED_SOURCE_VERSION"] = git.commit;
    variables["CODEBUILD_SOURCE_VERSION"] = !git.branch.empty() ? git.branch
                                            : !git.tag.empty()  ? git.tag
                                                                : git.commit;
  }
  return variables;
}

BuildEnvironment make_environment(const Plan& plan, const Request& request,
                                  std::map<std::string, std::string> agent, Diagnostics& found) {
  BuildEnvironment environment;
  auto& variables = environment.variables;
  variables = request.host_environment;
  for (auto& [name, value] : agent) variables[name] = std::move(value);
  if (!variables.contains("PATH")) variables["PATH"] = kDefaultPath;
  // The agent's own commands stand last, as /codebuild/user/bin does (buildspec.md 4.3). A PATH that the user
  // sets is his.
  variables["PATH"] += fmt::format(":{}/bin", variables["CODEBUILD_SCRIPT_DIR"]);
  if (!variables.contains("HOME")) {
    const std::string home = home_of_caller();
    variables["HOME"] = home.empty() ? "/" : home;
  }
  const auto is_set_above = [&](const std::string& name) {
    return request.project_variables.contains(name) || request.override_variables.contains(name) ||
           request.secret_variables.contains(name);
  };
  for (const PlannedVariable& variable : plan.variables) {
    using Kind = PlannedVariable::Kind;
    if (is_set_above(variable.name)) continue;
    if (variable.kind == Kind::plain) {
      variables[variable.name] = variable.value;
      continue;
    }
    const bool is_parameter = variable.kind == Kind::parameter_store;
    LookedUp looked_up =
        is_parameter ? look_up_parameter(request, variable.value) : look_up_secret(request, variable.value);
    if (looked_up.value) {
      environment.secret_names.insert(variable.name);
      environment.secret_values.push_back(*looked_up.value);
      variables[variable.name] = std::move(*looked_up.value);
      continue;
    }
    const std::string_view code = is_parameter ? "Decrypted Variables Error" : "Secrets Manager Error";
    if (environment.failed_code.empty()) {
      environment.failed_code = code;
      environment.failed_message = looked_up.cloud_message;
    }
    Diagnostic& told = found.error(
        *plan.source, variable.where, "secret-unresolved",
        fmt::format("{}; give it by --secrets-file, under that name, or set the variable by --secret {}",
                    looked_up.why, variable.name));
    told.cloud_code = code;
    told.cloud_message = looked_up.cloud_message;
  }
  for (const auto* above :
       {&request.project_variables, &request.override_variables, &request.secret_variables})
    for (const auto& [name, value] : *above) variables[name] = value;
  for (const auto& [name, value] : request.secret_variables) environment.secret_names.insert(name);
  return environment;
}

void warn_of_reserved(const Request& request, Diagnostics& found) {
  for (const auto* source :
       {&request.project_variables, &request.override_variables, &request.secret_variables})
    for (const auto& [name, value] : *source)
      if (name.starts_with("CODEBUILD_") || name == "HOME")
        found.add(
            Severity::warning, "reserved-variable",
            fmt::format("{} is set from outside; the cloud keeps this name for itself and asks not to set it",
                        name));
}

}  // namespace buildspec_run
