#include "runner/cli/settings.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "runner/base/text.h"
#include "runner/cli/input.h"
#include "runner/sys/files.h"
#include "runner/yaml/document.h"

namespace buildspec_run {
namespace {

using Takes = OptionSpec::Takes;

constexpr std::string_view kRepositoryFile = ".buildspec-run.yml";
constexpr std::uint64_t kLargestFile = 1 << 20;

// What would open to the build what its user has not opened: a file that comes with the repository may not.
constexpr std::string_view kNotInRepository[] = {"docker-socket", "inherit-env"};
// Where the file itself is looked for depends on it.
constexpr std::string_view kNotInFiles[] = {"source-dir"};

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view key_of(const OptionSpec& option) { return option.name.substr(2); }

const OptionSpec* find_option(const Subcommand& command, std::string_view key) {
  const auto found = std::find_if(command.options.begin(), command.options.end(),
                                  [&](const OptionSpec& option) { return key_of(option) == key; });
  return found == command.options.end() ? nullptr : &*found;
}

bool takes_name_and_value(const OptionSpec& option) { return option.value_name.starts_with("NAME"); }

// Where the name of the file begins in NAME@FILE or NAME=@FILE, of --secret; npos where there is none.
std::size_t secret_file_at(const OptionSpec& option, std::string_view value) {
  if (option.name != "--secret") return std::string_view::npos;
  const std::size_t at = value.find_first_of("=@");
  if (at == std::string_view::npos) return at;
  if (value[at] == '@') return at + 1;
  return value.substr(at).starts_with("=@") ? at + 2 : std::string_view::npos;
}

// A path in a file counts from the file's directory.
std::string rebased(const OptionSpec& option, std::string value, const Path& directory) {
  const auto absolute = [&](std::string_view path) { return absolute_path(Path(path), directory).string(); };
  if (option.value_name == "FILE" || option.value_name == "DIR")
    return value == "-" ? value : absolute(value);
  if (option.value_name == "PROGRAM") return value.find('/') == std::string::npos ? value : absolute(value);
  if (option.value_name.ends_with("=DIR"))
    if (const std::size_t equals = value.find('='); equals != std::string::npos)
      return value.substr(0, equals + 1) + absolute(std::string_view(value).substr(equals + 1));
  if (const std::size_t file = secret_file_at(option, value); file != std::string::npos)
    return value.substr(0, file) + absolute(std::string_view(value).substr(file));
  return value;
}

// One configuration file, read for one command.
class FileReader {
 public:
  FileReader(const SourceText& source, const Path& path, bool in_repository, const Subcommand& command,
             Diagnostics& found)
      : source_(source), path_(path), in_repository_(in_repository), command_(command), found_(found) {}

  void read(std::vector<Setting>& settings) {
    const Document document = parse_document(source_, found_);
    const Node* root = document.root();
    if (!document.complete() || root == nullptr || root->is_null()) return;
    if (!root->is_mapping())
      return refuse(*root, "bad-setting", "a mapping of options is expected, such as \"color: never\"");
    std::vector<Setting> of_command;
    for (const Node::Entry& entry : root->entries) {
      if (!entry.key->is_scalar()) {
        refuse(*entry.key, "unknown-setting",
               "a key that is no text; the name of an option or a command is expected");
        continue;
      }
      if (const Subcommand* section = find_command(entry.key->text()))
        read_section(*section, *entry.value, of_command);
      else
        read_common(*entry.key, *entry.value, settings);
    }
    settings.insert(settings.end(), std::make_move_iterator(of_command.begin()),
                    std::make_move_iterator(of_command.end()));
  }

 private:
  static const Subcommand* find_command(std::string_view name) {
    for (const Subcommand* command : subcommands())
      if (command->name == name) return command;
    return nullptr;
  }

  void refuse(const Node& at, std::string_view id, std::string message) {
    found_.error(source_, at.where, id, std::move(message));
  }

  void unknown(const Node& key, const std::vector<std::string_view>& known, std::string_view of) {
    refuse(key, "unknown-setting",
           fmt::format("unknown option \"{}\"{}{}", to_printable(key.text()), of,
                       did_you_mean(key.text(), known)));
  }

  void read_section(const Subcommand& section, const Node& value, std::vector<Setting>& settings) {
    if (value.is_null()) return;
    if (!value.is_mapping())
      return refuse(value, "bad-setting",
                    fmt::format("a mapping of the options of {} is expected", section.name));
    for (const Node::Entry& entry : value.entries) {
      const OptionSpec* option = entry.key->is_scalar() ? find_option(section, entry.key->text()) : nullptr;
      if (option == nullptr) {
        std::vector<std::string_view> known;
        for (const OptionSpec& one : section.options) known.push_back(key_of(one));
        unknown(*entry.key, known, fmt::format(" of {}", section.name));
      } else {
        read_option(*option, *entry.value, *entry.key, &section == &command_ ? &settings : nullptr);
      }
    }
  }

