#include "store/models/json_tree.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

namespace shoal::models {

namespace {

template <class T>
std::span<const T> copy_into(std::pmr::memory_resource& arena, std::span<const T> from) {
  if (from.empty())
    return {};
  auto* to = static_cast<T*>(arena.allocate(from.size_bytes(), alignof(T)));
  std::uninitialized_copy(from.begin(), from.end(), to);
  return {to, from.size()};
}

} // namespace

std::string_view json_value::type_name() const {
  switch (kind_) {
  case kind::null: return "null";
  case kind::boolean: return "boolean";
  case kind::integer:
  case kind::natural:
  case kind::real: return "number";
  case kind::string: return "string";
  case kind::array: return "array";
  case kind::object: return "object";
  }
  return "";
}

double json_value::real() const {
  if (kind_ == kind::integer)
    return static_cast<double>(of_.integer);
  return kind_ == kind::natural ? static_cast<double>(of_.natural) : of_.real;
}

const json_value* json_value::find(std::string_view key) const {
  for (const auto& m : members())
    if (m.key == key)
      return &m.value;
  return nullptr;
}

json_tree::json_tree(size_t bytes)
    : arena_(std::make_unique<std::pmr::monotonic_buffer_resource>(std::max<size_t>(bytes, 64))) {}

std::span<const json_value> json_tree::keep(std::span<const json_value> items) {
  return copy_into(*arena_, items);
}

std::span<const json_member> json_tree::keep(std::span<const json_member> members) {
  return copy_into(*arena_, members);
}

std::string_view json_tree::keep(std::string_view text) {
  const auto kept = copy_into(*arena_, std::span<const char>(text));
  return {kept.data(), kept.size()};
}

char* json_tree::text_room(size_t bytes) { return static_cast<char*>(arena_->allocate(bytes, 1)); }

json_tree json_tree::copy_of(const nlohmann::json& value) {
  constexpr size_t first_block = 1024;
  json_tree out(first_block);
  out.root_ = out.copy(value);
  return out;
}

json_value json_tree::copy(const nlohmann::json& value) {
  using type = nlohmann::json::value_t;
  switch (value.type()) {
  case type::null:
  case type::binary: // neither is JSON
  case type::discarded: return {};
  case type::boolean: return json_value(value.get<bool>());
  case type::number_integer: return json_value(value.get<int64_t>());
  case type::number_unsigned: return json_value(value.get<uint64_t>());
  case type::number_float: return json_value(value.get<double>());
  case type::string: return json_value(keep(std::string_view(value.get_ref<const std::string&>())));
  case type::array: {
    std::vector<json_value> items;
    items.reserve(value.size());
    for (const auto& item : value)
      items.push_back(copy(item));
    return json_value(keep(std::span<const json_value>(items)));
  }
  case type::object: {
    std::vector<json_member> members;
    members.reserve(value.size());
    for (const auto& [key, item] : value.get_ref<const nlohmann::json::object_t&>())
      members.push_back({keep(std::string_view(key)), copy(item)});
    return json_value(keep(std::span<const json_member>(members)));
  }
  }
  return {};
}

} // namespace shoal::models
