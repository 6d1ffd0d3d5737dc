// Secrets and variables that the user hands over.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/base/result.h"
#include "runner/cli/command_line.h"

namespace buildspec_run {

using Variables = std::map<std::string, std::string>;

/// Why an option's value cannot be used, and with which exit code.
struct Refused {
  ExitCode code = ExitCode::invalid;
  std::string message;
};

/// `option` (NAME=VALUE, or NAME alone: the value the host has) and then the files of `file_option`, in
/// order; a later one wins, a value given by `option` beats any file. Findings in files are diagnostics about
/// `sources`, which must outlive them.
std::variant<Variables, Refused> read_variables(const Invocation& invocation, std::string_view option,
                                                std::string_view file_option,
                                                std::vector<std::unique_ptr<SourceText>>& sources,
                                                Diagnostics& found);

struct Secrets {
  Variables variables;  // of the build's environment
  Variables lookup;     // what parameter-store and secrets-manager references resolve to
};

/// --secret NAME (from the environment of the host, else asked for on the terminal without echo), NAME=VALUE,
/// NAME@FILE or NAME=@FILE (its content without one final line ending); --secrets-file FILE (dotenv or a JSON
/// object): every entry answers references, and an entry whose name a shell can hold is a secret variable as
/// well.
std::variant<Secrets, Refused> read_secrets(const Invocation& invocation,
                                            std::vector<std::unique_ptr<SourceText>>& sources,
                                            Diagnostics& found);

/// Asks for one line on the controlling terminal, without showing it. Fails when there is no terminal, or on
/// Ctrl-C or Ctrl-D (code ECANCELED). The terminal is left as it was, whatever happens.
Result<std::string> ask_secret(std::string_view prompt);

}  // namespace buildspec_run