  // Outside of sections: of whatever command has it.
  void read_common(const Node& key, const Node& value, std::vector<Setting>& settings) {
    const OptionSpec* any = nullptr;
    std::vector<std::string_view> known;
    for (const Subcommand* command : subcommands()) {
      known.push_back(command->name);
      for (const OptionSpec& option : command->options) known.push_back(key_of(option));
      if (any == nullptr) any = find_option(*command, key.text());
    }
    const OptionSpec* ours = find_option(command_, key.text());
    if (ours != nullptr)
      read_option(*ours, value, key, &settings);
    else if (any != nullptr)
      read_option(*any, value, key, nullptr);
    else
      unknown(key, known, "");
  }

  // `settings`: nullptr where another command is meant; what is wrong is said all the same.
  void read_option(const OptionSpec& option, const Node& value, const Node& key,
                   std::vector<Setting>* settings) {
    const std::string_view name = key_of(option);
    if (is_one_of(kNotInFiles, name))
      return refuse(key, "setting-not-here", fmt::format("{} cannot be set in a file", name));
    if (in_repository_ && is_one_of(kNotInRepository, name))
      return refuse(
          key, "setting-not-here",
          fmt::format("{} cannot be set by a file of the repository, for it opens to a build what its user "
                      "has not opened; it can be in the personal file",
                      name));
    const auto add = [&](const Node& at, std::string text) {
      if (std::string wrong = wrong_value(option, text); !wrong.empty())
        return refuse(at, "bad-setting", std::move(wrong));
      if (in_repository_ && name == "secret" && text.find('=') != std::string::npos &&
          secret_file_at(option, text) == std::string::npos)
        return refuse(
            at, "setting-not-here",
            "the value of a secret in a file of the repository; write its name alone, or NAME@FILE");
      if (settings == nullptr) return;
      const LineColumn place = source_.place(at.where.begin);
      settings->push_back({&option, rebased(option, std::move(text), path_.parent_path()),
                           fmt::format("{}:{}:{}", path_.string(), place.line, place.column)});
    };
    if (option.takes != Takes::value && value.is_scalar()) {
      if (const std::optional<bool> on = value.boolean()) {
        if (option.takes == Takes::nothing)
          add(value, *on ? "true" : "false");
        else
          add(value, *on ? "*" : "false");
        return;
      }
      if (option.takes == Takes::nothing)
        return refuse(value, "bad-setting", fmt::format("{} is yes or no", name));
    }
    if (value.is_null()) return refuse(key, "bad-setting", fmt::format("{} has no value", name));
    if (value.is_scalar()) return add(value, std::string(value.text()));
    if (value.is_sequence() && option.repeated) {
      for (const Node* item : value.items) {
        if (item->is_scalar() && !item->is_null())
          add(*item, std::string(item->text()));
        else
          refuse(*item, "bad-setting", fmt::format("a text for {} is expected", name));
      }
      return;
    }
    if (value.is_mapping() && option.repeated && takes_name_and_value(option)) {
      for (const Node::Entry& entry : value.entries) {
        if (entry.key->is_scalar() && entry.value->is_scalar())
          add(*entry.value, fmt::format("{}={}", entry.key->text(), entry.value->text()));
        else
          refuse(*entry.key, "bad-setting", fmt::format("a name and a text for {} are expected", name));
      }
      return;
    }
    refuse(value, "bad-setting",
           fmt::format("a {} where {} takes {}", to_string(value.kind), name,
                       !option.repeated               ? "one text"
                       : takes_name_and_value(option) ? "a text, a list of texts, or a mapping"
                                                      : "a text or a list of texts"));
  }

