#include "store/models/builtin.hpp"

namespace shoal::models {

/// What a node says of itself. The node makes and refreshes its own record; a client may only
/// rename it.
model_def device_model() {
  model_def m;
  m.name = "device";
  m.cls = record_class::owned;
  m.id.from = id_rule::source::own_device;
  m.fields = {
      optional("slug", value_type::string),
      optional("os", value_type::string),
      optional("os_version", value_type::string),
      optional("hardware_model", value_type::string),
      optional("addresses", value_type::json),
      optional("capabilities", value_type::json),
      optional("cpu_model", value_type::string),
      optional("memory_total_bytes", value_type::integer),
  };
  for (auto& f : m.fields)
    f.managed = true;
  m.fields.insert(m.fields.begin(), required("name", value_type::string));
  return m;
}

} // namespace shoal::models
