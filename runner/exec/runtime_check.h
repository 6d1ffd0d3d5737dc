// `runtime-versions`: the cloud switches its image to what the file asks for; here the machine has what it
// has, so what PATH has is compared. Source: buildspec.md 8.1.
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "runner/base/diagnostic.h"
#include "runner/plan/plan.h"
#include "runner/sys/process.h"

namespace buildspec_run {

/// The first version number in what a runtime prints about itself: "v18.19.0" → "18.19.0", "openjdk version
/// \"1.8.0_392\"" → "8.0".
[[nodiscard]] std::optional<std::string> find_version(std::string_view runtime, std::string_view printed);

/// Whether `have` satisfies `wanted`: component by component as far as `wanted` goes; "latest" takes all,
/// "3.x" any of that major; the prefixes "corretto" and "openjdk" do not count.
[[nodiscard]] bool version_satisfies(std::string_view wanted, std::string_view have);

/// Asks every runtime the plan wants for its version, in the environment of the build, at most ten seconds
/// each. One that is missing or different is a warning `runtime-version` that names both versions. An Error:
/// the machine could not (the supervisor has died).
Result<void> check_runtimes(const Plan& plan, const std::map<std::string, std::string>& environment,
                            const Path& directory, ProcessRunner& processes, std::stop_token stop,
                            Diagnostics& found);

}  // namespace buildspec_run