  const SourceText& source_;
  const Path& path_;
  bool in_repository_;
  const Subcommand& command_;
  Diagnostics& found_;
};

// Whether `path` names something, be it a link to nothing or to itself. An Error: that cannot be seen.
Result<bool> is_there(const Path& path) {
  std::error_code failed;
  const std::filesystem::file_status status = std::filesystem::symlink_status(path, failed);
  if (std::filesystem::exists(status)) return true;
  if (status.type() == std::filesystem::file_type::not_found)
    return false;  // or one above it is no directory
  return system_error("look for " + path.native(), failed.value());
}

// The file of the repository: in `directory` or in the nearest one above it, up to the root of the working tree.
// Without one, only `directory` counts: what lies above belongs to others.
Path repository_file(const Path& directory) {
  Path found;
  for (Path at = directory;; at = at.parent_path()) {
    const Result<bool> file = is_there(at / kRepositoryFile), git = is_there(at / ".git");
    // One that cannot be seen may be there: what looks for it next says why not.
    if (found.empty() && (!file || *file)) found = at / kRepositoryFile;
    if (git && *git) return found.empty() ? directory / kRepositoryFile : found;
    if (at == at.root_path()) return directory / kRepositoryFile;
  }
}

Path personal_file(const Invocation& invocation) {
  const Path config = invocation.variable("XDG_CONFIG_HOME"), home = invocation.variable("HOME");
  if (config.is_absolute()) return config / "buildspec-run/config.yml";
  return home.is_absolute() ? home / ".config/buildspec-run/config.yml" : Path();
}

void read_settings_file(const Path& path, bool in_repository, const Subcommand& command, Settings& settings,
                        Diagnostics& found) {
  if (path.empty()) return;
  const Result<bool> there = is_there(path);
  settings.files.push_back({path, there && *there});
  // As where HOME is that of another user: what he has set is not for us, and the run does not depend on it.
  if (!there)
    found.add(Severity::warning, "unreadable", there.error().message + "; it is taken for not there");
  if (!settings.files.back().there) return;
  Result<std::string> text = read_file(path, kLargestFile);
  if (!text) {
    found.add(Severity::error, "unreadable",
              text.error().message + "; without configuration files: --no-config");
    return;
  }
  settings.sources.push_back(std::make_unique<SourceText>(path.string(), std::move(*text)));
  read_settings_text(*settings.sources.back(), path, in_repository, command, settings.settings, found);
}

void read_variables_of(const Invocation& invocation, const Subcommand& command, Settings& settings,
                       Diagnostics& found) {
  constexpr std::string_view kPrefix = "BUILDSPEC_RUN_",
                             kOfTests = "BUILDSPEC_RUN_TEST_";  // our own tests' settings
  auto at = invocation.environment.lower_bound(std::string(kPrefix));
  const auto is_ours = [&] { return at != invocation.environment.end() && at->first.starts_with(kPrefix); };
  if (!is_ours()) return;
  std::set<std::string> known_names;
  for (const Subcommand* any : subcommands())
    for (const OptionSpec& option : any->options) known_names.insert(variable_of(option));
  const std::vector<std::string_view> known(known_names.begin(), known_names.end());
  for (; is_ours(); ++at) {
    if (known_names.contains(at->first) || at->first.starts_with(kOfTests)) continue;
    found.add(Severity::warning, "unknown-setting",
              fmt::format("the variable {} stands for no option{}", to_printable(at->first),
                          did_you_mean(at->first, known)));
  }
  for (const OptionSpec& option : command.options) {
    const std::string name = variable_of(option);
    const std::string given = invocation.variable(name);
    if (given.empty()) continue;
    const auto add = [&](std::string value) {
      if (const std::string wrong = wrong_value(option, value); !wrong.empty())
        found.add(Severity::error, "bad-setting", fmt::format("the variable {}: {}", name, wrong));
      else
        settings.settings.push_back({&option, std::move(value), name});
    };
    Node as_written;  // for its booleans
    as_written.scalar = given;
    const std::optional<bool> on = given == "1" ? true : given == "0" ? false : as_written.boolean();
    if (option.takes != Takes::value && on) {
      add(!*on ? "false" : option.takes == Takes::nothing ? "true" : "*");
    } else if (option.takes == Takes::nothing) {
      found.add(Severity::error, "bad-setting",
                fmt::format("the variable {} is \"{}\"; 1 or 0 is expected", name, to_printable(given)));
    } else if (option.repeated) {
      for (std::size_t begin = 0; begin < given.size();) {
        const std::size_t end = std::min(given.find('\n', begin), given.size());
        if (end > begin) add(given.substr(begin, end - begin));
        begin = end + 1;
      }
    } else {
      add(given);
    }
  }
}

}  // namespace

std::string variable_of(const OptionSpec& option) {
  std::string name = "BUILDSPEC_RUN_";
  for (const char c : key_of(option))
    name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return name;
}

void read_settings_text(const SourceText& source, const Path& path, bool in_repository,
                        const Subcommand& command, std::vector<Setting>& settings, Diagnostics& found) {
  FileReader(source, path, in_repository, command, found).read(settings);
}

Settings read_settings(const Invocation& invocation, const Subcommand& command, Diagnostics& found) {
  Settings settings;
  read_settings_file(personal_file(invocation), false, command, settings, found);
  std::string source_dir = invocation.arguments.value("--source-dir").value_or("");
  if (source_dir.empty() && find_option(command, "source-dir") != nullptr)
    source_dir = invocation.variable("BUILDSPEC_RUN_SOURCE_DIR");
  read_settings_file(repository_file(absolute_path(source_dir, invocation.working_directory)), true, command,
                     settings, found);
  read_variables_of(invocation, command, settings, found);
  return settings;
}

void apply_settings(const std::vector<Setting>& settings, Arguments& arguments) {
  std::map<std::string, std::vector<std::string>, std::less<>> below;
  for (const Setting& setting : settings) {
    std::vector<std::string>& values = below[std::string(setting.option->name)];
    const bool taken_back = setting.option->takes != Takes::value && setting.value == "false";
    if (!setting.option->repeated || taken_back) values.clear();
    if (!taken_back) values.push_back(setting.value);
  }
  for (auto& [name, values] : below) {
    if (values.empty()) continue;
    std::vector<std::string>& given = arguments.options[name];
    given.insert(given.begin(), std::make_move_iterator(values.begin()),
                 std::make_move_iterator(values.end()));
  }
}

}  // namespace buildspec_run
