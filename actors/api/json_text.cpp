#include "actors/api/json_text.hpp"

#include "actors/api/json_scan.hpp"

#include <algorithm>
#include <vector>

namespace shoal::api {
namespace {

using nlohmann::json;

/// Counts the bytes that the parser took, so that a fault found by us can be placed as well.
struct counted {
  const char* at;
  const char** high;
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;
  reference operator*() const { return *at; }
  counted& operator++() {
    ++at;
    *high = at;
    return *this;
  }
  counted operator++(int) {
    counted old = *this;
    ++*this;
    return old;
  }
  bool operator==(const counted& other) const { return at == other.at; }
};

class builder final : public nlohmann::json_sax<json> {
public:
  explicit builder(json& root) : root_(root) {}

  std::string fault;     // what is wrong, when parsing stopped
  size_t fault_byte = 0; // 0: where the parser stands

  bool null() override { return add(nullptr); }
  bool boolean(bool v) override { return add(v); }
  bool number_integer(number_integer_t v) override { return add(v); }
  bool number_unsigned(number_unsigned_t v) override { return add(v); }
  bool number_float(number_float_t v, const string_t& token) override {
    if (token.find_first_of(".eE") == string_t::npos)
      return refuse("the integer " + token.substr(0, 40)
                    + " does not fit 64 bits; send it as a string");
    return add(v);
  }
  bool string(string_t& v) override { return add(std::move(v)); }
  bool binary(binary_t&) override { return refuse("binary values are not JSON"); }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    auto& object = *stack_.back();
    if (object.contains(name))
      return refuse("the key \"" + name.substr(0, 80) + "\" stands twice in one object");
    slot_ = &object[name];
    return true;
  }
  bool parse_error(std::size_t position, const std::string& token,
                   const json::exception&) override {
    fault_byte = position;
    fault = token.empty() ? "unexpected input" : "unexpected '" + token.substr(0, 40) + "'";
    return false;
  }

private:
  json* place(json&& value) {
    if (stack_.empty())
      return &(root_ = std::move(value));
    if (stack_.back()->is_array()) {
      stack_.back()->push_back(std::move(value));
      return &stack_.back()->back();
    }
    *slot_ = std::move(value);
    return slot_;
  }
  bool add(json&& value) {
    place(std::move(value));
    return true;
  }
  bool open(json&& value) {
    if (stack_.size() == json_depth)
      return refuse("nested deeper than " + std::to_string(json_depth) + " levels");
    stack_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }
  bool refuse(std::string why) {
    fault = std::move(why);
    return false;
  }

  json& root_;
  std::vector<json*> stack_; // open containers: a parent does not grow while a child is open
  json* slot_ = nullptr;     // where the value of the last key goes
};

} // namespace

result<json> parse_json(std::string_view text) {
  json root;
  builder into(root);
  const char* high = text.data();
  const char* end = text.data() + text.size();
  if (json::sax_parse(counted{text.data(), &high}, counted{end, &high}, &into))
    return root;
  size_t byte = into.fault_byte != 0 ? into.fault_byte : static_cast<size_t>(high - text.data());
  byte = std::clamp<size_t>(byte, 1, text.size() + 1);
  auto before = text.substr(0, byte - 1);
  auto line = 1 + std::count(before.begin(), before.end(), '\n');
  auto newline = before.rfind('\n');
  auto column = newline == std::string_view::npos ? byte : byte - 1 - newline;
  if (text.empty())
    return error{ec::bad_request, "the body is empty; it must be one JSON value"};
  return error{ec::bad_request, "the body is not valid JSON at line " + std::to_string(line)
                                    + ", column " + std::to_string(column) + " (byte "
                                    + std::to_string(byte) + "): " + into.fault};
}

result<models::json_tree> read_json(std::string_view text) {
  if (auto quick = scan_json(text))
    return std::move(*quick);
  auto parsed = parse_json(text);
  if (!parsed)
    return parsed.err();
  return models::json_tree::copy_of(*parsed);
}

} // namespace shoal::api
