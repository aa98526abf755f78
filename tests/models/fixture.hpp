#pragma once
// What the model tests share: a registry, a device, ids that count up, and puts written as JSON
// text.

#include "messages/reader.hpp"
#include "store/models/edits.hpp"
#include "store/models/json.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::models {

struct fixture {
  registry models;
  device_id self = *parse_id<device_id>("9f1c0000-0000-8000-8000-000000000001");
  uint8_t ids_made = 0;

  record_id fresh() {
    record_id id;
    id.bytes[0] = 0xaa;
    id.bytes[15] = ++ids_made;
    return id;
  }

  result<edit> put(std::string_view model, std::string_view id, const std::string& fields) {
    return put_json(model, id, nlohmann::json::parse(fields));
  }
  result<edit> put_json(std::string_view model, std::string_view id, const nlohmann::json& fields) {
    const std::function<record_id()> random_id = [this] { return fresh(); };
    const auto tree = json_tree::copy_of(fields);
    return to_edit(models, {model, id, tree.root(), self, random_id});
  }

  /// The refusal's code, with its message in the log; fails the test when there is none.
  ec refused(std::string_view model, std::string_view id, const std::string& fields) {
    return code_of(put(model, id, fields));
  }
  static ec code_of(const result<edit>& r) {
    BOOST_REQUIRE(!r.ok());
    BOOST_TEST_INFO(r.err().message);
    BOOST_TEST(!r.err().message.empty());
    return r.err().code;
  }
};

inline const field_edit& field(const edit& e, std::string_view name) {
  for (const auto& f : e.fields)
    if (f.name == name)
      return f;
  BOOST_REQUIRE_MESSAGE(false, "the edit has no field " << name);
  return e.fields.front();
}

inline bool has_field(const edit& e, std::string_view name) {
  for (const auto& f : e.fields)
    if (f.name == name)
      return true;
  return false;
}

/// True when `encoded` is one value that every node accepts.
inline bool is_wire_value(std::string_view encoded) {
  reader in(encoded);
  in.value("value");
  in.finish("value");
  return !in.failed();
}

} // namespace shoal::models

namespace shoal {
inline std::ostream& boost_test_print_type(std::ostream& out, ec code) {
  return out << to_string(code);
}
inline std::ostream& boost_test_print_type(std::ostream& out, const record_id& id) {
  return out << to_string(id);
}
} // namespace shoal
