// The keys of a step.
#pragma once

#include <span>
#include <string_view>

namespace buildspec_run {

/// Every key that a step of a buildspec's phase may have (buildspec.md 5.2).
[[nodiscard]] std::span<const std::string_view> step_keys() noexcept;

}  // namespace buildspec_run
