// The three calls of the cache service in protobuf, as OpenDAL sends them; nothing else of the format. Source: services.md 7.5.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runner/base/json.h"

namespace buildspec_run {

/// The fields of a request of `method` as the members of a JSON object. Fields that we do not know are skipped. nullopt: it is
/// no protobuf, or there is no such method.
[[nodiscard]] std::optional<Value> request_from_protobuf(std::string_view method, std::string_view bytes);

/// The answer of `method`, from its JSON object. What is empty, false or 0 is not written.
[[nodiscard]] std::string answer_to_protobuf(std::string_view method, const Value& answer);

}  // namespace buildspec_run
