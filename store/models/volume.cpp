#include "store/models/builtin.hpp"

namespace shoal::models {

/// A mounted file system of one device.
model_def volume_model() {
  model_def m;
  m.name = "volume";
  m.cls = record_class::owned;
  m.fields = {
      required("fingerprint", value_type::string),
      optional("display_name", value_type::string),
      optional("mount_point", value_type::string),
      optional("file_system", value_type::string),
      optional("total_capacity", value_type::integer),
      optional("available_capacity", value_type::integer),
      optional("is_removable", value_type::boolean),
  };
  return m;
}

} // namespace shoal::models
