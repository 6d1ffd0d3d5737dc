// How a buildspec is read. The cloud stops at the first thing it refuses, in the order container tags,
// version, phase names, command types; so these come first and in this order, and the first finding with a
// cloud message is the one the cloud would show. Everything else is read as well, so that one run shows all.
#include "runner/buildspec/decode.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include "actions/lower.h"
#include "actions/step.h"
#include "runner/base/text.h"
#include "runner/buildspec/keys.h"
#include "runner/buildspec/reader.h"
#include "runner/buildspec/secret_reference.h"

namespace buildspec_run {
namespace {

using Entry = Node::Entry;

constexpr std::string_view kFileError = "YAML_FILE_ERROR";
constexpr std::string_view kContainerTags = "wrong number of container tags, expected 1";
constexpr int kMostRetries = 100;  // buildspec.md 2.8

constexpr Section kRootSection{"root", "at the top level"};
constexpr Section kEnvSection{"env", "in env"};
constexpr Section kEnvironmentVariablesSection{"environment_variables", "in environment_variables"};
constexpr Section kProxySection{"proxy", "in proxy", false};
constexpr Section kPhaseSection{"phase", "in a phase"};
constexpr Section kStepSection{"step", "in a step", false};
constexpr Section kReportSection{"report", "in a report group", false};
constexpr Section kArtifactsSection{"artifacts", "in artifacts"};
constexpr Section kSecondarySection{"artifacts", "in a secondary artifact"};
constexpr Section kCacheSection{"cache", "in cache", false};

template <class T, std::size_t N>
void map(Reader& reader, const Node& node, const Key<T> (&keys)[N], const Section& section, T& into,
         std::string_view section_name = {}) {
  reader.map(node, std::span<const Key<T>>(keys), section, into, section_name);
}

// An error the cloud has too, with its text.
void refuse(Reader& reader, SourceRange where, std::string_view id, std::string message,
            std::string cloud_message) {
  Diagnostic& error = reader.report(where, id, std::move(message));
  error.cloud_code = kFileError;
  error.cloud_message = std::move(cloud_message);
}

// --- env

bool can_be_set(std::string_view name) {
  return !name.empty() && name.find('=') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

// A name the agent owns. CODEBUILD_CONFIG_… and CODEBUILD_GPU_BUILD are there to be set (buildspec.md 4.2).
bool is_reserved(std::string_view name) {
  return name == "HOME" || (name.starts_with("CODEBUILD_") && !name.starts_with("CODEBUILD_CONFIG_") &&
                            name != "CODEBUILD_GPU_BUILD");
}

// Looks like something a shell would put a value in for.
bool has_expansion(std::string_view value) {
  for (std::size_t at = value.find('$'); at != std::string_view::npos && at + 1 < value.size();
       at = value.find('$', at + 1)) {
    const char next = value[at + 1];
    if (next == '{' || next == '(' || next == '_' || (next >= 'a' && next <= 'z') ||
        (next >= 'A' && next <= 'Z'))
      return true;
  }
  return false;
}

std::vector<PlacedEntry> decode_variables(Reader& reader, const Node& node) {
  std::vector<PlacedEntry> all = reader.named(node);
  std::erase_if(all, [&](const PlacedEntry& variable) {
    if (can_be_set(variable.name.value) && variable.value.value.find('\0') == std::string::npos) return false;
    reader.report(
        variable.name.where, "variable-name",
        fmt::format(
            "{} cannot be set in an environment; a name is not empty and has no \"=\", and no value has a "
            "null byte",
            Reader::quoted(variable.name.value)));
    return true;
  });
  for (const PlacedEntry& variable : all)
    if (is_reserved(variable.name.value))
      reader.report(variable.name.where, "reserved-variable",
                    fmt::format("{} is set by CodeBuild itself; choose another name",
                                Reader::quoted(variable.name.value)));
  return all;
}

void decode_plain_variables(Reader& reader, const Entry& entry, EnvSpec& env) {
  env.variables = decode_variables(reader, *entry.value);
  for (const PlacedEntry& variable : env.variables)
    if (has_expansion(variable.value.value))
      reader.report(variable.value.where, "literal-variable",
                    fmt::format("the value of {} is taken literally, with its \"$\"; to have it expanded, "
                                "export it in a command",
                                Reader::quoted(variable.name.value)));
}

void decode_parameters(Reader& reader, const Entry& entry, EnvSpec& env) {
  env.parameter_store = decode_variables(reader, *entry.value);
  for (const PlacedEntry& variable : env.parameter_store)
    if (variable.value.value.empty())
      reader
          .report(variable.name.where, "parameter-reference",
                  fmt::format("{} names no parameter", Reader::quoted(variable.name.value)))
          .cloud_code = "Decrypted Variables Error";
}

void decode_secrets(Reader& reader, const Entry& entry, EnvSpec& env) {
  env.secrets_manager = decode_variables(reader, *entry.value);
  for (const PlacedEntry& variable : env.secrets_manager)
    if (const Result<SecretReference> reference = parse_secret_reference(variable.value.value); !reference)
      reader
          .report(variable.value.value.empty() ? variable.name.where : variable.value.where,
                  "secret-reference",
                  fmt::format("the reference of {}: {}", Reader::quoted(variable.name.value),
                              reference.error().message))
          .cloud_code = "Secrets Manager Error";
}

void decode_shell(Reader& reader, const Entry& entry, EnvSpec& env) {
  constexpr std::string_view kDocumented[] = {"bash", "/bin/sh", "powershell.exe", "cmd.exe"};
  env.shell = reader.string(*entry.value);
  if (env.shell &&
      std::find(std::begin(kDocumented), std::end(kDocumented), env.shell->value) == std::end(kDocumented))
    reader.report(
        env.shell->where, "shell-undocumented",
        fmt::format("shell {}; bash and /bin/sh are documented, and powershell.exe and cmd.exe for Windows",
                    Reader::quoted(env.shell->value)));
}

constexpr Key<EnvSpec> kEnvKeys[] = {
    {"shell", decode_shell},
    {"variables", decode_plain_variables},
    {"parameter-store", decode_parameters},
    {"secrets-manager", decode_secrets},
    {"exported-variables",
     [](Reader& r, const Entry& e, EnvSpec& env) { env.exported_variables = r.strings(*e.value); }},
    {"git-credential-helper",
     [](Reader& r, const Entry& e, EnvSpec& env) { env.git_credential_helper = r.boolean(*e.value); }},
};

constexpr Key<EnvSpec> kEnvironmentVariablesKeys[] = {{"plaintext", decode_plain_variables}};

// Not exportable: names that begin with AWS_, and secrets (buildspec.md 2.3, U21).
void check_exported(Reader& reader, const EnvSpec& env) {
  std::set<std::string_view> secrets;
  for (const std::vector<PlacedEntry>* map : {&env.parameter_store, &env.secrets_manager})
    for (const PlacedEntry& variable : *map) secrets.insert(variable.name.value);
  for (const PlacedString& name : env.exported_variables) {
    if (name.value.starts_with("AWS_"))
      reader.report(
          name.where, "not-exportable",
          fmt::format("{} is not exported: no name that begins with AWS_ is", Reader::quoted(name.value)));
    else if (secrets.contains(name.value))
      reader.report(name.where, "not-exportable",
                    fmt::format("{} is not exported: its value is a secret", Reader::quoted(name.value)));
    else if (!can_be_set(name.value))
      reader.report(
          name.where, "not-exportable",
          fmt::format("{} is not exported: no variable can have this name", Reader::quoted(name.value)));
  }
}

// --- phases

constexpr Key<ProxySpec> kProxyKeys[] = {
    {"upload-artifacts",
     [](Reader& r, const Entry& e, ProxySpec& proxy) { proxy.upload_artifacts = r.boolean(*e.value); }},
    {"logs", [](Reader& r, const Entry& e, ProxySpec& proxy) { proxy.logs = r.boolean(*e.value); }},
};

bool is_step_key(const Node& key) {
  const auto keys = step_keys();
  return key.is_scalar() && std::find(keys.begin(), keys.end(), key.scalar) != keys.end();
}

// What a step means, the front end of actions knows; how much its findings weigh, and what is no key, is
// known here.
void decode_steps(Reader& reader, const Entry& entry, PhaseSpec& phase) {
  phase.steps_where = entry.key->where;
  for (const Node* item : entry.value->items)
    for (const Entry& key : item->entries)
      if (key.key != nullptr && !is_step_key(*key.key))
        reader.unknown_key(*key.key, kStepSection, kStepSection.name, step_keys());
  if (!reader.may_copy(*entry.value)) return;
  Diagnostics found;
  phase.steps = buildspec_run::decode_steps(reader.source(), *entry.value, found);
  for (Diagnostic& finding : found.take()) {
    if (finding.id.starts_with("parity-") && !reader.parities.insert(finding.id).second) continue;
    reader.report(finding.where, finding.id, std::move(finding.message)).cloud_code = finding.cloud_code;
  }
}

// The first line of `node` in the file, as it would stand in single quotes; empty when it is nothing to
// repeat.
std::string as_quoted_entry(const Reader& reader, const Node& node) {
  constexpr std::size_t kLongest = 80;
  std::string_view line = reader.source().slice(node.where);
  line = line.substr(0, line.find_first_of("\r\n"));
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  const bool plain = std::none_of(line.begin(), line.end(),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (line.empty() || line.size() > kLongest || !plain || find_invalid_utf8(line)) return "";
  std::string quoted = "'";
  for (const char c : line) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

std::string why_not_a_command(const Reader& reader, const Node& node) {
  const std::string quoted = as_quoted_entry(reader, node);
  const std::string remedy = quoted.empty() ? "quote the whole entry, or write it as a block after \"|\""
                                            : "quote the whole entry: " + quoted;
  if (node.is_sequence())
    return node.flow ? fmt::format("a command that begins with \"[\" is a list to YAML; {}", remedy)
                     : "a list inside the list of commands; write its entries one level up";
  if (node.flow) return fmt::format("a command that begins with \"{{\" is a mapping to YAML; {}", remedy);
  const bool lone =
      node.entries.size() == 1 && node.entries[0].value != nullptr && node.entries[0].value->is_scalar();
  if (!lone)
    return "this command is a mapping to YAML; quote the whole entry, or write it as a block after \"|\"";
  if (node.entries[0].value->is_null())
    return fmt::format("the \":\" at its end makes this command a mapping to YAML; {}", remedy);
  return fmt::format("the \": \" in it makes this command a mapping to YAML; {}", remedy);
}

void refuse_command(Reader& reader, const Node& node, std::size_t index) {
  if (node.incomplete) return;
  const std::size_t line = reader.source().place(node.where.begin).line;
  refuse(reader, node.where, "command-not-string", why_not_a_command(reader, node),
         fmt::format("Expected Commands[{}] to be of string type: found subkeys instead at line {}, value of "
                     "the key tag on "
                     "line {} might be empty",
                     index, line, line - 1));
}

Command decode_command(Reader& reader, const Node& node) {
  return {reader.copy(node.text(), node.where), node.where};
}

void decode_commands(Reader& reader, const Node& node, std::vector<Command>& commands) {
  if (node.is_null()) return;
  if (node.is_scalar()) {
    commands.push_back(decode_command(reader, node));
    return;
  }
  if (node.is_mapping()) return refuse_command(reader, node, 0);
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    if (node.items[i]->is_scalar())
      commands.push_back(decode_command(reader, *node.items[i]));
    else
      refuse_command(reader, *node.items[i], i);
  }
}

// "ABORT", "CONTINUE", "RETRY", "RETRY-<count>", "RETRY-<regex>", "RETRY-<count>-<regex>"; nullopt for
// anything else.
std::optional<OnFailure> parse_on_failure(std::string_view text) {
  OnFailure policy;
  if (equals_ignoring_case(text, "ABORT")) return policy;
  policy.action = OnFailure::Action::carry_on;
  if (equals_ignoring_case(text, "CONTINUE")) return policy;
  policy.action = OnFailure::Action::retry;
  constexpr std::string_view kRetry = "RETRY";
  if (!equals_ignoring_case(text.substr(0, kRetry.size()), kRetry)) return std::nullopt;
  text.remove_prefix(kRetry.size());
  if (text.empty()) return policy;
  if (text[0] != '-') return std::nullopt;
  text.remove_prefix(1);
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits > 0 && (digits == text.size() || text[digits] == '-')) {
    const auto [stop, wrong] = std::from_chars(text.data(), text.data() + digits, policy.retries);
    if (wrong != std::errc() || policy.retries > kMostRetries) return std::nullopt;
    text.remove_prefix(digits);
    if (text.empty()) return policy;
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  policy.pattern = text;
  return policy;
}

void decode_on_failure(Reader& reader, const Entry& entry, PhaseSpec& phase) {
  const std::optional<PlacedString> text = reader.string(*entry.value);
  if (!text) return;
  phase.on_failure = parse_on_failure(text->value);
  if (phase.on_failure)
    phase.on_failure->where = text->where;
  else
    reader
        .report(text->where, "on-failure-invalid",
                fmt::format("on-failure {}; it is ABORT, CONTINUE, RETRY, RETRY-<count>, RETRY-<regex> or "
                            "RETRY-<count>-<regex>, with a count from 0 to {}",
                            Reader::quoted(text->value), kMostRetries))
        .cloud_code = kFileError;
}

void decode_runtimes(Reader& reader, const Entry& entry, PhaseSpec& phase) {
  if (phase.name != PhaseName::install) {
    reader.report(entry.key->where, "runtime-versions-ignored",
                  "runtime-versions outside of install, where it has no effect");
    return;
  }
  phase.runtime_versions = reader.named(*entry.value);
  if (entry.value->is_null() ||
      (entry.value->is_mapping() && entry.value->entries.empty() && !entry.value->incomplete))
    reader.report_absence(entry.key->where, "runtime-versions-empty",
                          "runtime-versions without a runtime; it has at least one");
}

constexpr Key<PhaseSpec> kPhaseKeys[] = {
    {"run-as", [](Reader& r, const Entry& e, PhaseSpec& phase) { phase.run_as = r.string(*e.value); }},
    {"on-failure", decode_on_failure},
    {"runtime-versions", decode_runtimes},
    {"commands",
     [](Reader& r, const Entry& e, PhaseSpec& phase) {
       phase.has_commands = true;
       decode_commands(r, *e.value, phase.commands);
     }},
    {"steps", decode_steps},
    {"finally",
     [](Reader& r, const Entry& e, PhaseSpec& phase) { decode_commands(r, *e.value, phase.finally); }},
};

std::optional<PhaseName> find_phase_name(const Node& key) {
  if (!key.is_scalar()) return std::nullopt;
  for (const PhaseName name : kPhaseNames)
    if (equals_ignoring_case(key.scalar, to_string(name))) return name;
  return std::nullopt;
}

PhaseSpec decode_phase(Reader& reader, PhaseName name, const Entry& entry) {
  PhaseSpec phase;
  phase.name = name;
  phase.where = entry.key->where;
  if (entry.value->is_null())
    reader.report_absence(
        entry.key->where, "empty-phase",
        fmt::format("{} has nothing in it; its keys are indented below it", to_string(name)));
  if (!entry.value->is_mapping()) return phase;  // anything else has been refused
  map(reader, *entry.value, kPhaseKeys, kPhaseSection, phase, to_upper_string(name));
  if (phase.has_commands && phase.steps_where != SourceRange{})
    reader.report(phase.steps_where, "commands-and-steps", "steps beside commands; a phase has one of them")
        .cloud_code = kFileError;
  if (phase.steps_where != SourceRange{} && phase.run_as)
    reader.report(phase.run_as->where, "step-invalid", "run-as beside steps, which always run as root")
        .cloud_code = kFileError;
  return phase;
}

// --- reports, artifacts, cache

void decode_format(Reader& reader, const Entry& entry, ReportSpec& report) {
  constexpr std::string_view kFormats[] = {"JUNITXML",  "CUCUMBERJSON",    "NUNITXML",  "NUNIT3XML",
                                           "TESTNGXML", "VISUALSTUDIOTRX", "CLOVERXML", "COBERTURAXML",
                                           "JACOCOXML", "SIMPLECOV"};
  std::optional<PlacedString> format = reader.string(*entry.value);
  if (!format) return;
  const auto known = std::find_if(std::begin(kFormats), std::end(kFormats), [&](std::string_view candidate) {
    return equals_ignoring_case(candidate, format->value);
  });
  if (known == std::end(kFormats)) {
    std::string hint = did_you_mean(format->value, kFormats);
    if (hint.empty())
      for (const std::string_view candidate : kFormats)
        hint += fmt::format("{}{}", hint.empty() ? "; there are " : ", ", candidate);
    reader.report(format->where, "report-format",
                  fmt::format("unknown file-format {}{}", Reader::quoted(format->value), hint));
    return;
  }
  report.file_format = {std::string(*known), format->where};
}

constexpr Key<ReportSpec> kReportKeys[] = {
    {"files", [](Reader& r, const Entry& e, ReportSpec& report) { report.files = r.strings(*e.value); }},
    {"file-format", decode_format},
    {"base-directory",
     [](Reader& r, const Entry& e, ReportSpec& report) { report.base_directory = r.string(*e.value); }},
    {"discard-paths",
     [](Reader& r, const Entry& e, ReportSpec& report) { r.boolean(*e.value, report.discard_paths); }},
};

void decode_reports(Reader& reader, const Entry& entry, Buildspec& spec) {
  spec.reports_where = entry.key->where;
  if (entry.value->is_null()) return;
  if (!entry.value->is_mapping()) return reader.wrong_type(*entry.value, "a mapping of report groups");
  for (const auto& [key, value, merged] : entry.value->entries) {
    if (key == nullptr || value == nullptr) continue;
    if (!key->is_scalar()) {
      reader.wrong_type(*key, "the name of a report group");
      continue;
    }
    ReportSpec report;
    report.group = {reader.copy(key->scalar, key->where), key->where};
    map(reader, *value, kReportKeys, kReportSection, report);
    if (report.files.empty() && !value->incomplete)
      reader.report_absence(key->where, "report-no-files",
                            fmt::format("report group {} has no files", Reader::quoted(key->scalar)));
    spec.reports.push_back(std::move(report));
  }
}

void decode_secondary(Reader& reader, const Entry& entry, ArtifactsSpec& artifacts);

constexpr Key<ArtifactsSpec> kArtifactsKeys[] = {
    {"files",
     [](Reader& r, const Entry& e, ArtifactsSpec& artifacts) { artifacts.files = r.strings(*e.value); }},
    {"name",
     [](Reader& r, const Entry& e, ArtifactsSpec& artifacts) { artifacts.name = r.string(*e.value); }},
    {"discard-paths", [](Reader& r, const Entry& e,
                         ArtifactsSpec& artifacts) { r.boolean(*e.value, artifacts.discard_paths); }},
    {"base-directory", [](Reader& r, const Entry& e,
                          ArtifactsSpec& artifacts) { artifacts.base_directory = r.string(*e.value); }},
    {"exclude-paths", [](Reader& r, const Entry& e,
                         ArtifactsSpec& artifacts) { artifacts.exclude_paths = r.strings(*e.value, true); }},
    {"enable-symlinks", [](Reader& r, const Entry& e,
                           ArtifactsSpec& artifacts) { r.boolean(*e.value, artifacts.enable_symlinks); }},
    {"s3-prefix",
     [](Reader& r, const Entry& e, ArtifactsSpec& artifacts) { artifacts.s3_prefix = r.string(*e.value); }},
    {"type", [](Reader& r, const Entry& e, ArtifactsSpec& artifacts) { artifacts.type = r.string(*e.value); },
     Since::only_0_1},
    {"secondary-artifacts", decode_secondary},  // the last one: a secondary artifact has all keys but this
};
constexpr std::span<const Key<ArtifactsSpec>> kSecondaryKeys(kArtifactsKeys, std::size(kArtifactsKeys) - 1);

void check_artifacts(Reader& reader, SourceRange where, const ArtifactsSpec& artifacts) {
  if (artifacts.files.empty() && artifacts.secondary.empty())
    reader.report_absence(where, "artifacts-no-files",
                          "artifacts without files, of which nothing can be taken");
}

void decode_secondary(Reader& reader, const Entry& entry, ArtifactsSpec& artifacts) {
  if (entry.value->is_null()) return;
  if (!entry.value->is_mapping()) return reader.wrong_type(*entry.value, "a mapping of artifacts");
  for (const auto& [key, value, merged] : entry.value->entries) {
    if (key == nullptr || value == nullptr) continue;
    if (!key->is_scalar()) {
      reader.wrong_type(*key, "the identifier of an artifact");
      continue;
    }
    ArtifactsSpec secondary;
    secondary.id = reader.copy(key->scalar, key->where);
    secondary.where = key->where;
    reader.map(*value, kSecondaryKeys, kSecondarySection, secondary);
    if (!value->incomplete) check_artifacts(reader, key->where, secondary);
    artifacts.secondary.push_back(std::move(secondary));
  }
}

void decode_action(Reader& reader, const Entry& entry, CacheSpec& cache) {
  cache.action = reader.string(*entry.value);
  if (cache.action && cache.action->value != "restore" && cache.action->value != "save")
    reader.report(cache.action->where, "cache-action",
                  fmt::format("action {}; it is restore or save, and absent for both",
                              Reader::quoted(cache.action->value)));
}

constexpr Key<CacheSpec> kCacheKeys[] = {
    {"key", [](Reader& r, const Entry& e, CacheSpec& cache) { cache.key = r.string(*e.value); }},
    {"fallback-keys",
     [](Reader& r, const Entry& e, CacheSpec& cache) { cache.fallback_keys = r.strings(*e.value); }},
    {"action", decode_action},
    {"paths", [](Reader& r, const Entry& e, CacheSpec& cache) { cache.paths = r.strings(*e.value); }},
};

void decode_cache(Reader& reader, const Entry& entry, Buildspec& spec) {
  constexpr std::size_t kMostFallbackKeys = 5;
  if (entry.value->is_null()) return;
  CacheSpec cache;
  cache.where = entry.key->where;
  map(reader, *entry.value, kCacheKeys, kCacheSection, cache);
  if (entry.value->is_mapping() && !entry.value->incomplete) {
    if (cache.paths.empty())
      reader.report_absence(entry.key->where, "cache-no-paths", "cache without paths, which keeps nothing");
    if (!cache.fallback_keys.empty() && !cache.key)
      reader.report(cache.fallback_keys[0].where, "cache-fallback-keys",
                    "fallback-keys without key, where they are ignored");
    if (cache.fallback_keys.size() > kMostFallbackKeys)
      reader.report(
          cache.fallback_keys[kMostFallbackKeys].where, "cache-fallback-keys",
          fmt::format("{} fallback-keys; there may be {}", cache.fallback_keys.size(), kMostFallbackKeys));
  }
  spec.cache = std::move(cache);
}

// --- top level

constexpr Key<Buildspec> kRootKeys[] = {
    {"version", [](Reader&, const Entry&, Buildspec&) {}},  // read before all others, as phases is
    {"run-as", [](Reader& r, const Entry& e, Buildspec& spec) { spec.run_as = r.string(*e.value); }},
    {"env",
     [](Reader& r, const Entry& e, Buildspec& spec) {
       spec.env_where = e.key->where;
       map(r, *e.value, kEnvKeys, kEnvSection, spec.env);
     },
     Since::only_0_2},
    {"environment_variables",
     [](Reader& r, const Entry& e, Buildspec& spec) {
       spec.env_where = e.key->where;
       map(r, *e.value, kEnvironmentVariablesKeys, kEnvironmentVariablesSection, spec.env);
     },
     Since::only_0_1},
    {"proxy",
     [](Reader& r, const Entry& e, Buildspec& spec) {
       if (e.value->is_null()) return;
       ProxySpec proxy;
       proxy.where = e.key->where;
       map(r, *e.value, kProxyKeys, kProxySection, proxy);
       spec.proxy = proxy;
     }},
    {"batch", decode_batch},
    {"phases", [](Reader&, const Entry&, Buildspec&) {}},
    {"reports", decode_reports},
    {"artifacts",
     [](Reader& r, const Entry& e, Buildspec& spec) {
       if (e.value->is_null()) return;
       ArtifactsSpec artifacts;
       artifacts.where = e.key->where;
       map(r, *e.value, kArtifactsKeys, kArtifactsSection, artifacts);
       if (e.value->is_mapping() && !e.value->incomplete) check_artifacts(r, e.key->where, artifacts);
       spec.artifacts = std::move(artifacts);
     }},
    {"cache", decode_cache},
};

// "Not exactly one `phases` mapping" (buildspec.md 3.9): of the phases, as of the file. True when there are
// phases to read.
bool check_structure(Reader& reader, const Node& root, bool complete) {
  const auto refuse_structure = [&](SourceRange where, std::string_view id, std::string message) {
    refuse(reader, where, id, std::move(message), std::string(kContainerTags));
  };
  const Entry* phases = root.find_entry("phases");
  if (phases == nullptr || phases->value == nullptr || phases->value->is_null()) {
    if (!complete) return false;
    if (phases != nullptr)
      refuse_structure(phases->key->where, "no-phases",
                       "phases has nothing in it; the phases are indented below it");
    else if (root.find("batch") != nullptr)
      refuse_structure({}, "batch-only",
                       "no phases; this file describes a batch only, which an ordinary build refuses");
    else
      refuse_structure({}, "no-phases", "no phases; a buildspec has version and phases at its top level");
    return false;
  }
  if (!phases->value->is_mapping()) {
    if (!phases->value->incomplete)
      refuse_structure(phases->value->where, "no-phases",
                       "phases is no mapping; it has the keys install, pre_build, build, post_build");
    return false;
  }
  for (const auto& [key, value, merged] : phases->value->entries) {
    if (key == nullptr || value == nullptr || value->incomplete || value->is_mapping() || value->is_null())
      continue;
    if (const std::optional<PhaseName> name = find_phase_name(*key))
      refuse_structure(value->where, "wrong-type",
                       fmt::format("a mapping with keys such as commands is due in {}, and this is {}",
                                   to_string(*name), value->is_sequence() ? "a list" : "text"));
  }
  return true;
}

void decode_version(Reader& reader, const Node& root, bool complete) {
  const Entry* entry = root.find_entry("version");
  const auto refuse_version = [&](SourceRange where, std::string_view id, std::string message,
                                  std::string_view value) {
    refuse(reader, where, id, std::move(message),
           fmt::format("invalid buildspec `version` specified: {}, see documentation", value));
  };
  if (entry == nullptr || entry->value == nullptr || entry->value->is_null()) {
    if (complete)
      refuse_version(entry == nullptr ? SourceRange{} : entry->key->where, "version-missing",
                     "no version; write version: 0.2", "");
    return;
  }
  const Node& value = *entry->value;
  if (!value.is_scalar()) {
    if (!value.incomplete)
      refuse_version(value.where, "version-invalid", "version is no text; write version: 0.2", "");
    return;
  }
  if (value.scalar == "0.1")
    reader.spec().version = Buildspec::Version::v0_1;
  else if (value.scalar != "0.2")
    refuse_version(
        value.where, "version-invalid",
        fmt::format("version {}; there are 0.2, and 0.1 for old files", Reader::quoted(value.scalar)),
        to_valid_utf8(value.scalar));
  const Node* batch = root.find("batch");
  if (value.style != ScalarStyle::plain && batch != nullptr && !batch->is_null())
    reader.report(value.where, "batch-quoted-version",
                  "a batch build refuses a version in quotes; write version: 0.2");
}

void check_phase_names(Reader& reader, const Node& phases) {
  constexpr std::string_view kNames[] = {"install", "pre_build", "build", "post_build"};
  for (const auto& [key, value, merged] : phases.entries) {
    if (key == nullptr || find_phase_name(*key)) continue;
    const std::string_view name = key->is_scalar() ? std::string_view(key->scalar) : std::string_view();
    std::string hint = where_it_belongs(name, "phases");
    if (hint.empty()) hint = did_you_mean(name, kNames);
    if (hint.empty()) hint = "; there are install, pre_build, build and post_build";
    refuse(reader, key->where, "unknown-phase", fmt::format("unknown phase {}{}", Reader::quoted(name), hint),
           fmt::format("Invalid buildspec phase name: {}. Expecting: build,install,post_build,pre_build",
                       to_valid_utf8(name)));
  }
}

// In running order, whatever the order in the file.
void decode_phases(Reader& reader, const Node& phases) {
  std::array<const Entry*, kPhaseNames.size()> written{};
  for (const Entry& entry : phases.entries) {
    if (entry.key == nullptr || entry.value == nullptr) continue;
    const std::optional<PhaseName> name = find_phase_name(*entry.key);
    if (!name) continue;
    const Entry*& slot = written[static_cast<std::size_t>(*name)];
    if (slot != nullptr)  // the reader has dropped doubles of the same spelling
      reader.report(
          entry.key->where, "duplicate-phase",
          fmt::format("{} for a second time, in another spelling; this one counts", to_string(*name)));
    slot = &entry;
  }
  for (const PhaseName name : kPhaseNames)
    if (const Entry* entry = written[static_cast<std::size_t>(name)])
      reader.spec().phases.push_back(decode_phase(reader, name, *entry));
}

}  // namespace

std::string where_it_belongs(std::string_view key, std::string_view section) {
  const auto among = [&](const auto& keys) {
    return std::any_of(std::begin(keys), std::end(keys),
                       [&](const auto& known) { return known.name == key; });
  };
  if (key == "type" && section == "artifacts") return ", which only version 0.1 had";
  if (key == "environment_variables" && section == "root")
    return ", which only version 0.1 had; it is env, with variables";
  if (key == "env" && section == "root")
    return " of a 0.1 file; it is environment_variables, with plaintext, or write version: 0.2";
  if (section != "root" && among(kRootKeys)) return "; it belongs at the top level";
  if (key == "plaintext" && section == "env") return "; since version 0.2 it is variables";
  if ((key == "image" || key == "compute-type" || key == "privileged-mode") && !section.starts_with("batch"))
    return "; it is a setting of the project, or of a build of batch";
  if (section == "root" || section == "env" || section == "phase") {
    for (const PhaseName name : kPhaseNames)
      if (to_string(name) == key) return "; it belongs below phases";
    if (key.starts_with("build-") &&
        (key == "build-list" || key == "build-graph" || key == "build-matrix" || key == "build-fanout"))
      return "; it belongs below batch";
  }
  if (section != "phase" && among(kPhaseKeys)) return "; it belongs in a phase";
  if (section != "env" && section != "environment_variables" && among(kEnvKeys))
    return "; it belongs below env";
  if ((section == "root" || section == "phases" || section == "phase") &&
      (among(kArtifactsKeys) && key != "name" && key != "type"))
    return among(kReportKeys) ? "; it belongs below artifacts or in a report group"
                              : "; it belongs below artifacts";
  if (section == "phases" && key == "environment_variables") return "; it belongs at the top level";
  return "";
}

Buildspec decode_buildspec(const SourceText& source, const Document& document, Weighing weighing,
                           Diagnostics& found) {
  Buildspec spec;
  spec.source = &source;
  Reader reader(source, document.complete(), weighing, found, spec);
  const Node* root = document.root();
  if (root == nullptr || !root->is_mapping()) {
    if (document.complete())
      refuse(reader, root == nullptr ? SourceRange{} : root->where, "no-phases",
             root == nullptr || root->is_null()
                 ? "the file is empty; a buildspec has version and phases at its top level"
                 : "this is no mapping; a buildspec has version and phases at its top level",
             std::string(kContainerTags));
    return spec;
  }
  const bool has_phases = check_structure(reader, *root, document.complete());
  decode_version(reader, *root, document.complete());
  if (has_phases) {
    const Node& phases = *root->find("phases");
    check_phase_names(reader, phases);
    decode_phases(reader, phases);
  }
  map(reader, *root, kRootKeys, kRootSection, spec);
  check_exported(reader, spec.env);
  reader.finish();
  return spec;
}

std::vector<SectionKeys> known_keys() {
  std::vector<SectionKeys> sections;
  const auto add = [&](const Section& section, const auto& keys) {
    sections.push_back({section.name, key_names(keys)});
  };
  add(kRootSection, kRootKeys);
  add(kEnvSection, kEnvKeys);
  add(kEnvironmentVariablesSection, kEnvironmentVariablesKeys);
  add(kProxySection, kProxyKeys);
  add_batch_keys(sections);
  std::vector<std::string_view> phases;
  for (const PhaseName name : kPhaseNames) phases.push_back(to_string(name));
  sections.push_back({"phases", std::move(phases)});
  add(kPhaseSection, kPhaseKeys);
  sections.push_back({kStepSection.name, {step_keys().begin(), step_keys().end()}});
  add(kReportSection, kReportKeys);
  add(kArtifactsSection, kArtifactsKeys);
  sections.push_back({"secondary-artifact", key_names(kSecondaryKeys)});
  add(kCacheSection, kCacheKeys);
  return sections;
}

}  // namespace buildspec_run
