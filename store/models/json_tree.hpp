#pragma once
// JSON that a client sent, as a tree that costs little to make and to drop: a value is 16 bytes,
// and all values and texts of a tree stand in one arena. A tree of nlohmann::json allocates for
// every member, key and longer text, which took a sixth of the CPU of a node that is written to.

#include <nlohmann/json_fwd.hpp>

#include <cassert>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <string_view>

namespace shoal::models {

struct json_member;

/// One value; arrays, objects and texts belong to a `json_tree` or to whatever made the value.
/// Reading it as another kind than it is gives undefined results.
class json_value {
public:
  enum class kind : uint8_t {
    null,
    boolean,
    integer, // fits 64 bits signed
    natural, // an integer beyond that, of 64 bits unsigned
    real,    // was written with a fraction or an exponent
    string,
    array,
    object,
  };

  json_value() = default; // null
  explicit json_value(bool v) : kind_(kind::boolean) { of_.boolean = v; }
  explicit json_value(int64_t v) : kind_(kind::integer) { of_.integer = v; }
  explicit json_value(uint64_t v) : kind_(v > INT64_MAX ? kind::natural : kind::integer) {
    of_.natural = v;
  }
  explicit json_value(double v) : kind_(kind::real) { of_.real = v; }
  explicit json_value(std::string_view v) : kind_(kind::string), size_(size_of(v)) {
    of_.text = v.data();
  }
  explicit json_value(std::span<const json_value> v) : kind_(kind::array), size_(size_of(v)) {
    of_.items = v.data();
  }
  /// The members in byte order of their keys, each key once.
  explicit json_value(std::span<const json_member> v) : kind_(kind::object), size_(size_of(v)) {
    of_.members = v.data();
  }

  kind type() const { return kind_; }
  bool is_null() const { return kind_ == kind::null; }
  bool is_boolean() const { return kind_ == kind::boolean; }
  bool is_int64() const { return kind_ == kind::integer; }
  bool is_integer() const { return is_int64() || kind_ == kind::natural; }
  bool is_number() const { return is_integer() || kind_ == kind::real; }
  bool is_string() const { return kind_ == kind::string; }
  bool is_array() const { return kind_ == kind::array; }
  bool is_object() const { return kind_ == kind::object; }
  /// null, boolean, number, string, array or object.
  std::string_view type_name() const;

  bool boolean() const { return of_.boolean; }
  int64_t integer() const { return of_.integer; }
  uint64_t natural() const { return of_.natural; }
  /// Of any number.
  double real() const;
  std::string_view text() const { return {of_.text, size_}; }
  std::span<const json_value> items() const { return {of_.items, size_}; }
  std::span<const json_member> members() const;
  /// An object's member; nullptr when there is none.
  const json_value* find(std::string_view key) const;

private:
  template <class Range>
  static uint32_t size_of(const Range& v) {
    assert(v.size() <= UINT32_MAX); // a body is smaller by far
    return static_cast<uint32_t>(v.size());
  }

  kind kind_ = kind::null;
  uint32_t size_ = 0; // of a text, in bytes; of an array or object, how many it holds
  union {
    bool boolean;
    int64_t integer;
    uint64_t natural;
    double real;
    const char* text;
    const json_value* items;
    const json_member* members;
  } of_{.natural = 0};
};

struct json_member {
  std::string_view key;
  json_value value;
};

inline std::span<const json_member> json_value::members() const { return {of_.members, size_}; }

/// Owns what its values refer to.
class json_tree {
public:
  /// `bytes`: about what the values will take.
  explicit json_tree(size_t bytes);
  /// A copy, texts too.
  static json_tree copy_of(const nlohmann::json& value);

  const json_value& root() const { return root_; }
  void set_root(const json_value& root) { root_ = root; }

  std::span<const json_value> keep(std::span<const json_value> items);
  std::span<const json_member> keep(std::span<const json_member> members);
  std::string_view keep(std::string_view text);
  /// Room for a text of at most so many bytes.
  char* text_room(size_t bytes);

private:
  json_value copy(const nlohmann::json& value);

  // Not moved when the tree is.
  std::unique_ptr<std::pmr::monotonic_buffer_resource> arena_;
  json_value root_;
};

} // namespace shoal::models
