#include "actors/api/json_scan.hpp"

#include "actors/api/json_text.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace shoal::api {
namespace {

namespace dom = simdjson::dom;
using models::json_member;
using models::json_tree;
using models::json_value;

/// Copies a document, which lasts until its parser reads the next, into a tree. What simdjson takes
/// and `parse_json` refuses is found here: deep nesting, and keys that stand twice.
class copier {
public:
  /// `texts`: room for all texts of the document, one behind the other.
  copier(json_tree& into, char* texts) : into_(into), texts_(texts) {}

  /// False to give up. `depth`: how many arrays and objects are open.
  bool value(const dom::element& from, json_value& out, size_t depth = 0) {
    switch (from.type()) {
    case dom::element_type::NULL_VALUE: out = json_value(); return true;
    case dom::element_type::BOOL: out = json_value(from.get_bool().value_unsafe()); return true;
    case dom::element_type::INT64: out = json_value(from.get_int64().value_unsafe()); return true;
    case dom::element_type::UINT64: out = json_value(from.get_uint64().value_unsafe()); return true;
    case dom::element_type::DOUBLE: out = json_value(from.get_double().value_unsafe()); return true;
    case dom::element_type::STRING:
      out = json_value(text(from.get_string().value_unsafe()));
      return true;
    case dom::element_type::ARRAY:
      return depth < json_depth && array(from.get_array().value_unsafe(), out, depth + 1);
    case dom::element_type::OBJECT:
      return depth < json_depth && object(from.get_object().value_unsafe(), out, depth + 1);
    }
    return false;
  }

private:
  std::string_view text(std::string_view from) {
    std::memcpy(texts_, from.data(), from.size());
    const std::string_view out(texts_, from.size());
    texts_ += from.size();
    return out;
  }

  bool array(const dom::array& from, json_value& out, size_t depth) {
    const size_t mine = items_.size(); // those below are of arrays around this one
    for (const dom::element item : from) {
      json_value v;
      if (!value(item, v, depth))
        return false;
      items_.push_back(v);
    }
    out = json_value(into_.keep(std::span<const json_value>(items_).subspan(mine)));
    items_.resize(mine);
    return true;
  }

  bool object(const dom::object& from, json_value& out, size_t depth) {
    const size_t mine = members_.size();
    for (const dom::key_value_pair& m : from) {
      json_member member{text(m.key), {}};
      if (!value(m.value, member.value, depth))
        return false;
      members_.push_back(member);
    }
    const std::span<json_member> all(members_.data() + mine, members_.size() - mine);
    std::sort(all.begin(), all.end(),
              [](const json_member& a, const json_member& b) { return a.key < b.key; });
    const auto twice =
        std::adjacent_find(all.begin(), all.end(), [](const json_member& a, const json_member& b) {
          return a.key == b.key;
        });
    if (twice != all.end())
      return false;
    out = json_value(into_.keep(std::span<const json_member>(all)));
    members_.resize(mine);
    return true;
  }

  json_tree& into_;
  char* texts_; // the next goes here
  // Of arrays and objects that are not complete yet, the outermost first.
  std::vector<json_value> items_;
  std::vector<json_member> members_;
};

} // namespace

std::optional<models::json_tree> scan_json(std::string_view text) {
  // A parser keeps its room, up to 15 bytes for each byte of the longest text that it has read. One
  // per thread reads what clients send as a rule; a longer text has its own.
  constexpr size_t kept_bytes = size_t{1} << 20;
  static thread_local dom::parser kept;
  std::optional<dom::parser> own;
  if (text.empty())
    return std::nullopt;
  dom::element root;
  auto& parser = text.size() <= kept_bytes ? kept : own.emplace();
  if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS)
    return std::nullopt;
  // Records take a bit more as values than as text; one block is enough for most bodies.
  constexpr size_t values_max = size_t{256} << 10;
  json_tree tree(text.size() + std::min(text.size() + text.size() / 2, values_max));
  json_value value;
  // No text takes more bytes than it is written with.
  if (!copier(tree, tree.text_room(text.size())).value(root, value))
    return std::nullopt;
  tree.set_root(value);
  return tree;
}

} // namespace shoal::api
