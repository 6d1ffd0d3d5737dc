// Lambdas as one visitor of a variant: a kind added later stops every visit that forgot it.
#pragma once

namespace buildspec_run {

template <class... Ts>
struct overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
overloaded(Ts...) -> overloaded<Ts...>;  // Clang 14 wants it written

}  // namespace buildspec_run
