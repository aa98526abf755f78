#include "store/models/json.hpp"

#include "messages/reader.hpp"
#include "messages/wire_limits.hpp"
#include "messages/writer.hpp"

#include <bit>
#include <cmath>

namespace shoal::models {

namespace {

// A set of values at the limit is one deeper than each; a reader of what others wrote is not
// stricter than they.
constexpr size_t read_depth = wire_limits::depth + 2;

/// Pulls values of known extent out of bytes. The first fault sticks in `in_`.
template <class Json>
class value_decoder {
public:
  explicit value_decoder(std::string_view bytes) : bytes_(bytes), in_(bytes) {}

  Json read(size_t depth) {
    if (in_.failed() || in_.at_end() || depth > read_depth) {
      in_.fail(ec::truncated, "value");
      return {};
    }
    const auto first = static_cast<uint8_t>(bytes_[in_.offset()]);
    if ((first >= 0xa0 && first <= 0xbf) || (first >= 0xd9 && first <= 0xdb))
      return std::string(in_.str(bytes_.size(), "string"));
    if ((first >= 0x90 && first <= 0x9f) || first == 0xdc || first == 0xdd)
      return read_array(depth);
    if ((first >= 0x80 && first <= 0x8f) || first == 0xde || first == 0xdf)
      return read_map(depth);
    switch (first) {
    case 0xc0: in_.take_nil(); return nullptr;
    case 0xc2:
    case 0xc3: return in_.boolean("boolean");
    case 0xc4: return uuid_text(in_.template id<record_id>("uuid").bytes);
    case 0xca:
    case 0xcb: return read_real();
    case 0xcf: return in_.uint("integer");
    default: return in_.integer("integer");
    }
  }

  /// True when exactly one value stood there.
  bool complete() const { return !in_.failed() && in_.at_end(); }

private:
  Json read_array(size_t depth) {
    Json out = Json::array();
    const size_t n = in_.array(bytes_.size(), "array");
    auto& items = out.template get_ref<typename Json::array_t&>();
    items.reserve(n);
    for (size_t i = 0; i < n && !in_.failed(); ++i)
      items.push_back(read(depth + 1));
    return out;
  }

  Json read_map(size_t depth) {
    Json out = Json::object();
    const size_t n = in_.map(bytes_.size(), "map");
    auto& items = out.template get_ref<typename Json::object_t&>();
    std::string before;
    for (size_t i = 0; i < n && !in_.failed(); ++i) {
      std::string key(in_.str(bytes_.size(), "map key"));
      if (i > 0 && key <= before)
        in_.fail(ec::duplicate_key, "map key");
      before = key;
      append(items, std::move(key), read(depth + 1));
    }
    return out;
  }

  // Keys come in ascending order: neither container needs to search.
  static void append(nlohmann::json::object_t& items, std::string key, nlohmann::json value) {
    items.emplace_hint(items.end(), std::move(key), std::move(value));
  }
  static void append(nlohmann::ordered_json::object_t& items, std::string key,
                     nlohmann::ordered_json value) {
    items.emplace_back(std::move(key), std::move(value));
  }

  Json read_real() {
    const size_t begin = in_.offset();
    in_.skip("number");
    const auto raw = in_.between(begin, in_.offset());
    if (in_.failed())
      return {};
    uint64_t bits = 0;
    for (const char c : raw.substr(1))
      bits = (bits << 8) | static_cast<uint8_t>(c);
    if (raw.size() == 5)
      return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(bits)));
    return std::bit_cast<double>(bits);
  }

  std::string_view bytes_;
  reader in_;
};

template <class Json>
Json decode(std::string_view encoded) {
  value_decoder<Json> decoder(encoded);
  Json out = decoder.read(0);
  if (decoder.complete())
    return out;
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(encoded.size() * 2);
  for (const char c : encoded) {
    hex += digits[static_cast<uint8_t>(c) >> 4];
    hex += digits[static_cast<uint8_t>(c) & 15];
  }
  return Json{{"$unreadable", hex}};
}

status refused(const char* what) { return error{ec::invalid_field, what}; }

status append_at(writer& out, const json_value& v, size_t depth) {
  if (depth > wire_limits::depth)
    return refused("expected values nested at most 16 deep");
  switch (v.type()) {
  case json_value::kind::null: out.nil(); return success();
  case json_value::kind::boolean: out.boolean(v.boolean()); return success();
  case json_value::kind::integer: out.integer(v.integer()); return success();
  case json_value::kind::natural:
    return refused("expected integers of at most 9223372036854775807");
  case json_value::kind::real:
    if (!std::isfinite(v.real()))
      return refused("expected finite numbers");
    out.real(v.real());
    return success();
  case json_value::kind::string:
    if (!is_utf8(v.text()))
      return refused("expected UTF-8 text");
    out.str(v.text());
    return success();
  case json_value::kind::array:
    out.array(v.items().size());
    for (const auto& item : v.items())
      if (auto ok = append_at(out, item, depth + 1); !ok)
        return ok;
    return success();
  case json_value::kind::object:
    out.map(v.members().size());
    for (const auto& [key, item] : v.members()) {
      if (!is_utf8(key))
        return refused("expected UTF-8 keys");
      out.str(key);
      if (auto ok = append_at(out, item, depth + 1); !ok)
        return ok;
    }
    return success();
  }
  return refused("expected a JSON value");
}

} // namespace

nlohmann::json value_to_json(std::string_view encoded) { return decode<nlohmann::json>(encoded); }

status append_json(std::string& out, const json_value& value) {
  writer w(out);
  return append_at(w, value, 0);
}

nlohmann::ordered_json to_json(const record_view& record) {
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  auto& keys = out.get_ref<nlohmann::ordered_json::object_t&>();
  keys.reserve(8);
  keys.emplace_back("model", valid_utf8(record.model));
  keys.emplace_back("id", to_string(record.id));
  keys.emplace_back("owner",
                    record.owner ? nlohmann::ordered_json(to_string(*record.owner)) : nullptr);
  keys.emplace_back("origin", to_string(record.newest.origin));
  keys.emplace_back("seq", record.newest.seq);
  keys.emplace_back("hlc", to_string(record.stamp));
  keys.emplace_back("deleted", record.deleted);
  nlohmann::ordered_json fields = nlohmann::ordered_json::object();
  auto& shown = fields.get_ref<nlohmann::ordered_json::object_t&>();
  shown.reserve(record.fields.size());
  for (const auto& [name, value] : record.fields)
    shown.emplace_back(valid_utf8(name), decode<nlohmann::ordered_json>(value));
  keys.emplace_back("fields", std::move(fields));
  return out;
}

std::string valid_utf8(std::string_view text) {
  if (is_utf8(text))
    return std::string(text);
  std::string out;
  while (!text.empty()) {
    // A character is one to four bytes; the shortest prefix that is valid is one.
    size_t n = 1;
    while (n <= 4 && n <= text.size() && !is_utf8(text.substr(0, n)))
      ++n;
    if (n > 4 || n > text.size()) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
    } else {
      out += text.substr(0, n);
      text.remove_prefix(n);
    }
  }
  return out;
}

} // namespace shoal::models
