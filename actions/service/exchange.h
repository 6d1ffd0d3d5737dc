// How requests are taken in and answered: small ones in memory, large ones on disk. Errors in the forms that the clients of
// each protocol read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actions/service/blob.h"
#include "runner/base/json.h"
#include "runner/sys/http_server.h"

namespace buildspec_run {

using Exchange = std::unique_ptr<ServerExchange>;

/// Answers whatever the body is.
[[nodiscard]] Exchange answer_with(ServerAnswer answer);
/// Takes a body of at most `limit_bytes`; a longer one is answered with `too_large`.
[[nodiscard]] Exchange take_text(std::size_t limit_bytes, ServerAnswer too_large,
                                 std::function<ServerAnswer(std::string)> then);
/// Writes the body to `part`. What goes wrong is the second argument, nullopt: nothing.
[[nodiscard]] Exchange take_file(PartFile part,
                                 std::function<ServerAnswer(PartFile, std::optional<BlobEnd>)> then);

[[nodiscard]] ServerAnswer json_answer(int status, const Value& value);
/// `{"code":…,"msg":…}`. Source: services.md 14.
[[nodiscard]] ServerAnswer twirp_error(std::string_view code, std::string_view message);
/// `{"message":…}`: of the REST interfaces.
[[nodiscard]] ServerAnswer rest_error(int status, std::string_view message, std::string_view type_key = {});

/// The members of a JSON request. Names may be in snake_case or camelCase; 64-bit numbers may be texts; what is missing is
/// empty. Source: services.md 5.
class RequestFields {
 public:
  explicit RequestFields(Value value) : value_(std::move(value)) {}
  [[nodiscard]] std::string text(std::string_view name) const;
  /// 0 when it is missing; nullopt when it is no number of [0, 2^63).
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;

 private:
  [[nodiscard]] const Value* find(std::string_view name) const;
  Value value_;
};

/// The fields of a JSON object; nullopt: it is none, or deeper than 32.
[[nodiscard]] std::optional<RequestFields> parse_fields(std::string_view json);

}  // namespace buildspec_run
