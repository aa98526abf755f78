#pragma once
// Typed errors and the value-or-error that every fallible call below the actors returns.

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace shoal {

enum class ec {
  // Decoding bytes that a peer or the disk gave us.
  truncated,       // fewer bytes than declared
  too_large,       // a declared size or count beyond its limit
  too_deep,        // nested beyond limits::depth
  wrong_type,      // another MessagePack type than the format says
  bad_utf8,        // a string that is not UTF-8
  duplicate_key,   // a map names a key twice, or out of order
  not_a_number,    // NaN or an infinity
  trailing_bytes,  // bytes after the end
  bad_value,       // well-formed, but not a value of the format
  unknown_version, // a major version this program does not speak
  unknown_kind,    // a message kind this program does not know
  // Refusing a client's request.
  bad_request,
  unauthorized,
  forbidden,
  not_owner,
  managed,
  not_found,
  unknown_model,
  unknown_library,
  conflict,
  gone,
  invalid_field,
  missing_field,
  missing_parent,
  id_mismatch,
  too_big,
  clock,
  unavailable,
  timed_out,
  // Disk.
  corrupt,         // bytes on disk are not what was written
  outcome_unknown, // the sync failed: the write may or may not be there after a restart
  disk,
  disk_full, // no room, or less than the reserve that is kept free
  // Configuration.
  config,
};

/// The code as users see it on stderr and in HTTP bodies, for example `not_owner`.
std::string_view to_string(ec code);

struct error {
  ec code{};
  std::string message; // says what is wrong, names the thing, and what would be right
};

/// A value or an error. Reading the value of an error is a programming error and asserts.
template <class T>
class [[nodiscard]] result {
public:
  result(T value) : state_(std::move(value)) {}
  result(error e) : state_(std::move(e)) {}
  result(ec code, std::string message = {}) : state_(error{code, std::move(message)}) {}

  explicit operator bool() const { return state_.index() == 0; }
  bool ok() const { return state_.index() == 0; }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& value() {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const error& err() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }

private:
  std::variant<T, error> state_;
};

struct nothing {};
using status = result<nothing>;
inline status success() { return nothing{}; }

} // namespace shoal
