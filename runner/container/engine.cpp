#include "runner/container/engine.h"

#include <unistd.h>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSocketInContainer = "/var/run/docker.sock";

std::string value_of(const std::map<std::string, std::string>& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Names that docker's and podman's clients, the Go and C libraries below them, or the ssh and credential helpers they
/// start heed themselves. A container's value of these must not reach the client: with the container's HOME it would not
/// find its contexts and logins, with its PATH no helper, with its DOCKER_HOST another engine.
bool client_heeds(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "ALL_PROXY",   "FTP_PROXY",     "GCONV_PATH",    "HOME",         "HTTPS_PROXY",
      "HTTP_PROXY",  "LOCPATH",       "NO_PROXY",      "PATH",         "REGISTRY_AUTH_FILE",
      "RES_OPTIONS", "SSH_AGENT_PID", "SSH_AUTH_SOCK", "SSL_CERT_DIR", "SSL_CERT_FILE",
      "TMPDIR",      "all_proxy",     "ftp_proxy",     "http_proxy",   "https_proxy",
      "no_proxy",    "NIX_LD",        "HOSTALIASES",   "LOCALDOMAIN",  "GNUPGHOME"};
  constexpr std::string_view kPrefixes[] = {"BUILDKIT_", "BUILDX_", "CONTAINERS_", "CONTAINER_", "DBUS_",
                                            "DOCKER_",   "GLIBC_",  "GO",          "LD_",        "MALLOC_",
                                            "OTEL_",     "PODMAN_", "STORAGE_",    "XDG_"};
  for (const std::string_view known : kNames)
    if (name == known) return true;
  for (const std::string_view prefix : kPrefixes) {
    if (!name.starts_with(prefix)) continue;
    // GODEBUG, GOGC, GOMAXPROCS, GOTRACEBACK, …: not GOOGLE_…
    if (prefix != "GO" || !name.starts_with("GOOGLE")) return true;
  }
  return false;
}

/// Whether a line `NAME=VALUE` of an environment file says exactly this: docker takes lines without their line ending, of
/// at most 64 KiB, and refuses what is not UTF-8; a blank or `#` before the name, or a blank in it, is its syntax.
bool fits_env_file(std::string_view name, std::string_view value) {
  constexpr std::size_t kLimit = 60u << 10;
  const auto plain = [](char c) { return is_letter(c) || is_digit(c) || c == '_'; };
  for (const char c : name)
    if (!plain(c)) return false;
  return value.find_first_of("\n\r"sv) == value.npos && name.size() + value.size() < kLimit &&
         !find_invalid_utf8(value);
}

/// `text` as a field of the comma-separated list that --mount takes.
std::string csv_field(std::string_view text) {
  std::string field = "\"";
  for (const char c : text) {
    if (c == '"') field += '"';
    field += c;
  }
  return field += '"';
}

void add_mount(std::vector<std::string>& argv, const Mount& mount) {
  if (mount.host.find(':') == mount.host.npos && mount.container.find(':') == mount.container.npos) {
    argv.insert(argv.end(), {"-v", mount.host + ":" + mount.container + (mount.read_only ? ":ro" : "")});
    return;
  }
  argv.insert(argv.end(),
              {"--mount", "type=bind," + csv_field("source=" + mount.host) + "," +
                              csv_field("target=" + mount.container) + (mount.read_only ? ",readonly" : "")});
}

/// An image's name must not be read as an option. The client then says itself that it is no name.
void add_image(std::vector<std::string>& argv, std::string_view image) {
  if (image.starts_with('-')) argv.emplace_back("--");
  argv.emplace_back(image);
}

/// docker's short name of an image, with what docker takes for granted: podman has no such default, or another.
std::string with_registry(std::string_view image) {
  const std::size_t slash = image.find('/');
  if (slash == image.npos) return "docker.io/library/" + std::string(image);
  const std::string_view first = image.substr(0, slash);
  if (first == "localhost" || first.find_first_of(".:") != first.npos) return std::string(image);
  return "docker.io/" + std::string(image);
}

/// Six hex digits that are the same for the same text and seldom for another (FNV-1a).
std::string six_hex_of(std::string_view text) {
  std::uint64_t sum = 0xcbf29ce484222325u;
  for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return fmt::format("{:06x}", (sum ^ (sum >> 24) ^ (sum >> 48)) & 0xffffff);
}

/// As GitHub's runner quotes: doubled backslashes before a quote and at the end.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  std::size_t backslashes = 0;
  for (const char c : text) {
    if (c == '"') out.append(backslashes + 1, '\\');
    backslashes = c == '\\' ? backslashes + 1 : 0;
    out += c;
  }
  return out.append(backslashes, '\\') += '"';
}

std::string unix_socket(std::string_view endpoint) {
  constexpr std::string_view kScheme = "unix://";
  return endpoint.starts_with(kScheme) ? std::string(endpoint.substr(kScheme.size())) : std::string();
}

}  // namespace

