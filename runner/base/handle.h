// One line makes a C handle safe: `using CurlEasy = Handle<CURL, curl_easy_cleanup>;`
#pragma once

#include <memory>

namespace buildspec_run {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};
template <class T, auto Free>
using Handle = std::unique_ptr<T, FreeWith<Free>>;

}  // namespace buildspec_run