Result<ContainerEngine> ContainerEngine::find(const EngineOptions& options) {
  ContainerEngine engine;
  engine.options_ = options;
  const std::string search_path = value_of(options.environment, "PATH");
  std::error_code ignored;
  const Path cwd = std::filesystem::current_path(ignored);
  const auto look_up = [&](std::string_view name) {
    Path found = find_program(name, search_path, cwd);
    if (!found.empty() && found.is_relative()) found = cwd / found;
    return found.lexically_normal();
  };
  constexpr std::string_view kRemedy =
      "; a Docker action needs one: install Docker or Podman, or name a program that takes the same commands "
      "with "
      "--container-engine";
  Path program;
  if (!options.program.empty()) {
    program = look_up(options.program);
    if (program.empty())
      return Error{fmt::format("--container-engine {}: no such program on the path ({})",
                               shell_quote(options.program), search_path),
                   std::make_error_code(std::errc::no_such_file_or_directory)};
    if (::access(program.c_str(), X_OK) != 0 || std::filesystem::is_directory(program, ignored))
      return system_error("--container-engine " + shell_quote(options.program), errno == 0 ? EACCES : errno);
  } else {
    for (const std::string_view name : {"docker"sv, "podman"sv})
      if (program.empty()) program = look_up(name);
    if (program.empty())
      return Error{fmt::format("no container engine: neither docker nor podman is on the path ({}){}",
                               search_path, kRemedy),
                   std::make_error_code(std::errc::no_such_file_or_directory)};
  }
  engine.program_ = program.native();
  engine.is_podman_ = program.filename().native().starts_with("podman");
  if (engine.options_.label.empty())
    engine.options_.label =
        six_hex_of(fmt::format("buildspec-run {} {}", ::getuid(), value_of(options.environment, "HOME")));
  if (const std::optional<ProcessSpec> asked = engine.ask_endpoint(); !asked)
    engine.set_endpoint(value_of(options.environment, engine.is_podman_ ? "CONTAINER_HOST" : "DOCKER_HOST"));
  return engine;
}

ProcessSpec ContainerEngine::client(std::vector<std::string> args, const std::string& cwd) const {
  ProcessSpec spec;
  spec.argv = std::move(args);
  spec.argv.insert(spec.argv.begin(), program_);
  spec.env = options_.environment;
  spec.cwd = cwd;
  return spec;
}

ProcessSpec ContainerEngine::version() const { return client({"version"}, "/"); }

std::optional<ProcessSpec> ContainerEngine::ask_endpoint() const {
  // DOCKER_HOST beats every context; only a docker has contexts.
  if (!options_.docker_socket || is_podman_ || !value_of(options_.environment, "DOCKER_HOST").empty())
    return std::nullopt;
  return client({"context", "inspect", "--format", "{{.Endpoints.docker.Host}}"}, "/");
}

void ContainerEngine::set_endpoint(std::string_view endpoint) {
  if (!options_.docker_socket) return;
  if (!endpoint.empty()) {
    socket_ = unix_socket(endpoint);
    return;
  }
  const std::string run_time = value_of(options_.environment, "XDG_RUNTIME_DIR");
  if (!is_podman_)
    socket_ = kSocketInContainer;
  else
    socket_ = (::getuid() == 0 || run_time.empty() ? std::string("/run") : run_time) + "/podman/podman.sock";
}

ProcessSpec ContainerEngine::find_image(std::string_view image) const {
  std::vector<std::string> args{"image", "inspect", "--format", "{{.Id}}"};
  add_image(args, image);
  return client(std::move(args), "/");
}

ProcessSpec ContainerEngine::pull(std::string_view image, const std::string& cwd) const {
  std::vector<std::string> args{"pull"};
  add_image(args, is_podman_ && !image.starts_with('-') ? with_registry(image) : std::string(image));
  return client(std::move(args), cwd);
}

ProcessSpec ContainerEngine::build(std::string_view tag, const std::string& dockerfile,
                                   const std::string& context, const std::string& cwd) const {
  return client({"build", "-t", std::string(tag), "-f", dockerfile, context}, cwd);
}

ContainerStart ContainerEngine::run(const ContainerSpec& spec, const std::string& env_file_path) const {
  ContainerStart start;
  ProcessSpec& process = start.process;
  process = client({"run", "--name", spec.name, "--label", options_.label, "--workdir", spec.workdir, "--rm"},
                   spec.cwd);
  if (!spec.terminal.empty()) {
    process.terminal = spec.terminal;
    process.argv.insert(process.argv.end(), {"--interactive", "--tty"});
  }
  std::vector<std::string> names;
  for (const auto& [name, value] : spec.env) {
    if (name.empty()) continue;
    const auto of_client = options_.environment.find(name);
    const bool same = of_client != options_.environment.end() && of_client->second == value;
    if (!same && client_heeds(name) && fits_env_file(name, value)) {
      start.env_file += name + "=" + value + "\n";
      continue;
    }
    process.env[name] = value;
    names.push_back(name);
  }
  std::vector<std::string>& argv = process.argv;
  if (!start.env_file.empty()) argv.insert(argv.end(), {"--env-file", env_file_path});
  for (const std::string& name : names) argv.insert(argv.end(), {"-e", name});
  argv.insert(argv.end(), {"-e", "GITHUB_ACTIONS=true"});
  if (!spec.env.contains("CI")) argv.insert(argv.end(), {"-e", "CI=true"});
  if (!spec.entrypoint.empty()) argv.insert(argv.end(), {"--entrypoint", spec.entrypoint});
  if (const std::string& network = spec.network.empty() ? options_.network : spec.network; !network.empty())
    argv.insert(argv.end(), {"--network", network});
  if (!socket_.empty()) add_mount(argv, {socket_, std::string(kSocketInContainer), false});
  for (const Mount& mount : spec.mounts) add_mount(argv, mount);
  add_image(argv, spec.image);
  argv.insert(argv.end(), spec.args.begin(), spec.args.end());
  return start;
}

ProcessSpec ContainerEngine::run_as_root(const ContainerSpec& spec) const {
  std::vector<std::string> args{"run",       "--name", spec.name, "--label", options_.label, "--workdir",
                                "/",         "--rm",   "--user",  "0:0",     "--entrypoint", spec.entrypoint,
                                "--network", "none"};
  for (const Mount& mount : spec.mounts) add_mount(args, mount);
  add_image(args, spec.image);
  args.insert(args.end(), spec.args.begin(), spec.args.end());
  return client(std::move(args), "/");
}

ProcessSpec ContainerEngine::remove(std::string_view name) const {
  std::vector<std::string> args{"rm", "--force", "--volumes"};
  // podman asks the container to stop first, and gives it ten seconds.
  if (is_podman_) args.insert(args.end(), {"--time", "0"});
  args.emplace_back(name);
  return client(std::move(args), "/");
}

ProcessSpec ContainerEngine::remove_image(std::string_view image) const {
  return client({"image", "rm", std::string(image)}, "/");
}

std::string ContainerEngine::shown(const ProcessSpec& process) {
  const std::vector<std::string>& argv = process.argv;
  std::string text;
  const auto add = [&](std::string_view word) { (text += text.empty() ? "" : " ") += word; };
  const std::string_view command = argv.size() > 1 ? std::string_view(argv[1]) : std::string_view();
  add(argv.empty() ? std::string_view() : std::string_view(argv[0]));
  bool options = true;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const std::string& word = argv[i];
    const bool has_value = options && i + 1 < argv.size();
    if (command == "build" && i + 1 == argv.size()) {
      add(in_quotes(word));
    } else if (has_value && (word == "-e" || word == "--entrypoint" || word == "-f")) {
      // The runner's own -e NAME=VALUE are written plainly.
      add(word);
      const std::string& value = argv[++i];
      add(word == "-e" && value.find('=') != value.npos ? value : in_quotes(value));
    } else if (has_value && word == "-v") {
      add(word);
      const std::string& value = argv[++i];
      const std::size_t colon = value.find(':');
      add(in_quotes(std::string_view(value).substr(0, colon)) + ":" +
          in_quotes(std::string_view(value).substr(colon + 1)));
    } else if (has_value && word.starts_with("--") && word != "--rm" && word != "--") {
      add(word);
      const std::string& value = argv[++i];
      add(value.find_first_of(" \"\\\t"sv) == value.npos && !value.empty() ? value : in_quotes(value));
    } else if (command == "run" && i > 1 && word != "--rm" && word != "--" && options) {
      options = false;  // the image
      add(word);
    } else if (!options) {
      add(in_quotes(word));
    } else {
      add(word);
    }
  }
  return text;
}

std::string container_name(std::string_view image, std::string_view six_hex) {
  std::string name;
  for (const char c : image)
    // The engine wants a letter or a digit in front.
    if (is_letter(c) || (!name.empty() && (is_digit(c) || c == '_'))) name += c;
  if (name.empty()) name = "image";
  return (name += '_') += six_hex;
}

std::string image_tag(std::string_view label, std::string_view key, Sha256& sha256) {
  sha256.update(key);
  return std::string(label) + ":" + to_hex(sha256.finish()).substr(0, 32);
}

ActionDirectories action_directories(const std::string& temp, const std::string& workspace) {
  ActionDirectories directories;
  const std::pair<std::string, std::string> all[] = {
      {temp, "/github/runner_temp"},
      {temp + "/_github_home", "/github/home"},
      {temp + "/_github_workflow", "/github/workflow"},
      {temp + "/_runner_file_commands", "/github/file_commands"},
      {workspace, std::string(kContainerWorkspace)}};
  for (const auto& [host, container] : all) {
    directories.mounts.push_back({host, container, false});
    directories.paths.add(host, container);
  }
  return directories;
}

}  // namespace buildspec_run
